"""The error tree: exit codes, and the help after an unknown name."""

from __future__ import annotations

import pytest

from cloudmesh.plugin import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.CloudmeshError, 1),
        (errors.UsageError, 2),
        (errors.ConfigError, 3),
        (errors.CredentialsError, 3),
        (errors.CloudError, 4),
        (errors.StoreError, 1),
        (errors.Interrupted, 130),
    ],
)
def test_exit_codes(error: type[errors.CloudmeshError], code: int) -> None:
    assert error("x").exit_code == code
    assert issubclass(error, errors.CloudmeshError)


def test_nearest_ignores_case_and_needs_likeness() -> None:
    assert errors.nearest("Strat", ["stop", "START"]) == "START"
    assert errors.nearest("zzz", ["stop", "start"]) is None


def test_unknown_name_helps() -> None:
    many = [f"name{number}" for number in range(20)]
    error = errors.UnknownName("cloud", "nme3", many, where="in class.yaml")
    assert str(error).startswith(
        "there is no cloud 'nme3' in class.yaml; did you mean 'name3'? known: name0, "
    )
    assert str(error).endswith(", ... (20 in all)")
    assert str(errors.UnknownName("cloud", "x", [])) == "there is no cloud 'x'; none is known"


def test_of_many_unknown_names_the_first_are_told_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    known = errors.KnownNames(f"web{number:04}" for number in range(1000))
    compared = []
    nearest = errors.nearest
    monkeypatch.setattr(errors, "nearest", lambda name, names: compared.append(name) or nearest(name, names))
    told = [str(errors.UnknownName("machine", f"wed{number:04}", known, "on uc")) for number in range(2000)]
    assert told[0].startswith("there is no machine 'wed0000' on uc; did you mean 'web0000'? known: web0000, ")
    assert told[-1].startswith("there is no machine 'wed1999' on uc; known: web0000, web0001, ")
    assert all(each.endswith("... (1000 in all)") for each in told)
    assert len(compared) == 10
    assert str(errors.UnknownName("machine", "x", errors.KnownNames([]))) == (
        "there is no machine 'x'; none is known"
    )

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

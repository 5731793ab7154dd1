"""The error tree: exit codes, and the help after an unknown name."""

from __future__ import annotations

import json

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


class Busy(errors.CloudError):
    """As another package may add one to the tree."""

    def __init__(self, machine: str, retry_after: float) -> None:
        super().__init__(f"{machine} is busy", outcome_unknown=True)
        self.retry_after = retry_after
        self.machines = [machine]
        self.answer = object()


@pytest.mark.parametrize(
    "error",
    [
        errors.CloudmeshError("it failed"),
        errors.UnknownName("cloud", "a", ["b"]),
        errors.UsageError("no", usage="vm list"),
        errors.CloudError("lost", outcome_unknown=True),
        Busy("web01", 2.5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_made_again_from_its_record(error: errors.CloudmeshError) -> None:
    again = errors.error_from_record(json.loads(json.dumps(error.to_record())))
    assert type(again) is type(error) and str(again) == str(error)
    assert (again.exit_code, again.outcome_unknown) == (error.exit_code, error.outcome_unknown)
    assert again.to_record() == error.to_record()
    fields = {name: value for name, value in vars(error).items() if name != "answer"}
    assert vars(again) == {"outcome_unknown": False, **fields}


def test_a_record_holds_neither_cause_nor_notes() -> None:
    error = errors.CloudmeshError("no")
    error.__cause__ = ValueError("secret")
    error.add_note("secret")
    assert "secret" not in json.dumps(error.to_record())


def test_a_record_of_an_unknown_kind_keeps_what_it_says() -> None:
    record = {**Busy("web01", 2.5).to_record(), "kind": "OfALaterVersion"}
    error = errors.error_from_record(record)
    assert type(error) is errors.CloudmeshError and str(error) == "web01 is busy"
    assert (error.exit_code, error.outcome_unknown, error.retry_after) == (4, True, 2.5)  # type: ignore[attr-defined]

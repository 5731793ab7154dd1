"""Every error of ours goes to another process and back as it was, without what it was raised from."""

import copy
import importlib
import pickle
import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cloudmesh
from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.vm.model.outcome import ActionFailed, Outcome, Result, Status

# Of these, others are no packages of ours: cmd5 shares the namespace.
OURS = ("plugin", "config", "db", "cloud", "vm")


def kinds():
    """Every class of error in our packages."""
    for package in OURS:
        path = importlib.import_module(f"cloudmesh.{package}").__path__
        for module in pkgutil.walk_packages(path, f"cloudmesh.{package}."):
            if "conformance" not in module.name:
                importlib.import_module(module.name)
    found, waiting = [], [CloudmeshError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return [each for each in found if each.__module__.startswith(cloudmesh.__name__ + ".")]


KINDS = kinds()
MACHINE = MachineRecord("uc", "vm1", "id1", State.ACTIVE)
GONE = errors.Unreachable("gone", outcome_unknown=True)
# As they are made where the constructor takes other things than a sentence.
MADE = [
    UsageError("no such word", "Usage: cms vm"),
    UnknownName("machine", "vmx", ["vm1", "vm2"], "on cloud uc"),
    errors.QuotaExceeded("full", "machines", 9, 10),
    errors.RateLimited("slowly", 17.0),
    errors.CloudTimeout("late", outcome_unknown=True),
    errors.BadAnswer("half a page", outcome_unknown=False),
    errors.ProviderDefect("odd"),
    ActionFailed(Result([Outcome("uc", "vm1", "stop", Status.FAILED, MACHINE, GONE)])),
]


def told(error):
    """All that a user of the error sees of it."""
    return type(error), str(error), error.args, {name: str(value) for name, value in vars(error).items()}


def raised(error):
    """The error as it is raised where a library failed, whose words and frames may hold a secret."""
    try:
        try:
            raise OSError("swordfish")
        except OSError as cause:
            raise error from cause
    except CloudmeshError as caught:
        return caught


def test_the_list_is_not_empty():
    names = {kind.__name__ for kind in KINDS}
    assert {"CloudmeshError", "UnknownName", "QuotaExceeded", "ServerFailure", "ActionFailed"} <= names


@given(
    kind=st.sampled_from(KINDS),
    words=st.lists(st.text(), max_size=3),
    attributes=st.dictionaries(st.from_regex(r"[a-z_]{1,8}\Z"), st.none() | st.booleans() | st.text()),
    protocol=st.integers(2, pickle.HIGHEST_PROTOCOL),
)
def test_any_error_arrives_with_its_words_and_attributes(kind, words, attributes, protocol):
    error = kind.__new__(kind, *words)
    error.args = tuple(words)
    vars(error).update(attributes)
    sent = pickle.dumps(raised(error), protocol)
    assert b"swordfish" not in sent
    arrived = pickle.loads(sent)
    assert told(arrived) == told(error)
    assert arrived.__cause__ is arrived.__context__ is arrived.__traceback__ is None


@pytest.mark.parametrize("error", MADE, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("way", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_an_error_with_a_constructor_of_its_own_arrives_as_it_was(error, way):
    arrived = way(raised(error))
    assert told(arrived) == told(error)
    assert arrived.outcome_unknown is error.outcome_unknown and arrived.exit_code == error.exit_code
    assert arrived.__cause__ is None


def test_the_errors_within_an_error_arrive_too():
    (outcome,) = pickle.loads(pickle.dumps(MADE[-1])).result
    assert type(outcome.error) is errors.Unreachable and outcome.error.outcome_unknown

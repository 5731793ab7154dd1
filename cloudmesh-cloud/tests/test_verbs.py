"""The table of verbs: every verb in every state, and that the faces read it."""

import pytest

from cloudmesh.cloud.errors import Conflict
from cloudmesh.cloud.model.boot_verb import BOOT
from cloudmesh.cloud.model.parameters import Fitness, Kind
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.refusals import cannot, impossible
from cloudmesh.cloud.model.verbs import VERBS, Capability, capability_of, find_verb
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.plugin.errors import UnknownName

PAIRS = [(verb, state) for verb in VERBS.values() for state in State]
P, A, I = Fitness.POSSIBLE, Fitness.ALREADY, Fitness.IMPOSSIBLE  # noqa: E741 a table reads best in columns

COLUMNS = [
    "start",
    "stop",
    "suspend",
    "resume",
    "pause",
    "unpause",
    "shelve",
    "unshelve",
    "reboot",
    "hard_reboot",
    "rebuild",
    "resize",
    "resize_unconfirmed",
    "confirm_resize",
    "revert_resize",
    "snapshot",
    "restore",
    "clone",
]
TABLE = {
    State.ACTIVE: [A, P, P, A, P, A, P, A, P, P, P, P, P, A, I, P, P, P],
    State.STOPPED: [P, A, I, I, I, I, P, I, I, P, P, P, P, A, I, P, P, P],
    State.SUSPENDED: [I, I, A, P, I, I, P, I, I, P, I, I, I, I, I, P, P, P],
    State.PAUSED: [I, I, I, I, A, P, P, I, I, P, I, I, I, I, I, P, P, P],
    State.ERROR: [I, P, I, I, I, I, I, I, P, P, P, I, I, I, I, I, P, I],
    State.UNKNOWN: [P, P, I, I, I, I, I, I, I, P, I, I, I, I, I, I, I, I],
    State.HIBERNATED: [P, I, I, I, I, I, I, I, I, I, I, I, I, I, I, I, I, I],
    State.HALTED: [P, P, I, I, I, I, I, I, I, I, I, P, P, I, I, I, P, I],
    State.SHELVED: [I, I, I, I, I, I, A, P, I, I, I, I, I, I, I, I, I, I],
    State.SHELVED_OFFLOADED: [I, I, I, I, I, I, A, P, I, I, I, I, I, I, I, I, I, I],
    State.RESCUED: [I] * 18,
    State.RESIZED: [I, I, I, I, I, I, I, I, I, I, I, P, A, P, P, I, I, I],
    State.DELETED: [I] * 18,
}


# What leaves the state alone.
FREE = ("delete_snapshot", "rename", "metadata", "lock", "unlock")


def in_state(state):
    return MachineRecord("uc", "vm1", "1", state)


@pytest.mark.parametrize(("verb", "state"), PAIRS, ids=lambda each: getattr(each, "name", str(each)))
def test_each_verb_stands_in_exactly_one_way_to_each_state(verb, state):
    assert not verb.sources & verb.already
    expected = P if state in verb.sources else A if state in verb.already else I
    assert verb.fitness(state) is expected


@pytest.mark.parametrize("state", TABLE)
def test_what_can_be_done_in_a_state_at_rest(state):
    assert [VERBS[name].fitness(state) for name in COLUMNS] == TABLE[state]
    gone = state is State.DELETED
    assert VERBS["delete"].fitness(state) is (A if gone else P)
    assert all(VERBS[name].fitness(state) is (I if gone else P) for name in FREE)


def test_every_verb_is_in_one_of_these_tables():
    assert sorted([*COLUMNS, *FREE, "delete"]) == sorted(VERBS)


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda each: each.name)
def test_every_verb_is_found_and_has_a_provider_method(verb):
    assert find_verb(verb.name) is verb and find_verb(verb.name.replace("_", "-")) is verb
    assert callable(getattr(Provider, verb.call))
    assert (needed := capability_of(verb)) is None or needed.value == verb.name


@pytest.mark.parametrize("verb", VERBS.values(), ids=lambda each: each.name)
def test_a_verb_leads_to_where_it_is_already_true_or_back(verb):
    assert verb.passing is None or verb.passing.is_passing
    if verb.target is None:
        assert [verb.leads_to(state) for state in (State.ACTIVE, State.STOPPED)] == ["active", "stopped"]
        return
    assert verb.leads_to(State.ERROR) is verb.target
    assert "reboot" in verb.name or verb.fitness(verb.target) is A
    assert verb.takes or verb.fitness(verb.passing) is A, "whether it is the right value does not show yet"


def test_what_repairs_a_machine_in_error_leads_to_active():
    assert VERBS["rebuild"].leads_to(State.ERROR) is State.ACTIVE
    assert VERBS["rename"].leads_to(State.ERROR) is State.ERROR


@pytest.mark.parametrize(("verb", "state"), PAIRS, ids=lambda each: getattr(each, "name", str(each)))
def test_the_error_names_verbs_that_work_or_says_what_to_do(verb, state):
    error = impossible(verb, in_state(state))
    assert isinstance(error, Conflict)
    assert f"cannot {verb.words} uc:vm1 while it is {state}; " in str(error)
    hint = str(error).partition("; ")[2]
    if state.is_passing:
        assert hint == f"wait until it is no longer {state}"
    elif state is State.DELETED:
        assert hint == "no action is possible any more"
    else:
        named = hint.removeprefix("possible now: ").partition(";")[0].split(", ")
        assert named
        by_words = {each.words: each for each in VERBS.values()}
        assert all(by_words[words].fitness(state) is P for words in named)


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        (State.SHELVED, "unshelve, delete"),
        (State.SHELVED_OFFLOADED, "unshelve, delete"),
        (State.RESIZED, "resize, confirm-resize, revert-resize, delete"),
        (State.RESCUED, "delete; the cloud's own tools can end the rescue"),
    ],
)
def test_a_machine_that_cannot_be_started_says_what_can_be_done(state, possible):
    error = impossible(VERBS["start"], in_state(state))
    assert str(error) == f"cannot start uc:vm1 while it is {state}; possible now: {possible}"


def test_only_states_that_end_in_ing_pass():
    passing = {state.value for state in State if state.is_passing}
    assert passing == {
        *("building", "starting", "stopping", "suspending", "resuming", "rebooting", "deleting"),
        *("pausing", "unpausing", "rebuilding", "resizing", "migrating", "shelving", "unshelving"),
        *("repairing", "updating", "restoring"),
    }


def test_an_unknown_verb_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match=r"there is no action 'stat'; did you mean 'start'\?"):
        find_verb("stat")


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        VERBS["explode"] = VERBS["stop"]


@pytest.mark.parametrize("verb", [BOOT, *VERBS.values()], ids=lambda each: each.name)
def test_what_a_verb_takes_is_one_value_and_flags_and_all_is_told(verb):
    values = [each for each in verb.parameters if each.kind is not Kind.FLAG]
    assert verb is BOOT or len(values) <= 1
    assert verb.value is (values[0] if values else None)
    assert all(each.name.isidentifier() and each.help and each.options for each in verb.parameters)
    assert all(each.verb in {*VERBS, ""} for each in verb.parameters)
    assert verb.help or verb.said, "what is a flag of another verb is told there"


def test_there_is_a_capability_for_each_verb_that_not_every_cloud_can():
    named = [verb.name for verb in VERBS.values() if verb.name != "delete"]
    assert [each.value for each in Capability][: len(named)] == named
    assert Capability.HARD_REBOOT is capability_of(VERBS["hard_reboot"])
    assert (
        cannot("uc", Capability.STOP) == "cloud uc cannot stop a machine: not supported by this type of cloud"
    )
    assert cannot("uc", Capability.HARD_REBOOT).startswith("cloud uc cannot hard-reboot a machine")
    assert cannot("uc", Capability.KEYS).startswith("cloud uc cannot manage key pairs")

"""The table of verbs: every verb in every state, and that the faces read it."""

import inspect
import re

import pytest

from cloudmesh.cloud.errors import Conflict
from cloudmesh.cloud.model import Machine, State
from cloudmesh.cloud.provider import Provider
from cloudmesh.cloud.verbs import VERBS, Fitness, find_verb, impossible
from cloudmesh.plugin.errors import UnknownName

PAIRS = [(verb, state) for verb in VERBS.values() for state in State]
P, A, I = Fitness.POSSIBLE, Fitness.ALREADY, Fitness.IMPOSSIBLE  # noqa: E741 a table reads best in columns

TABLE = {
    State.ACTIVE: {"start": A, "stop": P, "suspend": P, "resume": A, "reboot": P, "delete": P},
    State.STOPPED: {"start": P, "stop": A, "suspend": I, "resume": I, "reboot": I, "delete": P},
    State.SUSPENDED: {"start": I, "stop": I, "suspend": A, "resume": P, "reboot": I, "delete": P},
    State.PAUSED: {"start": I, "stop": I, "suspend": I, "resume": P, "reboot": I, "delete": P},
    State.ERROR: {"start": I, "stop": P, "suspend": I, "resume": I, "reboot": P, "delete": P},
    State.UNKNOWN: {"start": P, "stop": P, "suspend": I, "resume": I, "reboot": I, "delete": P},
    State.DELETED: {"start": I, "stop": I, "suspend": I, "resume": I, "reboot": I, "delete": A},
}


def in_state(state):
    return Machine("uc", "vm1", "1", state)


@pytest.mark.parametrize(("verb", "state"), PAIRS, ids=lambda each: getattr(each, "name", str(each)))
def test_each_verb_stands_in_exactly_one_way_to_each_state(verb, state):
    assert not verb.sources & verb.already
    expected = P if state in verb.sources else A if state in verb.already else I
    assert verb.fitness(state) is expected


@pytest.mark.parametrize("state", TABLE)
def test_what_can_be_done_in_a_state_at_rest(state):
    assert {verb.name: verb.fitness(state) for verb in VERBS.values()} == TABLE[state]


@pytest.mark.parametrize("verb", VERBS.values(), ids=str)
def test_a_verb_leads_through_a_passing_state_to_one_where_it_is_already_true(verb):
    assert verb.passing.is_passing
    assert verb.name == "reboot" or verb.fitness(verb.target) is A
    assert verb.fitness(verb.passing) is A
    assert find_verb(verb.name) is verb
    assert callable(getattr(Provider, verb.name))


@pytest.mark.parametrize(("verb", "state"), PAIRS, ids=lambda each: getattr(each, "name", str(each)))
def test_the_error_names_verbs_that_work_or_says_what_to_do(verb, state):
    error = impossible(verb, in_state(state))
    assert isinstance(error, Conflict)
    assert f"cannot {verb.name} uc:vm1 while it is {state}; " in str(error)
    hint = str(error).partition("; ")[2]
    if state.is_passing:
        assert hint == f"wait until it is no longer {state}"
    elif state is State.DELETED:
        assert hint == "nothing is possible any more"
    else:
        named = hint.removeprefix("possible now: ").split(", ")
        assert named
        assert all(VERBS[name].fitness(state) is P for name in named)


def test_only_states_that_end_in_ing_pass():
    passing = {state.value for state in State if state.is_passing}
    assert passing == {
        *("building", "starting", "stopping", "suspending", "resuming", "rebooting", "deleting"),
    }


def test_an_unknown_verb_is_told_with_the_nearest():
    with pytest.raises(UnknownName, match=r"there is no action 'stat'; did you mean 'start'\?"):
        find_verb("stat")


def test_the_table_cannot_be_changed():
    with pytest.raises(TypeError):
        VERBS["explode"] = VERBS["stop"]


def test_the_usage_of_the_shell_lists_exactly_the_verbs():
    vm = pytest.importorskip("cloudmesh.vm.command.vm")
    usage = inspect.getdoc(vm.VmCommand.do_vm)
    (group,) = re.findall(r"vm \(([a-z|]+)\) \(NAMES", usage)
    assert group.split("|") == list(vm.ACTIONS) == list(VERBS)
    described = re.findall(r"^ *vm ([a-z]+)  +\w", usage.partition("Description:")[2], re.MULTILINE)
    assert described == list(vm.VERBS)


def test_the_classes_have_a_method_for_each_verb():
    machines = pytest.importorskip("cloudmesh.vm")
    for name in VERBS:
        assert callable(getattr(machines.Machine, name))
        assert callable(getattr(machines.Machines, name))

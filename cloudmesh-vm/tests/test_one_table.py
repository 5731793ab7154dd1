"""The table of verbs makes the usage, the methods and the completion: a new verb needs no other place."""

import inspect
import re
import shlex

import pytest

from cloudmesh.cloud.model.parameters import Kind, Parameter
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import VERBS, Verb
from cloudmesh.plugin.usage import parse
from cloudmesh.vm import Machine, Machines
from cloudmesh.vm.cli import usage
from cloudmesh.vm.command import vm
from cloudmesh.vm.verb_methods import add_verbs

FREEZE = Verb(
    "freeze",
    "frozen",
    frozenset({State.ACTIVE}),
    frozenset({State.PAUSED}),
    State.PAUSED,
    State.PAUSING,
    help="freeze machines",
    parameters=(
        Parameter("image", Kind.IMAGE, "what to freeze to", (("--ice=IMAGE", "what to freeze to"),)),
        Parameter("deep", Kind.FLAG, "colder", (("--deep", "colder"),), False, "hard_reboot"),
    ),
    destroys="Freeze {machines}",
)
WARM = Verb(
    "warm", "warmed", FREEZE.already, FREEZE.sources, State.ACTIVE, State.UNPAUSING, help="warm machines"
)
TABLE = {**VERBS, "freeze": FREEZE, "warm": WARM}


def test_a_verb_that_is_added_to_the_table_is_in_the_usage():
    text = usage.help_text(vm._HELP, TABLE)
    assert "|delete|warm)" in text
    assert "  vm freeze (NAMES... | --all) --ice=IMAGE [--deep]" in text
    assert re.search(r"^ +vm freeze +freeze machines .asks first.$", text, re.MULTILINE)
    assert re.search(r"^ +vm warm +warm machines$", text, re.MULTILINE)
    assert re.search(r"^ +--ice=IMAGE +what to freeze to$", text, re.MULTILINE)
    assert "rebuild, restore, delete-snapshot, delete or freeze without asking" in " ".join(text.split())
    found = parse(text, shlex.split("freeze web1 --ice=x --dryrun --yes"), "vm")
    assert (found["freeze"], found["--ice"], found["--deep"]) == (True, "x", False)


@pytest.mark.parametrize(("kind", "returns"), [(Machine, "MachineRecord"), (Machines, "Result")])
def test_a_verb_that_is_added_to_the_table_is_a_method(kind, returns):
    class Own(kind):
        def act(self, action, wait=False, timeout=None, argument=None):
            return action, wait, timeout, argument

        def act_each(self, action, timeout=None, argument=None):
            return action, timeout, argument

    add_verbs(Own, returns, TABLE, each=True)
    own = Own("web1")
    assert own.freeze("x") == ("freeze", False, None, "x")
    assert own.freeze(image="x", wait=True, timeout=3, deep=True) == ("hard_reboot", True, 3, "x")
    assert own.warm_each(timeout=5) == ("warm", 5, None)
    with pytest.raises(TypeError, match="missing a required argument: 'image'"):
        own.freeze()
    assert own.metadata({"a": None})[3] == {"a": None}
    signature = str(inspect.signature(own.freeze)).replace("'", "")
    assert signature == (
        "(image: str, wait: bool | str = False, timeout: float | None = None, *, deep: bool = False) "
        f"-> {returns}"
    )
    doc = inspect.getdoc(Own.freeze)
    assert doc.startswith("Freeze machines.\n\nWhat is lost by it")
    assert "image: what to freeze to." in doc


@pytest.mark.parametrize("kind", [Machine, Machines])
def test_the_classes_have_a_method_for_each_verb_of_the_table(kind):
    for name in [verb.name for verb in VERBS.values() if not verb.said]:
        method = getattr(kind, name)
        assert method.__name__ == name and name in dir(kind)
        assert inspect.getdoc(method).count("\n") > 2
        assert {"wait", "timeout"} <= set(inspect.signature(method).parameters)


def test_the_usage_of_the_shell_lists_exactly_the_verbs():
    text = inspect.getdoc(vm.VmCommand.do_vm)
    groups = [each.split("|") for each in re.findall(r"vm \(([a-z|-]+)\)\s+\(NAMES", text)]
    said = [verb for verb in VERBS.values() if not verb.said]
    grouped = [name for group in groups for name in group]
    assert sorted(grouped) == sorted(verb.words for verb in said if not verb.parameters)
    described = re.findall(r"^ *vm ([a-z-]+)  +\w", text.partition("Description:")[2], re.MULTILINE)
    changes = [verb.words for verb in said if verb.parameters]
    into = ["ssh", "run", "put", "get", "tunnel"]
    queries = ["list", "info", "wait", "console", "snapshots"]
    assert described == ["boot", *grouped, *changes, *into, *queries]
    assert described == usage.verb_names()
    assert max(map(len, text.partition("Options:")[0].splitlines())) <= 84, "with an indentation of 4"

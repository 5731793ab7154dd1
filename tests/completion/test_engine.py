"""The engine of the interactive shell, and the program for awk that answers the same in other shells."""

import random
import shlex

import pytest

COMPLETE = """
import json, sys
from cloudmesh.cms.completion.engine import complete
print(json.dumps([complete(words, current) for words, current in json.loads(sys.argv[1])]))
"""
LINES = """
''
v
vm s
vm ''
vm stop web01 ''
vm stop --all ''
vm stop w
vm stop web01,w
vm stop web01 w
vm stop uc:
vm stop far
vm stop --cloud=uc f
vm stop --cloud='u*' f
vm stop web[1-3],u
vm stop --all --
vm stop web01 --
vm stop =
vm stop web01,=
vm stop m
vm delete --
vm delete --all --y
vm list --cloud=
vm list --cloud l
vm list --cloud=uc,
vm list --output=
vm list -o a
vm list --columns=name,s
vm list --sort=-cr
vm list --filter=state=active,na
image list --columns=
vm stop x --output=
vm stop x --timeout=
vm list --nosuch=1 --
vm wait --state=s
vm wait --state=rea
vm boot x --wa
vm boot x --wait=
vm boot --wait --im
vm stop --wait w
vm stop --wait ''
vm boot x --image=u
vm boot x --metadata=a=b --m
vm boot x --secgroup=default,
vm boot x --key=
vm rename web01 new --
vm -- -
job show ''
job resume 1
config get clouds.
config set clouds.local.type
config import x --format=
secgroup rule ''
secgroup rule add default --direction=i
secgroup delete d
ip attach x w
cloud activate local,u
cloud add x --type=sim
plugin check o
completion ''
--
--debug vm l
--file
help v
help vm re
help vm stop ''
help vm --
help secgroup rule ''
nosuch x
""".strip().split("\n")


def parts(line):
    """The words before the last one, and that."""
    *words, current = shlex.split(line)
    return words, current


def engine(home, asked):
    import json

    found = json.loads(home.python(COMPLETE, json.dumps(asked)).stdout)
    return [[tuple(each) for each in answer] for answer in found]


@pytest.fixture(scope="module")
def answers(known):
    """What the engine answers to all lines, in one process."""
    return dict(zip(LINES, engine(known, list(map(parts, LINES))), strict=True))


@pytest.mark.parametrize("line", LINES)
def test_both_answer_the_same(answers, matched, line):
    assert answers[line] == matched(*parts(line))


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("vm stop uc:", ["uc:far1", "uc:far2"]),
        ("vm stop far", []),
        ("vm stop --cloud=uc f", ["far1", "far2"]),
        ("vm stop --cloud='u*' f", ["far1", "far2"]),
        ("vm stop web01,w", ["web01,web02", "web01,web03"]),
        ("vm stop web01 w", ["web02", "web03"]),
        ("vm stop =", ["=a[b]*", "=uc:x"]),
        ("vm stop web01,=", []),
        ("vm delete --all --y", ["--yes"]),
        ("vm list --output=", ["--output=table", "--output=json", "--output=yaml", "--output=csv"]),
        ("vm list -o a", ["ansible"]),
        ("vm list --columns=name,s", ["--columns=name,state"]),
        ("vm list --sort=-cr", ["--sort=-created"]),
        ("vm list --filter=state=active,na", ["--filter=state=active,name="]),
        ("image list --columns=", ["--columns=cloud", "--columns=name", "--columns=size", "--columns=id"]),
        ("vm boot x --metadata=a=b --m", ["--metadata="]),
        ("job show ''", ["2", "1"]),
        ("config import x --format=", ["--format=clouds.yaml", "--format=openrc", "--format=aws"]),
        ("secgroup rule ''", ["add", "remove"]),
        ("help vm re", ["resume", "revert-resize", "reboot", "rebuild", "resize", "restore", "rename"]),
        ("help vm stop ''", []),
        ("vm boot x --wa", ["--wait", "--wait="]),
        ("vm boot x --wait=", ["--wait=ready"]),
        (
            "vm wait --state=rea",
            ["--state=ready"],
        ),
        ("help secgroup rule ''", ["add", "remove"]),
        ("cloud add x --type=sim", ["--type=simulated"]),
        ("plugin check o", ["openstack"]),
        ("ip attach x w", ["web01", "web02", "web03"]),
        ("completion ''", ["bash", "zsh", "fish", "refresh"]),
    ],
)
def test_answers(answers, line, texts):
    found = [text for text, _ in answers[line]]
    assert found[: len(texts)] == texts and (texts or not found)


def test_what_is_new_names_no_machine_that_exists(known):
    (found,) = engine(known, [(["vm", "boot"], "w")])
    assert found == []


def test_files_and_folders(known):
    (found, hidden, none) = engine(
        known, [(["batch"], ""), (["vm", "boot", "x"], "--userdata=two"), (["batch"], "no/such")]
    )
    assert ("two words.txt", "") in found and ("folder/", "") in found
    assert hidden == [("--userdata=two words.txt", "")] and none == []


def test_without_a_configuration_there_are_commands_and_no_clouds(make_home, tmp_path):
    empty = make_home(tmp_path)
    verbs, clouds = engine(empty, [(["vm"], "sto"), (["vm", "list"], "--cloud=")])
    assert [text for text, _ in verbs] == ["stop"] and clouds == []


def test_the_variable_cloud_says_which_machines_are_meant(known, matched):
    try:
        known.cms("set", "cloud=uc")
        asked = [(["vm", "stop"], "fa"), (["vm", "stop"], "web"), (["vm", "stop"], "local:w")]
        found = engine(known, asked)
        assert [[text for text, _ in answer] for answer in found] == [
            ["far1", "far2"],
            [],
            ["local:web01", "local:web02", "local:web03"],
        ]
        assert found == [matched(*each) for each in asked]
    finally:
        known.cms("set", "delete", "cloud")


HEADS = [
    "",
    "vm",
    "vm stop",
    "vm delete",
    "vm list",
    "vm boot",
    "vm wait",
    "help vm",
    "key add",
    "config set",
    "secgroup rule",
]
WORDS = """stop list add --all --cloud=local --cloud local --output json -o -q -y -- - = web01 web02,web03
--file --nosuch --= --state=active --metadata=a=b --metadata uc: [ web[1-3], * ü"""


def test_both_answer_the_same_to_any_words(known, matched):
    """A line is mostly wrong here: both have to see the same in it."""
    chance, vocabulary = random.Random(13), WORDS.split()
    asked = []
    for _ in range(150):
        words = [*chance.choice(HEADS).split(), *chance.choices(vocabulary, k=chance.randint(0, 2))]
        current = chance.choice([*vocabulary, "", "", "w", "--c", "--cloud=l", "web01,w", "--output=j", "1"])
        asked.append((words, current))
    found = engine(known, asked)
    assert sum(map(bool, found)) > 30, "not all of it is wrong"
    for (words, current), answer in zip(asked, found, strict=True):
        other = matched(words, current)
        # Files are for the shell itself to find.
        assert answer == other or other[0][0].startswith("\1"), (words, current)

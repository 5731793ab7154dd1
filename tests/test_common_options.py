"""The options that all commands share, and what a wrong word of any command is answered with."""

from __future__ import annotations

import json

import pytest

from cloudmesh.plugin import catalogue, commands
from cloudmesh.plugin.usage.common import completed


def ours():
    """The help of each of our commands by its name."""
    places = [each[0] for each in catalogue.places().values() if each[0].module.startswith("cloudmesh.")]
    found = {place.name: getattr(commands.load(place), place.method) for place in places if is_ours(place)}
    return {name: method.__doc__ for name, method in found.items()}


def is_ours(place):
    return "cloudmesh-" in str(place.file) and "site-packages" not in str(place.file)


def test_every_command_has_them_in_its_help():
    texts = ours()
    assert {"vm", "job", "key", "cloud", "config", "db", "batch", "help"} <= set(texts)
    for name, text in texts.items():
        usage, _, options = text.partition("Options:")
        assert options.count("  -q, --quiet  ") == options.count("  -h, --help  ") == 1, name
        assert usage.count("[--quiet]") == usage.count(f"\n    {name} ") + usage.count(f"\n  {name} "), name
        for option, short in (("--output", "-o"), ("--yes", "-y")):
            assert (f"  {short}, {option}" in options) == (option in usage), name


@pytest.mark.parametrize(
    "words", [("-o=json",), ("-ojson",), ("-o", "json"), ("--output", "json"), ("-qo", "json")]
)
def test_the_output_with_a_blank_or_a_sign(machines, words):
    rows = json.loads(machines.cms("vm", "list", *words).stdout)
    assert [row["name"] for row in rows] == ["web01", "web02", "web03"]


def test_quiet_prints_names_only(machines):
    told = machines.cms("vm", "list", "-q")
    assert (told.stdout.split(), told.stderr) == (["web01", "web02", "web03"], "")
    told = machines.cms("vm", "stop", "web01", "-q")
    assert (told.stdout, told.stderr) == ("web01\n", "")
    assert "result" in machines.cms("vm", "start", "web01", "-q", "--output=table").stdout
    assert machines.cms("config", "get", "clouds.local.type", "-q").stdout == "simulated\n"
    assert machines.cms("config", "set", "clouds.local.type=simulated", "-q").stderr == ""


def test_quiet_tells_what_failed(machines):
    told = machines.cms("vm", "stop", "web01,nosuch", "-q", code=None)
    assert told.stdout == "web01\n"
    assert "nosuch" in told.stderr
    told = machines.cms("key", "delete", "nosuch,other", "-q", code=None)
    assert told.returncode and told.stdout == "" and "nosuch" in told.stderr


def test_yes_is_short_too_and_no_verb_minds_it(machines):
    machines.cms("vm", "stop", "web01", "-y", "--wait")
    machines.cms("vm", "delete", "web0[1-3]", "-yq", "--wait")
    assert machines.states() == {}


def test_a_command_keeps_a_letter_that_it_uses_itself():
    doc = "Usage:\n  x [-q] [--output=F]\n\nOptions:\n  -q        own\n  --output=F  form\n"
    assert completed(doc, "x") == (
        "Usage:\n  x [-q] [--output=F]\n\nOptions:\n  -q        own\n  -o, --output=F\n              form\n"
        "  -h, --help   show this help\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence", "usage"),
    [
        ("vm create web1", "unknown sub-command 'create'; did you mean 'boot'?", "cms vm boot NAMES..."),
        (
            "vm rm web01 --yes",
            "unknown sub-command 'rm'; did you mean 'delete'?",
            "cms vm delete (NAMES... | --all)",
        ),
        ("vm restart web01", "unknown sub-command 'restart'; did you mean 'reboot'?", "cms vm reboot (NAMES"),
        ("key create laptop", "unknown sub-command 'create'; did you mean 'add'?", "cms key add NAME [FILE]"),
        ("image show", "unknown sub-command 'show'; did you mean 'list'?", "cms image list"),
        ("cloud status", "unknown sub-command 'status'; did you mean 'list'?", "cms cloud list"),
        (
            "secgroup rule ad web",
            "unknown sub-command 'ad' of 'secgroup rule'; did you mean 'add'?",
            "cms secgroup rule add",
        ),
        (
            "vm list --json",
            "unknown option '--json'; did you mean '--output=json'?",
            "cms vm list [NAMES...]",
        ),
        (
            "vm web01 stop",
            "unknown sub-command 'web01'; the sub-command comes first: 'vm stop'",
            "cms vm stop",
        ),
        (
            "vm console web01 web02",
            "unexpected argument 'web02': 'vm console' takes no",
            "cms vm console NAME",
        ),
    ],
)
def test_a_wrong_word_gives_one_sentence_and_one_usage_line_and_does_nothing(
    machines, words, sentence, usage
):
    told = machines.cms(*words.split(), code=2)
    command = words.partition(" ")[0]
    lines = told.stderr.splitlines()
    assert lines[0].startswith(f"cms {command}: {sentence}") and lines[1] == ""
    assert lines[2].startswith(f"Usage: {usage}")
    assert told.stdout == "" and told.stderr.count(f"cms {command} ") == 1
    assert set(machines.states().values()) == {"active"}


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("servers list", "vm"),
        ("keypair list", "key"),
        ("security-group list", "secgroup"),
        ("ls", "vm list"),
        ("create web1", "vm boot"),
        ("iamge list", "image"),
        ("vm wait web01 --state=running", "active"),
        ("vm wait web01 --state=SHUTOFF", "stopped"),
        ("vm wait web01 --state=delted", "deleted"),
        ("vm list -o jsno", "json"),
    ],
)
def test_a_wrong_command_or_value_is_answered_with_the_one_that_was_meant(machines, words, hint):
    told = machines.cms(*words.split(), code=2)
    assert f"did you mean {hint!r}?" in told.stderr and told.stdout == ""


def test_the_help_of_one_sub_command(home):
    for words in (("vm", "stop", "--help"), ("help", "vm", "stop"), ("vm", "-h", "stop")):
        told = home.cms(*words).stdout
        assert told.startswith("Usage:\n  vm stop (NAMES... | --all) ")
        assert "vm stop             shut machines down" in told and "-y, --yes" in told
        assert "vm boot" not in told and "--image" not in told
    assert "did you mean 'stop'?" in home.cms("help", "vm", "halt", code=2).stderr


@pytest.mark.parametrize("words", ["-qh", "-hq", "-yh", "-hh"])
def test_help_among_joined_letters_is_help_and_nothing_else(machines, words):
    told = machines.cms("vm", "delete", "--all", words)
    assert told.stdout.startswith("Usage:\n  vm delete ")
    assert len(machines.states()) == 3

"""What a wrong word is taken for: what was meant, and never something that does more than that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin import catalogue, commands
from cloudmesh.plugin.errors import UnknownName
from cloudmesh.plugin.usage.hints import command_hint, option_hint

VM = [
    *("boot", "start", "stop", "suspend", "resume", "pause", "unpause", "reboot", "delete", "rebuild"),
    *("resize", "rename", "metadata", "list", "info", "wait", "console"),
]
OTHERS = {
    "key": "list add delete",
    "image": "list",
    "cloud": "list info check default activate deactivate",
    "config": "check decrypt edit encrypt get import init list path rekey set",
    "job": "list show resume cancel",
    "plugin": "list check generate install update remove",
    "ip": "list create delete attach detach",
    "lease": "list create extend delete",
    "vm": "boot shelve unshelve lock unlock resize confirm-resize revert-resize list",
    "db": "tables columns list find delete export backup check",
}
NAMES = (
    "cloud",
    "output",
    "all",
    "yes",
    "dryrun",
    "flavor",
    "timeout",
    "userdata",
    "lease",
    "lease-start",
    "mine",
)
OPTIONS = [f"--{name}" for name in NAMES]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("create launch run new spawn add bot BOOT", "boot"),
        ("ls ps status stat stats state active deleted lits", "list"),
        ("show get describe inspect", "info"),
        ("rm remove terminate destroy del delet dleete", "delete"),
        ("restart reset rebot", "reboot"),
        ("poweron power_on up strat", "start"),
        ("halt shutdown poweroff down kill", "stop"),
        ("freeze", "pause"),
        ("unfreeze", "unpause"),
        ("hibernate", "suspend"),
        ("wake continue", "resume"),
        ("mv", "rename"),
        ("tag label set", "metadata"),
        ("logs", "console"),
        ("reinstall", "rebuild"),
    ],
)
def test_words_of_other_programs_and_slips(words: str, hint: str) -> None:
    assert {word: command_hint(word, VM) for word in words.split()} == dict.fromkeys(words.split(), hint)


@pytest.mark.parametrize(
    ("command", "word", "hint"),
    [
        ("key", "create", "add"),
        ("key", "show", "list"),
        ("image", "ls", "list"),
        ("image", "create", None),
        ("cloud", "status", "list"),
        ("cloud", "rm", None),
        ("cloud", "enable", "activate"),
        ("cloud", "use", "default"),
        ("config", "show", "get"),
        ("config", "new", "init"),
        ("config", "export", None),
        ("job", "kill", "cancel"),
        ("job", "info", "show"),
        ("job", "retry", "resume"),
        ("plugin", "uninstall", "remove"),
        ("plugin", "create", "generate"),
        ("ip", "disassociate", "detach"),
        ("db", "import", None),
        ("lease", "renew", "extend"),
        ("lease", "reserve", "create"),
        ("vm", "confirm", "confirm-resize"),
        ("vm", "protect", "lock"),
        ("vm", "offload", "shelve"),
    ],
)
def test_only_what_the_command_has_is_a_hint(command: str, word: str, hint: str | None) -> None:
    assert command_hint(word, OTHERS[command].split()) == hint


def test_a_wish_to_be_asked_is_no_hint_to_the_option_that_asks_nothing() -> None:
    assert (option_hint("--confirm", OPTIONS), option_hint("--no-confirm", OPTIONS)) == (None, "--yes")
    assert option_hint("-n", ["-q", "--quiet"]) is None


@pytest.mark.parametrize("word", ["select", "relabel", "detele", "deleting", "rebuid2", "zap", "x", ""])
def test_what_is_no_clear_slip_of_a_destroying_word_is_no_hint_to_it(word: str) -> None:
    assert command_hint(word, VM) not in ("delete", "rebuild")


@given(st.text("abcdelorstuimn", max_size=9))
def test_a_word_that_means_nothing_leads_to_a_changing_word_only_by_one_letter(word: str) -> None:
    found = command_hint(word, ["delete", "rebuild", "resume", "start", "list"])
    if found in ("delete", "rebuild", "resume", "start") and found not in {*map(str.strip, _meant(word))}:
        one_off = {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
        parts = {found, *(found[:at] + found[at + 1 :] for at in range(len(found)))}
        swapped = {
            word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :] for at in range(len(word))
        }
        assert one_off & parts or found in swapped


def _meant(word: str) -> set[str]:
    """Hints that stand in the table, which this word has also without a slip."""
    from cloudmesh.plugin.usage import hints

    return {
        right for row, brought in hints._COMMANDS.items() if word in brought.split() for right in row.split()
    }


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("--clod", "--cloud"),
        ("--format", "--output"),
        ("--json", "--output=json"),
        ("--dry-run", "--dryrun"),
        ("--dry_run", "--dryrun"),
        ("--user-data", "--userdata"),
        ("--size", "--flavor"),
        ("--tiemout", "--timeout"),
        ("--alll", "--all"),
        ("--reservation", "--lease"),
        ("--start", "--lease-start"),
        ("--owner", "--mine"),
        ("--force", None),
        ("--call", "--all"),
        ("--only", None),
        ("--zzz", None),
    ],
)
def test_options(typed: str, hint: str | None) -> None:
    assert option_hint(typed, OPTIONS) == hint


def test_a_command_that_is_not_installed_is_told_with_what_brings_it(monkeypatch):
    monkeypatch.setattr(catalogue, "place", lambda name: None)
    with pytest.raises(UnknownName, match=r"pip install 'cloudmesh-cms\[rest\]'"):
        commands.run(SimpleNamespace(), "rest", ["start"])

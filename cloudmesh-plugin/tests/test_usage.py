"""The words of a command: they arrive unharmed, and a refusal names the wrong one."""

from __future__ import annotations

from collections.abc import Callable

import docopt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin import CloudmeshError, UsageError
from cloudmesh.plugin.usage import help_text, matching, parse, words_of

DOC = """
::

  Usage:
    vm list [NAMES] [--cloud=CLOUDS] [--output=FORMAT]
    vm boot NAMES [--cloud=CLOUDS] [--image=IMAGE]
    vm (start|stop) (NAMES | --all) [--cloud=CLOUDS] [--yes] [--dryrun]
    vm wait NAMES --state=STATE [--timeout=SECONDS]
    vm find TABLE KEY=VALUE...

  Options:
    --cloud=CLOUDS     the clouds
    --clone            not in any line above
    -y, --yes          no question
    --timeout=SECONDS  how long to wait [default: 60]

  Description:
    What it does.
"""

FREE = """
Usage:
  probe [--option=TEXT] [WORD...]
"""


def refusal(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(DOC, words, "vm")
    return str(caught.value)


def test_arguments_are_those_of_docopt() -> None:
    found = parse(DOC, ["boot", "web1", "--image=-x", "--cloud", "-y"], "vm")
    assert found["boot"] is True
    assert (found["NAMES"], found["--image"], found["--cloud"]) == ("web1", "-x", "-y")
    assert found["--timeout"] == "60"


REPEATED = """
Usage:
  probe [options] [-v...] (KEY=VALUE... | all) [--set=TEXT]...
  probe copy NAME NAME [--set=TEXT]
  probe (on | on off)

Options:
  -q, --quiet  quiet
  -n X         how many [default: 1 2]
"""


@given(
    st.lists(st.sampled_from(["copy", "all", "on", "off", "a=b", "-v", "-vv", "-q", "-n3", "--set=x", "-x"]))
)
def test_arguments_are_those_of_docopt_for_any_words_and_again(words: list[str]) -> None:
    def answer(match: Callable[[], dict[str, object]]) -> dict[str, object] | str:
        try:
            return dict(match())
        except docopt.DocoptExit:
            return "refused"

    expected = answer(lambda: docopt.docopt(REPEATED, argv=words, help=False))
    assert [answer(lambda: matching.matched(REPEATED, words)) for _ in "12"] == [expected] * 2


@given(words=st.lists(st.text().filter(lambda word: not word.startswith("-"))), value=st.text())
def test_words_arrive_unharmed(words: list[str], value: str) -> None:
    found = parse(FREE, [f"--option={value}", *words], "probe")
    assert found == {"--option": value, "WORD": words}


@pytest.mark.parametrize("word", ["", 'a "b" c', "it's", "$HOME", "a\\b", "two\nlines", "ü€😀", "\udcff"])
def test_odd_word_arrives_unharmed(word: str) -> None:
    assert parse(FREE, ["--option", word, word], "probe") == {"--option": word, "WORD": [word]}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("list --clod=uc", "unknown option '--clod'; did you mean '--cloud'?"),
        ("-cloud=uc list", "unknown option '-cloud'; did you mean '--cloud'?"),
        ("strat web1", "unknown word 'strat'; did you mean 'start'?"),
        ("qqq", "unknown word 'qqq'; known: list, boot, start, stop, wait, find"),
        ("", "'vm' needs one of: list, boot, start, stop, wait, find"),
        ("start", "'vm start' needs NAMES or --all"),
        ("boot", "'vm boot' needs NAMES"),
        ("find", "'vm find' needs TABLE"),
        ("find t", "'vm find' needs KEY=VALUE"),
        ("wait web1", "'vm wait' needs --state=STATE"),
        ("list web1 web2", "superfluous word 'web2': 'vm list' takes no more words here"),
        (
            "list web1 clowd=uc",
            "superfluous word 'clowd=uc': 'vm list' takes no more words here; did you mean '--cloud'?",
        ),
        ("list --cloud", "'--cloud' needs a value: --cloud=CLOUDS"),
        ("start web1 --yes=now", "'--yes' takes no value"),
        ("list --clo", "options are not shortened: write --cloud or --clone in place of --clo"),
        ("start --al", "options are not shortened: write --all in place of --al"),
        ("start web1 --y", "options are not shortened: write --yes in place of --y"),
        ("start -- --all x", "superfluous word 'x': 'vm start' takes no more words here"),
        ("list --yes", "'vm list' takes no --yes"),
        ("find t a=1 b=2 c=3 --yes", "'vm find' takes no --yes"),
        ("list -y", "'vm list' takes no --yes"),
        ("start web1 --cloud=a --cloud=b", "--cloud is given more than once"),
        ("start --yes --yes", "--yes is given more than once"),
        ("start web1 --all", "--all does not go together with the other words of 'vm start'"),
    ],
)
def test_refusal_names_the_wrong_word(words: str, sentence: str) -> None:
    assert refusal(*words.split()) == sentence


SOME_WORDS = ["list", "boot", "start", "wait", "web1", "--yes", "-yx", "--cl", "--cloud=a", "--", "k=v"]


@given(st.lists(st.sampled_from(SOME_WORDS)))
def test_every_refusal_is_one_sentence(words: list[str]) -> None:
    try:
        parse(DOC, words, "vm")
    except UsageError as error:
        assert str(error)
        assert "\n" not in str(error)
        assert "do not fit" not in str(error)


def test_refusal_shows_no_secret() -> None:
    shown = refusal("list", "web1", "OS_PASSWORD=hunter2")
    assert "OS_PASSWORD=***" in shown
    assert "hunter2" not in shown + refusal("list", "--phunter=hunter2") + refusal("list", "-phunter2")


def test_refusal_carries_the_usage_block_alone() -> None:
    with pytest.raises(UsageError) as caught:
        parse(DOC, ["nothing"], "vm")
    lines = caught.value.usage.splitlines()
    assert lines[0] == "Usage:"
    assert lines[1] == "  vm list [NAMES] [--cloud=CLOUDS] [--output=FORMAT]"
    assert lines[-1] == "  vm find TABLE KEY=VALUE..."


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("boot", ["  vm boot NAMES [--cloud=CLOUDS] [--image=IMAGE]"]),
        ("stop --al web1", ["  vm (start|stop) (NAMES | --all) [--cloud=CLOUDS] [--yes] [--dryrun]"]),
        ("--yes find t", ["  vm find TABLE KEY=VALUE..."]),
    ],
)
def test_of_a_sub_command_only_its_own_usage_is_carried(words: str, shown: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        parse(DOC, words.split(), "vm")
    assert caught.value.usage.splitlines() == ["Usage:", *shown]


def test_a_usage_that_fills_the_screen_is_left_out_if_no_sub_command_was_given() -> None:
    lines = [f"  vm verb{number} NAME\n" for number in range(20)]
    for words, usage in (
        (["x"], "cms help vm shows how they are used"),
        (["verb7"], "Usage:\n  vm verb7 NAME"),
    ):
        with pytest.raises(UsageError) as caught:
            parse(f"Usage:\n{''.join(lines)}", words, "vm")
        assert caught.value.usage == usage


def test_a_line_of_the_usage_keeps_the_rows_that_continue_it() -> None:
    doc = "Usage:\n  vm boot NAMES [--cloud=CLOUDS]\n          [--image=IMAGE]\n  vm list\n"
    with pytest.raises(UsageError) as caught:
        parse(doc, ["boot"], "vm")
    assert caught.value.usage == "Usage:\n  vm boot NAMES [--cloud=CLOUDS]\n          [--image=IMAGE]"


def test_usage_beside_its_title() -> None:
    with pytest.raises(UsageError) as caught:
        parse("Usage: probe WORD\n       probe\n", ["one", "two"], "probe")
    assert caught.value.usage == "Usage:\n  probe WORD\n  probe"


def test_malformed_usage_is_no_fault_of_the_user() -> None:
    with pytest.raises(CloudmeshError, match="usage text of the command 'x' is malformed") as caught:
        parse("Usage: x (a", [], "x")
    assert caught.value.exit_code == 1


def test_help_text_has_neither_mark_nor_indentation() -> None:
    text = help_text(DOC)
    assert text.startswith("Usage:\n  vm list")
    assert text.endswith("Description:\n  What it does.")
    assert "::" not in text


def test_help_text_of_an_indented_doc() -> None:
    assert help_text("\n    ::\n\n      Usage:\n        x\n    ") == "Usage:\n  x"


def test_a_value_after_a_blank_in_place_of_the_sign_is_not_shown() -> None:
    doc = "Usage:\n  config set ASSIGNMENT\n"
    with pytest.raises(UsageError) as caught:
        parse(doc, ["set", "clouds.uc.credentials.OS_PASSWORD", "geheim"], "config")
    assert "superfluous word '***'" in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("a 'b", "a quote is not closed"), ('a "b\\"', "a quote is not closed"), ("a\\", "nothing follows")],
)
def test_a_line_that_cannot_be_split_says_why(line: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"the line cannot be split into words: {reason}"):
        words_of(line)

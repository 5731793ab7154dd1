"""The words of a command: they arrive unharmed, and a refusal names the wrong one."""

from __future__ import annotations

from collections.abc import Callable

import docopt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.plugin import CloudmeshError, UsageError
from cloudmesh.plugin.usage import help_text, matching, parse, words_of
from cloudmesh.plugin.usage.subcommand import help_of

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
    --state=STATE      active, stopped, or
                       what it is called
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
        ("strat web1", "unknown sub-command 'strat'; did you mean 'start'?"),
        ("qqq", "unknown sub-command 'qqq'; known: list, boot, start, stop, wait, find"),
        ("web1 stop", "unknown sub-command 'web1'; the sub-command comes first: 'vm stop'"),
        ("help", "unknown sub-command 'help'; did you mean '--help'?"),
        ("", "'vm' needs one of: list, boot, start, stop, wait, find"),
        ("start", "'vm start' needs NAMES or --all"),
        ("boot", "'vm boot' needs NAMES"),
        ("find", "'vm find' needs TABLE"),
        ("find t", "'vm find' needs KEY=VALUE"),
        ("wait web1", "'vm wait' needs --state=STATE (active, stopped, or what it is called)"),
        ("list web1 web2", "unexpected argument 'web2': 'vm list' takes no more arguments"),
        (
            "list web1 clowd=uc",
            "unexpected argument 'clowd=uc': 'vm list' takes no more arguments; did you mean '--cloud'?",
        ),
        ("list --cloud", "'--cloud' needs a value: --cloud=CLOUDS"),
        ("start web1 --yes=now", "'--yes' takes no value"),
        ("list --clo", "unknown option '--clo'; options cannot be abbreviated, use --cloud"),
        ("start --al", "unknown option '--al'; options cannot be abbreviated, use --all"),
        ("start web1 --y", "unknown option '--y'; options cannot be abbreviated, use --yes"),
        ("start -- --all x", "unexpected argument 'x': 'vm start' takes no more arguments"),
        ("list --yes", "'vm list' has no option --yes"),
        ("find t a=1 b=2 c=3 --yes", "'vm find' has no option --yes"),
        ("list -y", "'vm list' has no option --yes"),
        ("start web1 --cloud=a --cloud=b", "option --cloud is given more than once"),
        ("start --yes --yes", "option --yes is given more than once"),
        ("start web1 --all", "option --all cannot be used with the other arguments of 'vm start'"),
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


WIDE = f"Usage:\n  vm boot (NAMES | --all)\n          [--image={'X' * 30}] [--key=KEY]\n  vm list\n"
WIDE_SHOWN = f"Usage: cms vm boot (NAMES | --all) [--image={'X' * 30}]\n           [--key=KEY]"
LONG = "Usage:\n" + "".join(f"  vm verb{number} NAME\n" for number in range(20))


@pytest.mark.parametrize(
    ("doc", "words", "shown"),
    [
        (DOC, "boot", "Usage: cms vm boot NAMES [--cloud=CLOUDS] [--image=IMAGE]"),
        (DOC, "strat web1", "Usage: cms vm start (NAMES | --all) [--cloud=CLOUDS] [--yes] [--dryrun]"),
        (DOC, "stop --al web1", "Usage: cms vm stop (NAMES | --all) [--cloud=CLOUDS] [--yes] [--dryrun]"),
        (DOC, "create web1", "Usage: cms vm boot NAMES [--cloud=CLOUDS] [--image=IMAGE]"),
        (DOC, "--yes find t", "Usage: cms vm find TABLE KEY=VALUE..."),
        (DOC, "wait x --clod uc", "Usage: cms vm wait NAMES --state=STATE [--timeout=SECONDS]"),
        (DOC, "--cloud uc boot", "Usage: cms vm boot NAMES [--cloud=CLOUDS] [--image=IMAGE]"),
        (DOC, "qqq", "cms vm --help shows the usage"),
        (DOC, "", "cms vm --help shows the usage"),
        (LONG, "verb7", "Usage: cms vm verb7 NAME"),
        ("Usage: vm WORD\n       vm\n", "one two", "cms vm --help shows the usage"),
        ("Usage: vm WORD\n", "one two", "Usage: cms vm WORD"),
        (WIDE, "boot", WIDE_SHOWN),
    ],
)
def test_a_refusal_carries_the_one_line_of_the_usage_that_fits(doc: str, words: str, shown: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(doc, words.split(), "vm")
    assert caught.value.usage == shown


HELP = """
Usage:
  vm boot NAMES [--cloud=CLOUDS] [-v]
  vm (start|stop) NAME
  vm rule (add|remove) NAME

Arguments:
  NAMES  machines: web[1-3]
         uc:web1
  NAME   one machine

Options:
  --cloud=CLOUDS  the clouds
                  to use
  -v              more
  -h, --help      show this help

Description:
  vm boot   boot them
            at once
  vm stop
    stop it
  vm rule   change a rule

  More of it.
"""


HELP_OF_BOOT = """\
Usage:
  vm boot NAMES [--cloud=CLOUDS] [-v]

Description:
  vm boot   boot them
            at once

Arguments:
  NAMES  machines: web[1-3]
         uc:web1

Options:
  --cloud=CLOUDS  the clouds
                  to use
  -v              more
  -h, --help      show this help"""
ONE = "Arguments:\n  NAME   one machine\n\nOptions:\n  -h, --help      show this help"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("boot", HELP_OF_BOOT),
        ("stop x", f"Usage:\n  vm stop NAME\n\nDescription:\n  vm stop\n    stop it\n\n{ONE}"),
        ("rule add", f"Usage:\n  vm rule add NAME\n\nDescription:\n  vm rule   change a rule\n\n{ONE}"),
        ("", help_text(HELP)),
        ("nosuch", help_text(HELP)),
    ],
)
def test_the_help_of_a_sub_command_is_what_concerns_it(words: str, told: str) -> None:
    assert help_of(HELP, words.split(), "vm") == told


def test_the_help_of_an_unknown_sub_command_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown sub-command 'strat'; did you mean 'start'") as caught:
        help_of(HELP, ["strat"], "vm", strict=True)
    assert caught.value.usage == "Usage: cms vm start NAME"
    assert help_of(FREE, ["x"], "probe", strict=True) == help_text(FREE)


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
    assert "unexpected argument '***'" in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "reason"),
    [("a 'b", "a quote is not closed"), ('a "b\\"', "a quote is not closed"), ("a\\", "nothing follows")],
)
def test_a_line_that_cannot_be_split_says_why(line: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"the line cannot be split into words: {reason}"):
        words_of(line)


OPTIONAL = """
Usage:
  vm stop NAMES... [--wait[=STATE]] [--cloud=CLOUDS] [--quiet]
  vm list [--quiet]

Options:
  --wait[=STATE]  wait until they are stopped
  --cloud=CLOUDS  the clouds
"""


@pytest.mark.parametrize(
    ("line", "wait", "names"),
    [
        ("stop a", None, ["a"]),
        ("stop --wait a", True, ["a"]),
        ("stop a --wait b", True, ["a", "b"]),
        ("stop a --wait --cloud=x", True, ["a"]),
        ("stop a --wait=ready b", "ready", ["a", "b"]),
        ("stop a --wait=", "", ["a"]),
        ("stop a -- --wait", None, ["a", "--wait"]),
    ],
)
def test_the_value_of_an_option_may_be_left_out(line: str, wait: object, names: list[str]) -> None:
    found = parse(OPTIONAL, line.split(), "vm")
    assert (found["--wait"], found["NAMES"]) == (wait, names)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("stop a --wait --wait", "option --wait is given more than once"),
        ("stop a --wai", "unknown option '--wai'; options cannot be abbreviated, use --wait"),
        ("list --wait", "'vm list' has no option --wait"),
        ("stop --wait", "'vm stop' needs NAMES"),
    ],
)
def test_a_refusal_knows_of_values_that_may_be_left_out(line: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(OPTIONAL, line.split(), "vm")
    assert str(caught.value) == sentence


def test_the_help_shows_that_a_value_may_be_left_out() -> None:
    shown = help_of(OPTIONAL, ["stop"], "vm")
    assert "[--wait[=STATE]]" in shown
    assert "--wait[=STATE]  wait until they are stopped" in shown

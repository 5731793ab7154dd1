"""The words of a shell script, as a shell itself takes them apart."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.config.importers.openrc import OpenQuoteError, Word, commands

plain = st.text(st.sampled_from("abc $`'\"\\#;&|()\n\t=*{}é"), max_size=12)


def words(text: str) -> list[list[str]]:
    return [[word.text for word in command] for command in commands(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b\nc", [["a", "b"], ["c"]]),
        ("a;b && c | d & (e)", [["a"], ["b"], ["c"], ["d"], ["e"]]),
        ("a # b\n#c\nd#e", [["a"], ["d#e"]]),
        ("a='b c'd\"e f\"\\ g", [["a=b cde f g"]]),
        ("a \\\n b\r\nc", [["a", "b"], ["c"]]),
        ("a\\\nb 'a\\\nb' \"a\\\nb\" \\\n# c", [["ab", "a\\\nb", "ab"]]),
        ("a='x\ny'", [["a=x\ny"]]),
        ("", []),
        ("a=", [["a="]]),
        ("''", [[""]]),
        ("a\\", [["a"]]),
    ],
)
def test_words(text: str, found: list[list[str]]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    "text", ["$X", "a$X", '"$X"', "`x`", '"`x`"', "$(a; b)", "${X:-a b}", "$(a $(b))", "$1", "$"]
)
def test_what_a_shell_would_compute_is_marked_and_is_one_word(text: str) -> None:
    ((word, after),) = commands(f"{text} after")
    assert word.computed
    assert after == Word("after")


@pytest.mark.parametrize("text", ["'$X'", '"\\$X"', "\\$X", "'`x`'", '"\\`"'])
def test_what_is_quoted_is_not_computed(text: str) -> None:
    ((word,),) = commands(text)
    assert not word.computed


@pytest.mark.parametrize(("text", "line"), [("a\n'b\nc", 2), ('a "b\n\\"', 1), ("\n\n`", 3)])
def test_an_open_quote(text: str, line: int) -> None:
    with pytest.raises(OpenQuoteError) as caught:
        list(commands(text))
    assert caught.value.line == line
    assert "b" not in str(caught.value)


@given(st.lists(plain, min_size=1))
def test_any_quoted_words_come_back(values: list[str]) -> None:
    assert words(shlex.join(values)) == [values]


@given(st.text(max_size=40))
def test_no_text_is_too_strange(text: str) -> None:
    with contextlib.suppress(OpenQuoteError):
        list(commands(text))


@pytest.mark.skipif(not shutil.which("bash"), reason="needs a shell to compare with")
@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab '\"\\#\n"), max_size=12))
def test_bash_takes_a_literal_text_apart_in_the_same_way(text: str) -> None:
    script = f'set -- {text}\nprintf \'%s\\0\' "$#" "$@"'
    try:
        mine = words(f"set -- {text}")[0][2:]
    except OpenQuoteError:
        return
    if "\n" in text.replace("\\\n", "") and len(words(f"set -- {text}")) > 1:
        return
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    if done.returncode == 0 and not text.endswith("\\"):
        assert done.stdout.decode().split("\0")[1:-1] == mine

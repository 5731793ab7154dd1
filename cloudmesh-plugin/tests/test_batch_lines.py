"""Lines of a script in this process: which exit code each kind of line has."""

from __future__ import annotations

import cmd
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from cloudmesh.plugin import CloudmeshError, UsageError, batch, command, script
from cloudmesh.plugin.references import References
from cloudmesh.plugin.usage import words_of
from cloudmesh.shell.command import basecommand
from cloudmesh.shell.command import command as foreign_command

Run = Callable[..., tuple[int, list[str]]]


class Shell(cmd.Cmd):
    """The part of cmd5's shell that a script needs."""

    ran: list[str]

    @command
    def do_own(self, arguments: dict[str, Any]) -> None:
        """
        Usage:
          own [WORD]
        """
        self.ran.append(f"own {arguments['WORD']}")
        if arguments["WORD"] == "fail":
            raise CloudmeshError("failed")

    @foreign_command
    def do_foreign(self, args: str, arguments: Any) -> None:
        """
        Usage:
          foreign ok [TEXT]
          foreign raise
          foreign exit [CODE]
          foreign interrupt
          foreign pipe
        """
        self.ran.append(f"foreign {args}")
        if arguments["raise"]:
            raise RuntimeError("the password is hunter2")
        if arguments["exit"]:
            sys.exit(int(arguments.CODE) if arguments.CODE else None)
        if arguments.interrupt:
            raise KeyboardInterrupt
        if arguments.pipe:
            raise BrokenPipeError

    @basecommand
    def do_base(self, args: str, arguments: Any) -> None:
        """
        Usage:
          base [WORD]
        """
        raise ValueError("which basecommand swallows")

    def do_bare(self, args: str) -> None:
        """Prose that docopt cannot read."""
        self.ran.append(f"bare {args}")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path))
    (tmp_path / "variables.dat").write_text("name: value\n")
    shell = Shell()
    shell.ran = []
    return shell


@pytest.fixture
def run(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs lines as a script; gives the exit code, and what was told of the lines that failed."""
    told: list[str] = []
    monkeypatch.setattr(batch, "tell", told.append)

    def run_lines(*lines: str, keep_going: bool = False) -> tuple[int, list[str]]:
        told.clear()
        path = tmp_path / "s"
        path.write_text("\n".join(lines), encoding="utf-8")
        return batch.run(shell, str(path), keep_going), [line.removeprefix(str(path)) for line in told]

    return run_lines


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("own fail", 1),
        ("own a b", 2),
        ("own 'a", 2),
        ("foreign raise", 1),
        ("foreign exit", 1),
        ("foreign exit 0", 1),
        ("foreign exit 7", 7),
        ("foreign exit 256", 1),
        ("foreign interrupt", 130),
        ("foreign okk", 2),
        ("foreign ok 'a", 2),
        ("base", 1),
        ("!exit 5", 5),
        ("shell exit 6", 6),
        ("!kill -9 $$", 137),
        ("!printf '\x00'", 1),
    ],
)
def test_every_failure_counts(
    run: Run, shell: Shell, line: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    found, told = run("own first", line, "own last")
    assert found == code
    assert told == [":2: " + line.replace("\x00", "\\x00")]
    assert shell.ran[0] == "own first"
    assert "own last" not in shell.ran
    assert "hunter2" not in "".join(capfd.readouterr())


def test_good_lines(run: Run, shell: Shell) -> None:
    lines = ["own $name", "foreign ok 'a b'", "bare a 'b", "!true", "# no", "", "own", "quit", "own never"]
    assert run(*lines) == (0, [])
    assert shell.ran == ["own value", "foreign ok 'a b'", "bare a 'b", "own None"]


def test_keep_going_runs_all_lines(run: Run, shell: Shell) -> None:
    found = run("foreign exit 7", "own a", "own fail", "own b", keep_going=True)
    assert found == (7, [":1: foreign exit 7", ":3: own fail"])
    assert shell.ran == ["foreign exit 7", "own a", "own fail", "own b"]


def test_an_interrupt_ends_the_script_even_with_keep_going(run: Run, shell: Shell) -> None:
    found = run("foreign interrupt", "own a", keep_going=True)
    assert found == (130, [":1: foreign interrupt"])
    assert "own a" not in shell.ran


def test_a_broken_pipe_is_nobody_elses_failure(run: Run, shell: Shell) -> None:
    with pytest.raises(BrokenPipeError):
        run("foreign pipe")


def test_a_script_can_run_again_after_an_error(run: Run, shell: Shell) -> None:
    assert run("own fail")[0] == 1
    with pytest.raises(BrokenPipeError):
        run("foreign pipe")
    assert run("own ok") == (0, [])


def test_a_name_with_nul_is_refused(shell: Shell) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        batch.run(shell, "a\x00b", False)


CONTINUED = {
    "own a\\\nb": ["own ab"],
    "own \\\r\n  a\r\nown b": ["own a", "own b"],
    'own "a\\\n b"': ["own a b"],
    "own 'a\\\\'b\\\nc": ["own a\\\\bc"],
    "own a\\\\\nown b": ["own a\\", "own b"],
    "own a # c \\\nown b": ["own a", "own b"],
    "# c \\\nown b": ["own b"],
    "// c \\\nown b": ["own b"],
    "own \\\n# c \\\nown b": ["own None", "own b"],
    "own a\\\n#b": ["own a#b"],
    "own \\\n\nown b": ["own None", "own b"],
    'own "# \\\n"': ["own # "],
    "!test \\\n1 = 2 ||\\\ntrue\nown b": ["own b"],
    "\\\n\\\nown b": ["own b"],
}


@pytest.mark.parametrize("text", CONTINUED)
def test_a_backslash_at_the_end_continues_a_line(run: Run, shell: Shell, text: str) -> None:
    assert run(text) == (0, [])
    assert shell.ran == CONTINUED[text]


def test_a_continued_line_is_told_with_its_first_number(run: Run) -> None:
    assert run("own", "own \\", "  fail \\", " # c") == (1, [":2: own   fail  # c"])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("own a\nown \\", ":2: the script ends in a backslash, with no line to continue in; remove it"),
        ("own a\nown b \\\n", ":2: the script ends in a backslash"),
        ("own a\nown b \\ \n--c", ":2: blanks follow the backslash at the end of the line; remove them"),
        ("own a\nown 'b \\\n'", None),
    ],
)
def test_a_backslash_that_continues_nothing(run: Run, shell: Shell, text: str, told: str | None) -> None:
    if told is None:
        assert run(text)[0] == 2, "within single quotes it is a sign as any other"
        assert shell.ran == ["own a"]
        return
    with pytest.raises(UsageError) as caught:
        run(text)
    assert told in str(caught.value)
    assert shell.ran == [], "nothing of such a script is run"


ROW = st.builds(
    "{}{}{}\n".format,
    st.sampled_from(["p ", ""]),
    st.text("ab \\'\"#", max_size=7),
    st.sampled_from(["", "\\"]),
)


@given(st.lists(ROW, min_size=1, max_size=4).map("".join))
@settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
def test_words_and_continued_lines_are_those_of_a_posix_shell(text: str) -> None:
    try:
        lines = [line for _, line in script.read(io.BytesIO(text.encode()), "s") if line[0] != "#"]
        words = [words_of(References().in_line(line)) for line in lines]
    except UsageError:
        # A text in quotes that holds a line end, or a line that goes on and does not.
        reject()
    assume(all(each[:1] in ([], ["p"]) for each in words))
    source = f"p() {{ printf '[%s]' p \"$@\"; echo; }}\n{text}"
    shell = subprocess.run(["sh", "-c", source], capture_output=True, text=True, check=False)
    assert shell.stdout.splitlines() == ["".join(f"[{word}]" for word in each) for each in words if each]

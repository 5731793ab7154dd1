"""The adapter in a real ``cms`` process: words, exit codes, output, and a REPL that survives."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WORDS = ["", "a b", 'say "hi"', "it's", "$5", "a$", "a\\b", "~", "two\nlines", "ü😀", "*", "x=y"]

Cms = Callable[..., "subprocess.CompletedProcess[str]"]
Bash = Callable[[str], "subprocess.CompletedProcess[str]"]


def test_one_shot_words_arrive_unharmed(cms: Cms) -> None:
    cms("set", "cloud=uc")
    done = cms("probe", "words", *WORDS)
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, WORDS, "")


@pytest.mark.parametrize(
    ("how", "code", "sentence"),
    [
        ("CloudmeshError", 1, "it went wrong"),
        ("ConfigError", 3, "it went wrong"),
        ("CloudError", 4, "it went wrong"),
        ("interrupt", 130, "interrupted"),
        ("unknown", 2, "there is no machine 'web9'; did you mean 'web1'? known: web1"),
        ("oserror", 1, "No such file or directory: /nowhere"),
        ("ansi", 1, "the cloud said \\x1b[2J"),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(cms: Cms, how: str, code: int, sentence: str) -> None:
    done = cms("probe", "fail", how)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"cms probe: {sentence}\n")


@pytest.mark.parametrize(("how", "code"), [("exit", 3), ("exit256", 1)])
def test_exit_of_a_command_is_kept(cms: Cms, how: str, code: int) -> None:
    assert cms("probe", "fail", how).returncode == code


def test_unforeseen_error_shows_no_secret(cms: Cms) -> None:
    done = cms("probe", "fail", "bug")
    assert done.returncode == 1
    assert re.fullmatch(
        r"cms probe: an error of the program itself, RuntimeError in probe.py, line \d+; .*\n", done.stderr
    )
    assert "hunter2" not in done.stdout + done.stderr


def test_debug_shows_the_traceback(cms: Cms) -> None:
    done = cms("probe", "fail", "bug", CLOUDMESH_DEBUG="1")
    assert "Traceback" in done.stderr
    assert done.stdout == ""


def test_usage_error_comes_before_the_usage(cms: Cms) -> None:
    done = cms("probe", "wrods", "a")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "cms probe: unknown sub-command 'wrods'; did you mean 'words'?",
        "",
        "Usage: cms probe words [WORD...] [--quiet]",
    ]


def test_help_of_a_command(cms: Cms) -> None:
    done = cms("probe", "-h")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage:\n  probe words [WORD...] [--quiet]\n")


def test_output_formats(cms: Cms) -> None:
    assert cms("probe", "rows").stdout == "name\n------\nweb0\nweb1\n"
    assert json.loads(cms("probe", "rows", "--output=json").stdout) == [{"name": "web0"}, {"name": "web1"}]


def test_unknown_output_format_fails_before_the_command_runs(cms: Cms) -> None:
    done = cms("probe", "rows", "not-a-number", "--output=jsn")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("cms probe: unknown output format 'jsn'; did you mean 'json'?")


def test_notes_go_to_stderr_and_the_answer_has_an_exit_code(cms: Cms) -> None:
    done = cms("probe", "note")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "a note\n")


def test_repl_survives_every_error(cms: Cms) -> None:
    hows = ["bug", "CloudError", "exit", "oserror"]
    lines = [f"probe fail {how}" for how in hows] + [
        "probe wrods",
        "probe words 'a",
        "probe words 'a b' \"c\"",
        "quit",
    ]
    done = cms("-i", stdin="\n".join(lines) + "\n")
    assert done.returncode == 0
    assert '["a b", "c"]' in done.stdout
    assert done.stderr.count("cms probe: ") == 5
    assert "the line cannot be split into words: a quote is not closed" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_an_interrupted_line_ends_a_piped_script(cms: Cms) -> None:
    done = cms(stdin="probe words before\nprobe fail interrupt\nprobe words after\n")
    assert (done.returncode, done.stderr) == (130, "cms probe: interrupted\n-:2: probe fail interrupt\n")
    assert '["before"]' in done.stdout and "after" not in done.stdout


def test_an_interrupted_batch_ends_a_piped_script(cms: Cms, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("probe fail interrupt\nprobe words within\n")
    done = cms(stdin="batch --keep-going s.txt\nprobe words after\n")
    assert done.returncode == 130
    assert done.stderr.startswith("cms probe: interrupted\ns.txt:1: probe fail interrupt\n")
    assert "within" not in done.stdout and "after" not in done.stdout


def test_on_a_terminal_the_repl_survives_ctrl_c(program: str, environment: dict[str, str]) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [program], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        os.close(theirs)
        os.write(ours, b"probe fail interrupt\n")
        # The prompt stands there, too: stdout is no terminal.
        assert process.stderr and process.stderr.readline() == "cms> cms probe: interrupted\n"
        time.sleep(0.3)
        # Now it waits at the prompt.
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        os.write(ours, b"probe words after\nquit\n")
        out, errors = process.communicate(timeout=30)
    os.close(ours)
    assert (process.returncode, errors.replace("cms> ", "").strip()) == (0, "")
    assert '["after"]' in out


def test_reader_that_leaves_early(bash: Bash) -> None:
    done = bash("cms probe rows 100000 --output=names | head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (141, "web0\n", "")


@pytest.mark.parametrize(
    ("redirection", "reason"), [(">/dev/full", "no space left on device"), (">&-", "stdout is closed")]
)
def test_output_that_cannot_be_written(bash: Bash, redirection: str, reason: str) -> None:
    done = bash(f"cms probe rows {redirection}")
    assert done.returncode == 1
    assert done.stderr == f"cms probe: the output cannot be written: {reason}\n"


def test_output_in_an_encoding_that_lacks_the_character(cms: Cms) -> None:
    done = cms("probe", "words", "ü", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, json.loads(done.stdout)) == (0, ["ü"])


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_exit_code_without_stderr(bash: Bash, redirection: str) -> None:
    assert bash(f"cms probe fail CloudError {redirection}").returncode == 4

"""``cms batch`` in a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cms = Callable[..., "subprocess.CompletedProcess[str]"]
Bash = Callable[[str], "subprocess.CompletedProcess[str]"]
Script = Callable[..., str]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(*lines: str, name: str = "s.txt") -> str:
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        return name

    return write


def test_lines_run_in_order_and_stdout_is_theirs_alone(cms: Cms, script: Script) -> None:
    name = script(
        "# a comment", "", "  # another", "probe words a", "!echo program", "foreign ok b", "probe text"
    )
    done = cms("batch", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == '["a"]\nprogram\nforeign b\nprose\n'


def test_stdin_without_prompt_or_banner(cms: Cms) -> None:
    done = cms("batch", "-", stdin="probe rows --output=json\n")
    assert json.loads(done.stdout) == [{"name": "web0"}, {"name": "web1"}]
    failed = cms("batch", "-", stdin="\nprobe fail CloudError\n")
    assert (failed.returncode, failed.stderr.splitlines()[-1]) == (4, "-:2: probe fail CloudError")


def test_windows_line_ends_and_a_mark_at_the_start(cms: Cms, tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_bytes(b"\xef\xbb\xbfprobe words a\r\nprobe words b")
    assert cms("batch", "s.txt").stdout == '["a"]\n["b"]\n'


def test_wrong_words_and_unknown_commands(cms: Cms, script: Script) -> None:
    done = cms("batch", "--keep-going", script("probe wrods", "prob text", "foreign okk", "banner"))
    assert done.returncode == 2
    assert "cms probe: unknown sub-command 'wrods'; did you mean 'words'?" in done.stderr
    assert "cms prob: there is no command 'prob'; did you mean 'probe'?" in done.stderr
    assert "cms foreign: unknown sub-command 'okk'; did you mean 'ok'?" in done.stderr
    assert "cms banner: 'banner' needs TEXT" in done.stderr


def test_ctrl_c_names_the_line(program: str, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("!echo ready\n!sleep 20\nprobe text\n")
    process = subprocess.Popen(
        [program, "batch", "s.txt"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("s.txt:2: !sleep 20\n")


def test_every_kind_of_command(cms: Cms, script: Script) -> None:
    lines = [
        "banner x",
        "echo hello",
        "bare a b",
        "version --help",
        "help probe",
        "dryrun on",
        "set cloud=uc",
    ]
    lines += ["probe words $cloud $HOME", "help", "EOF", "probe fail CloudError"]
    done = cms("batch", script(*lines), HOME="/h")
    assert (done.returncode, done.stderr) == (0, "")
    assert "# x" in done.stdout
    assert "bare a b" in done.stdout
    assert "For tests." in done.stdout
    assert '["uc", "/h"]' in done.stdout


def test_broken_packages_of_others(cms: Cms, script: Script, packages: Path, add_command: Any) -> None:
    add_command(packages, "broken", "import nothing_of_this_name\n")
    add_command(packages, "worse", "raise RuntimeError('x')\n")
    done = cms("batch", "--keep-going", script("broken x", "worse x", "bare a"))
    assert (done.returncode, done.stdout) == (1, "bare a\n")
    assert "its module cloudmesh.broken.command.broken is broken: ModuleNotFoundError" in done.stderr
    assert "its module cloudmesh.worse.command.worse is broken: RuntimeError: x" in done.stderr


def test_secrets_of_a_line_are_masked(cms: Cms, script: Script) -> None:
    done = cms("batch", script("probe fail CloudError OS_PASSWORD=hunter2"))
    assert done.returncode == 2
    assert done.stderr.endswith("s.txt:1: probe fail CloudError OS_PASSWORD=***\n")
    assert "hunter2" not in done.stderr
    done = cms("batch", script("OS_PASSWORD=hunter2"))
    assert done.returncode == 2
    assert "hunter2" not in done.stderr


def test_nested_scripts(cms: Cms, script: Script) -> None:
    script("probe text", "probe fail CloudError", name="inner.txt")
    done = cms("batch", script("batch inner.txt", "probe text"))
    assert (done.returncode, done.stdout) == (4, "prose\n")
    assert done.stderr.splitlines()[1:] == ["inner.txt:2: probe fail CloudError", "s.txt:1: batch inner.txt"]


def test_a_script_that_runs_itself_is_refused(cms: Cms, script: Script) -> None:
    script("batch ./s.txt", name="inner.txt")
    done = cms("batch", script("probe text", "batch inner.txt"))
    assert (done.returncode, done.stdout) == (2, "prose\n")
    assert "cms batch: the script './s.txt' is already running and cannot be run by itself\n" in done.stderr


def test_the_same_script_may_run_twice_in_turn(cms: Cms, script: Script) -> None:
    script("probe text", name="inner.txt")
    assert cms("batch", script("batch inner.txt", "batch inner.txt")).stdout == "prose\n" * 2


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.txt", "cannot be read: no such file or directory"),
        ("folder", "cannot be read: is a directory"),
        ("latin.txt", "is not a text in UTF-8 (byte 1)"),
    ],
)
def test_unusable_files(cms: Cms, tmp_path: Path, file: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.txt").write_bytes(b"p\xff")
    done = cms("batch", file)
    assert (done.returncode, done.stdout, done.stderr) == (
        2,
        "",
        f"cms batch: the script {file!r} {reason}\n",
    )


def test_reader_that_leaves_early_ends_the_script(bash: Bash, script: Script, tmp_path: Path) -> None:
    name = script("probe rows 100000 --output=names", "!touch reached")
    done = bash(f"cms batch --keep-going {name} | head -1; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stdout, done.stderr) == (141, "web0\n", "")
    assert not (tmp_path / "reached").exists()


def test_batch_in_the_repl(cms: Cms, script: Script) -> None:
    lines = f"batch {script('probe text', 'probe fail CloudError')}\nprobe words after\nquit\n"
    done = cms("-i", stdin=lines)
    assert done.returncode == 0
    assert "prose" in done.stdout
    assert '["after"]' in done.stdout
    assert "s.txt:2: probe fail CloudError" in done.stderr

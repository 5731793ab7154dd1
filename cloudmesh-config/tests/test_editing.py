"""``cms config edit``: a private copy, checked, put in place in one step, and no text of the user lost."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pexpect
import pytest

from cloudmesh.config.check.findings import check
from cloudmesh.config.command.config import ConfigCommand

Write = Callable[..., Path]
CMS = shutil.which("cms", path=str(Path(sys.executable).parent)) or "cms"
SECRET = "hunter2"
TEXT = f"""\
# mine
clouds:
  uc:
    type: simulated
    host: a.example.org   # a comment
    credentials: {{OS_PASSWORD: {SECRET}}}
"""
SET_HOST = "edit.write_text(edit.read_text().replace('a.example.org', 'b.example.org'))"
BREAK = f"edit.write_text(edit.read_text() + 'x: {SECRET}: y\\n')"


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make an editor of a few lines of Python, in which ``edit`` is the file to edit."""

    def function(lines: str) -> Path:
        script = tmp_path / "the editor.py"
        script.write_text(f"import sys, os, time, pathlib\nedit = pathlib.Path(sys.argv[-1])\n{lines}\n")
        monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}' --wait")
        monkeypatch.delenv("VISUAL", raising=False)
        return script

    return function


Editor = Callable[[str], Path]


def edit() -> subprocess.CompletedProcess[str]:
    """Run the command as the REPL does, with nobody at a terminal."""
    out, err, shell = io.StringIO(), io.StringIO(), SimpleNamespace()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO())
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            ConfigCommand.do_config(shell, "edit")
    assert SECRET not in out.getvalue() + err.getvalue()
    assert "an error of the program" not in err.getvalue()
    return subprocess.CompletedProcess("edit", shell.last_exit_code, out.getvalue(), err.getvalue())


def copies(home: Path) -> list[Path]:
    return sorted(home.glob("edit-*"))


def test_a_good_text_takes_the_place_of_the_file(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor(SET_HOST)
    done = edit()
    assert (done.returncode, done.stdout) == (0, "")
    assert f"{path} was changed" in done.stderr
    assert path.read_text() == TEXT.replace("a.example.org", "b.example.org")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert copies(home) == []


def test_the_copy_is_private_and_named_as_yaml(
    write: Write, home: Path, editor: Editor, tmp_path: Path
) -> None:
    path = write(TEXT)
    before = path.stat().st_ino
    seen = tmp_path / "seen"
    editor(
        f"pathlib.Path({str(seen)!r}).write_text(f'{{edit}}|{{edit.stat().st_mode & 0o777:o}}|"
        "{edit.parent.stat().st_mode & 0o777:o}|{edit.read_text()}')\n"
        "pathlib.Path(f'{edit}~').write_text('a backup')"
    )
    old = os.umask(0)
    try:
        done = edit()
    finally:
        os.umask(old)
    assert f"nothing was changed in {path}" in done.stderr and path.stat().st_ino == before
    name, mode, around, text = seen.read_text().split("|")
    assert Path(name).suffix == ".yaml"
    assert Path(name).parent.parent == home
    assert (mode, around, text) == ("600", "700", TEXT)
    assert copies(home) == [], "backups of the editor go with the copy"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (BREAK, 7),
        ("edit.write_text('')", 1),
        (f"edit.write_bytes(b'a: 1\\nb: \\xff{SECRET}')", 2),
        (f"edit.write_text('a: 1\\nb: 2\\nc: {SECRET}\\x07')", 3),
        (f"edit.write_text('a: {SECRET}\\na: {SECRET}')", 2),
        ("edit.write_text(edit.read_text().replace('type: simulated', 'type: simulate'))", 4),
    ],
)
def test_a_bad_text_is_refused_and_kept(
    write: Write, home: Path, editor: Editor, change: str, line: int
) -> None:
    path = write(TEXT)
    editor(change)
    done = edit()
    assert done.returncode == 3
    assert f"{path}:{line}: error:" in done.stderr
    assert path.read_text() == TEXT
    (directory,) = copies(home)
    assert any(f"{directory / 'class.yaml'} was kept by" in each.message for each in check(path))
    assert f"your text is kept in {directory / 'class.yaml'}" in done.stderr
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert (directory / "class.yaml").read_bytes() != TEXT.encode()


def test_errors_that_were_there_before_do_not_block(write: Write, editor: Editor) -> None:
    text = TEXT.replace("simulated", "nosuch")
    path = write(text)
    editor(SET_HOST)
    done = edit()
    assert done.returncode == 0
    assert "'cms config check' reports 1 finding" in done.stderr
    assert "b.example.org" in path.read_text()
    editor("edit.write_text(edit.read_text() + '  x: {type: nosuch}\\n')")
    assert edit().returncode == 3, "one more is refused"


def test_a_file_that_cannot_be_loaded_can_be_mended(write: Write, editor: Editor) -> None:
    path = write("clouds: {uc: {type: nosuch}}\n\tx\n")
    editor("edit.write_text(edit.read_text().replace('\\tx\\n', ''))")
    assert edit().returncode == 0
    assert path.read_text() == "clouds: {uc: {type: nosuch}}\n"


def test_an_editor_that_fails_changes_nothing(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor("sys.exit(7)")
    done = edit()
    assert done.returncode == 1
    assert "exited with code 7" in done.stderr
    assert copies(home) == []
    editor(f"{SET_HOST}; sys.exit(7)")
    done = edit()
    assert done.returncode == 1
    assert path.read_text() == TEXT
    assert f"your text is kept in {copies(home)[0]}" in done.stderr


@pytest.mark.parametrize("line", ["nosuch-editor --wait", "/", "nano 'open"])
def test_an_editor_that_is_none(write: Write, home: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    path = write(TEXT)
    monkeypatch.setenv("VISUAL", line)
    done = edit()
    assert done.returncode == 3
    assert "editor" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (path.read_text(), copies(home)) == (TEXT, [])


def test_no_editor_at_all(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from cloudmesh.config.editing import in_editor as module
    from cloudmesh.plugin.errors import ConfigError

    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "  ")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(ConfigError, match="no terminal"):
        module.choose_editor()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    with pytest.raises(ConfigError, match="export EDITOR=nano"):
        module.choose_editor()
    vi = tmp_path / "vi"
    vi.write_text("#!/bin/sh\n")
    vi.chmod(0o700)
    assert module.choose_editor() == ["vi"]
    monkeypatch.setenv("EDITOR", "code --wait")
    assert module.choose_editor() == ["code", "--wait"]
    monkeypatch.setenv("VISUAL", "'my editor'")
    assert module.choose_editor() == ["my editor"]


def test_a_copy_that_the_editor_removed(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor("edit.unlink()")
    done = edit()
    assert done.returncode == 1
    assert "deleted its copy" in done.stderr
    assert (path.read_text(), copies(home)) == (TEXT, [])


def test_a_file_changed_meanwhile_is_not_written_over(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor(f"{SET_HOST}\nos.system('{CMS} config set clouds.uc.name=Other')")
    done = edit()
    assert done.returncode == 3
    assert "changed by another process meanwhile" in done.stderr
    assert "name: Other" in path.read_text()
    assert "b.example.org" not in path.read_text()
    assert "b.example.org" in (copies(home)[0] / "class.yaml").read_text()


def test_many_sets_and_edits_at_once_lose_nothing(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor("edit.write_text(edit.read_text() + f'# by {os.getpid()}\\n')")
    edits = [
        subprocess.Popen([CMS, "config", "edit"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    sets = [subprocess.Popen([CMS, "config", "set", f"clouds.uc.k{number}=v"]) for number in range(4)]
    assert [process.wait() for process in sets] == [0] * 4
    ends = [process.communicate()[1] for process in edits]
    done = sum("was changed" in end and "by another process" not in end for end in ends)
    text = path.read_text()
    assert all(f"k{number}: v" in text for number in range(4))
    assert text.count("# by ") == done
    assert len(copies(home)) == 4 - done


def test_a_symlink_stays_one(write: Write, home: Path, editor: Editor, tmp_path: Path) -> None:
    target = tmp_path / "real.yaml"
    write(TEXT).rename(target)
    (home / "class.yaml").symlink_to(target)
    editor(SET_HOST)
    assert edit().returncode == 0
    assert (home / "class.yaml").is_symlink()
    assert "b.example.org" in target.read_text()
    assert list(tmp_path.glob("edit-*")) == []


def test_a_missing_or_open_file_is_refused_before_the_editor_starts(
    write: Write, home: Path, editor: Editor, tmp_path: Path
) -> None:
    editor(f"pathlib.Path({str(tmp_path / 'ran')!r}).touch()")
    assert "cms config init" in edit().stderr
    write(TEXT, 0o644)
    assert edit().returncode == 3
    assert not (tmp_path / "ran").exists()


def started(home: Path) -> subprocess.Popen[str]:
    """An edit whose editor runs."""
    process = subprocess.Popen(
        [CMS, "config", "edit"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    end = time.monotonic() + 20
    while not list(home.glob("edit-*/swap")) and time.monotonic() < end:
        time.sleep(0.02)
    return process


def interrupted(home: Path) -> tuple[int, str]:
    """Press Ctrl-C while the editor runs: the exit code, and what was told."""
    process = started(home)
    os.killpg(process.pid, signal.SIGINT)
    message = process.communicate(timeout=20)[1]
    return process.returncode, message


def exposed(home: Path) -> list[Path]:
    """The files with the secret, but for the configuration."""
    files = [file for file in home.rglob("*") if file.is_file() and file.name != ".editing"]
    return [file for file in files if SECRET in file.read_text() and file != home / "class.yaml"]


SWAP = "(edit.parent / 'swap').write_text(edit.read_text())\n"
STUBBORN = "import signal\nfor each in (1, 15):\n    signal.signal(each, signal.SIG_IGN)\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize(("send", "before"), [(os.kill, ""), (os.killpg, ""), (os.kill, STUBBORN)])
def test_a_signal_removes_the_copy(
    write: Write, home: Path, editor: Editor, number: int, send: Callable[[int, int], None], before: str
) -> None:
    path = write(TEXT)
    editor(f"{before}{SWAP}{SET_HOST}\ntime.sleep(60)")
    process = started(home)
    send(process.pid, number)
    message = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert f"interrupted by {signal.Signals(number).name}; {path} was not changed" in message
    assert (path.read_text(), copies(home), exposed(home)) == (TEXT, [], [])


def test_what_a_kill_left_is_swept_and_told_by_the_next_command(
    write: Write, home: Path, editor: Editor
) -> None:
    write(TEXT)
    editor(f"{SWAP}time.sleep(60)")
    process = started(home)
    words = [CMS, "config", "get", "clouds.uc.host"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stderr == ""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    (copy,) = copies(home)
    (home / ".class.yaml.0123456789ab.tmp").write_text(TEXT)
    (home / "edit-mine").mkdir()
    assert len(exposed(home)) == 3
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    assert told.stdout == "a.example.org\n"
    assert f"{copy}, left by a killed 'cms config edit', was removed" in told.stderr
    assert ".class.yaml.0123456789ab.tmp, left by a killed command, was removed" in told.stderr
    assert exposed(home) == [] and copies(home) == [home / "edit-mine"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stderr == ""


def test_ctrl_c_removes_the_copy(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor(f"{SWAP}time.sleep(60)")
    code, message = interrupted(home)
    assert code == 130
    assert message.count("cms config: ") == 1
    assert (path.read_text(), copies(home)) == (TEXT, [])


def test_ctrl_c_is_left_to_an_editor_that_uses_it(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor(f"import signal\nsignal.signal(signal.SIGINT, lambda *_: None)\n{SWAP}time.sleep(1)\n{SET_HOST}")
    assert interrupted(home)[0] == 0
    assert "b.example.org" in path.read_text()


def at_a_terminal() -> pexpect.spawn:
    return pexpect.spawn(CMS, ["config", "edit"], encoding="utf-8", timeout=20)


def test_at_a_terminal_one_may_go_on_with_the_same_text(write: Write, home: Path, editor: Editor) -> None:
    path = write(TEXT)
    editor(
        "text = edit.read_text()\nif 'y: [' in text:\n    edit.write_text(text.replace('y: [', 'y: 1'))\n"
        "else:\n    edit.write_text(text + 'y: [\\n')"
    )
    child = at_a_terminal()
    child.expect(r"class.yaml:7: error:")
    child.expect(r"edit again\? \[Y/n\] ")
    child.sendline("")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert path.read_text() == TEXT + "y: 1\n"
    assert copies(home) == []


@pytest.mark.parametrize(("answer", "code"), [("n\r", 3), ("\x04", 3), ("\x03", 130)])
def test_at_a_terminal_one_may_stop(write: Write, home: Path, editor: Editor, answer: str, code: int) -> None:
    path = write(TEXT)
    editor(BREAK)
    child = at_a_terminal()
    child.expect(r"edit again\? \[Y/n\] ")
    child.send(answer)
    child.expect("your text is kept in")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code
    assert path.read_text() == TEXT
    assert SECRET in (copies(home)[0] / "class.yaml").read_text()

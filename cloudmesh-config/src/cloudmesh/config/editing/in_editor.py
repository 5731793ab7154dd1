"""Changing the configuration with an editor, on a private copy that takes the file's place if it is good."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from cloudmesh.config.check.findings import Finding, check_text
from cloudmesh.config.yaml import config_file, leftovers, reader
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, Interrupted

# Told what is wrong with the new text; says whether the user goes on editing it.
Again = Callable[[list[Finding]], bool]


@dataclass(frozen=True)
class Edited:
    """What came of it: whether the file was changed, and what is wrong with it now."""

    changed: bool
    findings: list[Finding]


@dataclass
class _Copy:
    """The file that is edited; ``kept`` if it holds a text of the user that is nowhere else."""

    path: Path
    # Locked while it is edited; without it the directory is never swept.
    mark: Path
    kept: bool = False

    def keep(self) -> str:
        """Let it stay; gives half a sentence that tells where."""
        self.kept = True
        self.mark.unlink(missing_ok=True)
        return f"your text is kept in {self.path}"


def edit_file(path: Path, again: Again) -> Edited:
    """Let the user edit the configuration, and put the new text in place in one step if it is good.

    It is good if it can be loaded and has no more errors than the old one, which may have some already.

    Raises:
        ConfigError: the file is refused, there is no editor, the text stayed bad, or the file was changed
            meanwhile; the last two tell where the text is kept.
        CloudmeshError: the editor failed.
        Interrupted: Ctrl-C, SIGTERM or SIGHUP; the file is as it was.
    """
    words = choose_editor()
    old = config_file.read(path)
    try:
        reader.parse(old, path)
        allowed: float = len(_errors(old, path))
    except ConfigError:
        # What cannot be loaded may have any number of errors afterwards.
        allowed = inf
    with _ended_by_signals(path), _copy_of(old, path) as copy:
        while True:
            _run(words, copy, old)
            text, errors = _judge(copy.path, path, allowed)
            if text == old:
                return Edited(False, [])
            if not errors:
                return _install(copy, path, old, text)
            try:
                goes_on = again(errors)
            except KeyboardInterrupt:
                raise Interrupted(f"interrupted, and {path} was not changed; {copy.keep()}") from None
            if not goes_on:
                raise ConfigError(f"{path} was not changed, because the new text has errors; {copy.keep()}")


def _run(words: list[str], copy: _Copy, old: str) -> None:
    try:
        run_editor(words, copy.path)
    except (Interrupted, ConfigError):
        raise
    except CloudmeshError as error:
        try:
            changed = config_file.read(copy.path, private=False) != old
        except config_file.FileError:
            changed = copy.path.exists()
        if changed:
            raise CloudmeshError(f"{error}; {copy.keep()}") from None
        raise


def _judge(copy: Path, path: Path, allowed: float) -> tuple[str, list[Finding]]:
    """The new text, and the errors on account of which it is refused, as if it were in the file already."""
    if not copy.exists():
        raise CloudmeshError(f"the editor deleted its copy, so {path} was not changed; try again")
    text = ""
    try:
        text = config_file.read(copy, private=False)
        reader.parse(text, path)
    except config_file.FileError as error:
        first = Finding("error", path, error.line or 1, error.message, error.remedy)
        return text, (_errors(text, path) if text else []) or [first]
    errors = _errors(text, path)
    return text, errors if len(errors) > allowed else []


def _errors(text: str, path: Path) -> list[Finding]:
    found = (finding for finding in check_text(text, path) if finding.level == "error")
    return sorted(found, key=lambda finding: finding.line)


def _install(copy: _Copy, path: Path, old: str, text: str) -> Edited:
    """Put the text in place, unless the file was changed since the copy was made."""
    try:
        with config_file.locked(path):
            if config_file.read(path) != old:
                raise ConfigError(f"{path} was changed by another process meanwhile and is left as it is")
            config_file.replace(path, text)
    except ConfigError as error:
        raise ConfigError(f"{error}; {copy.keep()}") from None
    return Edited(True, list(check_text(text, path)))


@contextlib.contextmanager
def _copy_of(text: str, path: Path) -> Iterator[_Copy]:
    """A copy in a private directory of its own, where an editor's backups stay with it.

    Its name ends with .yaml, by which editors know how to show it. All is removed afterwards, also on
    Ctrl-C and other signals, unless the copy is to be kept; after a kill the next command removes it.
    """
    try:
        directory = Path(tempfile.mkdtemp(prefix=leftovers.EDITING, dir=path.resolve().parent))
    except OSError as error:
        raise ConfigError(
            f"cannot create a copy beside {path} ({error.strerror}); check the permissions of its directory"
        ) from None
    copy = _Copy(directory / f"{path.stem}.yaml", directory / leftovers.MARK)
    try:
        with files.file_lock(copy.mark):
            config_file.create(copy.path, text)
            yield copy
    finally:
        if not copy.kept:
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _ended_by_signals(path: Path) -> Iterator[None]:
    """Within the block SIGTERM, SIGHUP and SIGQUIT raise Interrupted, once, so that all is cleared up."""
    before: dict[int, Any] = {}

    def end(number: int, _: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(
            f"interrupted by {signal.Signals(number).name}; {path} was not changed, and your text was deleted"
        )

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            usual = signal.getsignal(number)
            if usual not in (None, signal.SIG_IGN):
                before[number] = usual
                signal.signal(number, end)
    try:
        yield
    finally:
        for changed, usual in before.items():
            signal.signal(changed, usual)


VARIABLES = ("VISUAL", "EDITOR")
DEFAULTS = ("nano", "vi")
_SECONDS_TO_END = 2
_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)


def choose_editor() -> list[str]:
    """The words that start the editor: ``$VISUAL``, ``$EDITOR``, else nano or vi.

    Raises ConfigError if there is none, if the variable cannot be split into words, or if it takes an
    editor of the terminal and there is no terminal.
    """
    for variable in VARIABLES:
        if line := os.environ.get(variable, "").strip():
            try:
                return shlex.split(line)
            except ValueError:
                raise ConfigError(
                    f"the editor in {variable} has an unclosed quote; set it again, "
                    f"such as: export {variable}=nano"
                ) from None
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigError("there is no terminal for an editor; set EDITOR to one that needs none")
    for name in DEFAULTS:
        if shutil.which(name):
            return [name]
    raise ConfigError("no editor was found; set EDITOR, such as: export EDITOR=nano")


def run_editor(words: list[str], file: Path) -> None:
    """Run the editor on a file and wait for it.

    Raises:
        ConfigError: there is no such program, or it cannot be started.
        CloudmeshError: it ended with a failure.
        Interrupted: it was ended by Ctrl-C, or we by another signal.
    """
    try:
        with _left_to_the_editor(), subprocess.Popen([*words, str(file)]) as process:
            try:
                code = process.wait()
            except BaseException:
                # It puts the terminal in order, if it is given the time.
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_SECONDS_TO_END)
                process.kill()
                raise
    except OSError as error:
        raise ConfigError(
            f"the editor {words[0]!r} could not be started ({error.strerror}); set EDITOR to another one"
        ) from None
    if code in _INTERRUPTED:
        raise Interrupted("the editor was interrupted, and nothing was changed")
    if code:
        raise CloudmeshError(
            f"the editor {words[0]!r} exited with code {code}, so nothing was changed; try again"
        )


@contextlib.contextmanager
def _left_to_the_editor() -> Iterator[None]:
    """Ctrl-C reaches the editor, for which it may be a key like any other, but does not end us."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A function, not SIG_IGN, which the editor would inherit.
    old = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)

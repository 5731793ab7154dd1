"""The variables of the shell: those that ``cms set name=value`` keeps, and those of a script that is running.

cmd5 keeps the former in its file ``variables.dat``. ``variable`` reads one of them, ``values`` all, and
``given`` lays those of a script over them. ``guard`` replaces the method of cmd5 that writes the file, for
the whole process: cmd5 makes its objects in many places, so that there is no single one that could be given
a better method.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cloudmesh.plugin.errors import ConfigError

_VARIABLES, _DEFAULTS = "variables.dat", "default-data"
# A text for every reader of YAML: none of its words for true, false and null, and no number.
_WORD = r"(?!(?:y|n|yes|no|on|off|true|false|null)\b)[A-Za-z][\w/-]*"
_LINE = rf"(?P<name>{_WORD}): (?:(?P<value>{_WORD})|'(?P<quoted>[\w/.-]+)')"
# How long another process may need to write the file, in seconds.
_WRITE_SECONDS = 1.0
# A file that was written a shorter time ago, in nanoseconds, may be written again without a change of its
# time, which the system counts in steps of some milliseconds.
_SETTLED_NS = 100_000_000

# Those of the scripts that are running. They belong to the process, as the kept ones belong to the user.
_given: dict[str, str] = {}
# What the lines of a dry run would have kept, by file; None for what they would have deleted.
_rehearsed: dict[str, dict[str, str | None]] = {}


class Unknown(str):
    """Stands for a value that is not told: one that only a run would show, or a secret."""


class _Content(NamedTuple):
    """What is in a file, and by what one can see that it still is: its inode, size and times."""

    identity: tuple[int, ...]
    values: dict[str, str]


_seen: dict[Path, _Content] = {}


def variable(name: str) -> str | None:
    """The value of a variable of the shell; None if it is not set or empty. Raises as ``values`` does."""
    return values().get(name) or None


def values() -> dict[str, str]:
    """All variables: those that are kept, and over them those that are given to the running script.

    Raises:
        ConfigError: the file is there and cannot be read, or stays half-written. It may name the cloud
            that is meant, so it must not count as absent.
    """
    return _kept(_VARIABLES) | _given


def defaults() -> dict[str, str]:
    """What ``cms default NAME=VALUE`` keeps: by ``NAME``, or ``CONTEXT.NAME`` where that is not global.

    Raises as ``values`` does.
    """
    found = {name.replace(",", "."): value for name, value in _kept(_DEFAULTS).items()}
    return {name.removeprefix("global."): value for name, value in found.items()}


@contextlib.contextmanager
def given(more: Mapping[str, str]) -> Iterator[None]:
    """Within the block these variables win over those that are kept, and over those of a block around it."""
    before = dict(_given)
    _given.update(more)
    try:
        yield
    finally:
        _given.clear()
        _given.update(before)


@contextlib.contextmanager
def rehearsal() -> Iterator[None]:
    """Within the block ``rehearse`` may change what is kept, for this process alone."""
    try:
        yield
    finally:
        _rehearsed.clear()


def rehearse(name: str, value: str | None) -> None:
    """Count a variable as kept with this value, or as deleted if that is None."""
    _rehearsed.setdefault(_VARIABLES, {})[name] = value


def rehearse_default(name: str, value: str | None) -> None:
    """The same for what ``cms default NAME=VALUE`` keeps."""
    _rehearsed.setdefault(_DEFAULTS, {})[f"global,{name}"] = value


def dryrun_is_on() -> bool:
    """Whether ``cms dryrun on`` was said, so that nothing may be changed. An odd value counts as on."""
    return (variable("dryrun") or "off").lower() not in ("off", "false", "0", "f", "none")


def _kept(name: str) -> dict[str, str]:
    """What is in a file of cmd5's, with the changes of a dry run."""
    found: dict[str, str | None] = {**_read(name), **_rehearsed.get(name, {})}
    return {key: value for key, value in found.items() if value is not None}


def _read(name: str) -> dict[str, str]:
    """What is in a file of cmd5's; waits for a while if it is just being written."""
    from cloudmesh.common.base import Base

    path = Path(Base(create=False).path) / name
    deadline = time.monotonic() + _WRITE_SECONDS
    while True:
        try:
            found = _values(path)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise ConfigError(
                f"the variables of the shell cannot be read: {error.strerror}: {path}"
            ) from None
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise ConfigError(
                f"the file of the shell's variables, {path}, is damaged; remove it and set them again"
            )
        time.sleep(0.02)


def _values(path: Path) -> dict[str, str] | None:
    """The variables; None while the file is empty or no YAML, as cmd5 leaves it while it writes."""
    status = path.stat()
    identity = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    seen = _seen.get(path)
    if seen and seen.identity == identity:
        return seen.values
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
    values = _simple(text)
    if values is None:
        import yaml  # type: ignore[import-untyped]  # it costs a start as much as all of this package

        try:
            loaded = yaml.safe_load(text)
        except yaml.YAMLError:
            return None
        if not isinstance(loaded, dict):
            return None
        values = {str(key): "" if value is None else str(value) for key, value in loaded.items()}
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_NS:
        _seen[path] = _Content(identity, values)
    return values


def _simple(text: str) -> dict[str, str] | None:
    """The values of a file of lines ``name: value``, each of them a plain word; None if it holds more."""
    if text == "{}\n":
        return {}
    lines = text.splitlines()
    found = [re.fullmatch(_LINE, line, re.IGNORECASE | re.ASCII) for line in lines]
    if not (lines and all(found) and text.endswith("\n")):
        return None
    values = {match["name"]: match["value"] or match["quoted"] for match in found if match}
    return values if len(values) == len(lines) else None


def guard() -> None:
    """Make cmd5 write its variables in one step, and only if they have changed.

    cmd5 truncates and rewrites the file in every process, even one that only reads: of two at once, one reads
    an empty file and loses the variable ``cloud`` for both, so that a command goes to another cloud. Nothing
    is done outside the shell, which has loaded the class by the time it loads a command. What two processes
    set at the same time is kept of both.
    """
    module = sys.modules.get("cloudmesh.common.strdb")
    if module is not None:
        module.YamlDB.flush = _flush


def _flush(store: Any) -> None:
    """Write the variables of a ``YamlDB``; what takes the place of its method ``flush``."""
    import yaml

    from cloudmesh.plugin import files

    path = Path(store.path)
    if files.drafts(path):
        with contextlib.suppress(OSError), files.file_lock(path.parent):
            # Those of a writer at work are gone by now.
            if swept := files.sweep_drafts(path):
                print(
                    f"note: {len(swept)} unfinished {path.name} of a killed command removed", file=sys.stderr
                )
    new = yaml.safe_dump(store._db, default_flow_style=False, sort_keys=False)
    old = _text(path)
    # An empty file is being written by another process, and must not be taken for no variables.
    if old != new and (old or old is None or store._db):
        try:
            # The lock keeps the draft from being swept, and nothing that others set from being lost.
            with files.file_lock(path.parent):
                store._db = _merged(store._db, vars(store).get("written", {}), _text(path) or "")
                new = yaml.safe_dump(store._db, default_flow_style=False, sort_keys=False)
                files.replace_private(path, new.encode())
        except OSError:
            if store._db:
                raise
    store.written = dict(store._db)


def _merged(mine: Mapping[str, Any], before: Mapping[str, Any], text: str) -> dict[str, Any]:
    """What is in the file now, with what this process has changed since ``before`` was in it."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    theirs = found if isinstance(found, dict) else {}
    kept = {key: value for key, value in theirs.items() if key in mine or key not in before}
    return kept | {key: value for key, value in mine.items() if key not in before or before[key] != value}


def _text(path: Path) -> str | None:
    """What is in a file; None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None

"""The variables of the shell, as ``cms set name=value`` keeps them in the file ``variables.dat`` of cmd5.

``variable`` reads one of them. ``guard`` replaces the method of cmd5 that writes the file, for the whole
process: cmd5 makes its objects in many places, so that there is no single one that could be given a better
method.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import Any

from cloudmesh.plugin.errors import ConfigError

# How long another process may need to write the file, in seconds.
_WRITE_SECONDS = 1.0


def variable(name: str) -> str | None:
    """The value of a variable of the shell; None if it is not set or empty.

    Raises:
        ConfigError: the file is there and cannot be read, or stays half-written. It may name the cloud
            that is meant, so it must not count as absent.
    """
    from cloudmesh.common.base import Base

    path = Path(Base(create=False).path) / "variables.dat"
    deadline = time.monotonic() + _WRITE_SECONDS
    while True:
        try:
            values = _values(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise ConfigError(
                f"the variables of the shell cannot be read: {error.strerror}: {path}"
            ) from None
        if values is not None:
            value = values.get(name)
            return None if value is None or value == "" else str(value)
        if time.monotonic() > deadline:
            raise ConfigError(
                f"the file of the shell's variables, {path}, is damaged; remove it and set them anew"
            )
        time.sleep(0.02)


def _values(path: Path) -> dict[str, Any] | None:
    """The variables; None while the file is empty or no YAML, as cmd5 leaves it while it writes."""
    # cmd5 has loaded it already.
    import yaml  # type: ignore[import-untyped]

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        return None
    return values if isinstance(values, dict) else None


def guard() -> None:
    """Make cmd5 write its variables in one step, and only if they have changed.

    cmd5 truncates and rewrites the file in every process, even one that only reads: of two at once, one reads
    an empty file and loses the variable ``cloud`` for both, so that a command goes to another cloud. Nothing
    is done outside the shell, which has loaded the class by the time it loads a command.
    """
    module = sys.modules.get("cloudmesh.common.strdb")
    if module is not None:
        module.YamlDB.flush = _flush


def _flush(store: Any) -> None:
    """Write the variables of a ``YamlDB``; what takes the place of its method ``flush``."""
    import yaml

    from cloudmesh.plugin.files import replace_private  # few processes write

    path = Path(store.path)
    new = yaml.safe_dump(store._db, default_flow_style=False, sort_keys=False)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        old = path.read_text(encoding="utf-8")
        # An empty file is being written by another process, and must not be taken for no variables.
        if old == new or (not old and not store._db):
            return
    try:
        replace_private(path, new.encode())
    except OSError:
        if store._db:
            raise

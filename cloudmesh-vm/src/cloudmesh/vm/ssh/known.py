"""What our file of host keys tells of many machines, read once for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cloudmesh.cloud.access.known_hosts import RETIRED, known_hosts_file


class _Known(NamedTuple):
    """The names of which keys are known, and the line on the former keys of each that has any."""

    names: frozenset[str]
    former: Mapping[str, str]


def is_known(alias: str) -> bool:
    """Whether a host key is known under this name, so that only that one may answer."""
    return alias in _now().names


def former(alias: str) -> str:
    """What is remembered of keys that were forgotten, which is another text each time; empty for none."""
    return _now().former.get(alias, "")


def _now() -> _Known:
    path = known_hosts_file()
    try:
        told = path.stat()
    except OSError:
        return _Known(frozenset(), {})
    return _read(str(path), told.st_mtime_ns, told.st_size)


@lru_cache(maxsize=2)
def _read(path: str, changed: int, size: int) -> _Known:
    names: set[str] = set()
    retired: dict[str, str] = {}
    for row in Path(path).read_text("utf-8", "replace").splitlines():
        if row.startswith(RETIRED):
            retired[row.removeprefix(RETIRED).partition(" ")[0]] = row
        elif row.strip() and row[0] not in "#@":
            names.update(row.split(None, 1)[0].split(","))
    return _Known(frozenset(names), retired)

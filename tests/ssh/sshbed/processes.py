"""Which processes of this computer belong to a test: by their environment, or by who started them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def having(word: str) -> set[int]:
    """The ids of the processes that were started with this ``NAME=value`` in their environment."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                variables = (folder / "environ").read_bytes().split(b"\0")
                # A process that has ended and waits for its parent has an empty environment.
            except OSError:
                continue
            if word.encode() in variables:
                found.add(int(folder.name))
    return found


def of_home(home: Path) -> set[int]:
    """The ids of what was started with this home, and of the connections whose sockets lie in it.

    A connection that ssh keeps shows its socket in place of its words, and nothing of its environment.
    """
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdecimal()]
    kept = {pid for pid in pids if f"ssh: {home}/" in " ".join(command_line(pid))}
    return having(f"HOME={home}") | kept


def command_line(pid: int) -> list[str]:
    """The words of a process, as every user of the computer can see them; empty if it has ended."""
    try:
        text = Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return []
    return text.decode(errors="replace").split("\0")[:-1]


def descendants(pid: int) -> set[int]:
    """The processes that this one has started, and those that they have started, and so on."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                # The name before it may hold blanks and brackets.
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = set(children.get(waiting.pop(), [])) - found
        found |= new
        waiting += new
    return found


def kill(pids: Iterable[int]) -> None:
    """End these at once; those that are gone already are left out."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

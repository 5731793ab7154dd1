"""The process of a machine: started so that it outlives us, found again, and ended."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from cloudmesh.cloud.errors import Refused
from cloudmesh.plugin.plain import harmless

ERRORS = "qemu.err"
# Beside the folders of the machines: QEMU removes its file by the whole path that this had when it started.
PIDS = ".run"
_PROC = Path("/proc")
_TICK = 0.01
_EXEC = 2.0
# The kernel may need a while to give back the memory of a large machine.
_KILLED_WITHIN = 30.0
# The shell starts QEMU, tells its number and ends; init is its parent then, and nobody here has to wait.
_DETACH = '"$@" >&2 & echo $!'


def host_boot() -> str:
    """What the kernel calls the time since this computer was started; empty where it does not say."""
    with contextlib.suppress(OSError):
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ""


def pid_file(folder: Path, uuid: str) -> Path:
    """Where the number of a machine's process is; QEMU removes it when it ends in order."""
    return folder.parent / PIDS / f"{uuid}.pid"


def spawn(words: Sequence[str], folder: Path, uuid: str, keep: Sequence[int] = ()) -> int:
    """Start QEMU in a machine's folder, in a session of its own, and give the number of its process.

    What it prints goes to a file there. It has no other open files than that, and ``keep``. Raises Refused if
    it cannot be started.
    """
    file = pid_file(folder, uuid)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.unlink(missing_ok=True)
    with (folder / ERRORS).open("wb") as errors:
        try:
            told = subprocess.run(
                ["/bin/sh", "-c", _DETACH, "sh", *words],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                pass_fds=keep,
                check=True,
            )
            return int(told.stdout)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise Refused(f"{words[0]} cannot be started: {harmless(str(error))}") from error


def last_words(folder: Path) -> str:
    """The last line that QEMU printed, fit to be shown; empty for none."""
    try:
        with (folder / ERRORS).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line.strip()), "")
    # QEMU puts its own name before what it says.
    return harmless(last.strip().removeprefix("qemu-system-x86_64: "))


def find(folder: Path, uuid: str) -> int:
    """The process of a machine; 0 if there is none. A number that another program has by now is not it."""
    try:
        number = int(pid_file(folder, uuid).read_text().strip() or 0)
    except (OSError, ValueError):
        return 0
    return number if number and is_machine(number, uuid) else 0


def end_all(folder: Path, uuid: str) -> None:
    """End whatever runs for a machine, also where its file is not written yet or was removed."""
    kill(folder, uuid, find(folder, uuid))
    while number := search(uuid):
        kill(folder, uuid, number)


def search(uuid: str) -> int:
    """The same without the file, for one that was just being made; 0 for none, or where /proc is not."""
    with contextlib.suppress(OSError):
        for each in _PROC.iterdir():
            if each.name.isdecimal() and is_machine(int(each.name), uuid):
                return int(each.name)
    return 0


def is_machine(number: int, uuid: str) -> bool:
    """Whether a process is the QEMU with this id. A dead one that nobody waited for has no words."""
    words = _words(number)
    return ("-uuid", uuid) in pairwise(words)


def _words(number: int) -> list[str]:
    """The command line of a process; none if it is not there."""
    if _PROC.joinpath("self").exists():
        place, end = _PROC / str(number), time.monotonic() + _EXEC
        try:
            # While the kernel puts QEMU in the place of the shell there are no words for a moment. What has
            # ended has no program, either.
            while not (words := (place / "cmdline").read_bytes()) and place.joinpath("exe").readlink():
                if time.monotonic() >= end:
                    break
                time.sleep(_TICK)
            return words.decode(errors="replace").split("\0")
        except OSError:
            return []
    ps = shutil.which("ps") or "/bin/ps"
    told = subprocess.run(
        [ps, "-ww", "-o", "command=", "-p", str(number)], capture_output=True, text=True, check=False
    )
    return told.stdout.split()


def await_end(uuid: str, number: int, seconds: float) -> bool:
    """Wait until a machine's process is gone; False if it is still there after so many seconds."""
    end = time.monotonic() + seconds
    while is_machine(number, uuid):
        if time.monotonic() >= end:
            return False
        time.sleep(_TICK)
    return True


def kill(folder: Path, uuid: str, number: int) -> None:
    """End a process without asking, if it is that of this machine. Raises Refused if it stays."""
    if is_machine(number, uuid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        if not await_end(uuid, number, _KILLED_WITHIN):
            raise Refused(f"process {number} of QEMU does not end, though it was killed; is its disk stuck?")
    pid_file(folder, uuid).unlink(missing_ok=True)

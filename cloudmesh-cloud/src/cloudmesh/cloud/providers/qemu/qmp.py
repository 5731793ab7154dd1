"""What QEMU is told and asked, by QMP: one short connection for each call.

A second client waits until the first one leaves, so call with the machine's lock held.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudmesh.cloud.errors import CloudTimeout, Refused, Unreachable
from cloudmesh.plugin.plain import harmless

SOCKET = "qmp.sock"
QUICK = 10.0
# What the kernel takes as the path of a socket, with its end, on any system.
_LONGEST_PATH = 103
Command = tuple[str, Mapping[str, Any]]


def command(name: str, **arguments: Any) -> Command:
    """A command with its arguments, whose names have ``_`` for ``-``."""
    return name, {key.replace("_", "-"): value for key, value in arguments.items()}


def ask(folder: Path, *commands: Command, timeout: float = QUICK) -> list[Any]:
    """What QEMU answers to commands, one after the other.

    Raises:
        Unreachable: nobody listens, or the process ended meanwhile.
        CloudTimeout: there was no answer in so many seconds.
        Refused: QEMU would not do it.
    """
    # With them comes asyncio: QEMU is starting meanwhile.
    import asyncio

    from qemu.qmp import ConnectError, ExecInterruptedError, ExecuteError, QMPError

    with _reachable(folder / SOCKET) as path:
        try:
            return asyncio.run(asyncio.wait_for(_talk(path, commands), timeout))
        except (asyncio.TimeoutError, TimeoutError):
            raise CloudTimeout(f"QEMU of {folder.name} did not answer within {timeout:g} s") from None
        except ExecuteError as error:
            raise Refused(
                f"QEMU refused {commands[0][0]} for {folder.name}: {harmless(str(error))}"
            ) from error
        except (ConnectError, ExecInterruptedError, QMPError, EOFError, OSError) as error:
            raise Unreachable(f"QEMU of {folder.name} is not there or ended meanwhile") from error


def monitor(folder: Path, line: str, timeout: float = QUICK) -> str:
    """What QEMU's monitor for people prints for a line; for what QMP itself cannot do in all versions.

    Raises as ``ask`` does, and Refused where the line begins with "Error".
    """
    (told,) = ask(folder, command("human-monitor-command", command_line=line), timeout=timeout)
    text = str(told).strip()
    if text.startswith(("Error", "unknown command")):
        raise Refused(f"QEMU refused {line.split(maxsplit=1)[0]} for {folder.name}: {harmless(text)}")
    return text


async def _talk(path: Path, commands: Sequence[Command]) -> list[Any]:
    import logging

    from qemu.qmp import QMPClient, QMPError

    client = QMPClient()
    # It tells of lost connections there, of which our errors tell.
    client.logger = logging.Logger("cloudmesh.qmp", logging.CRITICAL + 1)
    await client.connect(str(path))
    try:
        return [await client.execute(name, dict(arguments)) for name, arguments in commands]
    finally:
        with contextlib.suppress(QMPError, EOFError, OSError):
            await client.disconnect()


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[Path]:
    """The path of a socket, or a short one that leads to it where it is too long for the kernel."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    import tempfile  # few paths are as long

    with tempfile.TemporaryDirectory(prefix="cms-") as short:
        link = Path(short) / "m"
        link.symlink_to(path.parent, target_is_directory=True)
        yield link / path.name

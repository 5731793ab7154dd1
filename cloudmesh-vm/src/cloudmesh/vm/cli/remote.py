"""What ``cms vm`` does inside machines: ssh, run, put, get and tunnel."""

from __future__ import annotations

import os
import select
import shlex
import stat
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.output import Answer, write
from cloudmesh.plugin.report import tell
from cloudmesh.vm.cli.actions import Arguments, machines_of, seconds
from cloudmesh.vm.cli.gathered import report_run
from cloudmesh.vm.cli.interrupted import notes_from_store
from cloudmesh.vm.cli.progress import Progress
from cloudmesh.vm.cli.report import report
from cloudmesh.vm.machines import Machines

if TYPE_CHECKING:
    from cloudmesh.vm.ssh.command import Outputs
    from cloudmesh.vm.ssh.spool import Spool

# After so many seconds without anything piped in it is said what is waited for.
_PATIENCE = 3.0


def answer(config: Config, verb: str, arguments: Arguments) -> Answer:
    """Run a sub-command; its answer ends with a note on each job that was interrupted."""
    given = {"ssh": _ssh, "run": _run, "put": _copy, "get": _copy, "tunnel": _tunnel}[verb](config, arguments)
    # Who comes back from a machine has seen enough.
    given.notes = [*given.notes, *(notes_from_store(config) if verb not in ("ssh", "tunnel") else ())]
    return given


def command_line(words: list[str]) -> str:
    """What the machine's shell gets: one word as it is, several as exactly these words."""
    return words[0] if len(words) == 1 else shlex.join(words)


def piped_in() -> Spool | None:
    """What is piped in to this process; None if a person types, or if it is empty.

    A line of a script that is piped in itself finds nothing: see ``cloudmesh.plugin.script.opened``.
    """
    stream = sys.stdin
    if stream is None or stream.closed or stream.isatty():
        return None
    with suppress(OSError, ValueError):
        mode = os.fstat(stream.fileno()).st_mode
        if (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)) and not select.select([stream], [], [], _PATIENCE)[0]:
            tell("note: waiting for what is piped in; --no-stdin reads nothing")
        if isinstance(stream.buffer, BufferedReader) and not stream.buffer.peek(1):
            return None
    from cloudmesh.vm.ssh.spool import Spool

    spool = Spool(stream.buffer)
    if spool.size:
        return spool
    spool.close()
    return None


def _ssh(config: Config, arguments: Arguments) -> Answer:
    from cloudmesh.vm.ssh.interactive import hand_over

    with _one(config, arguments) as machines:
        route = machines.route()
    # The store is closed by now: a session may take hours.
    return Answer(text="", exit_code=hand_over(route, arguments["--command"] or ""))


def _run(config: Config, arguments: Arguments) -> Answer:
    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    with machines_of(config, arguments, progress) as machines:
        outputs = _outputs(arguments["--outdir"], machines) if arguments["--outdir"] else None
        spool = None if arguments["--no-stdin"] else piped_in()
        try:
            with progress:
                result = machines.run(
                    command_line(arguments["COMMAND"]), stdin=spool, timeout=timeout, outputs=outputs
                )
        finally:
            if spool is not None:
                spool.close()
        given = report_run(config, result, progress.seconds, arguments["--output"], arguments["--outdir"])
        given.notes = [*machines.notes, *given.notes]
        return given


def _copy(config: Config, arguments: Arguments) -> Answer:
    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    source, destination = arguments["SRC"], arguments["DST"]
    if arguments["put"] and not Path(source).exists():
        raise UsageError(f"there is no file or folder {source!r} here")
    with machines_of(config, arguments, progress) as machines:
        with progress:
            copy = machines.put if arguments["put"] else machines.get
            result = copy(source, destination, timeout=timeout)
        given = report(config, result, progress.seconds, arguments["--output"])
        given.notes = [*machines.notes, *given.notes]
        return given


def _tunnel(config: Config, arguments: Arguments) -> Answer:
    from cloudmesh.vm.ssh.tunnel import Tunnel

    port, local = (_port(arguments[each]) for each in ("PORT", "--local"))
    with _one(config, arguments) as machines:
        route = machines.route()
    if port is None:
        raise UsageError("the port of the machine is missing")
    tunnel = Tunnel(route, port, local, tell=lambda sentence: tell(f"note: {sentence}"))
    try:
        with tunnel as address:
            write(address)
            tell(f"note: this leads to port {port} of {route.machine.name}; Ctrl-C ends it")
            tunnel.wait()
    except KeyboardInterrupt:
        # This is how it ends.
        return Answer(text="")
    raise CloudmeshError("the tunnel has ended")


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise UsageError(f"{text!r} is no port; use a number from 1 to 65535")
    return int(text)


def _one(config: Config, arguments: Arguments) -> Machines:
    return Machines(arguments["NAME"], arguments["--cloud"], config)


def _outputs(directory: str, machines: Machines) -> Callable[[MachineRecord], Outputs]:
    """The files of each machine in a directory, which is made if need be. Raises UsageError."""
    from cloudmesh.vm.ssh.command import Outputs
    from cloudmesh.vm.ssh.names import file_name

    folder = Path(directory).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--outdir={directory} cannot be made: {error.strerror}") from None
    count = Counter(each.name for each in machines.select().machines)

    def outputs(machine: MachineRecord) -> Outputs:
        name = file_name(machine, count[machine.name] == 1)
        return Outputs(folder / f"{name}.out", folder / f"{name}.err")

    return outputs

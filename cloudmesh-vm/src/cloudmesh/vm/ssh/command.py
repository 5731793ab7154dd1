"""Runs one command on one machine, and tells how that ended."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cloudmesh.cloud.access.route import Route
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError, Interrupted
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.model.remote import CommandResult
from cloudmesh.vm.ssh.command_line import ssh_words
from cloudmesh.vm.ssh.errors import CommandFailed, CommandTimedOut, MachineUnreachable
from cloudmesh.vm.ssh.log import FAILED, LOG_LEVEL, log_file, log_text
from cloudmesh.vm.ssh.processes import Beginning, Ended, Processes
from cloudmesh.vm.ssh.sockets import control_path
from cloudmesh.vm.ssh.spool import Spool
from cloudmesh.vm.ssh.user_config import says, sent

if TYPE_CHECKING:
    from cloudmesh.vm.ssh.shared import Session

# What a user's configuration may let ssh hand on to machines, which only ssh itself can do.
_HANDED_ON = ("forwardagent", "forwardx11")
# How a machine greets that lets root in only to say who else is to sign in.
_GREETING = b"ogin as the user"


@dataclass(frozen=True)
class Outputs:
    """The files that get the output of one command, in place of memory."""

    stdout: Path
    stderr: Path


@dataclass
class CommandRunner:
    """Runs commands on machines, from any number of threads at once.

    Args:
        processes: run the program ssh.
        connect_timeout: seconds until a connection is given up that does not come about; the exchange of keys
            that follows may take twice as long.
        seconds: that one command may take; None for as long as it does.
        stdin: what each command reads; None for nothing.
        outputs: where the output of a command goes; None to keep it.
    """

    processes: Processes
    connect_timeout: float = 10.0
    seconds: float | None = None
    stdin: Spool | None = None
    outputs: Callable[[Route], Outputs] | None = None
    learnt: dict[tuple[str, str], str] = field(default_factory=dict)

    def run(self, route: Route, command: str) -> tuple[CommandResult, CloudmeshError | None]:
        """Run a command; what came of it, and the error if it did not succeed.

        The error is a CommandFailed with its exit status, CommandTimedOut, MachineUnreachable,
        ConnectionLost, SignInRefused, HostKeyChanged, or Interrupted if the work was to end.
        """
        result, error = self._run(route, command)
        other = self._user_told(route, result)
        if not other:
            return result, error
        # The command was not carried out: all that ran was what tells the user.
        result, error = self._run(replace(route, user=other), command)
        if error is None or isinstance(error, CommandFailed):
            self.learnt[route.machine.cloud, route.machine.cloud_id] = other
        return result, error

    def _user_told(self, route: Route, result: CommandResult) -> str:
        """Who is to sign in instead, if the machine says so and nobody has said who is to; else empty."""
        if _GREETING.decode() not in result.stdout[:1000] or not route.guessed:
            return ""
        from cloudmesh.cloud.access.users import user_told  # few machines do

        told = user_told(result.stdout[:1000])
        return "" if told == route.user else told

    def _run(self, route: Route, command: str) -> tuple[CommandResult, CloudmeshError | None]:
        ends = time.monotonic() + self.seconds if self.seconds is not None else float("inf")
        with ExitStack() as stack:
            stdin: BinaryIO | int = subprocess.DEVNULL
            out = err = None
            files = Outputs(Path(), Path())
            if self.stdin is not None:
                stdin = stack.enter_context(self.stdin.open())
            if self.outputs is not None:
                files = self.outputs(route)
                try:
                    out, err = (
                        stack.enter_context(private_file(each)) for each in (files.stdout, files.stderr)
                    )
                except OSError as error:
                    return CommandResult(None), not_writable(files, error)
            if (session := self._shared(route, command, stdin, ends)) is not None:
                ended = self.processes.attend(session, stdout=out, stderr=err, ends=ends)
                return self._ended(route, ended, files, session.log, self.seconds or 0.0)
            log = stack.enter_context(log_file())
            more = ["-o", f"LogLevel={LOG_LEVEL}"]
            words = [*ssh_words(route, timeout=self.connect_timeout, more=more, log=log), command]
            limit = time_to_answer(route, self.connect_timeout)
            beginning = Beginning(time.monotonic() + limit, lambda _: _has_answered(log))
            try:
                ended = self.processes.run(
                    words, stdin=stdin, stdout=out, stderr=err, ends=ends, beginning=beginning
                )
            except OSError as error:
                return CommandResult(None), not_started(error)
            text = log_text(log) if ended.status == FAILED or ended.timed_out else ""
            return self._ended(route, ended, files, text, limit if ended.not_begun else self.seconds or 0.0)

    def _shared(self, route: Route, command: str, stdin: BinaryIO | int, ends: float) -> Session | None:
        """The command on a connection that is open already; None if there is none that takes it."""
        path = control_path(route)
        if path is None or not path.exists() or any(says(each, True) for each in _HANDED_ON):
            return None
        environment = sent(os.environb)
        if environment is None:
            return None
        from cloudmesh.vm.ssh.shared import Session

        return Session.begin(path, command, environment, stdin, lambda: self.processes.is_wanted(ends))

    def _ended(
        self, route: Route, ended: Ended, files: Outputs, log: str, seconds: float
    ) -> tuple[CommandResult, CloudmeshError | None]:
        """What has ended; an output that was not written comes first."""
        if ended.not_written is not None and not ended.stopped:
            unwritten = not_writable(files, ended.not_written)
            unwritten.outcome_unknown = True
            return CommandResult(None), unwritten
        return self._told(route, ended, log, seconds)

    def _told(
        self, route: Route, ended: Ended, log: str, seconds: float
    ) -> tuple[CommandResult, CloudmeshError | None]:
        """What a process that has ended, or had so many seconds for that, tells of its command."""
        stdout, stderr = (each.decode("utf-8", "backslashreplace") for each in (ended.stdout, ended.stderr))
        result = CommandResult(None, stdout, stderr, ended.truncated)
        if ended.stopped:
            return result, interrupted()
        if ended.timed_out:
            from cloudmesh.vm.ssh.reading import too_late

            return result, too_late(route, log, seconds) or CommandTimedOut(
                f"the command did not end within {span_text(seconds)}; "
                "its connection was closed, and it may go on in the machine"
            )
        if ended.status == FAILED:
            from cloudmesh.vm.ssh.reading import failure

            if (error := failure(route, log, stderr)) is not None:
                return result, error
        if ended.status < 0:
            lost = MachineUnreachable(f"ssh was ended by signal {-ended.status}; the command may have run")
            lost.outcome_unknown = True
            return result, lost
        result = replace(result, exit_status=ended.status)
        if ended.status:
            return result, CommandFailed(f"exit status {ended.status}", ended.status)
        return result, None


def _has_answered(log: str) -> bool:
    """Whether the server has come to an end with the exchange of keys, as the log tells."""
    from cloudmesh.vm.ssh.reading import has_answered  # most logs are never read

    return has_answered(log_text(log))


def time_to_answer(route: Route, connect_timeout: float) -> float:
    """Seconds for all on the way to exchange keys, for which OpenSSH has no limit of its own."""
    return 3 * connect_timeout * (1 + len(route.jumps))


def interrupted() -> Interrupted:
    """The error of a command that ran when the work was to end."""
    error = Interrupted("interrupted: its connection was closed, and the command may go on in the machine")
    error.outcome_unknown = True
    return error


def not_started(error: OSError) -> CloudmeshError:
    """The error of a program of OpenSSH that could not be started."""
    if isinstance(error, FileNotFoundError):
        return CloudmeshError(
            f"the program {harmless(str(error.filename))} is not installed here; install OpenSSH's client"
        )
    if error.errno == errno.E2BIG:
        return CloudmeshError(
            "the command is too long to be handed on; pipe it in: cms vm run NAMES -- sh < FILE"
        )
    return CloudmeshError(f"ssh cannot be started: {error.strerror or error}")


def not_writable(files: Outputs, error: OSError) -> CloudmeshError:
    """The error of a command whose output could not be written."""
    place = str(error.filename or files.stdout)
    why = (error.strerror or str(error)).lower()
    return CloudmeshError(f"its output cannot be written to {harmless(place)}: {why}")


def private_file(path: Path) -> BinaryIO:
    """A new or emptied file that only its owner may read, since a machine may print what is secret."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    # Unbuffered, so that what cannot be written is known at once.
    return os.fdopen(descriptor, "wb", buffering=0)

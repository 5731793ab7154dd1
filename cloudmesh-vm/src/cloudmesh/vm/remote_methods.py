"""What ``Machine`` and ``Machines`` do inside machines: run commands, copy files, and lead ports there."""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from cloudmesh.cloud.fanout.query import Deadline
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.model.remote import GET, PUT, RUN, CommandResult, Work

if TYPE_CHECKING:
    from pathlib import Path

    from cloudmesh.cloud.access.route import Route
    from cloudmesh.cloud.model.records import MachineRecord
    from cloudmesh.vm.clouds.select import Selection
    from cloudmesh.vm.clouds.session import CloudSession
    from cloudmesh.vm.model.limits import RunOptions
    from cloudmesh.vm.model.outcome import Outcome, Result
    from cloudmesh.vm.ssh.command import Outputs
    from cloudmesh.vm.ssh.spool import Spool
    from cloudmesh.vm.ssh.tunnel import Tunnel


# What a cloud listed so many seconds ago says which machines a glob means.
_RECENT = 60.0


class RemoteMachines:
    """The methods of ``Machines`` that go into the machines; each is a job, and nothing is run twice."""

    if TYPE_CHECKING:
        _run_options: RunOptions

        @property
        def session(self) -> CloudSession:
            """The open clouds and the store."""

        @property
        def _said(self) -> str: ...

        def select(self, timeout: float | None = None, recent: float | None = None) -> Selection:
            """The machines that are meant."""

    def run(
        self,
        command: str,
        *,
        stdin: bytes | BinaryIO | Spool | None = None,
        timeout: float | None = None,
        outputs: Callable[[MachineRecord], Outputs] | None = None,
    ) -> Result:
        """Run a command in all machines, at most ``parallel`` at once, else 64.

        The ``value`` of each outcome is a ``CommandResult``: exit status, stdout and stderr. A machine that
        was not reached, or whose command did not succeed, does not stop the others; its error is one of
        ``cloudmesh.vm.ssh.errors``, such as ``CommandFailed`` or ``MachineUnreachable``.

        Args:
            command: a line for the shell of the machine's user. It is stored with the job, and can be seen in
                the list of processes: give what is secret by ``stdin``.
            stdin: what each command reads; nothing if it is not given. It is never stored.
            timeout: seconds for all of it together; ``call_timeout`` of the machines limits one command.
            outputs: the files that get the output of a machine, in place of its ``value``.

        Raises:
            UsageError: the names or the seconds are wrong.
            CloudmeshError: none of the names means a machine, or none for certain; why the first does not.
        """
        spool = _spool(stdin)
        try:
            return self._work(
                Work(RUN, command, stdin=spool is not None), timeout, {"stdin": spool, "outputs": outputs}
            )
        finally:
            if spool is not None and spool is not stdin:
                spool.close()

    def put(self, source: str | Path, destination: str, *, timeout: float | None = None) -> Result:
        """Copy a file or folder of this computer to all machines, with its permissions and times.

        A destination that ends in ``/``, or is a folder there, gets it under its own name; a relative one is
        below the home of the machine's user. Until it is whole it has another name. The ``value`` of each
        outcome has the ``path`` there. Raises what ``run`` raises.
        """
        return self._work(Work(PUT, source=str(source), destination=destination), timeout)

    def get(self, source: str, destination: str | Path, *, timeout: float | None = None) -> Result:
        """Copy a file or folder of each machine into a folder of its own: ``destination/NAME/``.

        Nothing is written beside that folder, whatever a machine sends. The ``value`` of each outcome has the
        ``path`` here. Raises what ``run`` raises.
        """
        return self._work(Work(GET, source=source, destination=str(destination)), timeout)

    def _work(self, work: Work, timeout: float | None, more: dict[str, Any] | None = None) -> Result:
        from cloudmesh.vm.jobs.remote import RemoteOptions, RemoteRunner, remote_plan

        _require_sayable(work)
        deadline = Deadline.after(timeout)
        selection = self.select(timeout, _RECENT)
        with self.session.within(deadline):
            plan = remote_plan(self.session, selection, work, self._said)
        options = RemoteOptions(**(more or {}))
        with RemoteRunner(self.session, self._run_options, work=work, remote=options) as runner:
            result = runner.run(plan, deadline)
        return result.with_outcomes([*result, *(each.outcome(work.verb) for each in plan.missing)])

    def route(self) -> Route:
        """The way into the one machine that is meant.

        Raises:
            UsageError: several are meant.
            NoRoute: it has no address, or what leads to it is not known.
            MachineAsleep: it is stopped, suspended or the like.
        """
        from cloudmesh.vm.jobs.remote import asleep, refreshed
        from cloudmesh.vm.ssh.routes import Routes

        (machine,) = refreshed(self.session, [self.select().machine()])
        if error := asleep(machine):
            raise error
        found = Routes(self.session.config, self.session.inventory).find(machine)
        if isinstance(found, CloudmeshError):
            raise found
        return found


class RemoteMachine:
    """The methods of ``Machine`` that go into the machine."""

    if TYPE_CHECKING:
        # The one machine as several, see ``Machine``.
        _machines: Any

    def ssh(
        self,
        command: str,
        *,
        stdin: bytes | BinaryIO | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> CommandResult:
        """Run a command in the machine: ``m.ssh('hostname').stdout``; see ``Machines.run``.

        Args:
            command, stdin, timeout: as there.
            check: whether a command that ends with another exit status than 0 is an error.

        Raises:
            CommandFailed: it did not succeed, and ``check`` holds.
            CloudmeshError: the machine was not reached, or the command did not end in time.
        """
        from cloudmesh.vm.ssh.errors import CommandFailed

        self._machines.select(timeout).machine()
        (outcome,) = self._machines.run(command, stdin=stdin, timeout=timeout)
        if not check and isinstance(outcome.error, CommandFailed):
            return outcome.value  # type: ignore[no-any-return]
        return _value(outcome)  # type: ignore[no-any-return]

    def put(self, source: str | Path, destination: str, *, timeout: float | None = None) -> str:
        """Copy a file or folder to the machine and give its path there; see ``Machines.put``."""
        self._machines.select(timeout).machine()
        (outcome,) = self._machines.put(source, destination, timeout=timeout)
        return str(_value(outcome)["path"])

    def get(self, source: str, destination: str | Path, *, timeout: float | None = None) -> str:
        """Copy a file or folder from the machine to ``destination/NAME/`` and give its path here."""
        self._machines.select(timeout).machine()
        (outcome,) = self._machines.get(source, destination, timeout=timeout)
        return str(_value(outcome)["path"])

    def tunnel(self, port: int, local: int | None = None) -> Tunnel:
        """Lead a port of this computer to one of the machine, for a block: ``with m.tunnel(80) as address:``.

        ``address`` is ``127.0.0.1:PORT``. The tunnel connects again when the connection breaks. ``local`` is
        the port here; else the same one, or a free one if that is taken.

        Raises:
            UsageError: a port is none, or ``local`` is taken.
            CloudmeshError: the machine is not reached.
        """
        from cloudmesh.vm.ssh.tunnel import Tunnel

        return Tunnel(self._machines.route(), port, local)


def _value(outcome: Outcome) -> Any:
    """What an outcome holds, or its error raised."""
    if outcome.error:
        raise outcome.error
    if outcome.value is None:
        raise CloudmeshError(f"{outcome.verb} {outcome.name}: {outcome.status}")
    return outcome.value


def _require_sayable(work: Work) -> None:
    """Raise UsageError for what no program can be told: nothing at all, or a text with a zero byte."""
    copied = {"source": work.source, "destination": work.destination}
    for name, text in ({"command": work.command} if work.verb == RUN else copied).items():
        if not text and name != "destination":
            raise UsageError(f"the {name} is empty")
        try:
            is_sayable = b"\0" not in os.fsencode(text)
        except UnicodeEncodeError:
            is_sayable = False
        if not is_sayable:
            raise UsageError(
                f"the {name} {harmless(text)[:80]!r} has a character that no program can be told"
            )


def _spool(stdin: bytes | BinaryIO | Spool | None) -> Spool | None:
    from cloudmesh.vm.ssh.spool import Spool

    if stdin is None or isinstance(stdin, Spool):
        return stdin
    if isinstance(stdin, str):
        raise UsageError("stdin must be bytes or an open file; use text.encode()")
    return Spool(BytesIO(stdin) if isinstance(stdin, bytes) else stdin)

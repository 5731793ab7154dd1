"""A port of this computer that leads to one of a machine, and stays up when the connection breaks."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

from cloudmesh.cloud.access.route import Route
from cloudmesh.plugin.errors import CloudmeshError, UsageError
from cloudmesh.vm.ssh.command import not_started
from cloudmesh.vm.ssh.command_line import ssh_options
from cloudmesh.vm.ssh.errors import HostKeyChanged, MachineUnreachable, SignInRefused
from cloudmesh.vm.ssh.log import LOG_LEVEL, log_file, log_text
from cloudmesh.vm.ssh.processes import Processes
from cloudmesh.vm.ssh.reading import failure

HERE = "127.0.0.1"
# A connection of its own, which ends with the tunnel, and whose loss is noticed within seconds.
_OWN = (
    "ControlMaster=no",
    "ControlPath=none",
    "ExitOnForwardFailure=yes",
    # That of this tunnel as well.
    "ClearAllForwardings=no",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=2",
    f"LogLevel={LOG_LEVEL}",
)
_UP = "Local forwarding listening on"
_TAKEN = "cannot listen to port"
# Seconds between two looks whether it is up, and before it is tried again: twice as long each time.
_LOOK, _FIRST, _LONGEST = 0.05, 1.0, 30.0


class Tunnel:
    """A tunnel for the length of a block, which gives its address ``127.0.0.1:PORT``.

    Args:
        route: the machine.
        port: of the machine, at its own address ``localhost``.
        local: of this computer; None for the same, or a free one if that is taken.
        tell: gets a sentence when the connection broke and when it is there again.
        timeout: seconds until a connection is given up that does not come about.

    Raises:
        UsageError: a port is none.
    """

    def __init__(
        self,
        route: Route,
        port: int,
        local: int | None = None,
        tell: Callable[[str], None] = lambda _: None,
        timeout: float = 10.0,
    ) -> None:
        for each in (port, local):
            if each is not None and not (type(each) is int and 0 < each < 65536):
                raise UsageError(f"{each!r} is no port; use a number from 1 to 65535")
        self._route, self._port, self._local = route, port, local
        self._tell, self._timeout = tell, timeout
        self._closed = threading.Event()
        self._changed = threading.Condition()
        self._up = False
        self._processes = Processes(self._closed.is_set)
        self.error: CloudmeshError | None = None

    @property
    def address(self) -> str:
        """Where it is: ``127.0.0.1:PORT``."""
        return f"{HERE}:{self._local}"

    def __enter__(self) -> str:
        self.open()
        return self.address

    def __exit__(self, *raised: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect.

        Raises:
            UsageError: the port of this computer is taken.
            MachineUnreachable, SignInRefused, HostKeyChanged: why there is no connection.
        """
        self._local = _free_port(self._port, self._local)
        self._thread = threading.Thread(target=self._keep_up, name="cloudmesh-tunnel", daemon=True)
        self._thread.start()
        with self._changed:
            while not self._up and self.error is None:
                self._changed.wait(0.5)
        if self.error is not None:
            self.close()
            raise self.error

    def wait(self) -> None:
        """Wait until it cannot be kept up any more. Raises why."""
        while self.error is None:
            with self._changed:
                self._changed.wait(0.5)
        raise self.error

    def close(self) -> None:
        """End it; does nothing if it has ended."""
        self._closed.set()
        self._processes.close()
        self._thread.join()

    def _keep_up(self) -> None:
        pause = _FIRST
        while not self._closed.is_set():
            began = time.monotonic()
            was_up, error = self._connect()
            if self._closed.is_set():
                return
            if not self._has_been_up or isinstance(error, HostKeyChanged | SignInRefused):
                self._note(error=error)
                return
            if was_up or time.monotonic() - began > _LONGEST:
                pause = _FIRST
            self._tell(f"the connection to {self._route.machine.name} is lost: trying again in {pause:g} s")
            self._closed.wait(pause)
            pause = min(2 * pause, _LONGEST)

    _has_been_up = False

    def _connect(self) -> tuple[bool, CloudmeshError]:
        """One connection to its end: whether it was there, and why it ended."""
        with log_file() as log:
            looking = threading.Event()
            looker = threading.Thread(target=self._look, args=(log, looking), daemon=True)
            try:
                looker.start()
                forward = f"{HERE}:{self._local}:localhost:{self._port}"
                own = [word for each in _OWN for word in ("-o", each)]
                words = ["ssh", *own, *ssh_options(self._route, timeout=self._timeout, log=log), "-E", log]
                ended = self._processes.run([*words, "-N", "-L", forward, "--", self._route.address])
            except OSError as error:
                return False, not_started(error)
            finally:
                looking.set()
                looker.join()
            text = log_text(log)
        was_up, self._up = self._up, False
        if _TAKEN in text:
            return was_up, UsageError(f"port {self._local} of this computer is taken; use another one")
        told = failure(self._route, text, ended.stderr.decode("utf-8", "backslashreplace"))
        return was_up, told or MachineUnreachable(f"the connection to {self._route.machine.name} ended")

    def _look(self, log: str, done: threading.Event) -> None:
        """Note when the port is open."""
        while not done.wait(_LOOK):
            if _UP in log_text(log):
                if self._has_been_up:
                    self._tell(f"the connection to {self._route.machine.name} is there again")
                self._note(up=True)
                return

    def _note(self, up: bool = False, error: CloudmeshError | None = None) -> None:
        with self._changed:
            self._up = up
            self._has_been_up = self._has_been_up or up
            self.error = error or self.error
            self._changed.notify_all()


def _free_port(wanted: int, given: int | None) -> int:
    """The port that is given, else the wanted one if it is free, else any. Raises UsageError."""
    for port in (given,) if given else (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HERE, port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise UsageError(f"port {given} of this computer is taken or not allowed; use another --local=PORT")

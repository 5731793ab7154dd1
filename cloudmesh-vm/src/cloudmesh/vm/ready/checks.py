"""``ReadyChecks``: looks at many machines at once, so that one that hangs does not hold up the others."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress

from cloudmesh.cloud.access.route import NoRoute, Route
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.executors.room import no_room
from cloudmesh.vm.ready.check import Check, Surroundings
from cloudmesh.vm.ssh.processes import Processes

# So many machines are looked at at the same time.
_THREADS = 64
_Key = tuple[str, str]


class ReadyChecks:
    """Finds out which machines are ready; ``Waiter`` hands it those that have reached their state.

    All but the looks themselves, which are made by threads of its own, is called by one thread.

    Args:
        config: how clouds are opened, to read consoles.
        routes: the way into a machine; asked in the calling thread, and may raise NoRoute.
        learn: takes over the host keys in the text of a console.
        wake: is called when a machine has come to its end; by another thread.
        restarted: by cloud and id when machines were restarted, by ``time.monotonic``.
    """

    def __init__(
        self,
        config: Config,
        routes: Callable[[MachineRecord], Route],
        learn: Callable[[MachineRecord, str], bool],
        wake: Callable[[], None],
        restarted: Mapping[_Key, float] | None = None,
    ) -> None:
        self._config, self._routes, self._keys, self._wake = config, routes, learn, wake
        self._restarted = restarted or {}
        self._checks: dict[_Key, Check] = {}
        self._processes = Processes(stopped=lambda: self._closed)
        self._around = Surroundings(self._processes, self._learn, lambda: not self._closed)
        self._due: list[tuple[float, int, Check]] = []
        self._numbers = itertools.count()
        self._change = threading.Condition()
        self._threads = 0
        self._closed = False

    def begin(self, machine: MachineRecord) -> None:
        """Look at a machine from now on, or take over what its cloud shows of it since."""
        key = (machine.cloud, machine.cloud_id)
        check = self._checks.get(key)
        if check is None:
            check = self._checks[key] = Check(machine, self._around, self._restarted.get(key))
            self._find_way(check, machine)
            if machine.state is not State.ACTIVE:
                # It is where it should be, and nobody can sign in there.
                check.over, check.error = True, None
            if not check.over:
                self._add(check)
            if self._threads < min(_THREADS, len(self._checks)):
                self._start()
        elif check.machine != machine and not check.over:
            if check.machine.addresses != machine.addresses or not isinstance(check.route, Route):
                self._find_way(check, machine)
            check.machine = machine

    def ended(self, machine: MachineRecord) -> CloudmeshError | bool:
        """Whether a machine is ready, or why it will not be."""
        check = self._checks.get((machine.cloud, machine.cloud_id))
        if check is None or not check.over:
            return False
        return check.error or True

    def doing(self, machine: MachineRecord) -> str:
        """At which step a machine is; empty if it is not looked at yet."""
        check = self._checks.get((machine.cloud, machine.cloud_id))
        return check.doing if check else ""

    @property
    def notes(self) -> list[str]:
        """What is to be told of machines that are ready all the same."""
        return [check.note for check in self._checks.values() if check.over and check.note]

    def close(self) -> None:
        """End all that is going on; no process stays."""
        with self._change:
            self._closed = True
            self._due.clear()
            self._change.notify_all()
        self._processes.close()

    def _find_way(self, check: Check, machine: MachineRecord) -> None:
        try:
            check.route = self._routes(machine)
        except NoRoute as error:
            check.route = error
        except CloudmeshError as error:
            # A configuration that cannot be understood stays so.
            check.error, check.over = error, True

    def _add(self, check: Check, seconds: float = 0.0) -> None:
        """Let a check be looked at after so many seconds."""
        with self._change:
            if self._closed:
                return
            due = self._around.clock() + seconds
            heapq.heappush(self._due, (due, next(self._numbers), check))
            self._change.notify()

    def _start(self) -> None:
        """Start a thread more, if the system has room for it."""
        try:
            threading.Thread(target=self._work, daemon=True, name=f"ready {self._threads}").start()
        except RuntimeError as error:
            if self._threads == 0:
                raise no_room(error) or error from error
            return
        self._threads += 1

    def _work(self) -> None:
        """Look at whatever is due; this is what a thread runs."""
        while (check := self._next()) is not None:
            try:
                seconds = check.look()
            except OSError as error:
                # The system has no room for a process now, or ssh is not there.
                seconds = self._no_ssh(check, error)
            except CloudmeshError as error:
                check.error, check.over, seconds = error, True, 0.0
            except BaseException as error:  # noqa: BLE001 told as the reason of this machine
                told = CloudmeshError(f"an error of the program itself while it was looked at: {error!r}")
                check.error, check.over, seconds = told, True, 0.0
            if check.over:
                self._wake()
            else:
                self._add(check, seconds)

    def _no_ssh(self, check: Check, error: OSError) -> float:
        if isinstance(error, FileNotFoundError):
            check.error = CloudmeshError(
                "the program ssh is not installed here; install OpenSSH's client (Debian: openssh-client)"
            )
            check.over = True
        check.doing = f"ssh cannot be started: {error.strerror or error}"
        return 1.0

    def _next(self) -> Check | None:
        """The check that is due next, when it is; None when nothing more is to be looked at."""
        with self._change:
            while not self._closed:
                left = self._due[0][0] - self._around.clock() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[2]
                self._change.wait(left)
            return None

    def _learn(self, machine: MachineRecord) -> None:
        """Take over the host keys that the console of a machine shows, if its cloud has one to show."""
        if self._closed:
            return
        with suppress(CloudmeshError, OSError), Cloud(machine.cloud, self._config) as cloud:
            self._keys(machine, cloud.console(machine))

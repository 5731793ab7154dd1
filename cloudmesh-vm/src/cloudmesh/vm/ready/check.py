"""One machine on its way to being ready: what was seen last, and what is looked at next."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cloudmesh.cloud.access.route import NoRoute, Route
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.ready import banner, sign_in
from cloudmesh.vm.ready.cloud_init import CloudInit, Standing
from cloudmesh.vm.ready.errors import CloudInitFailed
from cloudmesh.vm.ssh.errors import HostKeyChanged, SignInRefused
from cloudmesh.vm.ssh.processes import Processes

# Seconds for which a server is given time to speak at one look.
_SPEAK = 30.0
# Seconds until the next look; it grows by half each time, where nothing changes.
_FIRST, _GROWTH, _LONGEST = 0.1, 1.5, 2.0
# At an address of this computer looking costs next to nothing.
_LONGEST_HERE = 0.5
# Seconds in which cloud-init may still make the user and bring in the key; in which an address that can be
# used may still come; after which it counts as one that never begins.
_USER_COMES, _ADDRESS_COMES, _NEVER_BEGUN = 120.0, 60.0, 120.0
# Seconds between two questions to cloud-init itself, while it does not write that it has ended. The first
# look only reads its files, since asking takes a machine without KVM half a second.
_ASK_ALL = 10.0
# Seconds by which a machine that was restarted may have counted too much.
_SLACK = 3.0
# A system whose uptime is not its own, or that ignores a restart, is not waited for any longer.
_RESTARTS_WITHIN = 180.0

NO_ADDRESS, CONNECTING, SIGNING_IN = "no address yet", "connecting to ssh", "signing in"


@dataclass
class Surroundings:
    """What the checks of all machines share.

    Attributes:
        processes: run ssh.
        learn: takes over the host keys that the console of a machine shows; it may take as long as a call of
            the cloud, and never raises.
        go_on: whether somebody still wants to know.
        clock: seconds that never go back.
    """

    processes: Processes
    learn: Callable[[MachineRecord], None] = lambda _: None
    go_on: Callable[[], bool] = lambda: True
    clock: Callable[[], float] = time.monotonic


@dataclass
class Check:
    """One machine; used by one thread at a time.

    Attributes:
        machine: as it was shown last.
        around: what it shares with others.
        restarted: when it was restarted, by the clock: a machine that has been running for longer is still
            the one before. None if it was not.
        route: the way into it, or why there is none.
        doing: at which step it is, for people.
        over: whether there is nothing more to look at.
        error: why it will not become ready; None if it is.
        note: what is to be told of a machine that is ready all the same.
    """

    machine: MachineRecord
    around: Surroundings
    restarted: float | None = None
    route: Route | NoRoute | None = None
    doing: str = NO_ADDRESS
    over: bool = False
    error: CloudmeshError | None = None
    note: str = ""
    _began: float = field(default=0.0)
    _user: str = ""
    _pause: float = _FIRST
    _has_way: bool | None = None
    _is_speaking: bool = False
    _pace: banner.Pace | None = None
    _answered: float | None = None
    _asked_all: float = math.inf

    def __post_init__(self) -> None:
        self._began = self.around.clock()

    def look(self) -> float:
        """Look once, and take as long as it takes; the seconds until the next look."""
        route = self.route
        if not isinstance(route, Route):
            return self._without_way(route)
        if self._user:
            route = replace(route, user=self._user)
        if self._has_way is None:
            # The first look may last half a minute.
            self.doing = f"{CONNECTING} at {harmless(route.address)} port {route.port}"
            self._has_way = sign_in.has_way(route)
        if not (self._has_way or self._is_speaking or self._speaks(route)):
            return self._later()
        if self._answered is None and not self._has_way:
            self._first_answer(route)
        return self._sign_in(route)

    def _without_way(self, route: NoRoute | None) -> float:
        self.doing = NO_ADDRESS
        if route is not None and self.machine.addresses:
            self.doing = "no address that can be used"
            if self.around.clock() - self._began > _ADDRESS_COMES:
                self._end(route)
        return self._later()

    def _speaks(self, route: Route) -> bool:
        """Whether its ssh server says who it is."""
        if self._pace is None:
            self._pace = banner.Pace.towards(route.address)
        answered = banner.answers(route.address, route.port, _SPEAK, self._pace, self.around.go_on)
        self._is_speaking, seen = answered
        if not self._is_speaking:
            self._no_answer(route, seen)
        return self._is_speaking

    def _no_answer(self, route: Route, seen: str) -> None:
        hint = f"; {route.hint}" if route.hint else ""
        self.doing = f"ssh does not answer at {harmless(route.address)} port {route.port}: {seen}{hint}"

    def _first_answer(self, route: Route) -> None:
        self._answered = self.around.clock()
        self.doing, self._pause = SIGNING_IN, _FIRST
        if not sign_in.is_known(route):
            self.around.learn(self.machine)

    def _sign_in(self, route: Route) -> float:
        """Sign in, and see where cloud-init stands."""
        now = self.around.clock()
        full = now - self._asked_all >= _ASK_ALL
        found = sign_in.sign_in(route, self.around.processes, full)
        if found.user and found.user != route.user:
            self._user = found.user
            return 0.0
        if found.told is None:
            return self._not_in(route, found.error)
        if self._answered is None:
            self._first_answer(route)
        if full:
            self._asked_all = now
        elif found.told.is_doubtful or self._asked_all == math.inf:
            # The next look asks.
            self._asked_all = -math.inf
        return 0.0 if found.told.is_doubtful else self._judge(route, found.told)

    def _not_in(self, route: Route, error: CloudmeshError | None) -> float:
        now = self.around.clock()
        if isinstance(error, HostKeyChanged):
            self._end(error)
        elif isinstance(error, SignInRefused):
            if self._answered is None:
                self._first_answer(route)
            self.doing = f"{SIGNING_IN}: refused as {harmless(route.user) or 'the user of your ssh'} so far"
            if now - (self._answered or now) > _USER_COMES:
                self._end(error)
        elif self._has_way:
            self._no_answer(route, str(error))
        else:
            self._is_speaking = False
            self.doing = f"{SIGNING_IN}: {error}" if error else SIGNING_IN
        return self._later()

    def _judge(self, route: Route, told: CloudInit) -> float:
        """Decide by what the machine tells of itself."""
        now = self.around.clock()
        if self.restarted is not None and told.uptime is not None:
            since = now - self.restarted
            if since < _RESTARTS_WITHIN and told.uptime > since + _SLACK:
                self.doing = "it has not restarted yet"
                return self._later()
            self.restarted = None
        if told.standing is Standing.FAILED:
            self._end(self._failed(told))
        elif told.standing is Standing.RUNNING or (
            told.standing is Standing.WAITING and now - self._began < _NEVER_BEGUN
        ):
            stage = f": {told.stage}" if told.stage else ""
            waits = told.standing is Standing.WAITING
            self.doing = "cloud-init has not begun" if waits else f"cloud-init runs{stage}"
        else:
            self._settle(route, told)
        return self._later()

    def _settle(self, route: Route, told: CloudInit) -> None:
        """It is ready, once its host key is kept."""
        if told.standing is Standing.DEGRADED:
            why = f": {told.errors[0]}" if told.errors else ""
            self.note = f"cloud-init on {self._name} got over errors{why}"
        elif told.standing is Standing.WAITING:
            self.note = f"cloud-init on {self._name} has not begun after {_NEVER_BEGUN:.0f} s"
        if not sign_in.is_known(route) and told.standing is not Standing.NONE:
            # It shows the keys on the console when it is at its end.
            self.around.learn(self.machine)
        if not sign_in.is_known(route):
            kept = sign_in.settle(route, self.around.processes)
            if kept.told is None:
                self._not_in(route, kept.error)
                return
        self._end(None)

    def _failed(self, told: CloudInit) -> CloudInitFailed:
        why = f": {told.errors[0]}" if told.errors else ""
        last = f"; it printed last: {told.lines[-1]}" if told.lines else ""
        return CloudInitFailed(f"cloud-init failed{why}{last}; the machine is kept", told.lines)

    @property
    def _name(self) -> str:
        return harmless(self.machine.qualified_name)

    def _end(self, error: CloudmeshError | None) -> None:
        self.over, self.error = True, error

    def _later(self) -> float:
        pause = self._pause
        here = isinstance(self.route, Route) and banner.is_here(self.route.address)
        self._pause = min(self._pause * _GROWTH, _LONGEST_HERE if here else _LONGEST)
        return pause

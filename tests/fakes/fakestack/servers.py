"""The servers of Nova: which action is possible in which state, and what becomes of it after a time."""

from __future__ import annotations

import calendar
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fakestack.settings import Settings

# Nova's action, the states it may come from, the state it leads to, and what it is called meanwhile.
ACTIONS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "os-start": (("SHUTOFF",), "ACTIVE", "powering-on"),
    "os-stop": (("ACTIVE", "ERROR"), "SHUTOFF", "powering-off"),
    "suspend": (("ACTIVE",), "SUSPENDED", "suspending"),
    "resume": (("SUSPENDED",), "ACTIVE", "resuming"),
    "pause": (("ACTIVE",), "PAUSED", "pausing"),
    "unpause": (("PAUSED",), "ACTIVE", "unpausing"),
    "reboot": (("ACTIVE",), "ACTIVE", "rebooting"),
    "rebuild": (("ACTIVE", "SHUTOFF", "ERROR"), "ACTIVE", "rebuilding"),
}
_VM_STATES = {"SHUTOFF": "stopped", "BUILD": "building"}
# What Nova shows in place of the state that a server comes from.
_SHOWN = {"rebooting": "REBOOT", "rebuilding": "REBUILD", "spawning": "BUILD"}
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def seconds_of(text: str) -> int:
    """A time of Nova as seconds since the epoch."""
    return calendar.timegm(time.strptime(text, _TIME))


@dataclass
class Server:
    """One server.

    Attributes:
        was, becomes: the state before and after what goes on.
        task: what goes on; it is over at ``due``.
        done: the actions that were accepted, in their order.
        made, changed: when it was made, and when what goes on was begun, in seconds since the epoch.
    """

    name: str
    image: str
    flavor: str
    key: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    hints: dict[str, Any] = field(default_factory=dict)
    was: str = "BUILD"
    becomes: str = "ACTIVE"
    task: str = "spawning"
    due: float = 0.0
    done: list[str] = field(default_factory=list)
    number: int = 0
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    made: float = field(default_factory=time.time)
    changed: float = field(default_factory=time.time)

    def busy(self) -> str:
        """What goes on just now."""
        return self.task if time.monotonic() < self.due else ""

    def status(self) -> str:
        """Nova's word for its state."""
        return _SHOWN.get(self.busy(), self.was) if self.busy() else self.becomes

    def begin(self, task: str, becomes: str, seconds: float) -> None:
        """Let something go on for so many seconds."""
        self.was = self.status()
        self.task, self.becomes, self.due = task, becomes, time.monotonic() + seconds
        self.changed = time.time()
        self.done += [task] if task else []

    def refusal(self, action: str) -> str:
        """Why Nova does not do an action now; empty if it does."""
        if task := self.busy():
            return f"Cannot '{action}' instance {self.id} while it is in task_state {task}"
        if self.status() not in ACTIONS[action][0]:
            state = _VM_STATES.get(self.status(), self.status().lower())
            return f"Cannot '{action}' instance {self.id} while it is in vm_state {state}"
        return ""

    def updated(self, settings: Settings) -> int:
        """When it changed last, in whole seconds of the cloud's clock."""
        since_due = time.monotonic() - self.due
        ended = time.time() - since_due if since_due >= 0 and self.due and not settings.undated else 0.0
        return int(max(self.changed, ended) + settings.clock)

    def told(self, url: str, settings: Settings) -> dict[str, Any]:
        """As Nova tells of it in detail."""
        status, task = self.status(), self.busy()
        return {
            "id": self.id,
            "name": self.name,
            "status": status,
            "OS-EXT-STS:task_state": task or None,
            "OS-EXT-STS:vm_state": _VM_STATES.get(status, status.lower()),
            "OS-EXT-AZ:availability_zone": "nova",
            "addresses": {"private": [self._address()]} if status != "BUILD" else {},
            "flavor": {"id": self.flavor, "original_name": self.flavor, "links": []},
            "image": {"id": self.image, "links": []},
            "key_name": self.key or None,
            "metadata": self.metadata,
            "scheduler_hints": self.hints,
            "created": time.strftime(_TIME, time.gmtime(self.made + settings.clock)),
            "updated": time.strftime(_TIME, time.gmtime(self.updated(settings))),
            "hostId": "",
            "tenant_id": "project",
            "user_id": "user",
            "links": [{"rel": "self", "href": f"{url}/compute/v2.1/servers/{self.id}"}],
        }

    def _address(self) -> dict[str, Any]:
        high, low = divmod(self.number, 256)
        return {"addr": f"10.{high // 256}.{high % 256}.{low}", "version": 4, "OS-EXT-IPS:type": "fixed"}


class Servers:
    """All servers; those that were deleted are remembered for what they were made of."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._servers: dict[str, Server] = {}
        self._made: dict[str, list[str]] = defaultdict(list)

    def add(self, server: Server) -> Server:
        """Build a server."""
        server.number = len(self._servers) + 1
        server.due = time.monotonic() + self.settings.build
        self._servers[server.id] = server
        self._made[server.metadata.get("cloudmesh-token", "")].append(server.id)
        return server

    def found(self, name: str, status: str) -> str:
        """A server that exists already in this state; its id."""
        before = time.time() - 3600
        server = Server(name, "debian-12", "small", becomes=status, made=before, changed=before)
        server.number = len(self._servers) + 1
        self._servers[server.id] = server
        return server.id

    def get(self, cloud_id: str) -> Server | None:
        """The server of this id, unless it is gone."""
        server = self._servers.get(cloud_id)
        return None if server is None or self._is_gone(server) else server

    def _is_gone(self, server: Server) -> bool:
        return server.status() == "DELETED" and time.monotonic() >= server.due + self.settings.leaving

    def all(self) -> Iterator[Server]:
        """Those that are not gone, in the order of their making."""
        return (each for each in self._servers.values() if not self._is_gone(each))

    def after(self, marker: str, found: list[Server]) -> list[Server] | None:
        """Those that were made after this one, which may be gone; None if it never was there."""
        server = self._servers.get(marker)
        return server and [each for each in found if each.number > server.number]

    def changed(self, since: str) -> Iterator[Server]:
        """Those that have changed since then, deleted ones among them."""
        known = self.all() if self.settings.purges else iter(self._servers.values())
        return (each for each in known if each.updated(self.settings) >= seconds_of(since))

    def twice(self) -> dict[str, list[str]]:
        """The tokens of which several servers were made, deleted ones counted."""
        return {token: ids for token, ids in self._made.items() if token and len(ids) > 1}

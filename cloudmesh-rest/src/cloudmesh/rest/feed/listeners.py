"""Who listens: what each of them wants and may know, and how far it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from cloudmesh.rest.access.caller import Caller
from cloudmesh.rest.feed.events import KINDS, RESET, ResetEvent, Told
from cloudmesh.rest.feed.ring import Ring, message
from cloudmesh.rest.problems import Problem

# How many events are looked at together, and how many bytes are sent together.
_MANY, _CHUNK = 256, 32 * 1024
# When to come again.
_RETRY_SECONDS = 5


class Wanted(NamedTuple):
    """What a listener wants to know.

    Attributes:
        clouds: only of these; None for all.
        kinds: only these, see ``events.KINDS``.
        job: only of this job; None for all.
    """

    clouds: Collection[str] | None = None
    kinds: Collection[str] = KINDS
    job: int | None = None


@dataclass(frozen=True)
class StreamLimits:
    """How many streams there may be.

    Attributes:
        each: of one token.
        all: of everybody together.
        kept: how many events are kept for those that come back, or are slow.
        beat: after how many silent seconds a stream sends that it is alive.
        stuck: after how many seconds in which a listener has taken nothing it is cut off.
    """

    each: int = 50
    all: int = 500
    kept: int = 10_000
    beat: float = 15.0
    stuck: float = 20.0


class Listener:
    """One stream. It is used on the event loop only.

    It has no queue: it knows which event of the ring it was given last. However slow it is, it takes no
    memory; what it was too slow for it is told by a reset.

    Attributes:
        caller: who listens.
    """

    def __init__(self, ring: Ring, caller: Caller, wanted: Wanted, last_id: str | None) -> None:
        self.caller = caller
        self._ring, self._wanted = ring, wanted
        self._seen: dict[tuple[str, ...], bool] = {}
        self._ended = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None
        self._is_awake = False
        self._goes_on = False
        self._first = self._start(last_id)

    @property
    def goes_on(self) -> bool:
        """Whether nothing was missed since the id that was given."""
        return self._goes_on

    def has_more(self) -> bool:
        """Whether something that it wants is there already. It is given later all the same."""
        return any(self._wants(each.told) for each in self._ring.after(self._place, self._ring.last))

    def _start(self, last_id: str | None) -> bytes:
        """Find the place after an id; gives what is sent first."""
        ring = self._ring
        self._place = ring.last
        if last_id is None:
            # Without data: a client that is cut before anything happens still knows where it was.
            return f"id: {self.id}\n\n".encode()
        number = ring.number_of(last_id)
        if number is None:
            return self._reset(
                "other-epoch",
                "the server does not know this id, since it was started anew; read the lists again",
            )
        if number + 1 < ring.oldest:
            return self._reset(
                "too-old",
                f"only the last {ring.last - ring.oldest + 1} events are kept; read the lists again",
            )
        self._place, self._goes_on = number, True
        return b""

    def _reset(self, reason: str, detail: str) -> bytes:
        self._place = self._ring.last
        event = ResetEvent.model_validate({"reason": reason, "detail": detail})
        return message(RESET, event.model_dump_json(), self.id)

    @property
    def id(self) -> str:
        """The id of the place where it is."""
        return self._ring.id_of(self._place)

    @property
    def ending(self) -> bool:
        """Whether the stream is to end now."""
        return self._ended.is_set()

    def wake(self) -> None:
        """There is something to send, or the stream ends."""
        self._is_awake = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def end(self) -> None:
        """Let the stream end as soon as it can."""
        self._ended.set()
        self.wake()

    async def wait_end(self, seconds: float) -> bool:
        """Wait until the stream is to end; False if it is not after so long."""
        if not self._ended.is_set():
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ended.wait(), seconds)
        return self._ended.is_set()

    def use(self, ring: Ring) -> None:
        """Go on with another ring, of another epoch."""
        self._ring = ring
        self._first = self._reset("other-epoch", "the store is another one; read the lists again")
        self.wake()

    async def wait(self) -> None:
        """Wait until there is something to send."""
        # A future, and no timeout of its own: a hundred streams wake up for each event.
        if not self._is_awake:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        self._is_awake = False

    def take(self) -> bytes:
        """What is to be sent next; empty for nothing. Some that it does not want may be passed over."""
        first, self._first = self._first, b""
        if first:
            return first
        if self._place + 1 < self._ring.oldest:
            return self._reset("too-slow", "more has happened than was read of it; read the lists again")
        sent: list[bytes] = []
        size = 0
        while self._place < self._ring.last and size < _CHUNK and not self.ending:
            for kept in self._ring.after(self._place, _MANY):
                self._place = kept.number
                if self._wants(kept.told):
                    sent.append(kept.sent)
                    size += len(kept.sent)
                    if kept.told.ends and self._wanted.job is not None:
                        self._ended.set()
                if size >= _CHUNK or self.ending:
                    break
        return b"".join(sent)

    def beat(self) -> bytes:
        """What is sent when nothing happens: with the place, so that it does not get too old meanwhile."""
        return f": \nid: {self.id}\n\n".encode()

    def _wants(self, told: Told) -> bool:
        kinds, clouds, job = self._wanted.kinds, self._wanted.clouds, self._wanted.job
        if job is not None and told.job != job:
            return False
        if told.kind not in kinds or not self._sees(told.whole or told.clouds):
            return False
        return clouds is None or any(each in clouds for each in told.clouds)

    def _sees(self, clouds: tuple[str, ...]) -> bool:
        """Whether the caller may know of something of all these clouds."""
        if clouds not in self._seen:
            self._seen[clouds] = sees_all(self.caller, clouds)
        return self._seen[clouds]


def sees_all(caller: Caller, clouds: Iterable[str]) -> bool:
    """Whether a caller may know of a thing of these clouds."""
    return all(map(caller.sees, clouds))


class Listeners:
    """All streams of one server, within limits. It is used on the event loop only."""

    def __init__(self, limits: StreamLimits) -> None:
        self._limits = limits
        self._all: set[Listener] = set()
        self._ending = False

    def __len__(self) -> int:
        return len(self._all)

    def add(self, ring: Ring, caller: Caller, wanted: Wanted, last_id: str | None) -> Listener:
        """A new one. Raises a Problem if there are too many, or the server stops."""
        headers = {"Retry-After": str(_RETRY_SECONDS)}
        if self._ending:
            raise Problem(503, "the server stops", "stopping", headers=headers)
        if len(self._all) >= self._limits.all:
            raise Problem(
                503, f"there are {len(self._all)} streams already; try again later", headers=headers
            )
        own = sum(each.caller.name == caller.name for each in self._all)
        if own >= self._limits.each:
            raise Problem(
                429, f"{caller.name} has {own} streams already; close some of them first", headers=headers
            )
        listener = Listener(ring, caller, wanted, last_id)
        self._all.add(listener)
        return listener

    def remove(self, listener: Listener) -> None:
        """It has gone."""
        self._all.discard(listener)

    def wake(self) -> None:
        """There are new events."""
        for each in self._all:
            each.wake()

    def use(self, ring: Ring) -> None:
        """There is another ring."""
        for each in self._all:
            each.use(ring)

    def end(self) -> None:
        """End all streams, and let no new one begin."""
        self._ending = True
        for each in list(self._all):
            each.end()

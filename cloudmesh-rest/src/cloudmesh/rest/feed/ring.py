"""The last events, numbered, each as the bytes that are sent: what a stream that was cut can still get."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from cloudmesh.rest.feed.events import Told

CAPACITY = 10_000


class Kept(NamedTuple):
    """An event with its number, and as it is sent."""

    number: int
    told: Told
    sent: bytes


class Ring:
    """Events with the numbers 1, 2, 3, ... of one epoch, of which the last ones are kept.

    Attributes:
        epoch: a word that no other ring has, so that a number of an earlier one is not taken for one of this.
        last: the number of the last event.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.epoch = secrets.token_hex(4)
        self.last = 0
        self._kept: list[Kept | None] = [None] * capacity

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept; one more than the last if there is none."""
        return max(1, self.last - len(self._kept) + 1)

    def add(self, told: Iterable[Told]) -> None:
        """Keep these, and forget the oldest in their place."""
        for each in told:
            self.last += 1
            sent = message(each.kind, each.data, self.id_of(self.last))
            # Its text is kept as it is sent, and not twice.
            self._kept[self.last % len(self._kept)] = Kept(self.last, each._replace(data=""), sent)

    def after(self, number: int, most: int) -> Iterator[Kept]:
        """At most so many events after this number, which must be kept, in order."""
        first = max(number + 1, self.oldest)
        for place in islice(range(first, self.last + 1), most):
            kept = self._kept[place % len(self._kept)]
            if kept is not None:
                yield kept

    def id_of(self, number: int) -> str:
        """The id of an event: EPOCH-NUMBER."""
        return f"{self.epoch}-{number}"

    def number_of(self, id: str) -> int | None:
        """The number that an id of this epoch has; None if it is none, or of another epoch."""
        epoch, _, number = id.partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdecimal() and len(number) < 18):
            return None
        return int(number) if int(number) <= self.last else None


def message(kind: str, data: str, id: str) -> bytes:
    """An event as a stream has it. The data are JSON on one line."""
    return f"id: {id}\nevent: {kind}\ndata: {data}\n\n".encode()

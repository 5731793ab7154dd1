"""From when on Nova is asked for changes: a time of the cloud's own clock, in whole seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from cloudmesh.cloud.providers.libcloud.records import epoch_seconds

# So many seconds are told once more: a server is dated by the clock of the service that wrote it down, which
# is another than the one that answers, in whole seconds, and a cell may show it a moment later.
OVERLAP = 30.0


class Told(NamedTuple):
    """When something was told.

    Attributes:
        date: the header ``Date`` of the answer; empty for none.
        took: seconds from the call to the answer.
    """

    date: str = ""
    took: float = 0.0


class Mark:
    """Finds out what ``changes-since`` has to be so that nothing is missed that came after a listing.

    Our clock may be off, and is not asked. The date of the first page tells the time of the cloud; without it
    the newest change of a server does, which is the latest time that the cloud is known to have reached.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._dated: float | None = None
        self._newest = 0.0

    def page(self, told: Told, servers: Iterable[Any]) -> None:
        """A page was told."""
        if self._dated is None:
            # The servers may have been read when the call came, and the date written when it was answered.
            seconds = _seconds(told.date)
            self._dated = seconds and seconds - told.took
        if not self._dated:
            # One that is no server at all is reported by those who read it.
            dates = [each.get("updated") for each in servers if isinstance(each, Mapping)]
            self._newest = max([self._newest, *map(epoch_seconds, dates)])

    def text(self) -> str:
        """The time to ask from, once all pages were told; empty if none is known."""
        seconds = self._dated or (self._newest and self._newest - (time.monotonic() - self._began))
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds - OVERLAP)) if seconds else ""


def _seconds(date: str) -> float:
    """A date of HTTP as seconds since the epoch; 0 if it is none."""
    try:
        told = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return (told if told.tzinfo else told.replace(tzinfo=timezone.utc)).timestamp()

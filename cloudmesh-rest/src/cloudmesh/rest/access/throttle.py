"""How often wrong tokens are looked up."""

from __future__ import annotations

import time
from collections.abc import Callable


class Throttle:
    """Lets so many through at once, and then so many a second.

    One for all clients: on loopback they all look alike, and who has a right token is never asked to wait.
    """

    def __init__(
        self, most: int = 20, per_second: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._rate, self._clock = most, per_second, clock
        self._left, self._last = float(most), clock()

    @property
    def wait(self) -> float:
        """Seconds until the next one is let through; 0 if it is now."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._last) * self._rate)
        self._last = now
        return max(0.0, (1.0 - self._left) / self._rate)

    def take(self) -> None:
        """Count one, before it is looked up: many may come at once."""
        self._left -= 1.0

    def give_back(self) -> None:
        """Take that back, since it was a right one."""
        self._left += 1.0

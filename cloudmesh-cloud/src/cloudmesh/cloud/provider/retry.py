"""The retry policy of reads: a listing is not given up for one lost answer.

Only what is in ``READS`` is ever asked for twice here. Whether a call that changes something may be made
again is for those to decide who know what it was for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cloudmesh.cloud.errors import is_transient, only_looking
from cloudmesh.cloud.wire.waiting import pause
from cloudmesh.plugin.errors import CloudmeshError

Result = TypeVar("Result")

#: The methods of a provider that change nothing.
READS = frozenset(
    {
        *("connect", "check", "machines", "changed_machines", "machine", "find_booted", "console"),
        *("images", "image", "flavors", "key_pairs", "quotas", "user_id"),
        *("networks", "security_groups", "floating_ips", "leases", "snapshots"),
    }
)


@dataclass(frozen=True)
class ReadRetry:
    """How often and for how long a read that fails by a transient error is retried; times are in seconds.

    Attributes:
        attempts: how often the cloud is asked at most.
        first, longest: the wait before the second attempt, and before any; it doubles each time, and chance
            takes up to all of it away, so that many who failed together do not come again together.
        quick: after so long no attempt is begun any more: a user waits for it.
        ceiling: the same, where the cloud itself said when to come again (Retry-After), which is obeyed.
        sleep, clock: for tests.
    """

    attempts: int = 5
    first: float = 0.3
    longest: float = 10.0
    quick: float = 20.0
    ceiling: float = 60.0
    sleep: Callable[[float], None] = pause
    clock: Callable[[], float] = time.monotonic

    def call(self, method: Callable[[], Result]) -> Result:
        """What the method gives, at the first or a later attempt.

        Raises the error of the last one, which leaves nothing unsure: the method changes nothing.
        """
        began, attempt = self.clock(), 1
        with only_looking():
            while True:
                try:
                    return method()
                except CloudmeshError as error:
                    if attempt >= self.attempts or not is_transient(error):
                        raise
                    pause, limit = self._pause(attempt, getattr(error, "retry_after", None))
                    if self.clock() - began + pause > limit:
                        raise
                self.sleep(pause)
                attempt += 1

    def _pause(self, attempt: int, retry_after: float | None) -> tuple[float, float]:
        """How long to wait after this attempt, and after how long no other one is begun any more."""
        if retry_after is not None:
            return retry_after + random.uniform(0, self.first), self.ceiling  # noqa: S311
        longest = min(self.longest, self.first * 2.0 ** (attempt - 1))
        return random.uniform(0, longest), self.quick  # noqa: S311


#: For those who ask again themselves, or want to know how the cloud is now.
ONCE = ReadRetry(attempts=1)

"""The retry policy: which failed calls are repeated, how often, and after which pause.

Nothing sleeps here: the scheduler gets the seconds, and does other things meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from cloudmesh.cloud.errors import CloudTimeout, OutOfService, RateLimited, Unreachable, is_transient
from cloudmesh.vm.model.call import CallLost


@dataclass(frozen=True)
class RetryPolicy:
    """How often a task is retried, and how long the pauses are.

    Attributes:
        attempts: the most calls for one task.
        silent_attempts: the same for a task that gets no answer at all, as long as its cloud has not answered
            any call of this job.
        first, longest: seconds to wait after the first failure, and at most; the wait doubles, and up to
            ``first`` is added at random so that not all tasks come back at once.
        obeyed: the longest wait in seconds that a cloud may ask for (Retry-After).
    """

    attempts: int = 6
    silent_attempts: int = 3
    first: float = 0.5
    longest: float = 30.0
    obeyed: float = 300.0

    def pause(self, error: Exception, tries: int, silences: int = 0) -> float | None:
        """Seconds to wait before a task that was tried ``tries`` times is retried; None if it has failed.

        ``silences``: how many calls in a row got no answer at all, if its cloud has not answered any call.
        """
        if not (is_transient(error) or isinstance(error, CallLost)):
            return None
        if tries >= self.attempts or silences >= self.silent_attempts:
            return None
        seconds = min(self.first * 2.0 ** (tries - 1), self.longest) + random.uniform(0, self.first)  # noqa: S311
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return error.retry_after + seconds if self.obeys(error) else None
        return seconds

    def obeys(self, error: RateLimited) -> bool:
        """Whether the wait that the cloud asks for is short enough."""
        return error.retry_after is not None and error.retry_after <= self.obeyed


def is_silence(error: BaseException) -> bool:
    """Whether the cloud did not answer at all, as opposed to an answer that is an error."""
    return isinstance(error, Unreachable | CloudTimeout)


def is_dead_silence(error: BaseException) -> bool:
    """Whether the cloud seems to be down, as opposed to a connection that broke off or a gateway's answer."""
    if isinstance(error, CloudTimeout):
        return True
    return isinstance(error, Unreachable) and not (isinstance(error, OutOfService) or error.outcome_unknown)

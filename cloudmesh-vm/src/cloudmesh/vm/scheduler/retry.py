"""When a call that failed is made again, and how long to wait before.

Nobody sleeps here: the coordinator is told the seconds and does other things meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cloudmesh.cloud.errors import CloudTimeout, OutOfService, RateLimited, Unreachable, is_transient
from cloudmesh.plugin.errors import ConfigError
from cloudmesh.vm.model.call import CallLost


@dataclass(frozen=True)
class RetryPolicy:
    """How patient the coordinator is.

    Attributes:
        attempts: how often a task is tried at most.
        silent_attempts: the same for one that gets no answer at all, as long as its cloud has not answered
            anybody in this job.
        first, longest: seconds to wait after the first failure, and at most; it doubles, and up to
            ``first`` is added by chance so that not all come back at once.
        obeyed: the longest wait in seconds that a cloud may ask for (Retry-After).
    """

    attempts: int = 6
    silent_attempts: int = 3
    first: float = 0.5
    longest: float = 30.0
    obeyed: float = 300.0

    def pause(self, error: Exception, tries: int, silences: int = 0) -> float | None:
        """Seconds to wait before the task is tried again after ``tries`` times; None if it has failed.

        ``silences``: how often in a row it got no answer at all, if its cloud has not answered anybody.
        """
        if not (is_transient(error) or isinstance(error, CallLost)):
            return None
        from tenacity import stop_after_attempt

        state = _state(tries)
        if stop_after_attempt(self.attempts)(state) or silences >= self.silent_attempts:
            return None
        seconds = float(self._wait(state))
        if isinstance(error, RateLimited) and error.retry_after is not None:
            return error.retry_after + seconds if self.obeys(error) else None
        return seconds

    def obeys(self, error: RateLimited) -> bool:
        """Whether it waits for as long as the cloud asks for."""
        return error.retry_after is not None and error.retry_after <= self.obeyed

    @cached_property
    def _wait(self) -> Any:
        from tenacity import wait_exponential, wait_random

        return wait_exponential(multiplier=self.first, max=self.longest) + wait_random(0, self.first)


def _state(tries: int) -> Any:
    """What tenacity's strategies look at."""
    from tenacity import RetryCallState, Retrying

    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = tries
    return state


def is_silence(error: BaseException) -> bool:
    """Whether the cloud did not answer at all, as opposed to an answer that is an error."""
    return isinstance(error, Unreachable | CloudTimeout)


def is_dead_silence(error: BaseException) -> bool:
    """Whether nobody seems to be there, as opposed to a connection that broke off or a gateway's answer."""
    if isinstance(error, CloudTimeout):
        return True
    return isinstance(error, Unreachable) and not (isinstance(error, OutOfService) or error.outcome_unknown)


def closes(error: BaseException) -> bool:
    """Whether no other call of this cloud can do better: who we are, or where it is, is wrong."""
    return isinstance(error, ConfigError)

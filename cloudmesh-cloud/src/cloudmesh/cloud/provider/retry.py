"""Asking a cloud again, where asking changes nothing: a listing is not given up for one lost answer.

Only what is in ``READS`` is ever asked for twice here. Whether a call that changes something may be made
again is for those to decide who know what it was for.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from cloudmesh.cloud.errors import is_transient, only_looking
from cloudmesh.plugin.errors import CloudmeshError

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from cloudmesh.cloud.model.records import MachineRecord
    from cloudmesh.cloud.provider.interface import Provider

Result = TypeVar("Result")

#: The methods of a provider that change nothing.
READS = frozenset(
    {
        *("check", "machines", "machine", "find_booted", "console"),
        *("images", "image", "flavors", "key_pairs", "quotas"),
        *("networks", "security_groups", "floating_ips"),
    }
)


@dataclass(frozen=True)
class ReadRetry:
    """How long the errors of a read that may pass are put up with; times are in seconds.

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
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def insist(self, call: Callable[[], Result]) -> Result:
        """What the call gives, at the first or a later attempt.

        Raises the error of the last one, which leaves nothing unsure: the call changes nothing.
        """
        with only_looking():
            return self._insist(call)

    def _insist(self, call: Callable[[], Result]) -> Result:
        began = self.clock()
        try:
            return call()
        except CloudmeshError as error:
            if self.attempts < 2 or not is_transient(error):
                raise
            failed = [error]

        def attempt() -> Result:
            # The first one was made already, without importing what is needed for others.
            if failed:
                raise failed.pop()
            return call()

        return self._again(attempt, began)

    def _again(self, attempt: Callable[[], Result], began: float) -> Result:
        from tenacity import Retrying, retry_if_exception, wait_random_exponential

        backoff = wait_random_exponential(multiplier=self.first, max=self.longest)

        def wait(state: RetryCallState) -> float:
            told = _retry_after(state)
            return backoff(state) if told is None else told + random.uniform(0, self.first)  # noqa: S311

        def enough(state: RetryCallState) -> bool:
            if state.attempt_number >= self.attempts:
                return True
            limit = self.quick if _retry_after(state) is None else self.ceiling
            return self.clock() - began + state.upcoming_sleep > limit

        retrying = Retrying(
            sleep=self.sleep,
            stop=enough,
            wait=wait,
            retry=retry_if_exception(is_transient),
            reraise=True,
        )
        return retrying(attempt)


def _retry_after(state: RetryCallState) -> float | None:
    error = state.outcome.exception() if state.outcome else None
    told: float | None = getattr(error, "retry_after", None)
    return told


#: For whoever asks again by itself, or wants to know how it is now.
ONCE = ReadRetry(attempts=1)


class RetryingReader:
    """A provider whose reads are tried again; everything else is the provider's own."""

    def __init__(self, provider: Provider, patience: ReadRetry) -> None:
        self._provider = provider
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._provider, name)
        return partial(self._read, found) if name in READS else found

    def _read(self, method: Callable[..., Result], *words: Any) -> Result:
        return self._patience.insist(partial(method, *words))

    def machines(self) -> Iterator[MachineRecord]:
        """The listing; one that breaks off is begun again, and nobody is told twice."""
        told: set[str] = set()
        listing: Iterator[MachineRecord] | None = None

        def following() -> MachineRecord | None:
            nonlocal listing
            try:
                listing = iter(self._provider.machines()) if listing is None else listing
                return next((machine for machine in listing if machine.cloud_id not in told), None)
            except BaseException:
                listing = None
                raise

        while (machine := self._patience.insist(following)) is not None:
            told.add(machine.cloud_id)
            yield machine

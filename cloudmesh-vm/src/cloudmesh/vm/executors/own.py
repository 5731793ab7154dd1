"""The executor that is built in: threads of this process, and one for all calls that can share it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.executors.threads import DaemonThreads
from cloudmesh.vm.model.call import Access, Call

if TYPE_CHECKING:
    from cloudmesh.vm.executors.multiplexed import MultiplexedCalls

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

# So many calls at once are made in threads, if no more are expected: they cost less than to begin with what
# shares one.
_FEW = 8


def can_share(access: Access) -> bool:
    """Whether calls of a cloud can share a thread."""
    try:
        return provider_class(access.settings.get("type"), access.cloud).shares_threads
    except CloudmeshError:
        # Told by the call.
        return False


class OwnCalls(Executor):
    """Makes calls in threads, or many in one thread where the provider of their cloud allows it.

    Args:
        max_workers: so many calls at once at most, of each of the two.
        at_end: called by each thread that comes to its end.
    """

    def __init__(self, max_workers: int, at_end: Callable[[], None] = lambda: None) -> None:
        self._threads = DaemonThreads(max_workers, at_end)
        self._at_end = at_end
        self._multiplexed: MultiplexedCalls | None = None
        self._in_threads: set[Future[Any]] = set()
        self._many_come = False
        # By the keys of accesses.
        self._shares: dict[str, bool] = {}

    def expect(self, calls: int) -> None:
        """Get ready for so many calls at once: many share a thread from the first one on."""
        self._many_come = calls > _FEW

    @property
    def max_workers(self) -> int:
        """How many calls there may be at once by now."""
        return self._threads.max_workers

    @property
    def refused(self) -> bool:
        """Whether the system has allowed no further thread."""
        return self._threads.refused

    def submit(
        self, fn: Callable[Arguments, Answer], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Answer]:
        """Call ``fn``, whose first argument may be a ``Call``. Raises RuntimeError as ``DaemonThreads``."""
        call = args[0] if args else None
        many = self._multiplexed is not None or self._many_come or len(self._in_threads) >= _FEW
        if many and isinstance(call, Call) and self._can_share(call.access):
            # Without another thread the others do it all.
            with suppress(OSError, RuntimeError):
                return self._sharing().submit(fn, *args, **kwargs)
        future = self._threads.submit(fn, *args, **kwargs)
        self._in_threads.add(future)
        future.add_done_callback(self._in_threads.discard)
        return future

    def _can_share(self, access: Access) -> bool:
        if access.key not in self._shares:
            self._shares[access.key] = can_share(access)
        return self._shares[access.key]

    def _sharing(self) -> MultiplexedCalls:
        if self._multiplexed is None:
            from cloudmesh.vm.executors.multiplexed import MultiplexedCalls  # small jobs need none

            self._multiplexed = MultiplexedCalls(self.max_workers, self._at_end)
        return self._multiplexed

    def abandon(self, future: Future[Any]) -> None:
        """Give a call up; see ``DaemonThreads``."""
        if self._multiplexed is not None:
            self._multiplexed.abandon(future)
        self._threads.abandon(future)

    def reduce(self, max_workers: int) -> None:
        """Have fewer calls at once from now on."""
        self._threads.reduce(max_workers)
        if self._multiplexed is not None:
            self._multiplexed.reduce(max_workers)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; see ``DaemonThreads``."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)
        if self._multiplexed is not None:
            self._multiplexed.shutdown(wait, cancel_futures=cancel_futures)

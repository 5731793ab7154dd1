"""Looks at clouds repeatedly, each in a thread of its own, so that one that hangs does not delay others."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.client.looks import Looks
from cloudmesh.cloud.model.records import LeftOut, MachineRecord
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.executors.room import no_room


@dataclass(frozen=True)
class PollResult:
    """What one look at a cloud gave.

    Attributes:
        cloud: its name.
        listed: its machines, see ``Look``, or the error that the look ended in.
        left_out: what is there all the same, but cannot be as the cloud says.
        whole: whether these are all its machines.
    """

    cloud: str
    listed: Sequence[MachineRecord] | BaseException
    left_out: Sequence[LeftOut] = ()
    whole: bool = True


class Poller:
    """Looks at clouds when asked to, and hands over the results; used by one thread.

    Each of its threads opens a cloud and the store for itself and stays until ``close``. They are daemons:
    nothing waits for a cloud that does not answer.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._requests: dict[str, SimpleQueue[bool | None]] = {}
        self._results: SimpleQueue[PollResult | None] = SimpleQueue()

    def ask(self, cloud: str, whole: bool) -> None:
        """Let a cloud be looked at; the result of the last look must have come before.

        Args:
            whole: whether it has to show all machines; else those that changed since the last look will do.
        """
        if cloud not in self._requests:
            self._requests[cloud] = SimpleQueue()
            work = (cloud, self._requests[cloud])
            try:
                threading.Thread(target=self._poll, args=work, daemon=True, name=f"listing {cloud}").start()
            except RuntimeError as error:
                # The system may have room for another thread a little later.
                del self._requests[cloud]
                self._results.put(PollResult(cloud, no_room(error) or error))
                return
        self._requests[cloud].put(whole)

    def next(self, seconds: float) -> PollResult | None:
        """The next result; None if none comes within these seconds, or after ``wake``."""
        with contextlib.suppress(Empty):
            result = self._results.get(timeout=seconds) if seconds > 0 else self._results.get_nowait()
            # Whoever was woken looks at everything: once is enough for all who woke it.
            while result is None:
                result = self._results.get_nowait()
            return result
        return None

    def wake(self) -> None:
        """End a wait in ``next``; safe to be called by the handler of a signal."""
        self._results.put(None)

    def close(self) -> None:
        """Let the threads end."""
        for requests in self._requests.values():
            requests.put(None)

    def _poll(self, name: str, requests: SimpleQueue[bool | None]) -> None:
        """Look at a cloud at each request; this is what a thread runs."""
        # An error while closing the cloud does not matter any more.
        with contextlib.suppress(CloudmeshError), ExitStack() as stack:
            looks: Looks | None = None
            while (whole := requests.get()) is not None:
                try:
                    if looks is None:
                        cloud = stack.enter_context(Cloud(name, self._config))
                        # The waiter polls again by itself, and has to know of trouble before that.
                        cloud.read_retry = ONCE
                        looks = Looks(cloud)
                    self._results.put(PollResult(name, *looks.look(whole)))
                except BaseException as error:  # noqa: BLE001 the thread that asked decides about it
                    self._results.put(PollResult(name, no_room(error) or error))

"""Looking at clouds again and again, each in a thread of its own: one that hangs holds no other back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError


@dataclass(frozen=True)
class PollResult:
    """What a cloud showed: all its machines, or why it did not."""

    cloud: str
    shown: Sequence[MachineRecord] | BaseException


class Poller:
    """Lists clouds when asked to, and hands over what it sees; used by one thread.

    The threads behind it open clouds and store for themselves and stay until ``close``. They are daemons:
    nobody waits for a cloud that does not answer.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._asked: dict[str, SimpleQueue[bool]] = {}
        self._seen: SimpleQueue[PollResult | None] = SimpleQueue()

    def ask(self, cloud: str) -> None:
        """Let a cloud be listed; it must have answered before it is asked again."""
        if cloud not in self._asked:
            self._asked[cloud] = SimpleQueue()
            work = (cloud, self._asked[cloud])
            threading.Thread(target=self._look, args=work, daemon=True, name=f"listing {cloud}").start()
        self._asked[cloud].put(True)

    def next(self, seconds: float) -> PollResult | None:
        """The next answer; None if there is none for so long, or after ``wake``."""
        with contextlib.suppress(Empty):
            return self._seen.get(timeout=seconds) if seconds > 0 else self._seen.get_nowait()
        return None

    def wake(self) -> None:
        """End a wait in ``next``; safe to be called by the handler of a signal."""
        self._seen.put(None)

    def close(self) -> None:
        """Let the threads end."""
        for asked in self._asked.values():
            asked.put(False)

    def _look(self, name: str, asked: SimpleQueue[bool]) -> None:
        # What cannot be closed well is of no use to anybody any more.
        with contextlib.suppress(CloudmeshError), ExitStack() as stack:
            cloud: Cloud | None = None
            while asked.get():
                try:
                    cloud = cloud or stack.enter_context(Cloud(name, self._config))
                    # Who waits asks again by itself, and wants to know of trouble before that.
                    cloud.read_retry = ONCE
                    self._seen.put(PollResult(name, cloud.machines()))
                except BaseException as error:  # noqa: BLE001 it is judged in the thread that asked
                    self._seen.put(PollResult(name, error))

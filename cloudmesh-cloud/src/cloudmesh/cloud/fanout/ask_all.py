"""Queries several clouds at once, each in a thread with its own connection to cloud and store."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.fanout.query import QueryLimits
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, ConfigError

Result = TypeVar("Result")

# More at once would only wait for the network of this machine.
_THREADS = 32
# The main thread wakes so often, in seconds: to tell the progress, and since on some systems a Ctrl-C does
# not end a longer wait.
_POLL = 0.2


def ask_clouds(
    config: Config,
    clouds: Sequence[str],
    ask: Callable[[str], Result],
    limits: QueryLimits | None = None,
    failed: Mapping[str, CloudmeshError] | None = None,
    calls: int = 1,
) -> dict[str, Result | CloudmeshError]:
    """What ``ask`` gives for each of these clouds, or its error, in the order of the clouds.

    All secrets that are missing are asked for before the first cloud is called, since nobody could be asked
    in another thread. A cloud that takes longer than its limit is given up.

    Args:
        ask: opens the cloud of this name and asks it; called in a thread of its own.
        limits: how long a cloud may take, and who is told of the progress; the usual limits if None.
        failed: clouds that are not asked, with their errors.
        calls: how many calls ``ask`` makes to a cloud, each of which may take as long as is configured.
    """
    limits = limits or QueryLimits()
    errors = dict(failed or {})
    errors |= config.unresolved([cloud for cloud in clouds if cloud not in errors])
    timeouts: dict[str, float | None] = {}
    for name in clouds:
        if name not in errors:
            try:
                timeouts[name] = config.call_timeout(name)
            except ConfigError as error:
                errors[name] = error
    asked = [*timeouts]
    answers = ask_all(asked, ask, limits.limit(timeouts, calls), partial(limits.tell, asked)) if asked else {}
    return {cloud: errors[cloud] if cloud in errors else answers[cloud] for cloud in clouds}


def ask_all(
    clouds: Sequence[str],
    ask: Callable[[str], Result],
    limit: Callable[[str], float] | None = None,
    tell: Callable[[Mapping[str, object]], None] | None = None,
) -> dict[str, Result | CloudmeshError]:
    """What ``ask`` gives for each cloud, or its error, in the order of the clouds.

    ``ask`` opens its cloud and its store itself. On Ctrl-C the calls that are under way are not waited for.

    Args:
        limit: for how many seconds a cloud is waited for, asked when its turn comes; the answer of one that
            takes longer is a CloudTimeout, and its thread is left alone.
        tell: called with the answers so far: at the beginning, at each answer and each 0.2 seconds.
    """
    if len(clouds) < 2 and limit is None:
        return {cloud: _answer(cloud, ask) for cloud in clouds}
    return _Fanout(clouds, ask, limit or (lambda _: math.inf), tell or (lambda _: None)).run()


class _Fanout(Generic[Result]):
    """The clouds that are queued, those that are being asked, and what they have answered."""

    def __init__(
        self,
        clouds: Sequence[str],
        ask: Callable[[str], Result],
        limit: Callable[[str], float],
        tell: Callable[[Mapping[str, object]], None],
    ) -> None:
        self._clouds = clouds
        self._ask = ask
        self._limit = limit
        self._tell = tell
        self._queue = deque(clouds)
        # When each began to be asked, and for how many seconds it may be.
        self._asked: dict[str, tuple[float, float]] = {}
        self._ended: SimpleQueue[tuple[str, Result | BaseException]] = SimpleQueue()
        self._answers: dict[str, Result | CloudmeshError] = {}

    def run(self) -> dict[str, Result | CloudmeshError]:
        """Ask them all. Raises what nobody foresaw."""
        while self._queue or self._asked:
            while self._queue and len(self._asked) < _THREADS:
                cloud = self._queue.popleft()
                self._asked[cloud] = time.monotonic(), self._limit(cloud)
                # A daemon, so that a hanging cloud does not keep an interrupted command from ending.
                name = f"asking {cloud}"
                threading.Thread(target=self._work, args=(cloud,), daemon=True, name=name).start()
            self._tell(self._answers)
            self._listen()
            now = time.monotonic()
            for cloud, (began, seconds) in list(self._asked.items()):
                if now >= began + seconds:
                    del self._asked[cloud]
                    sentence = f"cloud {cloud} did not answer in {seconds:.3g} seconds"
                    self._answers[cloud] = CloudTimeout(sentence)
        self._tell(self._answers)
        return {cloud: self._answers[cloud] for cloud in self._clouds}

    def _work(self, cloud: str) -> None:
        try:
            self._ended.put((cloud, _answer(cloud, self._ask)))
        except BaseException as error:  # noqa: BLE001 raised again in the thread that asked
            self._ended.put((cloud, error))

    def _listen(self) -> None:
        """Wait for a cloud, and take over what has come."""
        now = time.monotonic()
        ends = min((began + seconds for began, seconds in self._asked.values()), default=now)
        wait = max(0.0, min(_POLL, ends - now))
        try:
            while True:
                cloud, answer = self._ended.get(timeout=wait) if wait > 0 else self._ended.get_nowait()
                wait = 0.0
                # What comes after all, when nobody waits for it any more, is nothing that was told.
                if self._asked.pop(cloud, None) is not None:
                    if isinstance(answer, BaseException) and not isinstance(answer, CloudmeshError):
                        raise answer
                    self._answers[cloud] = answer
        except Empty:
            return


def _answer(cloud: str, ask: Callable[[str], Result]) -> Result | CloudmeshError:
    try:
        return ask(cloud)
    except CloudmeshError as error:
        return error

"""Queries several clouds at once, each in a thread with its own connection to cloud and store."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.fanout.query import NEVER, Deadline, QueryLimits
from cloudmesh.cloud.fanout.room import room_for
from cloudmesh.cloud.provider import visits
from cloudmesh.config import Config
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError, ConfigError

Result = TypeVar("Result")
Came = TypeVar("Came")

# More at once would only wait for the network of this machine.
_THREADS = 32
# So many files a thread may have open: its cloud, the store and a lock, each with what belongs to it; and so
# many the rest of the process may open meanwhile.
_FILES, _SPARE = 8, 8
# The main thread wakes so often, in seconds: to tell the progress, and since on some systems a Ctrl-C does
# not end a longer wait.
_POLL = 0.2
_TENTH = 0.1


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
    errors |= visits.unresolved(config, [cloud for cloud in clouds if cloud not in errors])
    timeouts: dict[str, float | None] = {}
    for name in clouds:
        if name not in errors:
            try:
                timeouts[name] = config.call_timeout(name)
            except ConfigError as error:
                errors[name] = error
    asked = [*timeouts]
    limit, tell = limits.limit(timeouts, calls), partial(limits.tell, asked)
    answers = ask_all(asked, ask, limit, tell, limits.deadline) if asked else {}
    return {cloud: errors[cloud] if cloud in errors else answers[cloud] for cloud in clouds}


def ask_all(
    clouds: Sequence[str],
    ask: Callable[[str], Result],
    limit: Callable[[str], float] = lambda _: math.inf,
    tell: Callable[[Mapping[str, object]], None] = lambda _: None,
    deadline: Deadline = NEVER,
) -> dict[str, Result | CloudmeshError]:
    """What ``ask`` gives for each cloud, or its error, in their order; raises what nobody foresaw.

    ``ask`` opens its cloud and its store itself, in a thread. On Ctrl-C the calls that are under way are not
    waited for.

    Args:
        limit: for how many seconds a cloud is waited for, asked when its turn comes; the answer of one that
            takes longer is a CloudTimeout, and its thread is left alone.
        tell: called with the answers so far: at the beginning, at each answer and each 0.2 seconds.
        deadline: the time for all of the command, of which the error tells if that is over.
    """
    queue = deque(clouds)
    # When each began to be asked, and for how many seconds it may be.
    asked: dict[str, tuple[float, float]] = {}
    ended: SimpleQueue[tuple[str, Result | BaseException]] = SimpleQueue()
    answers: dict[str, Result | CloudmeshError] = {}

    def work(cloud: str) -> None:
        try:
            ended.put((cloud, ask(cloud)))
        except BaseException as error:  # noqa: BLE001 raised again in the thread that asked
            ended.put((cloud, error))

    most = room_for(min(_THREADS, len(clouds)), _FILES, _SPARE)
    while queue or asked:
        most = _begin(queue, asked, most, work, limit)
        tell(answers)
        ends = min(began + seconds for began, seconds in asked.values())
        for cloud, answer in _come(ended, min(_POLL, ends - time.monotonic())):
            # What comes after all, when nobody waits for it any more, is nothing that was told.
            if asked.pop(cloud, None) is not None:
                if isinstance(answer, BaseException) and not isinstance(answer, CloudmeshError):
                    raise answer
                answers[cloud] = answer
        now = time.monotonic()
        for cloud, (began, seconds) in list(asked.items()):
            if now >= began + seconds:
                del asked[cloud]
                answers[cloud] = CloudTimeout(_silence(cloud, seconds, deadline))
    tell(answers)
    return {cloud: answers[cloud] for cloud in clouds}


def _silence(cloud: str, seconds: float, deadline: Deadline) -> str:
    """What is said of a cloud that has not answered for so long."""
    left = deadline.left()
    # What was left was told in tenths.
    if left is not None and left <= _TENTH:
        return f"the time limit of {span_text(deadline.seconds or 0.0)} ended before cloud {cloud} answered"
    return f"cloud {cloud} did not answer within {span_text(seconds)}"


def _begin(
    queue: deque[str],
    asked: dict[str, tuple[float, float]],
    most: int,
    work: Callable[[str], None],
    limit: Callable[[str], float],
) -> int:
    """Begin to ask the next clouds; how many can be asked at once, as far as the system has room for them."""
    while queue and len(asked) < most:
        cloud = queue.popleft()
        # A daemon, so that a hanging cloud does not keep an interrupted command from ending.
        thread = threading.Thread(target=work, args=(cloud,), daemon=True, name=f"asking {cloud}")
        try:
            thread.start()
        except RuntimeError as error:
            if not asked:
                raise CloudmeshError("no more threads allowed for this user (ulimit -u)") from error
            # There is room when one of the others has ended.
            queue.appendleft(cloud)
            return len(asked)
        asked[cloud] = time.monotonic(), limit(cloud)
    return most


def _come(ended: SimpleQueue[Came], seconds: float) -> Iterator[Came]:
    """What has come by now, else what comes within these seconds."""
    with suppress(Empty):
        yield ended.get(timeout=max(0.0, seconds))
        while True:
            yield ended.get_nowait()

"""Asking several clouds at once: each in a thread of its own, since neither drivers nor stores are shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

from cloudmesh.plugin.errors import CloudmeshError

Result = TypeVar("Result")

# More at once would only wait for the network of this machine.
_THREADS = 32
# The main thread looks up so often, in seconds, since on some systems a Ctrl-C does not end a longer wait.
_LOOK = 0.5


def ask_all(clouds: Sequence[str], ask: Callable[[str], Result]) -> dict[str, Result | CloudmeshError]:
    """What ``ask`` gives for each cloud, or its error, in the order of the clouds.

    ``ask`` opens its cloud and its store itself. On Ctrl-C the calls that are under way are not waited for.
    """
    if len(clouds) < 2:
        return {cloud: _answer(cloud, ask) for cloud in clouds}
    waiting: SimpleQueue[str] = SimpleQueue()
    ended: SimpleQueue[tuple[str, Result | BaseException]] = SimpleQueue()
    for cloud in clouds:
        waiting.put(cloud)
    # Daemons, so that a hanging cloud does not keep an interrupted command from ending.
    for _ in range(min(_THREADS, len(clouds))):
        threading.Thread(target=_work, args=(waiting, ended, ask), daemon=True).start()
    answers = dict(_next(ended) for _ in clouds)
    return {cloud: _expected(answers[cloud]) for cloud in clouds}


def _work(
    waiting: SimpleQueue[str],
    ended: SimpleQueue[tuple[str, Result | BaseException]],
    ask: Callable[[str], Result],
) -> None:
    """Ask one cloud after another until none is left."""
    while True:
        try:
            cloud = waiting.get_nowait()
        except Empty:
            return
        try:
            ended.put((cloud, _answer(cloud, ask)))
        except BaseException as error:  # noqa: BLE001 raised again in the thread that asked
            ended.put((cloud, error))


def _answer(cloud: str, ask: Callable[[str], Result]) -> Result | CloudmeshError:
    try:
        return ask(cloud)
    except CloudmeshError as error:
        return error


def _next(ended: SimpleQueue[tuple[str, Result | BaseException]]) -> tuple[str, Result | BaseException]:
    """Wait for one more cloud."""
    while True:
        try:
            return ended.get(timeout=_LOOK)
        except Empty:
            continue


def _expected(answer: Result | BaseException) -> Result | CloudmeshError:
    """The answer, unless it is an error that nobody foresaw: that is raised."""
    if isinstance(answer, BaseException) and not isinstance(answer, CloudmeshError):
        raise answer
    return answer

"""Reports to a callback how far the work on each cloud has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class CloudProgress:
    """The work on one cloud.

    Attributes:
        cloud: its name.
        total: how many machines there are to do.
        done, failed, running: how many of them are where they should be, have failed, are being called for.
    """

    cloud: str
    total: int
    done: int
    failed: int
    running: int


# Called with what is going on ("list" while clouds are asked what there is, then the verb, or "wait") and the
# progress on each cloud: in the main thread, at each change and each 0.2 seconds. It must not raise.
ProgressCallback = Callable[[str, Sequence[CloudProgress]], None]

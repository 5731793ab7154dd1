"""What the pretended cloud can be told, at its start or while it runs."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

# What can happen to a call, by whether the work is done: what the caller sees does not tell.
BEFORE = ("error", "unavailable", "rate", "reset", "silence", "gateway")
# What no OpenStack answers; nothing was done. Not among the usual ones.
LIES = ("page", "empty", "object", "accepted-page", "no-content")
AFTER = ("error-after", "reset-after", "silence-after", "malformed", "truncated")
KINDS = (*BEFORE, *AFTER)


@dataclass
class Settings:
    """Of one cloud.

    Attributes:
        password: of the one user; any other is refused with 401.
        latency: seconds before each answer.
        build, action: seconds until a new server is active, and until an action on one is done.
        faults: which part of the calls fails, from 0 to 1.
        kinds: how they fail, each as often as the others:
            error, unavailable, gateway   500, 503 and 502, and nothing was done
            rate                          429 with Retry-After
            reset                         the connection is reset, nothing was done
            silence                       no answer ever comes, nothing was done
            error-after, reset-after, silence-after   the same three, but it was done
            malformed, truncated          it was done, and the answer is no JSON, or ends in the middle
            page, empty, object, accepted-page, no-content   lies: nothing was done, and it sounds like it
        seed: of the chance by which calls fail.
        only: faults, hanging and trickling are for paths that contain this; empty: for all.
        retry_after: what the header Retry-After says, in seconds.
        hang: whether no call is ever answered, from now on.
        trickle: whether answers come as one byte each so many seconds, without end; 0: they do not.
        page: the most servers that are told in one answer.
        clock: how many seconds its clock is ahead of ours.
        dates: whether answers tell when they were given.
        undated: whether a server that changes by itself keeps the time of its last change.
        leaving: for how many seconds a server that was deleted is still told as DELETED.
        purges: whether servers that were deleted are forgotten at once.
        changes: whether it can be asked for changes; else that is refused with 400.
        public: the address that it tells of itself, such as that of a gateway; empty for its own.
    """

    password: str = "secret-of-the-fake"
    latency: float = 0.0
    build: float = 0.0
    action: float = 0.0
    faults: float = 0.0
    kinds: list[str] = field(default_factory=lambda: list(KINDS))
    seed: int = 1
    only: str = ""
    retry_after: float = 0.2
    hang: bool = False
    trickle: float = 0.0
    page: int = 1000
    clock: float = 0.0
    dates: bool = True
    undated: bool = False
    leaving: float = 0.0
    purges: bool = False
    changes: bool = True
    public: str = ""

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - {*KINDS, *LIES}
        if unknown:
            raise ValueError(f"no such faults: {', '.join(sorted(unknown))}")
        self._chance = random.Random(self.seed)

    def fault(self, path: str) -> str:
        """How this call is to fail; empty if it is not."""
        if self.only not in path:
            return ""
        if self.hang:
            return "silence"
        if self.trickle:
            return "trickle"
        if self.faults and self._chance.random() < self.faults:
            return self._chance.choice(self.kinds)
        return ""

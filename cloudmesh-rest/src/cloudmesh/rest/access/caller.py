"""Who makes a request, and what that one may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase


class Scope(IntEnum):
    """What a token is good for; each includes those before it."""

    READ = 1
    ACT = 2
    DESTROY = 3

    @property
    def word(self) -> str:
        """As it is written: read, act, destroy."""
        return self.name.lower()


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    Attributes:
        name: that of the token; it stands on the jobs that are made with it.
        scope: what it may do.
        clouds: names and globs of the clouds that it may see; None for all.
        expires: seconds since the epoch; None for never.
        key: the number of the token or session in the store; 0 where it has none.
    """

    name: str
    scope: Scope
    clouds: tuple[str, ...] | None = None
    expires: float | None = None
    key: int = 0

    def may(self, scope: Scope) -> bool:
        """Whether its scope includes this one."""
        return self.scope >= scope

    def sees(self, cloud: str) -> bool:
        """Whether it may know of this cloud."""
        return self.clouds is None or any(fnmatchcase(cloud, each) for each in self.clouds)

"""The errors that every cloudmesh package raises, and the exit code each one stands for.

::

    CloudmeshError              1   something failed
    ├── UsageError              2   the words of a command are wrong
    │   └── UnknownName         2   a name that nobody knows
    ├── ConfigError             3   the configuration cannot be used
    │   └── CredentialsError    3   a cloud did not accept who we are
    ├── CloudError              4   a cloud could not be reached or refused
    ├── StoreError              1   the database cannot be read or written
    └── Interrupted           130   the user pressed Ctrl-C

Each message is one sentence for the user: what is wrong, where, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CloudmeshError(Exception):
    """The root of all errors that carry a sentence for the user."""

    exit_code = 1


class UsageError(CloudmeshError):
    """The words of a command are wrong; ``usage`` is printed after the sentence if it is given."""

    exit_code = 2

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


class UnknownName(UsageError):
    """A name that nobody knows; the message shows the nearest known one, or all when there are few."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        self.kind = kind
        self.name = name
        place = f" {where}" if where else ""
        super().__init__(f"there is no {kind} {name!r}{place}; {suggest(name, known)}")


class ConfigError(CloudmeshError):
    """The configuration cannot be read, is unsafe, or does not hold what is needed."""

    exit_code = 3


class CredentialsError(ConfigError):
    """A cloud did not accept the credentials, or they are missing."""


class CloudError(CloudmeshError):
    """A cloud could not be reached, or refused what it was asked."""

    exit_code = 4


class StoreError(CloudmeshError):
    """The database cannot be opened, read or written."""


class Interrupted(CloudmeshError):
    """The user pressed Ctrl-C."""

    exit_code = 130


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None if none is alike."""
    candidates = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def suggest(name: str, known: Iterable[str], most: int = 8) -> str:
    """Half a sentence that helps after an unknown name: the nearest one and, if they are few, all."""
    names = list(dict.fromkeys(known))
    if not names:
        return "none is known"
    near = nearest(name, names)
    hint = f"did you mean {near!r}? " if near else ""
    # A name may hold what would break the line.
    shown = ", ".join(each if each.isprintable() else repr(each) for each in names[:most])
    more = f", ... ({len(names)} in all)" if len(names) > most else ""
    return f"{hint}known: {shown}{more}"

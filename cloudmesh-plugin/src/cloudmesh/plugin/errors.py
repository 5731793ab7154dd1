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

``CloudmeshError.to_record`` gives an error as plain data, to be stored or sent; ``error_from_record`` makes
the error again. Classes that other packages derive from the tree take part in this without further ado.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

# Of a name that nobody knows so many characters are shown.
_LONGEST = 200
# So many unknown names are compared with all known ones, see KnownNames.
_COMPARED = 10


class CloudmeshError(Exception):
    """The root of all errors that carry a sentence for the user.

    It goes through pickle and copy with its sentence and its attributes, and without the error that it was
    raised from: that one and its traceback may hold what is secret, and may not be known where it arrives.

    Attributes:
        exit_code: what a command that fails by it ends with.
        outcome_unknown: whether what was asked for may have been done all the same.
    """

    exit_code = 1
    outcome_unknown = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(vars(self)))

    def to_record(self) -> dict[str, Any]:
        """The error as plain data (texts, numbers, lists, dicts); ``error_from_record`` makes it again.

        The keys are ``kind`` (the name of the class), ``message``, ``exit_code``, ``outcome_unknown``, and
        ``fields``: the public attributes that are plain data, such as ``retry_after``. Other attributes are
        left out, and so are the error that it was raised from and the traceback.
        """
        fields = {name: value for name, value in vars(self).items() if name[0] != "_" and _is_plain(value)}
        fields.pop("outcome_unknown", None)
        return {
            "kind": type(self).__name__,
            "message": str(self),
            "exit_code": self.exit_code,
            "outcome_unknown": self.outcome_unknown,
            "fields": fields,
        }


class UsageError(CloudmeshError):
    """The words of a command are wrong; ``usage`` is printed after the sentence if it is given."""

    exit_code = 2

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


class UnknownName(UsageError):
    """A name that nobody knows; the message shows the nearest known one, or all when there are few.

    ``near`` is what was probably meant, where that is known better than by the letters.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        known: Iterable[str] | KnownNames,
        where: str = "",
        near: str | None = None,
    ) -> None:
        self.kind = kind
        self.name = name
        place = f" {where}" if where else ""
        known = known if isinstance(known, KnownNames) else KnownNames(known)
        shown = name if len(str(name)) <= _LONGEST else f"{str(name)[:_LONGEST]}..."
        super().__init__(f"there is no {kind} {shown!r}{place}; {known.suggest(str(name), near)}")


class ConfigError(CloudmeshError):
    """The configuration cannot be read, is unsafe, or does not hold what is needed."""

    exit_code = 3


class CredentialsError(ConfigError):
    """A cloud did not accept the credentials, or they are missing."""


class CloudError(CloudmeshError):
    """A cloud could not be reached, or refused what it was asked.

    ``outcome_unknown``: whether what was asked for may have been done: an answer was on its way and was lost.
    """

    exit_code = 4

    def __init__(self, message: str = "", *, outcome_unknown: bool | None = None) -> None:
        super().__init__(message)
        if outcome_unknown is not None:
            self.outcome_unknown = outcome_unknown


class StoreError(CloudmeshError):
    """The database cannot be opened, read or written."""


class Interrupted(CloudmeshError):
    """The user pressed Ctrl-C."""

    exit_code = 130


def error_from_record(record: Mapping[str, Any]) -> CloudmeshError:
    """The error that ``CloudmeshError.to_record`` described.

    Its class is looked up by name among all imported classes of the tree. A name that none of them has, such
    as one of a later version, gives a CloudmeshError with the same message, exit code and fields.
    """
    classes = {each.__name__: each for each in _descendants(CloudmeshError)}
    kind = classes.get(record["kind"])
    state = {**record.get("fields", {}), "outcome_unknown": record.get("outcome_unknown", False)}
    if kind is None:
        kind = CloudmeshError
        state["exit_code"] = record.get("exit_code", kind.exit_code)
    return _rebuild(kind, (record["message"],), state)


def _descendants(kind: type[CloudmeshError]) -> Iterator[type[CloudmeshError]]:
    """The class and all that are derived from it."""
    yield kind
    for each in kind.__subclasses__():
        yield from _descendants(each)


def _rebuild(kind: type[CloudmeshError], args: tuple[Any, ...], state: dict[str, Any]) -> CloudmeshError:
    """An error as it was, without a call of its constructor, which makes the message from other things."""
    error = kind.__new__(kind, *args)
    vars(error).update(state)
    return error


def _is_plain(value: object) -> bool:
    """Whether a value is made of nothing but what JSON has."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    return value is None or isinstance(value, str | int | float)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None if none is alike."""
    candidates = {candidate.lower(): candidate for candidate in known}
    import difflib  # few calls have a slip

    found = difflib.get_close_matches(name.lower(), candidates, n=1, cutoff=0.6)
    return candidates[found[0]] if found else None


def suggest(name: str, known: Iterable[str], most: int = 8) -> str:
    """Half a sentence that helps after an unknown name: the nearest one and, if they are few, all."""
    return KnownNames(known, most).suggest(name)


class KnownNames:
    """What could have been meant, for any number of unknown names.

    To compare a name with a thousand others takes milliseconds, so only the first ones are told the nearest.
    """

    def __init__(self, known: Iterable[str], most: int = 8, elsewhere: str = "") -> None:
        """Take these names, of which at most ``most`` are shown; none if ``elsewhere`` names a list."""
        self._names = list(dict.fromkeys(known))
        self._to_compare = _COMPARED
        # A name may hold what would break the line.
        shown = ", ".join(each if each.isprintable() else repr(each) for each in self._names[:most])
        more = f", ... ({len(self._names)} in all)" if len(self._names) > most else ""
        self._known = elsewhere or (f"known: {shown}{more}" if self._names else "none is known")

    def suggest(self, name: str, near: str | None = None) -> str:
        """As the function ``suggest``; without the nearest name after the first ten times.

        ``near`` takes its place if it is given.
        """
        self._to_compare -= 1
        if near is None and self._to_compare >= 0:
            near = nearest(name, self._names)
        return f"did you mean {near!r}? {self._known}" if near else self._known

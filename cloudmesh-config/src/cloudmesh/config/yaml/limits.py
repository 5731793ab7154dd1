"""Bounds on what a YAML text can make of the parser: of time, of memory and of the stack.

A few lines of aliases stand for billions of values, and deep nesting ends the parser in C without an error.
So a text that may hold either (see ``reader.refuse_explosion``) is gone through by its events first, which
costs little and keeps nothing.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, ScalarEvent

from cloudmesh.config.yaml.keys import MOST_LEVELS

# No configuration of a person comes near as many.
MOST_COPIES = 100_000

# What is wrong and what to do, half a sentence each.
Sentence = tuple[str, str]
TOO_DEEP = (f"sections are nested deeper than {MOST_LEVELS} levels", "write the file with fewer levels")
TOO_MANY_COPIES = (
    f"aliases (*) make more than {MOST_COPIES:,} copies up to here",
    "write out what is needed",
)
INSIDE_ITSELF = ("an alias refers to itself: it is inside its own anchor", "write out what it stands for")
IMPOSSIBLE = ("invalid date, number or tag", "put the value in quotes")
DUPLICATE = ("duplicate key: this section has the same key already", "remove one of the two")
UNHASHABLE = (
    "a list or a section is used as a key",
    "use a name, and put a value that begins with { or [ in quotes",
)

# What ruamel.yaml raises for a scalar that its form promises to be something else.
BAD_VALUE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


class OwnYamlError(MarkedYAMLError):
    """An error that we find ourselves while the parser works; ``sentence`` is one of those above."""

    def __init__(self, sentence: Sentence, mark: Any) -> None:
        super().__init__(None, None, sentence[0], mark)
        self.sentence = sentence


class BoundsError(OwnYamlError):
    """The text goes beyond a bound."""


def refuse_events(text: str) -> None:
    """Raise BoundsError, with its place, for aliases that multiply or hold themselves and for deep nesting.

    What only one of the two parsers can read is measured too; what is no YAML at all passes.
    """
    if not _measured(text, pure=False):
        _measured(text, pure=True)


def _measured(text: str, *, pure: bool) -> bool:
    """Whether the parser came to the end of the text; raises BoundsError."""
    count = _Count()
    try:
        for event in YAML(typ="safe", pure=pure).parse(text):
            count.add(event)
    except BoundsError:
        raise
    except (YAMLError, *BAD_VALUE):
        return False
    return True


# No dataclasses here: making one costs a millisecond of each start.
class _Section:
    """A section or list that is being gone through: how much it holds, its copies expanded."""

    def __init__(self, anchor: str | None, size: int = 1, levels: int = 1) -> None:
        self.anchor, self.size, self.levels = anchor, size, levels


class _Count:
    """How much a text makes, event by event."""

    def __init__(self) -> None:
        self.open: list[_Section] = []
        self.known: dict[str, _Section] = {}
        self.copies = 0

    def add(self, event: Event) -> None:
        if isinstance(event, ScalarEvent):
            self._close(_Section(event.anchor, levels=0))
        elif isinstance(event, CollectionStartEvent):
            self.open.append(_Section(event.anchor))
            if len(self.open) > MOST_LEVELS:
                raise BoundsError(TOO_DEEP, event.start_mark)
        elif isinstance(event, CollectionEndEvent):
            self._close(self.open.pop())
        elif isinstance(event, AliasEvent):
            self._alias(event)

    def _alias(self, event: AliasEvent) -> None:
        if any(section.anchor == event.anchor for section in self.open):
            raise BoundsError(INSIDE_ITSELF, event.start_mark)
        meant = self.known.get(event.anchor, _Section(None))
        self.copies += meant.size
        if self.copies > MOST_COPIES:
            raise BoundsError(TOO_MANY_COPIES, event.start_mark)
        if len(self.open) + meant.levels > MOST_LEVELS:
            raise BoundsError(TOO_DEEP, event.start_mark)
        self._close(_Section(None, meant.size, meant.levels))

    def _close(self, section: _Section) -> None:
        if section.anchor is not None:
            self.known[section.anchor] = section
        if self.open:
            self.open[-1].size += section.size
            self.open[-1].levels = max(self.open[-1].levels, section.levels + 1)

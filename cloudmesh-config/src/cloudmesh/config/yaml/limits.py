"""Bounds on what a YAML text can make of the parser: of time, of memory and of the stack.

A few lines of aliases stand for billions of values, and deep nesting ends the parser in C without an error.
So a text that may hold either is gone through by its events first, which costs little and keeps nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, Event, ScalarEvent
from ruamel.yaml.nodes import MappingNode, Node

# No configuration of a person comes near these.
MOST_LEVELS = 64
MOST_COPIES = 100_000

# What is wrong and what to do, half a sentence each.
Sentence = tuple[str, str]
TOO_DEEP = (f"sections are nested deeper than {MOST_LEVELS} levels", "write the file with fewer levels")
TOO_MANY_COPIES = (
    f"aliases (*) make more than {MOST_COPIES:,} copies up to here",
    "write out what is needed",
)
INSIDE_ITSELF = (
    "an alias refers to itself: it is inside of its own anchor",
    "write out what it stands for",
)
IMPOSSIBLE = ("a date, number or tag is impossible", "put the value in quotes")
DUPLICATE = ("this section has the same key already", "remove one of the two")
UNHASHABLE = (
    "a list or a section is used as a key",
    "use a name, and put a value that begins with { or [ in quotes",
)

# Fewer levels than these many signs are no danger for the stack: each level costs a bracket or a blank.
_HARMLESS_SIGNS = 400
_LONG_INDENT = re.compile(rf"^[ \t?:-]{{{_HARMLESS_SIGNS}}}", re.MULTILINE)
_BAD_VALUE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


class OwnYamlError(MarkedYAMLError):
    """An error that we find ourselves while the parser works; ``sentence`` is one of those above."""

    def __init__(self, sentence: Sentence, mark: Any) -> None:
        super().__init__(None, None, sentence[0], mark)
        self.sentence = sentence


class BoundsError(OwnYamlError):
    """The text goes beyond a bound."""


def tame(yaml: YAML) -> YAML:
    """The same reader, bounded in depth; else a repeated anchor prints lines of the file as a warning."""
    yaml.max_depth = MOST_LEVELS
    yaml.composer.warn_double_anchors = False
    return yaml


def refuse_explosion(text: str) -> None:
    """Raise BoundsError, with its place, for aliases that multiply or hold themselves and for deep nesting.

    What is no YAML at all passes: the parser tells more of it.
    """
    aliases = "&" in text and "*" in text
    signs = text.count("[") + text.count("{")
    if aliases or signs > _HARMLESS_SIGNS or _LONG_INDENT.search(text):
        refuse_events(text)


def refuse_events(text: str) -> None:
    """The same for a text that is suspicious; what only one of the two parsers can read is measured too."""
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
    except (YAMLError, *_BAD_VALUE):
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


class Guarded(SafeConstructor):
    """Makes plain data only: sections, lists, texts, numbers, dates; its errors quote no value."""

    def check_mapping_key(self, node: Node, key_node: Node, mapping: Any, key: Any, value: Any) -> bool:
        """Whether the key is new; unlike the parser's own this writes no values into its error."""
        if type(key) is tuple:
            raise OwnYamlError(UNHASHABLE, key_node.start_mark)
        if key not in mapping:
            return True
        if not self.allow_duplicate_keys:
            raise OwnYamlError(DUPLICATE, key_node.start_mark)
        return False

    def flatten_mapping(self, node: MappingNode) -> None:
        """Merge ``<<``; the parser does not look for duplicate keys in such a section."""
        before = node.value
        super().flatten_mapping(node)
        if node.value is before or self.allow_duplicate_keys:
            return
        seen: set[tuple[str, str]] = set()
        for key, _ in before:
            if isinstance(key.value, str):
                if (key.tag, key.value) in seen:
                    raise OwnYamlError(DUPLICATE, key.start_mark)
                seen.add((key.tag, key.value))


def _placed(construct: Callable[[Any, Node], Any]) -> Callable[[Any, Node], Any]:
    """The same constructor, whose error knows the place."""

    def function(self: Any, node: Node) -> Any:
        try:
            return construct(self, node)
        except _BAD_VALUE:
            raise OwnYamlError(IMPOSSIBLE, node.start_mark) from None

    return function


for _kind in ("bool", "int", "float", "timestamp", "binary"):
    _tag = f"tag:yaml.org,2002:{_kind}"
    Guarded.add_constructor(_tag, _placed(SafeConstructor.yaml_constructors[_tag]))
for _kind in ("set", "pairs"):
    Guarded.add_constructor(f"tag:yaml.org,2002:{_kind}", SafeConstructor.construct_undefined)

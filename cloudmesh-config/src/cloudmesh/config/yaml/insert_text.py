"""Whole sections into a YAML text, such as a cloud under ``clouds``, and no other line of it changed.

As in ``edit_text``, the caller reads the result again and compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from cloudmesh.config.yaml import edit_text, keys, positions
from cloudmesh.config.yaml.edit_text import CannotEditError, TextEditor
from cloudmesh.config.yaml.values import Value, in_brackets, string

ORIGIN = "Imported from "
# The line that an earlier import wrote above its section.
_COMMENT = re.compile(rf"^[ ]*# {ORIGIN}[^\r\n]*\r?\n\Z", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A section to write.

    Attributes:
        name: its key.
        section: texts, values that are to be written as they are, and sections of them.
        origin: the file it comes from, for the comment above it; empty for none.
    """

    name: str
    section: Mapping[str, Any]
    origin: str = ""


def plain(value: Any) -> Any:
    """A text, or the data of a value that is written as it is."""
    return value.data if isinstance(value, Value) else value


def data_of(block: Block) -> dict[str, Any]:
    """What a reader of the file finds under the name of the block."""
    found: dict[str, Any] = keys.map_leaves(dict(block.section), (), lambda value, _: plain(value))
    return found


def add(text: str, parent: str, blocks: list[Block]) -> str:
    """The text with the sections at the end of the top section ``parent``, which is made if it is missing.

    Raises CannotEditError.
    """
    text = TextEditor(text).ended()
    inserter = _Inserter(text)
    if not isinstance(inserter.root, MappingNode):
        raise CannotEditError
    node, _, depth = inserter.descend([parent])
    if inserter.root.flow_style or (
        depth and isinstance(node, MappingNode) and node.flow_style and node.value
    ):
        for block in blocks:
            text = edit_text.put(text, [parent, block.name], _flow(block.section))
        return text
    if not depth:
        return inserter.add_parent(parent, blocks)
    if isinstance(node, MappingNode) and node.value:
        return inserter.add_blocks(node, blocks)
    return inserter.filled(node, inserter.section(blocks))


def replace(text: str, parent: str, block: Block) -> str:
    """The text with the section in place of the one of its name; raises CannotEditError."""
    inserter = _Inserter(text)
    node = inserter.descend([parent])[0]
    if not isinstance(node, MappingNode):
        raise CannotEditError
    pairs = [pair for pair in node.value if isinstance(pair[0], ScalarNode) and pair[0].value == block.name]
    if len(pairs) != 1:
        raise CannotEditError
    key, old = pairs[0]
    if node.flow_style:
        return inserter.replace(old, _flow(block.section))
    return inserter.replace_block(key, old, block)


def without_origin(text: str, parent: str, name: str) -> str:
    """The text without the comment that says where the section of this name was imported from."""
    inserter = _Inserter(text)
    found = positions.child(inserter.descend([parent])[0], name)
    if not found:
        return text
    start = inserter._line_start(found[0].start_mark.index)
    above = _COMMENT.search(text, 0, start)
    return text[: above.start()] + text[start:] if above else text


class _Inserter(TextEditor):
    """One text; each method gives the changed text."""

    def add_parent(self, parent: str, blocks: list[Block]) -> str:
        """The top section with the blocks in it, at the end."""
        lines = [f"{string(parent).text}:", *self._written(blocks, self._step())]
        place = self._end_of(self.root, 0)
        return self.with_span(place, place, self._joined(lines))

    def add_blocks(self, node: MappingNode, blocks: list[Block]) -> str:
        """The blocks behind the last section, and behind the comments that belong to it."""
        column = self._column(node)
        place = self._end_of(node, column)
        return self.with_span(place, place, self._joined(self._written(blocks, column)))

    def section(self, blocks: list[Block]) -> str:
        """The blocks as the lines below a key at the top."""
        return self._joined(self._written(blocks, self._step()))

    def replace_block(self, key: Node, old: Node, block: Block) -> str:
        """The block in place of a key and all that is under it; comments around it stay."""
        start = self._line_start(key.start_mark.index)
        if self.text[start : key.start_mark.index].strip():
            raise CannotEditError
        above = _COMMENT.search(self.text, 0, start)
        start = above.start() if above else start
        last = max(old.end_mark.index, key.end_mark.index + 1)
        end = self._line_end(self._last_token(key.start_mark.index, last)[1])
        lines = self._written([block], key.start_mark.column)
        return self.with_span(start, end, self.newline.join(lines))

    def _end_of(self, node: Node, column: int) -> int:
        """Where a section ends: behind the comments that follow it and are indented as far as its keys."""
        place = self._line_end(self._last_token(node.start_mark.index, node.end_mark.index)[1])
        return self.behind_comments(place, column)

    def _joined(self, lines: list[str]) -> str:
        return "".join(f"{self.newline}{line}" for line in lines)

    def _written(self, blocks: list[Block], column: int) -> list[str]:
        lines = []
        for block in blocks:
            if block.origin:
                lines.append(f"{' ' * column}# {ORIGIN}{block.origin}")
            lines += _lines({block.name: block.section}, column, self._step())
        return lines


def _lines(section: Mapping[str, Any], column: int, step: int) -> list[str]:
    lines = []
    for key, value in section.items():
        head = f"{' ' * column}{string(key).text}:"
        if isinstance(value, Mapping) and value:
            lines += [head, *_lines(value, column + step, step)]
        else:
            lines.append(f"{head} {'{}' if isinstance(value, Mapping) else _value(value).text}")
    return lines


def _flow(section: Mapping[str, Any]) -> Value:
    """The section in braces, on one line."""
    values = {
        key: _flow(value).text if isinstance(value, Mapping) else in_brackets(_value(value))
        for key, value in section.items()
    }
    written = [f"{in_brackets(string(key))}: {text}" for key, text in values.items()]
    return Value(dict(section), f"{{{', '.join(written)}}}")


def _value(value: Any) -> Value:
    """A value as it is, a text as one."""
    return value if isinstance(value, Value) else string(value)

"""Changing one value in a YAML text, and no other character of it.

ruamel.yaml says where in the text each key and value is; the text is cut there. So comments, order, quotes,
blank lines and indentation of all the rest stay, whatever they are. What cannot be cut safely is found by
the caller, who reads the result again and compares.
"""

from __future__ import annotations

import dataclasses
import re

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.tokens import (
    AnchorToken,
    FlowEntryToken,
    FlowMappingStartToken,
    KeyToken,
    ScalarToken,
    TagToken,
    Token,
)

from cloudmesh.config.yaml import positions, reader
from cloudmesh.config.yaml.keys import ENVIRONMENT_TAG
from cloudmesh.config.yaml.values import Value, in_brackets, string

DEFAULT_STEP = 2
_SIGNS = re.compile(r"[-+0-9]*")
# Empty lines and comments: tabs may begin them after a bare value, and not after one in quotes.
_EMPTY_LINES = re.compile(r"[ \t]*(?:\r?\n[ \t]*(?:#[^\r\n]*)?(?=\r?\n|\Z))+")
_LINE_AFTER = re.compile(r"\r?\n([ ]*)(#[^\r\n]*)?(?=\r?\n|\Z)")
_INDENTS = re.compile(r"^[ \t]+", re.MULTILINE)


class CannotEditError(Exception):
    """The text is written in a way that has no safe place to cut."""


def put(text: str, parts: list[str], value: Value) -> str:
    """The text with ``value`` under the key of ``parts``; sections that are missing are made.

    Raises CannotEditError.
    """
    editor = TextEditor(text)
    node, parent, depth = editor.descend(parts)
    rest = parts[depth:]
    if not rest:
        return editor.replace(node, value)
    if (ended := editor.ended()) != text:
        return put(ended, parts, value)
    if isinstance(node, MappingNode):
        return editor.append(node, rest, value)
    return editor.open_section(node, parent, rest, value)


def remove(text: str, parts: list[str]) -> str:
    """The text without the key of ``parts``, and without the sections that are empty then.

    Raises CannotEditError.
    """
    editor = TextEditor(text)
    for depth in reversed(range(len(parts))):
        parent, _, reached = editor.descend(parts[:depth])
        if reached < depth or not isinstance(parent, MappingNode):
            raise CannotEditError
        if len(parent.value) > 1:
            found = [
                number for number, (key, _) in enumerate(parent.value) if positions.is_key(key, parts[depth])
            ]
            return editor.remove(parent, found[-1])
    raise CannotEditError


class TextEditor:
    """One text with its nodes and tokens; each method gives the changed text."""

    def __init__(self, text: str) -> None:
        self.text = text
        # The parser that the reader takes: the other one knows other forms, and other places of tabs.
        self.root: Node
        self.root, pure = reader.nodes(text)
        self.tokens: list[Token] = list(YAML(typ="safe", pure=pure).scan(text))
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def descend(self, parts: list[str]) -> tuple[Node, Node | None, int]:
        """The deepest node that the parts lead to, the node around it, and how many parts that took."""
        node, parent = self.root, None
        for depth, part in enumerate(parts):
            below = positions.child(node, part)
            if below is None:
                return node, parent, depth
            node, parent = below[1], node
        return node, parent, len(parts)

    def with_span(self, start: int, end: int, new: str) -> str:
        """The text with ``new`` in place of what stands between two indices."""
        return self.text[:start] + new + self.text[end:]

    def replace(self, node: Node, value: Value) -> str:
        """Write the value over a scalar or a list."""
        if isinstance(node, SequenceNode) and not node.flow_style:
            return self._replace_block_list(node, value)
        start, end, new = self.cut(node, value)
        return self.with_span(start, end, new)

    def cut(self, node: Node, value: Value) -> tuple[int, int, str]:
        """From where to where the text of a scalar or a list in brackets goes, and what comes there."""
        if isinstance(node, ScalarNode) and node.style in ("'", '"') and isinstance(value.data, str):
            value = string(value.data, node.style)
        start, end = self._extent(node)
        blank = "" if self.text[:start][-1:] in ("", " ", "\t", "\n", "[", "{") or start < end else " "
        comment = ""
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            # The one beside the sign of a block text would go with it.
            _, sign, rest = self.text[start : self._line_end(start)].partition("#")
            comment = f"  {sign}{rest}" if sign else ""
        end, empty = self._empty_lines(end)
        return start, end, f"{blank}{value.text}{comment}{empty}"

    def remove(self, parent: MappingNode, number: int) -> str:
        """Take a key with all that is under it out of a section that has others; a key of its own line(s)."""
        key, value = parent.value[number]
        start = key.start_mark.index
        end = self._last_token(start, max(value.end_mark.index, key.end_mark.index + 1))[1]
        if parent.flow_style:
            # With the comma after it, else with the one before it.
            after = next(token for token in self.tokens if token.start_mark.index >= end)
            if isinstance(after, FlowEntryToken):
                return self.text[:start] + self.text[after.end_mark.index :].lstrip(" ")
            before = [token for token in self.tokens if token.start_mark.index < start][-1]
            return self.with_span(before.start_mark.index, end, "")
        line = self._line_start(start)
        if self.text[line:start].strip():
            raise CannotEditError
        end = min(self._line_end(end) + len(self.newline), len(self.text))
        return self.with_span(line, end, "")

    def append(self, mapping: MappingNode, parts: list[str], value: Value) -> str:
        """Add a key at the end of a section: after its last value, before the comments that follow.

        Comments that are indented further than its keys stay before it, since they belong to the last value.
        """
        if mapping.flow_style:
            token, place = self._last_token(mapping.start_mark.index, mapping.end_mark.index - 1)
            comma = {FlowMappingStartToken: "", FlowEntryToken: " "}.get(type(token), ", ")
            return self.with_span(place, place, f"{comma}{_nest_flow(parts, value)}")
        place = self._line_end(self._last_token(mapping.start_mark.index, mapping.end_mark.index)[1])
        column = self._column(mapping)
        end, empty = self._empty_lines(place)
        if end == place:
            place = end = self.behind_comments(place, column + 1)
        return self.with_span(place, end, self._lines(column, parts, value) + empty)

    def behind_comments(self, place: int, column: int) -> int:
        """The end of the comments that follow, up to the first that is not indented so far."""
        at = place
        while line := _LINE_AFTER.match(self.text, at):
            at = line.end()
            if line[2] and len(line[1]) < column:
                break
            place = at if line[2] else place
        return place

    def ended(self) -> str:
        """The same data in a text that other lines may follow.

        The line end that a text lacks would become a part of a block text at its end, but for the sign ``-``.
        """
        token, place = self._last_token(0, max(len(self.text), 1))
        if not _is_block_text(token) or "\n" in self.text[place:]:
            return self.text
        start, signs = token.start_mark.index + 1, self._signs(token)
        return self.with_span(start, start + len(signs), f"-{signs.strip('+-')}")

    def open_section(self, node: Node, parent: Node | None, parts: list[str], value: Value) -> str:
        """Make a section out of a null: ``key:``, ``key: ~``."""
        if not isinstance(parent, MappingNode):
            raise CannotEditError
        if parent.flow_style:
            return self.replace(node, dataclasses.replace(value, text=f"{{{_nest_flow(parts, value)}}}"))
        return self.filled(node, self._lines(self._column(parent) + self._step(), parts, value))

    def filled(self, node: Node, lines: str) -> str:
        """Write lines in place of ``{}`` or null, below its key; a comment beside it stays."""
        start, end = self._extent(node)
        line_end = self._line_end(end)
        head = self.text[:start].rstrip(" \t") + self.text[end:line_end].rstrip(" \t")
        return head + lines + self.text[line_end:]

    def _lines(self, column: int, parts: list[str], value: Value) -> str:
        """The key of ``parts`` as lines of their own, to go at the end of a line."""
        step = self._step()
        lines = [f"{' ' * (column + depth * step)}{string(part).text}:" for depth, part in enumerate(parts)]
        return self.newline + self.newline.join(lines) + f" {value.text}"

    def _replace_block_list(self, node: Node, value: Value) -> str:
        """Write a list over one of ``- item`` lines; an item that stays keeps its line with its comment."""
        start = self._line_start(node.start_mark.index)
        dash = self.text[start : node.start_mark.index]
        if dash.strip():
            raise CannotEditError
        chunks, place = self._item_lines(node, start)
        if not value.items:
            comments = "".join(comment for _, comment, _ in chunks)
            token_end = self._last_token(0, node.start_mark.index)[1]
            head = f"{self.text[:token_end]} {value.text}{self.text[token_end:start]}{comments}"
            return head + self.text[place:]
        lines = []
        for item in value.items:
            old = next((chunk for chunk in chunks if chunk[0] == repr(item.data)), None)
            if old:
                chunks.remove(old)
            lines.append(old[1] + old[2] if old else f"{dash}- {item.text}{self.newline}")
        lines[:0] = [comment for _, comment, _ in chunks]
        block = "".join(lines)
        if not self.text[:place].endswith("\n"):
            block = block.removesuffix(self.newline)
        return self.with_span(start, place, block)

    def _item_lines(self, node: Node, start: int) -> tuple[list[tuple[str, str, str]], int]:
        """For each item its data, the comment lines above it and its own line; and where the list ends."""
        chunks = []
        for item in node.value:
            if not node.start_mark.index < item.end_mark.index <= node.end_mark.index:
                raise CannotEditError
            line = self._line_start(item.start_mark.index)
            end = min(self._line_end(self._extent(item)[1]) + len(self.newline), len(self.text))
            own = self.text[line:end]
            data = repr(YAML(typ="safe").load(self.text[slice(*self._extent(item))]))
            chunks.append((data, self.text[start:line], own if own.endswith("\n") else own + self.newline))
            start = end
        return chunks, start

    def _extent(self, node: Node) -> tuple[int, int]:
        """Where the value itself begins and ends, without anchor, tag and the blank lines after a block."""
        first, last = node.start_mark.index, node.end_mark.index
        if first == last:
            # An empty value is marked where the next token begins, perhaps lines below its colon.
            place = self._last_token(0, first)[1]
            return place, place
        inside = [token for token in self.tokens if first <= token.start_mark.index < last]
        # A tag says what the value is and stays; that of a reference to the environment is the value.
        ahead = AnchorToken if node.tag == ENVIRONMENT_TAG else AnchorToken | TagToken
        start = next((t.start_mark.index for t in inside if not isinstance(t, ahead)), first)
        if isinstance(node, ScalarNode) and node.style in ("|", ">"):
            last = len(self.text[:last].rstrip())
        return start, last

    def _last_token(self, start: int, end: int) -> tuple[Token, int]:
        """The last token that begins in this range, and where its text ends."""
        token = [token for token in self.tokens if start <= token.start_mark.index < end][-1]
        place = token.end_mark.index
        if isinstance(token, ScalarToken) and _is_block_text(token):
            end, place = place, len(self.text[:place].rstrip())
            if "+" in self._signs(token) or token.value.rstrip("\n")[-1:].isspace():
                # The empty lines below are a part of it, or the blanks in them.
                is_open = end == len(self.text) and not self.text.endswith("\n")
                whole = self._line_start(end) - len(self.newline)
                place = end if is_open and not token.value.endswith("\n") else max(place, whole)
        return token, place

    def _signs(self, token: Token) -> str:
        """What follows the first sign of a block text, such as the 2+ of |2+."""
        found = _SIGNS.match(self.text, token.start_mark.index + 1)
        return found[0] if found else ""

    def _empty_lines(self, place: int) -> tuple[int, str]:
        """Where the empty lines after a value end if a tab is in them, and these lines indented by blanks."""
        found = _EMPTY_LINES.match(self.text, place)
        if not found or "\t" not in found[0]:
            return place, ""
        return found.end(), _INDENTS.sub(lambda blanks: blanks[0].replace("\t", " "), found[0])

    def _step(self) -> int:
        """By how many blanks the first section inside a section is indented."""
        if isinstance(self.root, MappingNode) and not self.root.flow_style:
            for _, below in self.root.value:
                if isinstance(below, MappingNode) and not below.flow_style:
                    return max(self._column(below) - self._column(self.root), 1)
        return DEFAULT_STEP

    def _column(self, mapping: MappingNode) -> int:
        """How far the keys of a section of lines are indented, or the question marks before them."""
        start = mapping.start_mark.index
        keys = (t for t in self.tokens if isinstance(t, KeyToken) and t.start_mark.index >= start)
        column: int = next(keys).start_mark.column
        return column

    def _line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def _line_end(self, index: int) -> int:
        end = self.text.find("\n", index)
        end = len(self.text) if end < 0 else end
        return end - 1 if self.text[index:end].endswith("\r") else end


def _is_block_text(token: Token) -> bool:
    return isinstance(token, ScalarToken) and token.style in ("|", ">")


def _nest_flow(parts: list[str], value: Value) -> str:
    first, *others = parts
    inner = f"{{{_nest_flow(others, value)}}}" if others else in_brackets(value)
    return f"{in_brackets(string(first))}: {inner}"

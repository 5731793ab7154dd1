"""The lines of a usage as rows without brackets: words in their order, and the options beside them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

# A usage with more choices than this is completed in part.
_MOST = 300


class Token(NamedTuple):
    """One place of a row: this word itself, or a value for the placeholder of this name, perhaps several."""

    name: str
    is_word: bool
    repeated: bool = False


class Option(NamedTuple):
    """An option that may stand anywhere among the words of a row."""

    name: str
    repeated: bool = False


class Row(NamedTuple):
    """Words in their order, and the options that fit them."""

    tokens: tuple[Token, ...] = ()
    options: tuple[Option, ...] = ()


def rows_of(pattern: Any, docopt: Any, described: Sequence[str]) -> list[Row]:
    """The rows of one line of a usage, as docopt has parsed it; ``described`` is what ``[options]`` means."""
    found = list(dict.fromkeys(_rows(pattern, docopt, described)))
    return [row for row in found if not any(_covers(other, row) for other in found if other is not row)]


def _covers(row: Row, other: Row) -> bool:
    """Whether a row allows all that the other one does, and more."""
    return row.tokens == other.tokens and set(row.options) > set(other.options)


def _rows(pattern: Any, docopt: Any, described: Sequence[str]) -> list[Row]:
    if isinstance(pattern, docopt.Argument):
        return [Row((Token(pattern.name, isinstance(pattern, docopt.Command)),))]
    if isinstance(pattern, docopt.Option):
        return [Row((), (Option(pattern.name),))]
    if isinstance(pattern, docopt.AnyOptions):
        return [Row((), tuple(map(Option, described)))]
    children = [_rows(child, docopt, described) for child in getattr(pattern, "children", [])]
    if isinstance(pattern, docopt.Either):
        return [row for rows in children for row in rows]
    if isinstance(pattern, docopt.OneOrMore):
        return [repeated for row in _joined(children) for repeated in _repeated(row)]
    if isinstance(pattern, docopt.Optional):
        # An option may always be left out.
        children = [[*rows, Row()] if any(row.tokens for row in rows) else rows for rows in children]
    return _joined(children)


def _joined(children: Iterable[list[Row]]) -> list[Row]:
    """One row for each choice of a row of every child."""
    choices = itertools.islice(itertools.product(*children), _MOST)
    return [
        Row(
            tuple(token for row in rows for token in row.tokens),
            tuple(dict.fromkeys(option for row in rows for option in row.options)),
        )
        for rows in choices
    ]


def _repeated(row: Row) -> list[Row]:
    """The same row once or more often; several words together are repeated once."""
    options = tuple(option._replace(repeated=True) for option in row.options)
    if len(row.tokens) > 1:
        return [Row(row.tokens, options), Row(row.tokens * 2, options)]
    return [Row(tuple(token._replace(repeated=True) for token in row.tokens), options)]

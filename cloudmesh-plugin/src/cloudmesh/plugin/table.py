"""Tables for a terminal: columns under their names, wrapped and left out so that they fit its width.

The layout is that of tabulate's format "simple". It is our own since importing tabulate takes as long as all
else of a list, and laying out thousands of rows with it ten times as long.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence

Cells = Sequence[str]

_GAP = "  "
# A column with longer words than that is wrapped within them.
_LONGEST_WORD = 24
# How much wider than its name a column is, as tabulate has it, where there is room.
_PADDING = 2


def terminal_width() -> int | None:
    """How many characters a line of the terminal has; None if stdout is none, or does not know."""
    try:
        if sys.stdout is None or not sys.stdout.isatty():
            return None
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdecimal() else os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return None
    return width or None


def layout(
    columns: Sequence[str],
    cells: Sequence[Cells],
    width: int | None = None,
    fixed: Collection[str] = (),
    kept: Collection[str] = (),
) -> tuple[str, list[str]]:
    """The text of a table, and which columns were left out to make it fit.

    Args:
        columns: their names, the most important first.
        cells: for each column the texts of all rows, each on one line and harmless.
        width: of the terminal; None for as wide as it takes.
        fixed: columns that are never wrapped and never left out.
        kept: columns that are never left out, but wrapped.
    """
    widths = [max([_width(name), *_widths(texts)]) for name, texts in zip(columns, cells, strict=True)]
    padded = [max(each, _width(name) + _PADDING) for each, name in zip(widths, columns, strict=True)]
    if width is None or _total(padded) <= width:
        return _lines(columns, cells, padded), []
    shown = list(range(len(columns)))
    dropped: list[str] = []
    while True:
        least = [
            widths[at] if columns[at] in fixed else _least(columns[at], cells[at], widths[at]) for at in shown
        ]
        fitted = _fitted([widths[at] for at in shown], least, width)
        loose = [at for at in shown if columns[at] not in fixed and columns[at] not in kept]
        if fitted or not loose:
            break
        dropped.insert(0, columns[loose[-1]])
        shown.remove(loose[-1])
    names = [columns[at] for at in shown]
    wide = fitted or least
    if wide == [widths[at] for at in shown]:
        return _lines(names, [cells[at] for at in shown], wide), dropped
    return _lines(names, _wrapped([cells[at] for at in shown], wide), wide), dropped


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _least(name: str, texts: Cells, widest: int) -> int:
    """The width that a column needs at least, if its texts are wrapped at blanks."""
    words = {word for text in texts for word in text.split(" ")}
    longest = max(map(_width, words), default=0)
    return min(widest, max(_width(name), min(longest, _LONGEST_WORD)))


def _fitted(widths: Sequence[int], least: Sequence[int], width: int) -> list[int] | None:
    """Widths that fit into the line, the widest columns made narrower first; None if that cannot be."""
    if _total(least) > width:
        return None
    found = list(widths)
    while (over := _total(found) - width) > 0:
        at = max((at for at in range(len(found)) if found[at] > least[at]), key=found.__getitem__)
        others = [found[other] for other in range(len(found)) if other != at and found[other] > least[other]]
        # As far as the next widest, so that several wide columns share what is taken away.
        floor = max(least[at], min(found[at] - 1, max(others, default=0)))
        found[at] = max(floor, found[at] - over)
    return found


def _wrapped(cells: Sequence[Cells], widths: Sequence[int]) -> list[list[str]]:
    """The cells on as many lines as they need: rows become several."""
    from textwrap import wrap

    made: list[list[str]] = [[] for _ in cells]
    for row in zip(*cells, strict=True):
        lines = [
            wrap(text, wide, break_on_hyphens=False) if _width(text) > wide else [text]
            for text, wide in zip(row, widths, strict=True)
        ]
        height = max(map(len, lines))
        for column, each in zip(made, lines, strict=True):
            column += [*each, *[""] * (height - len(each))]
    return made


def _lines(columns: Sequence[str], cells: Sequence[Cells], widths: Sequence[int]) -> str:
    """Names, a line of dashes, and the rows."""
    rules = ["-" * width for width in widths]
    heads = [_row(columns, widths), _GAP.join(rules)]
    if all(map(_is_narrow, cells)):
        form = _GAP.join(f"%-{width}s" for width in widths)
        rows = map(form.__mod__, zip(*cells, strict=True))
    else:
        rows = map(lambda row: _row(row, widths), zip(*cells, strict=True))  # noqa: C417
    return "\n".join([*heads, *map(str.rstrip, rows)])


def _row(texts: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text + " " * (width - _width(text)) for text, width in zip(texts, widths, strict=True)]
    return _GAP.join(padded).rstrip()


def _is_narrow(texts: Cells) -> bool:
    """Whether each character is as wide as a letter."""
    return "".join(texts).isascii()


def _widths(texts: Cells) -> Sequence[int]:
    if not texts:
        return ()
    return [max(map(len, texts))] if _is_narrow(texts) else list(map(_width, texts))


def _width(text: str) -> int:
    """How many places a text takes on a terminal: some characters take two, others none."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # few names need it

    wide = wcswidth(text)
    return wide if wide >= 0 else len(text)

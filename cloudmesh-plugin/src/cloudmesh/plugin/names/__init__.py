"""Names as people write them: ``web[01-20],db1``, ``uc:vm[1-9/2]``, ``web*``."""

from __future__ import annotations

import fnmatch
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cloudmesh.plugin.errors import UsageError

# More than anyone means; a slip in a range must not fill the memory.
MOST = 100_000

_NUMERIC = re.compile(r"[0-9,\-/ ]*")
_RANGE = re.compile(r"(?P<first>[0-9]{1,50})(-(?P<last>[0-9]{1,50})(/(?P<step>[0-9]{1,50}))?)?")
# Nothing in it has a meaning of its own in an expression, and there is a number to fold by.
_FOLDABLE = re.compile(r"(?=.*[0-9])(?!.*[0-9]{51})[A-Za-z0-9._-]+")
_FIRST = re.compile(r"\[([0-9]+)[^\]]*\]")


@dataclass(frozen=True)
class Name:
    """A name or a glob, on one cloud or, if ``cloud`` is None, on any."""

    name: str
    cloud: str | None = None

    def __str__(self) -> str:
        return self.name if self.cloud is None else f"{self.cloud}:{self.name}"

    @property
    def is_glob(self) -> bool:
        """Whether the name is a pattern (``*``, ``?``, ``[ab]``) for names that exist."""
        return any(character in self.name for character in "*?[")

    def matches(self, candidate: str) -> bool:
        """Whether a machine's name, given without its cloud, is meant."""
        return fnmatch.fnmatchcase(candidate, self.name) if self.is_glob else candidate == self.name


def expand(expression: str | Sequence[str]) -> list[Name]:
    """The names that an expression means, in the order written, each once.

    Pieces are separated by commas or given as several words. Brackets with digits only are ranges; all
    others belong to globs, which stay as they are.

    Raises:
        UsageError: a piece is empty or malformed, or there are more than 100,000 names.
    """
    words = [expression] if isinstance(expression, str) else list(expression)
    pieces = [piece for word in words for piece in _split(word)]
    if not pieces or pieces == [""]:
        raise UsageError("no name is given; write names such as web1 or web[01-20]")
    shown = _shown(",".join(words))
    if "" in pieces:
        raise UsageError(f"a name between commas is empty in {shown}")
    parsed = [_parse(piece) for piece in pieces]
    if sum(math.prod(len(part) for part in parts) for _, parts in parsed) > MOST:
        raise UsageError(f"{shown} means more than {MOST:,} names; give a smaller range")
    names = (Name("".join(parts), cloud) for cloud, sets in parsed for parts in itertools.product(*sets))
    return list(dict.fromkeys(names))


def fold(names: Iterable[str], widest: int = 60) -> list[str]:
    """Expressions that together mean exactly these names, each once: ``["db1", "web[01-20]"]``.

    ``expand`` takes them apart again. A name with other characters than letters, digits, '.', '-' and '_'
    stays as it is. What would be longer than ``widest`` characters is spread over several expressions.
    """
    given = list(dict.fromkeys(names))
    numbered = [name for name in given if _FOLDABLE.fullmatch(name)]
    if len(numbered) < 2:
        return given
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet

    pieces = _split(str(NodeSet.fromlist(numbered, resolver=RESOLVER_NOGROUP)))
    # Each stands where its first name stood; the other names in it are left out.
    folded = {_FIRST.sub(r"\1", piece): piece for piece in pieces if "[" in piece}
    inside = set(numbered).difference(pieces)
    kept = [name for name in given if name not in inside or name in folded]
    return [part for name in kept for part in (_spread(folded[name], widest) if name in folded else [name])]


def _spread(piece: str, widest: int) -> list[str]:
    """A folded piece in several, as long as it is too wide and its longest list can be parted."""
    lists = max(re.finditer(r"\[([^\]]*)\]", piece), key=lambda found: len(found[0]), default=None)
    if lists is None or len(piece) <= widest:
        return [piece]
    around = len(piece) - len(lists[1])
    parts: list[str] = []
    for part in lists[1].split(","):
        if parts and around + len(parts[-1]) + 1 + len(part) <= widest:
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    head, tail = piece[: lists.start()], piece[lists.end() :]
    return [f"{head}[{part}]{tail}" if {"-", ","} & {*part} else f"{head}{part}{tail}" for part in parts]


def _split(word: str) -> list[str]:
    """The pieces between the commas that stand outside of brackets."""
    pieces, start, opened = [], 0, False
    for at, character in enumerate(word):
        if character == "[" and not opened:
            opened = True
        elif character == "]" and opened:
            opened = False
        elif character in "[]":
            raise UsageError(f"the brackets are unbalanced in {_shown(word)}")
        elif character == "," and not opened:
            pieces.append(word[start:at].strip())
            start = at + 1
    if opened:
        raise UsageError(f"the brackets are unbalanced in {_shown(word)}")
    return [*pieces, word[start:].strip()]


def _parse(piece: str) -> tuple[str | None, list[Sequence[str]]]:
    """The cloud of a piece, and the choices for each part of its name."""
    head, colon, rest = piece.partition(":")
    # A colon inside brackets belongs to a glob.
    if not colon or ("[" in head and "]" not in head):
        cloud, name = None, piece
    else:
        cloud, name = head.strip(), rest.strip()
        if not cloud:
            raise UsageError(f"the name of the cloud before the colon is empty in {_shown(piece)}")
        if not name:
            raise UsageError(f"the name after the colon is empty in {_shown(piece)}")
        if any(character in cloud for character in "*?[]"):
            raise UsageError(f"the cloud before the colon must be one plain name in {_shown(piece)}")
    choices: list[Sequence[str]] = []
    for number, part in enumerate(re.split(r"\[([^\]]*)\]", name)):
        # Every second part stood in brackets.
        if number % 2 == 0:
            choices.append((part,))
        else:
            choices.append(_numbers(part, piece) if _NUMERIC.fullmatch(part) else (f"[{part}]",))
    return cloud, choices


def _numbers(ranges: str, piece: str) -> Sequence[str]:
    """The numbers of ``1-3,07`` as written: in that order, with their padding, each once."""
    from ClusterShell.RangeSet import RangeSet, RangeSetParseError  # only ranges need it

    numbers: list[str] = []
    for part in (part.strip() for part in ranges.split(",")):
        count = _count(part, piece)
        if len(numbers) + count > MOST:
            raise UsageError(f"{_shown(piece)} means more than {MOST:,} names; give a smaller range")
        try:
            numbers.extend(RangeSet(part).striter())
        except RangeSetParseError:
            # Checked before but for this: [01-100], where the padding says nothing certain.
            raise UsageError(
                f"the range [{part}] in {_shown(piece)} has ends of different width; write both with the same"
            ) from None
    return list(dict.fromkeys(numbers))


def _count(part: str, piece: str) -> int:
    """How many numbers a range has, found without making them."""
    match = _RANGE.fullmatch(part)
    if match is None:
        raise UsageError(
            f"the range [{_shorten(part)}] in {_shown(piece)} is malformed; write [1-20] or [1-9/2]"
        )
    if match["last"] is None:
        return 1
    first, last, step = int(match["first"]), int(match["last"]), int(match["step"] or 1)
    if step == 0:
        raise UsageError(f"the step of the range [{part}] in {_shown(piece)} is 0; it must be at least 1")
    if last < first:
        raise UsageError(f"the range [{part}] in {_shown(piece)} runs backwards; write the smaller end first")
    return (last - first) // step + 1


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _shown(text: str) -> str:
    return repr(_shorten(text))

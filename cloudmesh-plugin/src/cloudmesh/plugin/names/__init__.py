"""Names as people write them: ``web[01-20],db1``, ``uc:vm[1-9/2]``, ``web*``, and exact ones: ``=web*``.

A word that begins with ``=`` is the name that follows, whatever characters that has; one that begins with
``id=`` is the cloud's own id. A cloud may stand before both: ``uc:=web*``, ``uc:id=i-0815``.
"""

from __future__ import annotations

import fnmatch
import itertools
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.plain import harmless

# More than anyone means; a slip in a range must not fill the memory.
MOST = 100_000

_PATTERN = re.compile(r"[*?\[]")
_NUMERIC = re.compile(r"[0-9,\-/ ]*")
_RANGE = re.compile(r"(?P<first>[0-9]{1,50})(-(?P<last>[0-9]{1,50})(/(?P<step>[0-9]{1,50}))?)?")
# Nothing in it has a meaning of its own in an expression, and there is a number to fold by.
_FOLDABLE = re.compile(r"(?=.*[0-9])(?!.*[0-9]{51})[A-Za-z0-9._-]+")
_FIRST = re.compile(r"\[([0-9]+)[^\]]*\]")
_EXACT = re.compile(r"((?P<cloud>[^:=,\[\]*?]+):)?(?P<sign>(id)?=)(?P<text>.*)", re.DOTALL)
# The shell takes these for an option, a comment, a variable, an operator, a quote or the end of a word.
_READ_BY_THE_SHELL = re.compile(r"""^[-#]|[\s$;&|<>`'"\\]|(?<![\w.])(var|os|default)\.""")


@dataclass(frozen=True)
class Name:
    """A name, an id or a glob, on one cloud or, if ``cloud`` is None, on any.

    Attributes:
        sign: ``=`` for an exact name and ``id=`` for an exact id, of which nothing has a meaning of its own;
            empty for what may be a glob, a name or an id.
    """

    name: str
    cloud: str | None = None
    sign: str = ""

    def __str__(self) -> str:
        return f"{'' if self.cloud is None else f'{self.cloud}:'}{self.sign}{self.name}"

    @property
    def is_glob(self) -> bool:
        """Whether the name is a pattern (``*``, ``?``, ``[ab]``) for names that exist."""
        return not self.sign and _PATTERN.search(self.name) is not None

    def matches(self, candidate: str, own_id: str | None = None) -> bool:
        """Whether what has this name, without its cloud, or this id is meant. A glob means names only."""
        if self.is_glob:
            return fnmatch.fnmatchcase(candidate, self.name)
        by_name, by_id = candidate == self.name, own_id == self.name
        return by_id if self.sign == "id=" else by_name or (by_id and not self.sign)


def expand(expression: str | Sequence[str]) -> list[Name]:
    """The names that an expression means, in the order written, each once.

    Pieces are separated by commas or given as several words. Brackets with digits only are ranges; all
    others belong to globs, which stay as they are. A word with an exact name or id is one name as a whole.

    Raises:
        UsageError: a piece is empty or malformed, or there are more than 100,000 names.
    """
    words = _texts(expression)
    if not any(word.strip() for word in words):
        raise UsageError("no name is given; write names such as web1 or 'web[01-20]'")
    shown = _shown(",".join(words))
    names: list[Name] = []
    for word in words:
        if exact := _EXACT.fullmatch(word):
            if not exact["text"]:
                raise UsageError(f"the name after {exact['sign']} is empty in {shown}")
            names.append(Name(exact["text"], exact["cloud"] and exact["cloud"].strip(), exact["sign"]))
            continue
        for cloud, sets in map(_parse, _split(word)):
            if len(names) + math.prod(map(len, sets)) > MOST:
                raise UsageError(f"{shown} means more than {MOST:,} names; give a smaller range")
            names += [Name("".join(parts), cloud) for parts in itertools.product(*sets)]
    return list(dict.fromkeys(names))


def _texts(expression: Any) -> list[str]:
    """The words of an expression. Raises UsageError for what is no text, as a number or None."""
    parted = isinstance(expression, Iterable) and not isinstance(expression, str | bytes)
    words = list(expression) if parted else [expression]
    for word in words:
        if not isinstance(word, str):
            raise UsageError(f"a name is a text, and not {_shorten(repr(word))}; write web1 or 'web[01-20]'")
    return words


class Named(Protocol):
    """A machine, as far as names go."""

    @property
    def cloud(self) -> str:
        """The name of its cloud."""

    @property
    def name(self) -> str:
        """What its users call it."""

    @property
    def cloud_id(self) -> str:
        """The cloud's own id."""


Item = TypeVar("Item", bound=Named)


class NameIndex(Generic[Item]):
    """Known machines of some clouds: which of them a word means, and the word that means one and no other."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self._by_word: dict[str, list[Item]] = {}
        for each in self.items:
            self._by_word.setdefault(each.name, []).append(each)
            if each.cloud_id != each.name:
                self._by_word.setdefault(each.cloud_id, []).append(each)

    def meant(self, name: Name) -> list[Item]:
        """The machines that a name, an id or a glob means, in their order."""
        return [each for each in self.items if self._fits(name, each)] if name.is_glob else self.exact(name)

    def exact(self, name: Name) -> list[Item]:
        """The same for what is no glob."""
        found = self._by_word.get(name.name)
        if found is None:
            return []
        if name.cloud is None and not name.sign:
            return [*found]
        return [each for each in found if self._fits(name, each)]

    @staticmethod
    def _fits(name: Name, each: Item) -> bool:
        return name.cloud in (None, each.cloud) and name.matches(each.name, each.cloud_id)

    def word(self, machine: Item, places: Collection[str] = ()) -> str:
        """A word that means this machine and no other: its name, else an exact name, else its id.

        Args:
            places: the clouds that are meant where a word names none; without them each word names its cloud.
        """
        prefix = f"{machine.cloud}:"
        for text, sign in (machine.name, "="), (machine.cloud_id, "id="):
            for before in ("", prefix) if machine.cloud in places else (prefix,):
                for word in (f"{before}{text}", f"{before}{sign}{text}"):
                    if _can_be_given(word) and self._means(word, machine):
                        return word
        return f"{prefix}id={machine.cloud_id}"

    def _means(self, word: str, machine: Item) -> bool:
        try:
            names = expand([word])
        except UsageError:
            return False
        if len(names) != 1 or names[0].is_glob:
            return False
        meant = [(each.cloud, each.cloud_id) for each in self.meant(names[0])]
        return meant == [(machine.cloud, machine.cloud_id)]


def _can_be_given(word: str) -> bool:
    """Whether a word reaches a command as it is: as one argument, on a line, and through xargs."""
    return harmless(word) == word and not _READ_BY_THE_SHELL.search(word)


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
    if not piece:
        raise UsageError("a name between commas is empty; write names such as web1,db1")
    if _EXACT.fullmatch(piece):
        raise UsageError(
            f"an exact name cannot stand between commas; give {_shown(piece)} as a word of its own"
        )
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

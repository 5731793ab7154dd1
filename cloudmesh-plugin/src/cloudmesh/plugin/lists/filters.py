r"""The language of ``--filter``: ``state=active,cloud=uc|tacc,age>1h``.

A filter is conditions with commas between them, and all of them must hold. A condition is a column, an
operator and a value; ``|`` stands between values of which one must do. A value without a column is a name or
an id.

=========  ==================================================================================================
``=``      equal; texts by globs and ranges, as names have them: ``web*``, ``web[01-20]``. Of a list one item
``!=``     not so
``<  >``   less, greater; also ``<=``, ``>=``: numbers, sizes (4G), durations (1h), times, texts
``~``      a regular expression matches somewhere in the text
=========  ==================================================================================================

A backslash takes the meaning from a comma, a ``|``, and what globs are made of.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cloudmesh.plugin.errors import KnownNames, UsageError
from cloudmesh.plugin.lists.rows import Rows, natural_key
from cloudmesh.plugin.lists.values import (
    EXAMPLES,
    LIST,
    MAP,
    NUMBERS,
    READERS,
    TEXT,
    TIME,
    YES,
    Choice,
    moment,
    yes,
)

Test = Callable[[Any], bool]

_CONDITION = re.compile(r"\s*([\w.@/-]+?)\s*(!=|>=|<=|==|=~|=|<|>|~)\s*(.*)", re.DOTALL)
_SAME = {"==": "=", "=~": "~"}
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
# No value without a column has one of these, but after a backslash.
# As other query languages join conditions.
_JOINED = re.compile(r"\s(and|or|&&?|\|\|)\s+[\w.]+\s*(=|!=|~|[<>]=?)", re.IGNORECASE)
_SIGN = re.compile(r"(?<!\\)[=<>~]")
_RANGE = re.compile(r"\[[0-9,\-/ ]+\]")
_GLOB = re.compile(r"[*?\[]")


class Condition(NamedTuple):
    """One condition: any of the columns must pass the test.

    Attributes:
        columns: the columns that are looked at; one, but for a value without a column.
        test: whether a value passes.
        negated: whether none may pass.
    """

    columns: Sequence[str]
    test: Test
    negated: bool = False


def parse(
    text: str, column: Callable[[str], tuple[str, str]], bare: Sequence[str] = ("name",)
) -> list[Condition]:
    """The conditions of a filter.

    Args:
        column: gives the true name of a column and its kind; raises UsageError for one that there is not.
        bare: the columns that a value without a column is looked for in.

    Raises:
        UsageError: the filter is malformed, a column is unknown, or a value is none of the column's kind.
    """
    conditions = []
    for part in split(text, ","):
        if not part.strip():
            raise UsageError(
                f"a condition between commas is empty in --filter={text!r}; write 'state=active,age>1h'"
            )
        found = _CONDITION.fullmatch(part)
        if not found:
            if _SIGN.search(part):
                raise UsageError(f"{part.strip()!r} in --filter is no condition; write 'name!=web1,age>1h'")
            conditions.append(Condition(bare, _equal(part.strip(), TEXT, part)))
            continue
        if _JOINED.search(found[3]):
            raise UsageError(
                f"{part.strip()!r} in --filter holds two conditions; a comma joins them: "
                "'name=web1,state=active'"
            )
        name, kind = column(found[1])
        sign, value = _SAME.get(found[2], found[2]), found[3].rstrip()
        conditions.append(Condition([name], _test(sign, value, kind, part), sign == "!="))
    return conditions


def places(rows: Rows, conditions: Sequence[Condition]) -> Sequence[int]:
    """The places of the rows that meet all conditions."""
    left: Sequence[int] = range(len(rows))
    for condition in conditions:
        columns = [rows.values(name) for name in condition.columns if name in rows.names]
        test = condition.test
        left = [at for at in left if any(test(column[at]) for column in columns) is not condition.negated]
    return left


def split(text: str, sign: str) -> list[str]:
    """The parts between these signs that stand neither in brackets nor after a backslash."""
    parts, start, depth, at = [], 0, 0, 0
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 1
        elif character == "[":
            depth = 1
        elif character == "]":
            depth = 0
        elif character == sign and not depth:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    if depth:
        raise UsageError(f"a bracket is not closed in {text!r}; close it, or write \\[ for the sign itself")
    return [*parts, text[start:]]


def _test(sign: str, value: str, kind: str, part: str) -> Test:
    """The test of one condition, whose text is ``part``."""
    if sign == "~":
        try:
            search = re.compile(value.replace("\\,", ",")).search
        except re.error as error:
            raise UsageError(f"{value!r} in --filter is not a valid regular expression: {error}") from None
        return lambda found: any(search(text) for text in _texts(found))
    if sign in ("=", "!="):
        return _equal(value, kind, part)
    if len(split(value, "|")) > 1:
        raise UsageError(f"'|' has no meaning after {sign} in {part.strip()!r}; give one value")
    compare = _ORDER[sign]
    if kind in NUMBERS:
        limit = _read(READERS[kind], value, kind, part)
        return lambda found: _is_number(found) and compare(found, limit)
    if kind == TIME:
        until = _read(moment, value, kind, part)
        return lambda found: (
            bool(found) and compare(str(found).removesuffix("Z")[: _precision(sign, until)], until)
        )
    if kind != TEXT:
        raise UsageError(f"{sign} has no meaning in {part.strip()!r}: the column is {_article(kind)}")
    key = natural_key(_unescaped(value))
    return lambda found: compare(natural_key(_text(found)), key)


def _precision(sign: str, until: str) -> int | None:
    """How many characters of a time are compared: ``<=`` and ``>`` a day mean the end of that day."""
    return len(until) if sign in ("<=", ">") else None


def _equal(value: str, kind: str, part: str) -> Test:
    tests = list(_alternatives(value, kind, part))
    if len(tests) == 1:
        return tests[0]
    return lambda found: any(test(found) for test in tests)


def _alternatives(value: str, kind: str, part: str) -> Iterator[Test]:
    for each in split(value, "|"):
        if not each:
            yield lambda found: found is None or found in ("", [], {})
        elif kind in NUMBERS:
            yield _is_equal(_read(READERS[kind], each, kind, part))
        elif kind == YES:
            yield _is_equal(_read(yes, each, kind, part))
        else:
            if isinstance(kind, Choice):
                _require_word(each, kind, part)
            yield _matching(each)


def _require_word(value: str, kind: Choice, part: str) -> None:
    """Refuse a word that the column never holds: no row would ever be shown."""
    if value in kind.words or _GLOB.search(value) or "\\" in value:
        return
    told = KnownNames(kind.words).suggest(value, kind.near(value, kind.words))
    raise UsageError(f"{value!r} in --filter {part.strip()!r} is never the value; {told}")


def _is_equal(wanted: float | bool) -> Test:
    return lambda found: found is not None and found == wanted


def _matching(value: str) -> Test:
    """Whether a text, or one of a list, is meant by a word as names have them."""
    if ":" not in value and _RANGE.search(value):
        from cloudmesh.plugin.names import expand

        names = expand([value])
        exact = {each.name for each in names if not each.is_glob}
        globs = [_matching_glob(each.name) for each in names if each.is_glob]
        return lambda found: any(text in exact or any(glob(text) for glob in globs) for text in _texts(found))
    if _GLOB.search(re.sub(r"\\.", "", value)):
        glob = _matching_glob(value)
        # A name may hold what looks like a glob.
        return lambda found: any(text == value or glob(text) for text in _texts(found))
    wanted = _unescaped(value)
    return lambda found: any(text == wanted for text in _texts(found))


def _matching_glob(value: str) -> Callable[[str], Any]:
    import fnmatch

    pattern = re.sub(r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?[" else found[1], value)
    return re.compile(fnmatch.translate(pattern)).match


def _read(reader: Callable[[str], Any], value: str, kind: str, part: str) -> Any:
    try:
        return reader(_unescaped(value))
    except (ValueError, OverflowError):
        raise UsageError(f"{value!r} in --filter {part.strip()!r} is wrong: write {EXAMPLES[kind]}") from None


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _article(kind: str) -> str:
    return {LIST: "a list", MAP: "a map", YES: "yes or no"}.get(kind, kind)


def _texts(value: Any) -> list[str]:
    """The texts of a value; those of a list are its items, those of a map ``key=value``."""
    if isinstance(value, list | tuple):
        return [_text(item) for item in value]
    if isinstance(value, Mapping):
        return [f"{key}={_text(item)}" for key, item in value.items()]
    return [_text(value)]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else str(value)

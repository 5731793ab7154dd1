"""Rows for programs: as JSON, YAML and CSV."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import Any

from cloudmesh.plugin.lists.rows import Row, Rows, Values, column_of
from cloudmesh.plugin.plain import INVISIBLE, harmless, plain

# In JSON, and in YAML as we write it, these can only stand between quotes, where their escape means the same.
_UNSAFE_IN_QUOTES = re.compile(f"[{INVISIBLE}]")
# A spreadsheet would compute a cell that begins so, but for a plain number.
_FORMULA = re.compile(r"(?!-\d+(\.\d+)?(e[+-]?\d+)?\Z)[=+\-@\uff1d\uff0b\uff0d\uff20]")
# Words that every version of YAML reads as a text when they are bare.
_BARE = re.compile(r"[A-Za-z_][\w./@-]*( [\w./@-]+)*", re.ASCII)
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
# How far what is in a column of a list of rows is indented.
_INDENT = "\n    "
_BETWEEN, _LINE = ",\n      ", ",\n"


def json_text(data: Row | Sequence[Row]) -> str:
    """Strict JSON of a record or of rows; what could act on a terminal is escaped."""
    if isinstance(data, Rows) and data:
        return _escaped(_json_by_column(data))
    return _escaped(json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False))


def compact(value: object) -> str:
    """A plain value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _json_by_column(rows: Rows) -> str:
    """The same text as ``json.dumps`` makes with ``indent=2``, which is slow where it indents."""
    forms, columns = [], []
    for name in rows.names:
        form, texts = _json_column(rows.values(name))
        forms.append(f"{_INDENT}{json.dumps(name, ensure_ascii=False)}: ".replace("%", "%%") + form)
        if texts is not None:
            columns.append(texts)
    made = f"  {{{','.join(forms)}\n  }}"
    lines = map(made.__mod__, zip(*columns, strict=True)) if columns else [made % ()] * len(rows)
    return f"[\n{_LINE.join(lines)}\n]"


def _json_column(values: Values) -> tuple[str, Sequence[str] | None]:
    """The JSON of the values, indented for their places: a form with ``%s``, and what stands there in each.

    What all rows have in common is written in the form, and so are quotes around texts without special signs.
    """
    kinds = set(map(type, values))
    if kinds <= {str, int, float, bool, NoneType}:
        return _scalar_column(values, kinds)
    if kinds == {list} and set(map(type, chain.from_iterable(values))) == {str}:
        if all(values) and _is_simple("".join(chain.from_iterable(values))):
            return '[\n      "%s"\n    ]', list(map(f'"{_BETWEEN}"'.join, values))
        items = _flat(plain(values))[2:-2].split(f"]{_BETWEEN}[")
        return "%s", [f"[\n      {each}\n    ]" if each else "[]" for each in items]
    # Equal ones from the store are one and the same.
    places = list(map(id, values))
    made = {place: _line(value) for place, value in dict(zip(places, values, strict=True)).items()}
    return "%s", [made[place] for place in places]


def _scalar_column(values: Values, kinds: set[type]) -> tuple[str, Sequence[str] | None]:
    distinct = set(values) if len(kinds) == 1 else values
    if 2 * len(distinct) < len(values):
        known = {value: _line(value) for value in distinct}
        if len(known) == 1:
            return known.popitem()[1].replace("%", "%%"), None
        return "%s", [known[value] for value in values]
    if kinds == {str} and _is_simple("".join(values)):
        return '"%s"', values
    # No text has the line end of the separator in its JSON.
    return "%s", _flat(plain(values))[1:-1].split(_BETWEEN)


def _is_simple(text: str) -> bool:
    """Whether a text is the same in JSON, but for the quotes around it."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _line(value: Any) -> str:
    """The JSON of one value, indented for its place in a row."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    return text.replace("\n", _INDENT)


def _flat(values: Values) -> str:
    """JSON of a list as the quick encoder makes it, with ``_BETWEEN`` between all items."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(_BETWEEN, ":"))


def _escaped(text: str) -> str:
    """JSON or YAML whose invisible characters are escapes."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _UNSAFE_IN_QUOTES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _plain(data: Row | Sequence[Row]) -> Any:
    return [plain(row) for row in data] if isinstance(data, Sequence) else plain(data)


def csv_text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Comma-separated values with a head line; lists and dicts are JSON in their cell.

    What could act on a terminal is an escape, and a text that a spreadsheet would compute begins with ``'``.
    """
    if not columns:
        return ""
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(_csv_cell, columns))
    cells = [map(_csv_cell, column_of(rows, column)) for column in columns]
    writer.writerows(zip(*cells, strict=True))
    return stream.getvalue()[:-1]


def _csv_cell(value: object) -> str:
    value = plain(value)
    if value is None:
        return ""
    if not isinstance(value, str):
        return harmless(compact(value))
    return "'" * bool(_FORMULA.match(value.lstrip())) + harmless(value)


def yaml_text(data: Row | Sequence[Row]) -> str:
    """A record or rows as YAML that versions 1.1 and 1.2 read alike."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import SafeRepresenter

    class Representer(SafeRepresenter):
        """Quotes every text that some version of YAML would read as something else (``yes``, ``12:30``)."""

        def represent_str(self, data: str) -> Any:
            bare = _BARE.fullmatch(data) and data.lower() not in _YAML_WORDS
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if bare else '"')

        def represent_float(self, data: float) -> Any:
            mantissa, exponent, power = repr(data).partition("e")
            # Without a point, YAML 1.1 takes 1e+20 for a text.
            number = mantissa if "." in mantissa else mantissa + ".0"
            return self.represent_scalar("tag:yaml.org,2002:float", number + exponent + power)

    Representer.add_representer(str, Representer.represent_str)
    Representer.add_representer(float, Representer.represent_float)
    yaml = YAML(typ="safe")
    yaml.Representer = Representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(_plain(data), stream)
    return _escaped(stream.getvalue())

"""The answer of a command: its rows, their text in each output format, and its way to stdout.

A command returns an ``Answer``; ``render`` makes the text of it, ``write`` prints a text. A new format is one
function beside ``_table``, ``_json``, ``_yaml``, ``_csv`` and ``_names``, and its name in ``FORMATS``.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from cloudmesh.plugin.errors import CloudmeshError, UsageError, nearest
from cloudmesh.plugin.plain import INVISIBLE, harmless, plain

Row = Mapping[str, Any]


FORMATS = ("table", "json", "yaml", "csv", "names")

# In JSON, and in YAML as we write it, these can only stand between quotes, where their escape means the same.
_UNSAFE_IN_QUOTES = re.compile(f"[{INVISIBLE}]")
# A spreadsheet would compute a cell that begins so, but for a plain number.
_FORMULA = re.compile(r"(?!-\d+(\.\d+)?(e[+-]?\d+)?\Z)[=+\-@\uff1d\uff0b\uff0d\uff20]")

# Words that every version of YAML reads as a text when they are bare.
_BARE = re.compile(r"[A-Za-z_][\w./@-]*( [\w./@-]+)*", re.ASCII)
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


class Answer:
    """The outcome of a command, not yet printed.

    Attributes:
        rows: the records, as data: what ``--output=json`` prints is these and nothing else.
        table_rows: what a table shows in place of ``rows``, where a person is better served by fewer of them;
            all other formats keep to ``rows``.
        columns: the keys to show in this order in a table or in csv; None takes those of the rows.
        names: the key whose values ``--output=names`` prints, one a line.
        formats: for some columns, a function that makes the text shown in a table ("3m" for 180.0).
        record: one thing in place of rows: an object in json and yaml, a line a key in a table or csv.
        text: printed as it is, in place of rows, for an answer that is prose.
        notes: sentences for a person; they go to stderr, so that stdout stays data.
        errors: what went wrong in parts of the work, as rows or notes say already; with
            CLOUDMESH_DEBUG=1 their tracebacks are shown.
        exit_code: what one-shot mode and ``cms batch`` end with.
    """

    def __init__(  # noqa: PLR0913, PLR0917 a dataclass would cost each start some milliseconds
        self,
        rows: Sequence[Row] = (),
        columns: Sequence[str] | None = None,
        names: str = "name",
        formats: Mapping[str, Callable[[Any], str]] | None = None,
        record: Row | None = None,
        text: str | None = None,
        notes: Sequence[str] = (),
        errors: Sequence[BaseException] = (),
        exit_code: int = 0,
        table_rows: Sequence[Row] | None = None,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self.names = names
        self.formats = formats or {}
        self.record = record
        self.text = text
        self.notes = notes
        self.errors = errors
        self.exit_code = exit_code
        self.table_rows = table_rows


def unknown_format(form: str) -> UsageError:
    """The error for an output format that does not exist."""
    near = nearest(form, FORMATS)
    hint = f"did you mean {near!r}? " if near else ""
    return UsageError(f"unknown output format {form!r}; {hint}known: {', '.join(FORMATS)}")


def render(answer: Answer, form: str) -> str:
    """The rows of an answer in a format, without the line end after the last line.

    Raises UsageError if there is no such format, or if names are asked of rows that have none.
    """
    renderers = {"table": _table, "json": _json, "yaml": _yaml, "csv": _csv, "names": _names}
    if form not in renderers:
        raise unknown_format(form)
    return renderers[form](answer).removesuffix("\n")


def write(text: str) -> None:
    """Print a text to stdout at once, with a line end if it has none.

    A character that stdout's encoding cannot show is written as an escape. BrokenPipeError passes through.

    Raises:
        CloudmeshError: stdout is closed, or cannot be written to (a full disk).
    """
    if sys.stdout is None:
        raise CloudmeshError("the output cannot be written: stdout is closed")
    if not text.endswith("\n"):
        text += "\n"
    try:
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        with _stdout_to_nowhere():
            sys.stdout.flush()
        raise CloudmeshError(f"the output cannot be written: {(error.strerror or 'error').lower()}") from None


def abandon(stream: TextIO | None = None) -> None:
    """Let all further output to a stream, else stdout, vanish: whoever read it has left."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, (stream or sys.stdout).fileno())
        os.close(nowhere)


@contextlib.contextmanager
def _stdout_to_nowhere() -> Iterator[None]:
    """What Python still holds back for stdout is dropped inside; else its exit would fail over it again."""
    with contextlib.suppress(OSError, ValueError):
        number = sys.stdout.fileno()
        kept = os.dup(number)
        try:
            abandon()
            yield
        finally:
            os.dup2(kept, number)
            os.close(kept)
        return
    yield


def _rows(answer: Answer) -> Sequence[Row]:
    """The rows, or one for each key of a record."""
    if answer.record is None:
        return answer.rows
    return [{"key": key, "value": value} for key, value in answer.record.items()]


def _columns(answer: Answer) -> list[str]:
    """The columns that the command named, else the keys of the rows as they first appear."""
    if answer.record is not None:
        return ["key", "value"]
    if answer.columns is not None:
        return list(answer.columns)
    return list(dict.fromkeys(key for row in answer.rows for key in row))


def _table(answer: Answer) -> str:
    """Columns under their names, for a person; cells are on one line and harmless to a terminal."""
    columns = _columns(answer)
    if not columns:
        return ""
    from tabulate import tabulate

    rows = _rows(answer) if answer.table_rows is None else answer.table_rows
    cells = [[_cell(row, column, answer) for column in columns] for row in rows]
    headers = [harmless(str(column)) for column in columns]
    text = tabulate(cells, headers, tablefmt="simple", disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _cell(row: Row, column: str, answer: Answer) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if column in answer.formats:
        return harmless(answer.formats[column](value))
    return harmless(_short(plain(value)))


def _short(value: Any) -> str:
    """A plain value as a person reads it in one cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    return _compact(value) if isinstance(value, dict) else str(value)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _names(answer: Answer) -> str:
    """One name a line, to be handed to another command. Raises UsageError if no row has one."""
    rows = answer.rows if answer.record is None else [answer.record]
    names = [row[answer.names] for row in rows if row.get(answer.names) is not None]
    if rows and not names:
        raise UsageError(
            f"these rows have no {answer.names!r} to print; use --output=table, json, yaml or csv"
        )
    return "\n".join(harmless(_short(plain(name))) for name in names)


def _json(answer: Answer) -> str:
    """Strict JSON; what could act on a terminal is escaped."""
    text = json.dumps(_data(answer), indent=2, ensure_ascii=False, allow_nan=False)
    return _escaped(text)


def _escaped(text: str) -> str:
    """JSON or YAML whose invisible characters are escapes."""
    return _UNSAFE_IN_QUOTES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _data(answer: Answer) -> Any:
    """What JSON and YAML show: the record, or the list of rows."""
    if answer.record is not None:
        return plain(answer.record)
    return [plain(row) for row in answer.rows]


def _csv(answer: Answer) -> str:
    """Comma-separated values with a head line; lists and dicts are JSON in their cell.

    What could act on a terminal is an escape, and a text that a spreadsheet would compute begins with ``'``.
    """
    columns = _columns(answer)
    if not columns:
        return ""
    import csv

    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(_csv_cell, columns))
    writer.writerows([_csv_cell(row.get(column)) for column in columns] for row in _rows(answer))
    return stream.getvalue()[:-1]


def _csv_cell(value: object) -> str:
    value = plain(value)
    if value is None:
        return ""
    if not isinstance(value, str):
        return harmless(_compact(value))
    return "'" * bool(_FORMULA.match(value.lstrip())) + harmless(value)


def _yaml(answer: Answer) -> str:
    """YAML that versions 1.1 and 1.2 read alike."""
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
    yaml.dump(_data(answer), stream)
    return _escaped(stream.getvalue())

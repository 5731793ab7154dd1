"""The answer of a command: its rows, their text in each output format, and its way to stdout.

A command returns an ``Answer``; ``render`` makes the text of it, ``write`` prints a text. The formats for
programs are in ``structured``; ``MACHINE_FORMATS`` are made by the command that lists machines, as a text.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TextIO

from cloudmesh.plugin import table
from cloudmesh.plugin.errors import CloudmeshError, UsageError, nearest
from cloudmesh.plugin.lists.rows import Row, Rows, Values, column_of
from cloudmesh.plugin.plain import harmless, plain

if TYPE_CHECKING:
    from cloudmesh.plugin.lists.selection import Selection

FORMATS = ("table", "json", "yaml", "csv", "names")
# Only for lists of machines.
MACHINE_FORMATS = ("ansible", "ssh-config")
# Columns of a table that are neither wrapped nor left out, and those that are only wrapped.
_NAMES, _REASONS = ("cloud", "name", "key"), ("reason", "value")


class Answer:
    """The outcome of a command, not yet printed.

    Attributes:
        rows: the records, as data: what ``--output=json`` prints is these and nothing else.
        table_rows: what a table shows in place of ``rows``, where a person is better served by fewer of them;
            all other formats keep to ``rows``.
        chooses: whether the command has an option ``--columns``.
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
        chooses: bool = False,
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
        self.chooses = chooses


def selected(answer: Answer, selection: Selection) -> Answer:
    """The answer with the rows and columns that are meant; one without a list stays as it is."""
    if answer.text is None:
        rows = selection.apply(answer.rows)
        answer.rows, answer.chooses = rows, True
        if selection.columns is not None:
            answer.rows, answer.columns = rows.only(selection.columns), selection.columns
            answer.names = selection.columns[0]
    return answer


def require_format(form: str | None, machines: bool = False) -> None:
    """Refuse an output format that does not exist, or makes no sense here. Raises UsageError.

    Args:
        machines: whether machines are listed, of which ssh and Ansible can be told.
    """
    if not form or form in FORMATS or (machines and form in MACHINE_FORMATS):
        return
    if form in MACHINE_FORMATS:
        raise UsageError(
            f"--output={form} is for lists of machines, as in: cms vm list --output={form}; "
            f"here use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        )
    known = (*FORMATS, *MACHINE_FORMATS) if machines else FORMATS
    near = nearest(form, known)
    hint = f"did you mean {near!r}? " if near else ""
    raise UsageError(f"unknown output format {form!r}; {hint}known: {', '.join(known)}")


def render(answer: Answer, form: str) -> str:
    """The rows of an answer in a format, without the line end after the last line.

    Raises UsageError if there is no such format, or if names are asked of rows that have none.
    """
    if form in ("table", "names"):
        return _table(answer) if form == "table" else _names(answer)
    require_format(form)
    from cloudmesh.plugin import structured

    if form == "csv":
        return structured.csv_text(_columns(answer), _rows(answer))
    data = answer.rows if answer.record is None else answer.record
    text = structured.json_text(data) if form == "json" else structured.yaml_text(data)
    return text.removesuffix("\n")


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
    if isinstance(answer.rows, Rows):
        return list(answer.rows.names)
    return list(dict.fromkeys(key for row in answer.rows for key in row))


def _table(answer: Answer) -> str:
    """Columns under their names, for a person; cells are on one line and harmless to a terminal.

    What does not fit the width of the terminal is left out, and a note of the answer tells that.
    """
    columns = _columns(answer)
    if not columns:
        return ""
    rows = _rows(answer) if answer.table_rows is None else answer.table_rows
    cells = [_texts(column_of(rows, column), answer.formats.get(column)) for column in columns]
    headers = [harmless(str(column)) for column in columns]
    text, dropped = table.layout(
        headers, cells, table.terminal_width(), {*_NAMES, answer.names, columns[0]}, _REASONS
    )
    if dropped:
        more = (
            "--columns chooses others, --output=yaml shows all"
            if answer.chooses
            else "--output=yaml shows all"
        )
        missing = f"column{'s' if len(dropped) > 1 else ''} {', '.join(dropped)}"
        answer.notes = [*answer.notes, f"note: the terminal is too narrow for the {missing}; {more}"]
    return text


def _texts(values: Values, form: Callable[[Any], str] | None) -> list[str]:
    """What a table shows of the values of a column."""
    kinds = set(map(type, values))
    if form is None and kinds <= {str}:
        texts = list(values)
    elif len(kinds) == 1 and kinds <= {str, int, float}:
        # Most values stand there many times, as the age of one listing.
        known = {value: _text(value, form) for value in set(values)}
        texts = [known[value] for value in values]
    elif form is None and kinds <= {list} and set(map(type, chain.from_iterable(values))) <= {str}:
        texts = list(map(", ".join, values))
    else:
        return [_text(value, form) for value in values]
    joined = " ".join(texts)
    return texts if joined.isascii() and joined.isprintable() else list(map(harmless, texts))


def _text(value: Any, form: Callable[[Any], str] | None) -> str:
    if value is None:
        return ""
    return harmless(form(value) if form else _short(plain(value)))


def _short(value: Any) -> str:
    """A plain value as a person reads it in one cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    if isinstance(value, dict):
        from cloudmesh.plugin.structured import compact

        return compact(value)
    return str(value)


def _names(answer: Answer) -> str:
    """One name a line, to be handed to another command. Raises UsageError if no row has one."""
    rows = answer.rows if answer.record is None else [answer.record]
    names = [row[answer.names] for row in rows if row.get(answer.names) is not None]
    if rows and not any(answer.names in row for row in rows):
        raise UsageError(
            f"these rows have no {answer.names!r} to print; use --output=table, json, yaml or csv"
        )
    return "\n".join(harmless(_short(plain(name))) for name in names)

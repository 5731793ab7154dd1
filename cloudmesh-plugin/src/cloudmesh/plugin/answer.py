"""What a command returns: rows, and how they are to be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]


@dataclass
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
        errors: what went wrong in parts of the work, told in rows or notes already; with
            CLOUDMESH_DEBUG=1 their tracebacks are shown.
        exit_code: what one-shot mode and ``cms batch`` end with.
    """

    rows: Sequence[Row] = ()
    columns: Sequence[str] | None = None
    names: str = "name"
    formats: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    record: Row | None = None
    text: str | None = None
    notes: Sequence[str] = ()
    errors: Sequence[BaseException] = ()
    exit_code: int = 0
    table_rows: Sequence[Row] | None = None

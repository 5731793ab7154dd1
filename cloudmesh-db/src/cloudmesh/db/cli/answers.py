"""The answers of ``cms db``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudmesh.db.care.backup import backup
from cloudmesh.db.care.check import findings
from cloudmesh.db.cli import words
from cloudmesh.db.database import Database, flat_rows
from cloudmesh.db.records.values import to_json
from cloudmesh.plugin import Answer, UsageError

Arguments = dict[str, Any]

EXPORTS = ("json", "csv")


def tables(database: Database, _: Arguments) -> Answer:
    """The tables, with their numbers of records and columns."""
    rows = [
        {"table": table, "rows": database.count(table), "columns": len(database.columns(table))}
        for table in database.tables()
    ]
    return Answer(rows, columns=["table", "rows", "columns"], names="table")


def columns(database: Database, arguments: Arguments) -> Answer:
    """The columns of a table."""
    table = database.engine.tables.table(arguments["TABLE"])
    rows: list[dict[str, Any]] = [{"column": "id", "path": None, "kind": "integer"}]
    rows += [
        {"column": column.name, "path": list(column.path), "kind": column.kind or "nothing yet"}
        for column in table.columns.values()
    ]
    return Answer(rows, columns=["column", "path", "kind"], names="column")


def find(database: Database, arguments: Arguments) -> Answer:
    """The records that meet the conditions, flat; without any, all of them."""
    table = arguments["TABLE"]
    known = database.columns(table)
    rows = database.rows(
        table,
        where=words.conditions(arguments["CONDITION"] or [], known),
        order=words.order(arguments["--order"], known),
        limit=words.limit(arguments["--limit"]),
    )
    return Answer(rows, columns=database.columns(table), names="name" if "name" in known else "id")


def delete(database: Database, arguments: Arguments) -> Answer:
    """Remove the records that meet the conditions."""
    table = arguments["TABLE"]
    where = words.conditions(arguments["CONDITION"], database.columns(table))
    number = database.delete(table, where=where)
    return Answer(
        text="", notes=[f"{number} {'record' if number == 1 else 'records'} of table {table} deleted"]
    )


def export(database: Database, arguments: Arguments) -> Answer:
    """All records of a table."""
    table, form = arguments["TABLE"], arguments["--output"] or "json"
    if form not in EXPORTS:
        raise UsageError(f"an export cannot be {form}; use --output={' or --output='.join(EXPORTS)}")
    known = database.engine.tables.table(table)
    pages = database.engine.search.pages(table)
    if form == "csv":
        rows = [row for page in pages for row in flat_rows(database.engine.tables.table(table), page)]
        return Answer(rows, columns=["id", *known.columns])
    lines = ",\n".join(to_json(dict(record)) for page in pages for record in page)
    return Answer(text=f"[\n{lines}\n]" if lines else "[]")


def back_up(database: Database, arguments: Arguments) -> Answer:
    """Copy the store into a new file."""
    path = Path(arguments["FILE"]).expanduser()
    records = backup(database, path)
    return Answer(text="", notes=[f"{records} records of {database.place} are now in {path} as well"])


def check(database: Database, _: Arguments) -> Answer:
    """Look for damage."""
    rows = [
        {"part": part, "records": count, "result": result or "ok"}
        for part, count, result in findings(database)
    ]
    bad = any(row["result"] != "ok" for row in rows)
    notes = [f"error: the store {database.place} is damaged; cms db backup FILE saves what can be read"]
    return Answer(
        rows,
        columns=["part", "records", "result"],
        names="part",
        notes=notes if bad else (),
        exit_code=int(bad),
    )

"""What ``cms db`` shows: the answers of its sub-commands, and what the words of conditions mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from cloudmesh.db import care
from cloudmesh.db.database import Database, flat_rows
from cloudmesh.db.records.conditions import AllOf, Condition, ge, glob, gt, in_, le, lt, ne
from cloudmesh.db.records.ordering import By
from cloudmesh.db.records.values import to_json
from cloudmesh.db.sql.rows import ID
from cloudmesh.plugin import Answer, UsageError
from cloudmesh.plugin.files import sweep_drafts

Arguments = dict[str, Any]

EXPORTS = ("json", "csv")

_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}
_SIGN = re.compile(r"!=|<=|>=|=|<|>|~")
_INTEGER = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ORDERS: dict[str, Callable[[Any], Condition]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


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
    rows = [
        {"column": name, "path": list(path) or None, "kind": kind or "nothing yet"}
        for name, path, kind in [ID, *table.columns.values()]
    ]
    return Answer(rows, columns=["column", "path", "kind"], names="column")


def find(database: Database, arguments: Arguments) -> Answer:
    """The records that meet the conditions, flat; without any, all of them."""
    table = arguments["TABLE"]
    known = database.columns(table)
    rows = database.rows(
        table,
        where=_conditions(arguments["CONDITION"] or [], known),
        order=_order(arguments["--order"], known),
        limit=_limit(arguments["--limit"]),
    )
    return Answer(rows, columns=database.columns(table), names="name" if "name" in known else "id")


def delete(database: Database, arguments: Arguments) -> Answer:
    """Remove the records that meet the conditions."""
    table = arguments["TABLE"]
    where = _conditions(arguments["CONDITION"], database.columns(table))
    number = database.delete(table, where=where)
    return Answer(
        text="", notes=[f"{number} {'record' if number == 1 else 'records'} of table {table} deleted"]
    )


def export(database: Database, arguments: Arguments) -> Answer:
    """All records of a table."""
    table, form = arguments["TABLE"], arguments["--output"] or "json"
    if form not in EXPORTS:
        raise UsageError(f"cannot export as {form}; use --output={' or --output='.join(EXPORTS)}")
    known = database.engine.tables.table(table)
    pages = database.engine.search.pages(table)
    if form == "csv":
        rows = [row for page in pages for row in flat_rows(database.engine.tables.table(table), page)]
        return Answer(rows, columns=["id", *known.columns])
    lines = ",\n".join(to_json(dict(record)) for page in pages for record in page)
    return Answer(text=f"[\n{lines}\n]" if lines else "[]")


def backup(database: Database, arguments: Arguments) -> Answer:
    """Copy the store into a new file; what an interrupted backup has left there is removed, and told."""
    path = Path(arguments["FILE"]).expanduser()
    notes = [f"removed {each}, left by an interrupted backup" for each in sweep_drafts(path)]
    records = care.backup(database, path)
    return Answer(text="", notes=[*notes, f"{records} records of {database.place} copied to {path}"])


def check(database: Database, _: Arguments) -> Answer:
    """Look for damage."""
    rows = [
        {"part": part, "records": count, "result": result or "ok"}
        for part, count, result in care.findings(database)
    ]
    bad = any(row["result"] != "ok" for row in rows)
    notes = [f"error: the store {database.place} is damaged; save what can be read with cms db backup FILE"]
    return Answer(
        rows,
        columns=["part", "records", "result"],
        names="part",
        notes=notes if bad else (),
        exit_code=int(bad),
    )


def _conditions(texts: Collection[str], columns: Collection[str]) -> dict[str, Condition]:
    """The conditions by column, all of which must be true; raises UsageError."""
    found: dict[str, Condition] = {}
    equal: set[str] = set()
    for text in texts:
        key, sign, value = _split(text, columns)
        if sign == "=":
            if key in equal:
                raise UsageError(f"{key!r} has two values in the conditions; use one")
            equal.add(key)
        wanted = _condition(sign, value)
        found[key] = found[key] & wanted if key in found else wanted
    return found


def _order(text: str | None, columns: Collection[str]) -> list[By]:
    """The columns to order by, of a text such as ``cloud,-age``; a name of a column is taken as it is."""
    if not text:
        return []
    names = [text] if text in columns else text.split(",")
    return [
        By(name) if name in columns or not name.startswith("-") else By(name[1:], descending=True)
        for name in names
    ]


def _limit(text: str | None) -> int | None:
    """A number of records; raises UsageError."""
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,18}", text, re.ASCII):
        raise UsageError(f"--limit={text} is not a number of records; use a number such as --limit=20")
    return int(text)


def _split(text: str, columns: Collection[str]) -> tuple[str, str, str]:
    """Key, sign and value; a key may hold signs itself, if there is a column of that name."""
    signs = list(_SIGN.finditer(text))
    if not signs:
        raise UsageError(f"the condition {text!r} must be KEY=VALUE")
    known = [sign for sign in signs if text[: sign.start()] in columns]
    sign = (known or signs)[0]
    return text[: sign.start()], sign[0], text[sign.end() :]


def _condition(sign: str, value: str) -> Condition:
    if sign == "~":
        return glob(value)
    meanings = _meanings(value)
    if sign == "=":
        return in_(meanings)
    if sign == "!=":
        return AllOf(tuple(map(ne, meanings)))
    # A number is compared with numbers, anything else with texts.
    last = meanings[-1]
    return _ORDERS[sign](last if isinstance(last, (int, float)) and not isinstance(last, bool) else value)


def _meanings(text: str) -> list[Any]:
    """What a value typed in a shell may stand for: the text itself, a number, a truth value, nothing."""
    values: list[Any] = [text]
    if _INTEGER.fullmatch(text):
        values.append(int(text))
    elif _NUMBER.fullmatch(text):
        values.append(float(text))
    elif text.lower() in _CONSTANTS:
        values.append(_CONSTANTS[text.lower()])
    return values

"""The command ``cms db``: a look into the store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, UsageError, command
from cloudmesh.shell.command import PluginCommand

if TYPE_CHECKING:
    from cloudmesh.db.database import Database
    from cloudmesh.db.where import OneOf

_WORDS = {"true": True, "false": False, "null": None, "none": None}
_SUBCOMMANDS = ("tables", "list", "find")


class DbCommand(PluginCommand):  # type: ignore[misc]
    """Shows what the store holds; it never writes."""

    @command
    def do_db(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            db tables [--output=FORMAT]
            db list TABLE [--output=FORMAT]
            db find TABLE CONDITION... [--output=FORMAT]

          Arguments:
            TABLE      a table of the store
            CONDITION  KEY=VALUE: the column KEY must have this value

          Options:
            --output=FORMAT  table, json, yaml, csv or names [default: table]

          Description:
            Shows the records that cloudmesh keeps in its store, the file cloudmesh.db. Nested
            records are shown flat: the image in the data of a record is the column data_image.

            db tables    the tables, with their numbers of records and columns
            db list      all records of a table
            db find      the records for which all conditions are true; the value 4 finds the
                         number and the text, true and none find these and the words

          Examples:
            cms db tables
            cms db list machine --output=json
            cms db find machine cloud=local state=active
        """
        from cloudmesh.config import places
        from cloudmesh.db.database import Database

        with Database(places.store_file()) as database:
            if arguments["tables"]:
                return _tables(database)
            return _records(database, arguments["TABLE"], arguments["CONDITION"] or [])

    def complete_db(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """The sub-commands, which are all that the first word can be."""
        if line[:begidx].split() != ["db"]:
            return []
        return [word for word in _SUBCOMMANDS if word.startswith(text)]


def _tables(database: Database) -> Answer:
    rows = [
        {"table": table, "rows": database.count(table), "columns": len(database.columns(table))}
        for table in database.tables()
    ]
    return Answer(rows, columns=["table", "rows", "columns"], names="table")


def _records(database: Database, table: str, conditions: list[str]) -> Answer:
    rows = database.rows(table, where=_where(conditions))
    columns = database.columns(table)
    return Answer(rows, columns=columns, names="name" if "name" in columns else "id")


def _where(conditions: list[str]) -> dict[str, OneOf]:
    where: dict[str, OneOf] = {}
    for condition in conditions:
        key, sign, value = condition.partition("=")
        if not sign:
            raise UsageError(f"the condition {condition!r} is not of the form KEY=VALUE")
        if key in where:
            raise UsageError(f"there are two conditions on {key!r}; a record can meet only one")
        where[key] = _meanings(value)
    return where


def _meanings(text: str) -> OneOf:
    """What a value typed in a shell may stand for: the text itself, a number, a truth value, nothing."""
    from cloudmesh.db.where import OneOf

    values: list[Any] = [text]
    if re.fullmatch(r"[+-]?\d{1,400}", text, re.ASCII):
        values.append(int(text))
    elif re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE):
        values.append(float(text))
    elif text.lower() in _WORDS:
        values.append(_WORDS[text.lower()])
    return OneOf(values)

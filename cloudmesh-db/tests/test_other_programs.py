"""What other programs add to the tables of a store: nothing is lost, and what is in the way is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError

Run = Callable[..., None]


@pytest.fixture
def run(place: str, db: Database) -> Run:
    """Plain SQL behind the back of the store, on a table with two records."""
    db.add_many("vm", [{"name": "a", "n": 1, "late": None}, {"name": "b", "n": 2}])

    def behind(*statements: str) -> None:
        if "postgresql" in place:
            import psycopg

            connection: Any = psycopg.connect(place)
        else:
            connection = sqlite3.connect(place)
        with closing(connection), connection:
            for statement in statements:
                connection.execute(statement)

    return behind


@pytest.mark.parametrize(
    "column", ["color TEXT", "color INTEGER NOT NULL DEFAULT 7", "Color FLOAT", "{generated}", "{unique}"]
)
def test_a_column_that_another_program_added_is_in_nobodys_way(
    db: Database, place: str, run: Run, column: str
) -> None:
    made = SERVER if "postgresql" in place else FILE
    run(*made.get(column, [f"ALTER TABLE vm ADD COLUMN {column}"]))
    before = db.find("vm")
    for store in (db, Database(place)):
        with store:
            assert store.find("vm") == before
            record = {"name": "c", "color": "red", "late": True, "n": len(before)}
            store.add("vm", record)
            store.upsert("vm", {**record, "color": ["blue"]}, key=["name", "n"])
            store.update("vm", {"color": "green"}, name="a")
            assert store.find("vm", name="a")[0]["color"] == "green"
            before = store.find("vm")
            assert before[-1] == {**record, "color": ["blue"]}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (["ALTER TABLE vm ADD COLUMN locked TEXT NOT NULL DEFAULT 'x'", "{no_default}"], "locked"),
        (["CREATE UNIQUE INDEX malformed ON vm (n)"], "n|malformed"),
        (["{trigger}"], "malformed is full"),
        (["{ignore}"], "ignores rows"),
        (["CREATE VIEW task AS SELECT 1 AS a"], "task"),
        (["ALTER TABLE vm RENAME COLUMN n TO m"], "n"),
        (["DROP TABLE vm"], "vm"),
    ],
)
def test_what_is_in_the_way_is_told_and_nothing_is_lost(
    db: Database, place: str, run: Run, rule: list[str], words: str
) -> None:
    made = SERVER if "postgresql" in place else FILE
    run(*[sql for each in rule for sql in made.get(each, [each])])
    table = "task" if "task" in words else "vm"
    for write in (
        lambda: db.add(table, {"name": "c", "n": 2}),
        lambda: db.add_many(table, [{"name": "c", "n": 2}, {"name": "d", "n": 2}]),
        lambda: db.upsert_many(table, [{"name": "c", "n": 1}, {"name": "d", "n": 1}], key=["name"]),
    ):
        with pytest.raises(StoreError, match=rf"another program.*({words}).*nothing of it was written"):
            write()
    if "DROP" not in rule[0] and "RENAME" not in rule[0]:
        assert [record["name"] for record in db.find("vm")] == ["a", "b"]


@pytest.mark.parametrize("gone", ["ALTER TABLE vm RENAME COLUMN n TO m", "ALTER TABLE vm DROP COLUMN n"])
def test_a_column_that_is_gone_is_no_record_without_it(db: Database, place: str, run: Run, gone: str) -> None:
    run(gone)
    for store in (db, Database(place)):
        with store, pytest.raises(StoreError, match="changed by another program.*'n'"):
            store.find("vm")


_ADD, _UNIQUE = "ALTER TABLE vm ADD COLUMN color TEXT", "CREATE UNIQUE INDEX theirs ON vm (color)"
FILE = {
    "{generated}": [f"{_ADD} GENERATED ALWAYS AS (name) VIRTUAL"],
    "{unique}": [_ADD, _UNIQUE],
    "{no_default}": [
        "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'DEFAULT ''x''', '') WHERE name = 'vm'",
    ],
    "{trigger}": [
        "CREATE TRIGGER theirs BEFORE INSERT ON vm BEGIN SELECT RAISE(ABORT, 'malformed is full'); END"
    ],
    "{ignore}": ["CREATE TRIGGER theirs BEFORE INSERT ON vm BEGIN SELECT RAISE(IGNORE); END"],
}
_FUNCTION = "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
_TRIGGER = "CREATE TRIGGER theirs BEFORE INSERT ON vm FOR EACH ROW EXECUTE FUNCTION theirs()"
SERVER = {
    "{generated}": [f"{_ADD} GENERATED ALWAYS AS (name) STORED"],
    "{unique}": [_ADD, _UNIQUE],
    "{no_default}": ["ALTER TABLE vm ALTER COLUMN locked DROP DEFAULT"],
    "{trigger}": [_FUNCTION.format("RAISE EXCEPTION 'malformed is full';"), _TRIGGER],
    "{ignore}": [_FUNCTION.format("RETURN NULL;"), _TRIGGER],
}

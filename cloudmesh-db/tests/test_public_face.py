"""Whatever is given to a store, it is done, or it is one clear error of ours and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.db import By, Database, InvalidRecord, desc, ge, glob, in_, ne
from cloudmesh.plugin.errors import StoreError, UnknownName

ODD: list[Any] = [None, 5, 1.5, [], [1], ("a",), b"x", {}, object()]
TABLES = st.sampled_from(["t", "t", "T", "", "_x", "sqlite_y", "a\0b", "\ud800", "é" * 40, "%s", *ODD])
COLUMNS = st.sampled_from(
    ["k", "a", "id", "ID", "_json", "", "k_a", "no", "\ud800", 'q"', "%s", "x" * 70, *ODD]
)
KEYS = st.lists(COLUMNS, max_size=3) | COLUMNS
NAMES = st.sampled_from(["k", "a", "id", "_json", "", "\ud800", 'q"', "%s", "x" * 70])
VALUES = st.sampled_from(
    [None, None, 1, "x", 1.5, True, b"x", [], {}, {"a": None}, {"a": 1}, 2**70, "\0", object()]
)
RECORDS = st.dictionaries(NAMES, VALUES, max_size=3) | st.sampled_from(ODD)
MANY = st.lists(RECORDS, max_size=3) | st.sampled_from(ODD)
WANTED = VALUES | st.sampled_from([ne(None), ge(1), in_([]), in_(["x", None]), glob("*"), object])
WHERE = st.none() | st.dictionaries(COLUMNS.filter(lambda each: each.__hash__), WANTED, max_size=2)
ORDER = (
    st.sampled_from([(), By("k"), desc("no"), [desc("id"), "a"]]) | COLUMNS | st.lists(COLUMNS, max_size=2)
)
LIMIT = st.sampled_from([None, None, 0, 1, -1, 2**70, True, "1"])
CALLS = st.one_of(
    st.tuples(st.sampled_from(["add", "add_many", "update_many"]), TABLES, st.tuples(RECORDS | MANY)),
    st.tuples(st.sampled_from(["upsert", "upsert_many"]), TABLES, st.tuples(RECORDS | MANY, KEYS)),
    st.tuples(st.just("update"), TABLES, st.tuples(RECORDS, WHERE)),
    st.tuples(st.sampled_from(["delete", "count"]), TABLES, st.tuples(WHERE)),
    st.tuples(st.just("tally"), TABLES, st.tuples(COLUMNS, WHERE)),
    st.tuples(st.sampled_from(["find", "rows"]), TABLES, st.tuples(WHERE, ORDER, LIMIT)),
    st.tuples(st.just("index"), TABLES, st.lists(COLUMNS, max_size=2).map(tuple)),
    st.tuples(st.sampled_from(["has", "columns", "hold", "is_held"]), TABLES, st.just(())),
)


def seen(database: Database) -> Any:
    return {table: (database.columns(table), repr(database.find(table))) for table in database.tables()}


@settings(max_examples=60)
@given(st.lists(CALLS, min_size=1, max_size=5))
def test_every_call_is_done_or_told(emptied: Callable[[], Database], calls: list[Any]) -> None:
    with emptied() as db:
        for name, table, words in calls:
            before = seen(db)
            arguments = {"order": words[1], "limit": words[2]} if name in ("find", "rows") else {}
            try:
                getattr(db, name)(table, *(words[:1] if arguments else words), **arguments)
            except (StoreError, UnknownName) as error:
                assert "cannot do this" not in str(error), "the database need not be asked"
                assert str(error).isprintable(), ascii(error)
                assert isinstance(error, (ValueError, UnknownName)) or "have the same" in str(error)
                assert seen(db) == before


NOTHING: dict[str, Any] = {"k": None}


def test_a_key_of_nothing_is_a_key(db: Database) -> None:
    for _ in range(2):
        assert db.upsert("t", {**NOTHING, "n": 1}, key=["k"]) == 1
        assert db.upsert_many("t", [NOTHING, {"k": 5}, NOTHING], key=["k"]) == [1, 2, 1]
        db.index("t", "k", "n")
        db.index("t", "id")
    assert db.find("t") == [NOTHING, {"k": 5}]
    # A record without the key is another one, and stays.
    for upsert in (db.upsert, lambda table, record, key: db.upsert_many(table, [record], key)):
        other = db.add("u", {"n": 1})
        upsert("u", {"k": None}, key=["k"])
        assert [dict(record) for record in db.find("u", id=other)] == [{"n": 1}]
    assert db.find("u") == [{"n": 1}, NOTHING, {"n": 1}]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda db: db.index("t"), "no column"),
        (lambda db: db.upsert("t", {"a": 1}, key=[]), "as its key"),
        (lambda db: db.upsert("t", {"a": 1}, key=["b"]), "no column b"),
        (lambda db: db.upsert("t", {"a": 1}, key=None), "columns"),
        (lambda db: db.upsert_many("t", [{"a": 1}, {"b": 1}], key="a"), "no column a"),
        (lambda db: db.upsert_many("t", None, key="a"), "records"),
        (lambda db: db.add_many("t", 5), "records"),
        (lambda db: db.find(None), "is not a table name"),
        (lambda db: db.find("t", order=5), "order"),
        (lambda db: db.find("t", where=[1]), "conditions"),
    ],
)
def test_what_means_nothing_is_a_value_error_that_says_so(db: Database, call: Any, words: str) -> None:
    db.add("t", {"a": 1})
    with pytest.raises(InvalidRecord, match=words) as error:
        call(db)
    assert isinstance(error.value, ValueError)
    assert db.find("t") == [{"a": 1}]

"""What only PostgreSQL has: a server, passwords, short names, and other programs in the same database."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import ConfigError, CredentialsError, StoreError

psycopg = pytest.importorskip("psycopg")


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    with Database(url) as database:
        yield database


def run(url: str, sql: str) -> Any:
    """What plain SQL gives, behind the back of the store."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else None


def told(error: BaseException) -> str:
    """All that a user, a log or CLOUDMESH_DEBUG=1 could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error)


def test_a_wrong_password_is_told_without_it(postgresql: Any) -> None:
    with Database(postgresql.url(password="hunter2secret")) as db:
        with pytest.raises(CredentialsError, match="password authentication failed") as error:
            db.tables()
        assert "hunter2secret" not in told(error.value) + repr(db) + db.place


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:hunter2secret@127.0.0.1:1/x?no_such_option=1",
        "postgresql://u:hunter2secret@127.0.0.1:port/x",
        "postgresql://u:hunter2secret@[::1/x",
        "postgres://u@h/x?password=hunter2secret&bad",
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with Database(url) as db:
        with pytest.raises((ConfigError, StoreError), match="postgresql://") as error:
            db.tables()
        assert "hunter2secret" not in told(error.value) + repr(db) + db.place


def test_a_server_that_is_not_there(postgresql: Any) -> None:
    with (
        Database("postgresql://u:hunter2secret@127.0.0.1:1/x") as db,
        pytest.raises(StoreError, match="cannot be reached") as error,
    ):
        db.add("vm", {"a": 1})
    assert "hunter2secret" not in told(error.value)


def test_a_newer_format_is_refused(url: str) -> None:
    with Database(url) as db:
        db.add("vm", {"a": 1})
    run(url, "UPDATE _store SET format = 99")
    with Database(url) as db, pytest.raises(StoreError, match="format 99 of a newer"):
        db.find("vm")
    assert run(url, "SELECT a FROM vm") == [(1,)]


def test_the_schema_of_another_program_is_refused(url: str) -> None:
    run(url, "CREATE TABLE theirs (a int)")
    with Database(url) as db, pytest.raises(StoreError, match="another program"):
        db.add("vm", {"a": 1})
    assert run(
        url, "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
    ) == [(1,)]


def test_a_search_path_that_leads_nowhere(postgresql: Any) -> None:
    with Database(postgresql.url("nowhere")) as db, pytest.raises(StoreError, match="no schema"):
        db.tables()


def test_long_names_and_names_of_the_system_keep_apart(db: Database) -> None:
    long = "x" * 70
    record = {long + "a": 1, long + "b": 2, "é" * 40: 3, "é" * 41: 4, "xmin": 5, "ctid": 6}
    record[long] = {long: {"d": 7}}
    for _ in range(3):
        db.add("vm", record)
    assert db.find("vm") == [record] * 3
    columns = db.columns("vm")
    assert len({column.lower() for column in columns}) == 8
    assert all(len(column.encode()) <= 63 for column in columns)
    assert {"own_xmin", "own_ctid"} <= set(columns)
    with pytest.raises(StoreError, match="63 bytes"):
        db.add(long, {"a": 1})


def test_indexes_whose_long_names_begin_alike_are_two(db: Database, url: str) -> None:
    table = "t" * 60
    db.upsert(table, {"a": 1, "b": 1}, key="a")
    db.upsert(table, {"a": 1, "b": 1}, key="b")
    names = run(url, "SELECT indexname FROM pg_indexes WHERE indexname LIKE '\\_index%' ESCAPE '\\'")
    assert len(set(names)) >= 2
    assert db.count(table) == 1


def test_a_row_that_is_too_wide_stores_nothing(db: Database) -> None:
    db.add("vm", {"a": 1})
    with pytest.raises(StoreError, match="too big"):
        db.add("vm", {f"n{number}": number for number in range(1500)})
    assert db.columns("vm") == ["id", "a"]
    assert db.find("vm") == [{"a": 1}]


def test_a_failed_statement_does_not_end_the_transaction_around_it(db: Database) -> None:
    with db.atomic():
        db.add("vm", {"n": 1, "t": "x"})
        db.add("vm", {"n": 2**70, "t": "\0"})
        with pytest.raises(StoreError):
            db.add("vm", {"n": object()})
        db.add("vm", {"n": 3, "t": "y"})
    assert [record["n"] for record in db.find("vm")] == [1, 2**70, 3]


def test_a_connection_that_broke_off_is_told_and_made_again(db: Database, end_sessions: Any) -> None:
    db.add("vm", {"a": 1})
    end_sessions()
    with pytest.raises(StoreError, match="lost its connection"), db.atomic():
        db.add("vm", {"a": 2})
    assert db.find("vm") == [{"a": 1}]
    assert db.add("vm", {"a": 3}) == 2


def test_a_server_that_may_only_be_read_is_read(url: str) -> None:
    with Database(url) as db:
        db.add("vm", {"a": 1})
    with Database(f"{url}%20-cdefault_transaction_read_only%3Don") as db:
        assert db.find("vm") == [{"a": 1}] == db.find("vm", limit=1)
        for write in (lambda: db.add("vm", {"a": 2}), lambda: db.update("vm", {"b": 2}, id=1)):
            with pytest.raises(StoreError, match="is read-only"):
                write()
        assert db.count("vm") == 1


def test_a_right_that_is_missing_is_told(postgresql: Any, url: str) -> None:
    with Database(url) as db:
        db.add("vm", {"a": 1})
    schema = run(url, "SELECT current_schema()")[0][0]
    run(url, "DROP ROLE IF EXISTS reader")
    run(url, "CREATE ROLE reader LOGIN PASSWORD 'reads'")
    run(url, f"GRANT USAGE ON SCHEMA {schema} TO reader")
    run(url, f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
    theirs = url.replace(f"cloudmesh:{postgresql.password}@", "reader:reads@")
    with Database(theirs) as db:
        assert db.find("vm") == [{"a": 1}]
        with pytest.raises(StoreError, match="denies permission"):
            db.add("vm", {"a": 2})


def test_without_the_library_the_user_learns_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "cloudmesh.db.dialects.postgresql", raising=False)
    with pytest.raises(ConfigError, match=r"pip install 'cloudmesh-db\[postgresql\]'"):
        Database("postgresql://u@127.0.0.1/x")


def test_who_says_nothing_in_the_midst_of_writing_is_cut_off_by_who_waits(url, monkeypatch):
    monkeypatch.setattr("cloudmesh.db.dialects.postgresql.SILENT_SECONDS", 1)
    monkeypatch.setattr("cloudmesh.db.dialects.postgresql._LOOK_SECONDS", 0.3)
    with Database(url) as silent, Database(url) as other:
        other.add("t", {"a": 1})
        with pytest.raises(StoreError), silent.atomic():
            silent.add("t", {"a": 2})
            with other.atomic():
                assert other.add("t", {"a": 3}), "it waits, but not for ever"
            silent.add("t", {"a": 4})
        assert [row["a"] for row in silent.find("t")] == [1, 3]


def test_who_is_busy_with_writing_is_waited_for(url, monkeypatch):
    monkeypatch.setattr("cloudmesh.db.dialects.postgresql.SILENT_SECONDS", 1)
    monkeypatch.setattr("cloudmesh.db.dialects.postgresql._LOOK_SECONDS", 0.2)
    monkeypatch.setattr("cloudmesh.db.locks.BUSY_SECONDS", 2.0)
    with Database(url) as busy, Database(url) as other:
        other.add("t", {"a": 1})
        with busy.atomic():
            ends = time.monotonic() + 6
            waiting = threading.Thread(target=other_adds, args=[url])
            waiting.start()
            while time.monotonic() < ends:
                busy.add("t", {"a": 2})
                time.sleep(0.1)
        waiting.join()
        assert other.count("t", a=5) == 0, "its time was over"
        assert other.count("t", a=2) > 5


def other_adds(url):
    with Database(url) as other, pytest.raises(StoreError, match="in use"), other.atomic():
        other.add("t", {"a": 5})

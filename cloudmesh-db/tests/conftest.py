"""Stores, what plain sqlite finds in their files, and child processes that share them or are killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database

Ask = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def db(place: str) -> Iterator[Database]:
    """An empty store, of each kind."""
    with Database(place) as database:
        yield database


@pytest.fixture(scope="module")
def emptied(new_place: Callable[[], str]) -> Callable[[], Database]:
    """One store for all examples, since making one takes long; it is emptied behind its own back."""
    place = new_place()

    def empty() -> Database:
        with Database(place) as database:
            dialect = database.engine.dialect
            for table in database.tables():
                dialect.execute(f"DROP TABLE {dialect.quote(table)}")
            dialect.execute("DELETE FROM _columns")
        return Database(place)

    return empty


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a store in a file may be made."""
    return tmp_path / "x.db"


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Files get the very modes that are asked for."""
    old = os.umask(0)
    yield
    os.umask(old)


@pytest.fixture
def url(postgresql: Any) -> str:
    """The URL of an empty store in PostgreSQL."""
    return str(postgresql.new_place())


@pytest.fixture
def end_sessions(url: str) -> Callable[[], None]:
    """Ends all sessions of stores at the server, as happens when it is started again."""
    sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cloudmesh'"

    def end() -> None:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(sql)

    return end


@pytest.fixture
def ask() -> Ask:
    """Plain sqlite behind the back of the store: the rows that a statement gives; changes are committed."""

    def run(path: Path, sql: str, *bound: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as connection, connection:
            return connection.execute(sql, bound).fetchall()

    return run


class Children:
    """Starts child processes, and leaves none behind."""

    def __init__(self) -> None:
        self._running: set[int] = set()

    def start(self, work: Callable[[], Any]) -> int:
        """Run the function in a child, which ends with 0 only if it raises nothing; gives its id."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        self._running.add(child)
        return child

    def succeeded(self, children: Iterable[int]) -> bool:
        """Whether all ended well; waits for each of them."""
        return {self._wait(child) for child in children} == {0}

    def kill(self, child: int) -> None:
        """End one by SIGKILL, and wait until it is gone."""
        os.kill(child, signal.SIGKILL)
        self._wait(child)

    def answer(self, work: Callable[[], Any]) -> Any:
        """What the function gives, as JSON has it, in a child whose limits and locks end with it."""
        reader, writer = os.pipe()
        child = self.start(lambda: os.write(writer, json.dumps(work()).encode()))
        os.close(writer)
        with open(reader) as stream:  # noqa: PTH123 a descriptor
            answer = stream.read()
        assert self.succeeded([child])
        return json.loads(answer)

    def end(self) -> None:
        """Kill those that a test did not wait for."""
        for child in list(self._running):
            self.kill(child)

    def _wait(self, child: int) -> int:
        status = os.waitpid(child, 0)[1]
        self._running.discard(child)
        return status


@pytest.fixture
def children() -> Iterator[Children]:
    """Child processes that are gone when the test ends."""
    started = Children()
    yield started
    started.end()

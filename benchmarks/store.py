"""The store beside bare sqlite and beside sqlite-utils: the same nested records, in one process, in turn.

Run by bench.py, in a process of its own. Each round writes new files, and single operations take turns, so
that no side finds the machine in a better state than the other.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from cloudmesh.db import Database, flatten, gt

RECORDS = 100_000
SINGLE = 3_000
REPLACED = 10_000
TURN = 100
ROUNDS = 3

Times = dict[str, list[float]]


def record(number: int) -> dict[str, Any]:
    """A machine as a cloud tells of it: 40 leaves on four levels, with lists and with nothing."""
    return {
        "cloud": "uc",
        "name": f"web{number:06d}",
        "cloud_id": f"3f1c{number:08x}-7a1e-4a55-9f10-2d6b7c000000",
        "state": "active",
        "flavor": {"name": "m1.small", "vcpus": 2, "ram": 4096, "disk": 20, "ephemeral": 0, "swap": 0},
        "image": {"name": "Ubuntu-24.04", "id": "9b1d2c3e-0000-4000-8000-000000000001", "size": 2.25},
        "addresses": {
            "private": [f"10.0.{number // 256 % 256}.{number % 256}"],
            "public": [],
            "mac": f"fa:16:3e:00:00:{number % 256:02x}",
        },
        "extra": {
            "tenant": "ch-818664",
            "user": "u-1234",
            "host": f"h{number % 1000:05d}",
            "zone": "nova",
            "key": "laptop",
            "config_drive": False,
            "locked": False,
            "progress": 100,
            "created": "2026-11-01T10:00:00Z",
            "updated": "2026-11-02T10:00:00Z",
            "ipv4": "",
            "ipv6": "",
            "power_state": 1,
            "task_state": None,
            "vm_state": "active",
            "metadata": {"role": "web", "owner": "gregor", "project": {"name": "CH-818664", "billing": 17}},
            "security_groups": ["default", "web"],
            "volumes": [],
        },
        "price": 0.03,
        "created": 1_789_000_000.5,
    }


class Bare:
    """sqlite by hand: a table of the same columns, and rows that are flat already."""

    def __init__(self, path: Path, records: list[dict[str, Any]]) -> None:
        columns = list(flatten(records[0]))
        names = ", ".join(f'"{column}"' for column in columns)
        self.insert = f"INSERT INTO machine ({names}) VALUES ({', '.join('?' * len(columns))})"
        changes = ", ".join(f'"{column}" = excluded."{column}"' for column in columns)
        self.upsert = f"{self.insert} ON CONFLICT (cloud, cloud_id) DO UPDATE SET {changes}"
        self.rows = [tuple(map(self._value, flatten(each).values())) for each in records]
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=NORMAL")
        self.connection.execute(f"CREATE TABLE machine (id INTEGER PRIMARY KEY AUTOINCREMENT, {names})")

    @staticmethod
    def _value(value: Any) -> Any:
        return json.dumps(value) if isinstance(value, list) else value

    def add_many(self) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany(self.insert, self.rows)
        self.connection.execute("COMMIT")

    def upsert_many(self, rows: list[tuple[Any, ...]]) -> None:
        self.connection.execute("BEGIN")
        self.connection.executemany(self.upsert, rows)
        self.connection.execute("COMMIT")

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        for row in rows:
            self.connection.execute("BEGIN")
            self.connection.execute(self.insert, row)
            self.connection.execute("COMMIT")

    def find(self, names: list[str]) -> None:
        for name in names:
            self.connection.execute("SELECT * FROM machine WHERE name = ?", (name,)).fetchall()


def seconds(work: Callable[..., object], *arguments: object) -> float:
    gc.collect()
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def store_round(folder: Path, times: Times) -> None:
    """Both fill a table, find single records in it, and add single ones, a hundred at a turn."""
    records = [record(number) for number in range(RECORDS)]
    names = [records[number * 7919 % RECORDS]["name"] for number in range(SINGLE)]
    bare = Bare(folder / "bare.db", records)
    with closing(bare.connection), Database(folder / "ours.db") as ours:
        times["bare many"].append(seconds(bare.add_many))
        times["our many"].append(seconds(ours.add_many, "machine", records))
        bare.connection.execute("CREATE INDEX by_name ON machine (name)")
        ours.index("machine", "name")
        for start in range(0, SINGLE, TURN):
            turn = slice(start, start + TURN)
            times["bare find"].append(seconds(bare.find, names[turn]))
            times["our find"].append(seconds(find_each, ours, names[turn]))
            times["bare add"].append(seconds(bare.add, bare.rows[turn]))
            times["our add"].append(seconds(add_each, ours, records[turn]))
        upserts(bare, ours, records, times)


def upserts(bare: Bare, ours: Database, records: list[dict[str, Any]], times: Times) -> None:
    """Both take a listing over again in which every state has changed, a few thousand machines at a turn."""
    # What the single ones before added stands twice.
    bare.connection.execute("DELETE FROM machine WHERE id > ?", (RECORDS,))
    ours.delete("machine", id=gt(RECORDS))
    bare.connection.execute("CREATE UNIQUE INDEX by_key ON machine (cloud, cloud_id)")
    key = ["cloud", "cloud_id"]
    ours.index("machine", *key)
    for start in range(0, RECORDS // 2, REPLACED):
        turn = slice(start, start + REPLACED)
        listed = [{**each, "state": "stopped"} for each in records[turn]]
        rows = [(*row[:3], "stopped", *row[4:]) for row in bare.rows[turn]]
        times["bare upsert"].append(seconds(bare.upsert_many, rows))
        times["our upsert"].append(
            seconds(lambda listed=listed: ours.upsert_many("machine", listed, key=key))
        )


def find_each(database: Database, names: list[str]) -> None:
    for name in names:
        database.find("machine", name=name)


def add_each(database: Database, records: list[dict[str, Any]]) -> None:
    for each in records:
        database.add("machine", each)


def sqlite_utils_round(folder: Path, times: Times) -> None:
    """The same records by sqlite-utils, flattened as its ``--flatten`` does."""
    import sqlite_utils
    from sqlite_utils.utils import flatten as flattened

    records = [record(number) for number in range(RECORDS)]
    database = sqlite_utils.Database(folder / "utils.db")
    database.enable_wal()
    with closing(database.conn):
        table = database["machine"]
        times["sqlite-utils many"].append(seconds(lambda: table.insert_all(map(flattened, records))))


def main() -> None:
    """Print the times as JSON, in seconds: of 100,000 records at once, or of a turn of fewer."""
    times: Times = defaultdict(list)
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            store_round(Path(folder), times)
            sqlite_utils_round(Path(folder), times)
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()

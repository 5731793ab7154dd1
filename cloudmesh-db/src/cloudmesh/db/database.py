"""``Database``: stores nested dicts as records of tables, and finds them again by conditions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudmesh.config.settings.places import is_url
from cloudmesh.db.records.flat import InvalidRecord, Record, leaves
from cloudmesh.db.sql.engine import Engine
from cloudmesh.db.sql.tables import Table, Tables
from cloudmesh.plugin.errors import ConfigError

if TYPE_CHECKING:
    from cloudmesh.config import Config
    from cloudmesh.config.secrets.prompt import Prompter
    from cloudmesh.db.dialects.base import Dialect
    from cloudmesh.db.locks.hold import Hold
    from cloudmesh.db.records.ordering import By

    Order = str | By | Iterable[str | By]

# The shell imports this module to look into the store, so what only some methods need is imported there.

Conditions = Mapping[str, Any]


class Database(AbstractContextManager["Database"]):
    """Tables of records, made and widened from the records themselves, in an sqlite file or in PostgreSQL.

    It is opened when it is first needed; a file is made (mode 0600) when something is first written, never
    by reading. Several processes may use it at the same time; within a process each thread needs a Database
    of its own.

    Conditions are names of columns and what the values there must be like: ``find("vm", cloud="uc",
    cpus=ge(4))``; see ``cloudmesh.db.records.conditions``. The column ``id`` is the number that the database
    gave a record. A name that is no Python word, or that is ``where``, ``order`` or ``limit``, goes into a
    mapping: ``find("vm", where={"a b": 1})``.

    Every method raises StoreError if the store cannot be used (CredentialsError if PostgreSQL does not
    accept who we are), and those with conditions UnknownName for a table or a column that does not exist.
    """

    # Whether this is the store that the user's configuration names, as ``open_store`` gives it.
    is_users = False

    def __init__(self, place: Path | str, *, own: bool = False) -> None:
        """Use this store: a file, ``:memory:`` for one that is gone when it is closed, or a PostgreSQL URL.

        A damaged file is set aside if its head says that it is a store, or if it is cloudmesh's ``own``.
        """
        # What is underneath, for the other modules of this package.
        self.engine = Engine(_dialect(place, own))

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Database({self.place!r})"

    @property
    def place(self) -> str:
        """The file, or the URL without its password."""
        return self.engine.dialect.place

    def close(self) -> None:
        """Close the store; the object cannot be used afterwards."""
        self.engine.dialect.close()

    @staticmethod
    def generate(dictionary: Mapping[str, Any], table: str = "element") -> str:
        """The SQL that makes a table for records like this one, as sqlite says it; raises StoreError."""
        return Tables(_dialect(":memory:")).sql_of(table, leaves(dictionary))

    @contextmanager
    def atomic(self) -> Iterator[Database]:
        """All or nothing: ``with db.atomic(): ...`` undoes what was written if the block raises.

        Inside another atomic block only the inner one is undone. Other writers wait until the outermost
        block ends, so it should be short.
        """
        with self.engine.atomic():
            yield self

    def add(self, table: str, record: Mapping[str, Any], /) -> int:
        """Store a record, and give its new id, which is greater than any before it in the table.

        Raises StoreError if it is no dict, or holds what cannot be stored; nothing is stored then.
        """
        return self.engine.add(table, record)

    def add_many(self, table: str, records: Iterable[Mapping[str, Any]], /) -> Sequence[int]:
        """Store many records at once, all or none, and give their ids in order; raises StoreError.

        Other writers wait meanwhile. The records may come from a generator; no more than some thousand
        are held at a time.
        """
        return self.engine.add_many(table, _records(records))

    def upsert(self, table: str, record: Mapping[str, Any], /, key: Sequence[str]) -> int:
        """Store a record in place of the one with the same values in the columns ``key``; give its id.

        The old record is replaced whole and keeps its id; if there is none, the record is added. The first
        time makes an index on these columns, so that it does not look through the whole table.

        Raises StoreError if the record lacks a column of the key, or several records have these values.
        """
        from cloudmesh.db.sql.upserts import upsert

        return upsert(self.engine, table, record, _columns(key))

    def upsert_many(
        self, table: str, records: Iterable[Mapping[str, Any]], /, key: Sequence[str]
    ) -> list[int]:
        """Do as ``upsert`` for each of many records in their order, all or none, and give their ids.

        It is many times as fast, since some hundred are looked up and written together. Other writers wait
        meanwhile. Of several records with the same key the last one stays. The records may come from a
        generator.
        """
        from cloudmesh.db.sql.upserts import upsert_many

        return upsert_many(self.engine, table, _records(records), _columns(key))

    def find(
        self,
        table: str,
        /,
        where: Conditions | None = None,
        *,
        order: Order = (),
        limit: int | None = None,
        **equals: Any,
    ) -> list[Record]:
        """The records that meet all conditions; without conditions all of them, without a limit all that do.

        They come by the columns ``order``, ``desc("column")`` for the greatest first, and then by their ids;
        see ``cloudmesh.db.records.ordering``.
        """
        conditions = _conditions(where, equals)
        if limit is None and not order:
            return self.engine.search.find(table, conditions)
        from cloudmesh.db.records import ordering

        ordering.check_limit(limit)
        return self.engine.search.find(table, conditions, ordering.by(order), limit)

    def rows(
        self,
        table: str,
        /,
        where: Conditions | None = None,
        *,
        order: Order = (),
        limit: int | None = None,
        **equals: Any,
    ) -> list[dict[str, Any]]:
        """As ``find``, but flat: ``id``, then every column of the table, None where a record has none."""
        found = self.find(table, where, order=order, limit=limit, **equals)
        return flat_rows(self.engine.tables.table(table), found)

    def series(self, table: str, columns: Sequence[str], /, **equals: str) -> dict[str, Sequence[Any]]:
        """For each of these columns, or ``id``, its values in the records with these texts; None for nothing.

        The records come in any order, the same one for all columns. It is several times as quick as ``find``
        where thousands of records are only shown. Values must not be changed: lists that are equal may be
        the same one. A column that the table lacks holds None.
        """
        return self.engine.search.series(table, _columns(columns), equals)

    def count(self, table: str, /, where: Conditions | None = None, **equals: Any) -> int:
        """How many records meet the conditions."""
        return self.engine.search.count(table, _conditions(where, equals))

    def tally(
        self, table: str, column: str, /, where: Conditions | None = None, **equals: Any
    ) -> dict[Any, int]:
        """How many of the records that meet the conditions have each value of a column, by its values.

        They are told apart as by conditions: 5 is 5.0, and None is also where there is nothing. The values
        stand in the order of the first records that have them. Raises StoreError for lists or dicts, and for
        numbers beside True or False, which a dict cannot have as its keys.
        """
        return self.engine.search.tally(table, column, _conditions(where, equals))

    def update(
        self, table: str, values: Mapping[str, Any], /, where: Conditions | None = None, **equals: Any
    ) -> int:
        """Set values in the records that meet the conditions, and give their number.

        A nested dict is merged into what is there; a scalar, a list or an empty dict takes its place.
        Raises StoreError if there is no condition, or a value cannot be stored.
        """
        conditions = _needed(where, equals, f"which records of {table!r} to update")
        return self.engine.update(table, values, conditions)

    def update_many(self, table: str, records: Iterable[Mapping[str, Any]], /) -> int:
        """Set values in many records, other ones in each, all or none; give how many there were.

        Each is a mapping with the ``id`` of the record and the values to set, which are merged as ``update``
        does. An ``id`` that no record has changes nothing, and is not counted.
        """
        return self.engine.update_many(table, _records(records))

    def delete(self, table: str, /, where: Conditions | None = None, **equals: Any) -> int:
        """Remove the records that meet the conditions, and give their number; refused without a condition."""
        return self.engine.delete(table, _needed(where, equals, f"which records of {table!r} to delete"))

    def index(self, table: str, /, *columns: str) -> None:
        """Make records quick to find by these columns together; to do so again changes nothing."""
        if not columns:
            raise InvalidRecord(f"no column given to find records of {table!r} by; give at least one")
        self.engine.tables.table(table, columns)
        with self.engine.atomic():
            self.engine.tables.index(self.engine.tables.table(table, columns), columns)

    def hold(self, name: str, /) -> Hold | None:
        """Have a name that at most one holder of this store has, in all processes; None if somebody has it.

        It does not wait, and no transaction stands in its way. The system frees the name when the process
        dies, by SIGKILL too; else ``Hold.release``, the end of ``with``, or ``close`` does.
        """
        return self.engine.dialect.lock(_held(name))

    def is_held(self, name: str, /) -> bool:
        """Whether somebody has a name, this process included, without taking it."""
        return self.engine.dialect.is_locked(_held(name))

    def mark(self) -> Hashable:
        """What differs from an earlier mark of this object once anything was written by anybody.

        Who keeps what was read, and asks for the mark first and reads then, knows by an equal mark that to
        read again would give the same. It may differ where nothing was written: after the connection was
        lost, or since other programs use the same server of PostgreSQL. It is no use inside ``atomic``, as
        what is not committed may not count. It takes microseconds with sqlite, a query with PostgreSQL.
        """
        return self.engine.dialect.version()

    @property
    def loses_holds(self) -> bool:
        """Whether a hold can be lost while its process lives, as when PostgreSQL is started again.

        Where it cannot, a name that nobody holds tells for certain that whoever had it is gone.
        """
        return self.engine.dialect.loses_holds

    def now(self) -> float:
        """Seconds since the epoch by the clock of the store, which is the same for all who share it."""
        return self.engine.dialect.now()

    def has(self, table: str, /) -> bool:
        """Whether there is such a table."""
        return self.engine.tables.known(table) is not None

    def tables(self) -> list[str]:
        """The tables, in the order in which they were made."""
        return list(self.engine.tables.all())

    def columns(self, table: str, /) -> list[str]:
        """The columns of a table, ``id`` first; raises UnknownName if there is no such table."""
        self.engine.tables.all()
        return ["id", *self.engine.tables.table(table).columns]


def open_store(config: Config | None = None, prompter: Prompter | None = None) -> Database:
    """The user's own store: the file, or what ``database`` in the configuration names.

    Args:
        config: the configuration; else the user's own is read, and where there is none the file is meant.
        prompter: who is asked for the passphrase of an encrypted URL, if the configuration is read here.

    Raises:
        ConfigError: the configuration cannot be read, or ``database`` is no URL.
        CredentialsError: the URL refers to what is not there, or cannot be decrypted.
    """
    from cloudmesh.config.settings import places

    if config is None and places.config_file().exists():
        from cloudmesh.config import Config

        config = Config.load(prompter=prompter)
    url = config.database() if config else None
    database = Database(url) if url else Database(places.store_file(), own=True)
    database.is_users = True
    return database


def _dialect(place: Path | str, own: bool = False) -> Dialect:
    """The dialect that a place speaks: a PostgreSQL URL, else sqlite's, whose place is a file."""
    if isinstance(place, Path) or not is_url(place):
        from cloudmesh.db.dialects.sqlite import SQLite

        return SQLite(place, own)
    try:
        from cloudmesh.db.dialects.postgresql import PostgreSQL
    except ImportError as error:
        raise ConfigError(
            "the store is in PostgreSQL, which requires psycopg; pip install 'cloudmesh-db[postgresql]'"
        ) from error
    return PostgreSQL(place)


def flat_rows(table: Table, records: Iterable[Record]) -> list[dict[str, Any]]:
    """The records with a value for each column of their table, which must hold them."""
    empty = dict.fromkeys(["id", *table.columns])
    return [
        {**empty, "id": record.id, **{table.by_path[path].name: value for path, value in leaves(record)}}
        for record in records
    ]


def _held(name: str) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidRecord(f"{name!r} cannot be the name of a lock; use a text that is not empty")
    return name


def _needed(where: Conditions | None, equals: dict[str, Any], what: str) -> dict[str, Any]:
    conditions = _conditions(where, equals)
    if not conditions:
        raise InvalidRecord(f"missing condition: {what}")
    return conditions


def _conditions(where: Conditions | None, equals: dict[str, Any]) -> dict[str, Any]:
    if where is None:
        return equals
    if not isinstance(where, Mapping):
        raise InvalidRecord(f"the conditions are a mapping of columns, not {type(where).__name__}")
    return {**where, **equals}


def _columns(key: Sequence[str]) -> Sequence[str]:
    names = [key] if isinstance(key, str) or not isinstance(key, Iterable) else list(key)
    if not all(isinstance(name, str) for name in names):
        raise InvalidRecord(f"the columns of a key are a list of texts, not {key!r}")
    return list(dict.fromkeys(names))


def _records(records: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    if not isinstance(records, Iterable):
        raise InvalidRecord(f"the records come in a list, or from a generator, not as {records!r}")
    return records

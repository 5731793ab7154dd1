"""What differs between databases (class ``Dialect``), and the transactions that all have alike."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import repeat
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from cloudmesh.db import forked
from cloudmesh.plugin.errors import StoreError

if TYPE_CHECKING:
    from cloudmesh.db.locks.hold import Hold

T = TypeVar("T")

# The format of a store as this version makes it, see ``sqlite`` for those before it.
FORMAT = 2


class DialectLimits(NamedTuple):
    """What a database cannot hold; ``product`` is its name, for messages.

    Attributes:
        columns: the most columns of a table, ``id`` and ``_json`` among them.
        name_bytes: the most bytes of UTF-8 in a name; 0 where there is no such limit.
        reserved: names that no column can have, in lower case.
        nul_in_text: whether a text may hold the character NUL.
    """

    product: str
    columns: int
    name_bytes: int
    reserved: frozenset[str]
    nul_in_text: bool


class Dialect(ABC):
    """One connection, opened when it is first needed, and all that differs from database to database.

    Attributes:
        opened: how often it was opened; another store may have taken the place of the last one.
        place: what to call the store in a message; never with a password.
        sql_types: the SQL type of a column of each kind (see ``values.KINDS``).
        id_type: the SQL type of the column ``id``, which numbers the rows by itself.
        later: whether a column is added to the table only with its first value that is not None, which
            decides its type.
        mark: what stands in a statement for a bound value.
        columns_order: the hidden column of ``_columns`` that keeps the order of its rows.
        loses_holds: whether a name can be lost while the process lives that has it.
    """

    limits: ClassVar[DialectLimits]
    sql_types: ClassVar[Mapping[str, str]]
    id_type: ClassVar[str]
    later: ClassVar[bool]
    mark: ClassVar[str]
    columns_order: ClassVar[str]
    loses_holds: ClassVar[bool] = False
    # Until they are made: another thread may fork the process before.
    _connection: Any = None

    def __init__(self, place: str) -> None:
        self.place = place
        self.opened = 0
        self._depth = 0
        self._closed = ""
        self._holds: list[Hold] = []
        forked.watch(self)

    @property
    @abstractmethod
    def exists(self) -> bool:
        """Whether there is something to read; a file that is not there is not made by looking."""

    @abstractmethod
    def execute(self, sql: str, bound: Sequence[Any] = ()) -> Any:
        """Run one statement, and give DB-API's cursor (PEP 249); raises StoreError."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of the rows; raises as ``insert``."""

    @abstractmethod
    def count_changed(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """As ``executemany``, but gives how many rows were changed, of which there may be fewer.

        Where it raises Unbindable, the transaction goes on, and some may have been changed.
        """

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], row: Sequence[Any]) -> int:
        """Add a row and give its id; raises Unbindable if a column cannot hold its value, or StoreError."""

    @abstractmethod
    def insert_many(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Sequence[int]:
        """Add rows inside a transaction that writes, and give their ids in order; raises as ``insert``."""

    @abstractmethod
    def find_ids(
        self, table: str, columns: Mapping[str, str], keys: Sequence[Sequence[Any]]
    ) -> list[Sequence[Any]]:
        """The rows that have one of these keys: the id of each, and then its values in ``columns``.

        These are the columns of the keys, with their kinds; the keys have at most ``where.MOST_VALUES``
        values together, as the columns hold them. Raises as ``insert``.
        """

    def others_version(self) -> int | None:
        """What differs from an earlier one once others have committed; None where nobody can tell."""
        return None

    def restored(self, table: str) -> None:  # noqa: B027 most databases look at the ids themselves
        """Go on counting after ids that came from elsewhere."""

    def lock(self, name: str) -> Hold | None:
        """Take a name that no other may have at the same time; None if somebody has it; raises StoreError."""
        self._require_open()
        hold = self._lock(name)
        if hold is not None:
            self._holds = [*(each for each in self._holds if each.is_open), hold]
        return hold

    @abstractmethod
    def is_locked(self, name: str) -> bool:
        """Whether somebody has a name; raises StoreError."""

    def now(self) -> float:
        """Seconds since the epoch by the clock of whoever keeps the store; raises StoreError."""
        return time.time()

    def quote(self, name: str) -> str:
        """A name as a statement takes it, whatever is in it."""
        return '"' + name.replace('"', '""') + '"'

    @abstractmethod
    def index_name(self, table: str, columns: Sequence[str]) -> str:
        """The name of the index on these columns, which no other index and no table has."""

    @abstractmethod
    def version(self) -> tuple[object, ...]:
        """What differs from an earlier one once anything else can be read; see ``Database.mark``."""

    @abstractmethod
    def check(self) -> list[str]:
        """What the database itself finds wrong with its storage, a sentence each."""

    @abstractmethod
    def _lock(self, name: str) -> Hold | None:
        """As ``lock``."""

    @abstractmethod
    def _begin(self, write: bool) -> None:
        """Begin a transaction; no two that write are open at the same time."""

    def _committed(self) -> None:  # noqa: B027 a server keeps what it has committed
        """Raise StoreError if what was just committed is lost."""

    @abstractmethod
    def _in_transaction(self) -> bool:
        """Whether a transaction is open; some errors end it at once."""

    @abstractmethod
    def _close(self) -> None:
        """Give the connection back."""

    def close(self) -> None:
        """End the use; what was not committed is undone, and what was locked is free."""
        self._closed = self._closed or "is closed"
        for hold in self._holds:
            hold.release()
        self._holds.clear()
        self._close()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction that writes; inside another one, a savepoint of it. An error undoes it."""
        name = f"s{self._depth}"
        if self._depth:
            self.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            if self._depth == 1:
                self._begin(write=True)
            yield
            self.execute(f"RELEASE SAVEPOINT {name}" if self._depth > 1 else "COMMIT")
            if self._depth == 1:
                self._committed()
        except BaseException:
            # After some errors, a full disk among them, the whole transaction is already undone.
            if self._in_transaction():
                if self._depth > 1:
                    self.execute(f"ROLLBACK TO SAVEPOINT {name}")
                    self.execute(f"RELEASE SAVEPOINT {name}")
                else:
                    self.execute("ROLLBACK")
            raise
        finally:
            self._depth -= 1

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A transaction that reads, in which nothing changes; inside another one it is that one."""
        if self._in_transaction():
            yield
            return
        self._begin(write=False)
        try:
            yield
        finally:
            if self._in_transaction():
                self.execute("ROLLBACK")

    def changed(self, what: str) -> StoreError:
        """The error for what another program did to the tables of the store."""
        return StoreError(
            f"the store {self.place} was changed by another program, so that this cannot be done ({what}), "
            "and nothing of it was written; give a new column a default, rename or remove what is in the "
            "way, bring back what is missing, or go back to a backup"
        )

    def _check_number(self, cursor: Any, rows: Sequence[Any]) -> None:
        """Raise StoreError if a statement did less than it should for each of the rows."""
        if rows and cursor.rowcount != len(rows):
            raise self.changed("a trigger ignores rows")

    def _require_open(self) -> None:
        """Raise StoreError after ``close``, and in a forked child."""
        if self._closed:
            raise StoreError(f"the store {self.place} {self._closed}")

    @abstractmethod
    def leave(self) -> Sequence[object]:
        """See ``forked.Inherited``: what it said by these connections, the parent would be answered."""


class Unbindable(Exception):
    """A value that looked as if its column could hold it, and cannot: such as an int of 65 bits."""


def too_new(place: str, version: int) -> StoreError:
    """The error for a store that a newer cloudmesh has made."""
    return StoreError(
        f"the store {place} has the format {version} of a newer cloudmesh, this one knows {FORMAT}; "
        "upgrade cloudmesh-db"
    )


def padded(things: Sequence[T]) -> list[T]:
    """The things, and the last of them once more as often as their number is short of a power of two.

    Statements differ by the number of values they name, and each is prepared once.
    """
    return [*things, *repeat(things[-1], (1 << (len(things) - 1).bit_length()) - len(things))]

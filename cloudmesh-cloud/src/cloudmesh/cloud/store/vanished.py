"""The machines that a listing lacked, though nobody deleted them here, for readers who are yet to be told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from cloudmesh.cloud.store.new_names import MACHINES, VANISHED
from cloudmesh.db import Database, Record
from cloudmesh.plugin.errors import StoreError, UnknownName

_KEY = ["cloud", "cloud_id"]
# For how many seconds after a listing lacked a machine further readers can be told that it vanished.
_KEEPS = 30 * 86400.0


class VanishedMachines:
    """The table of the machines that vanished, as records of machines; errors of the store are StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, records: Iterable[Mapping[str, Any]], asked: float) -> None:
        """Write down machines that a listing lacked, which was asked for at this time."""
        found = [{**record, "told": "", "noticed": asked} for record in records]
        self._database.upsert_many(VANISHED, found, key=_KEY)

    def tell(self, clouds: Iterable[str], reader: str) -> list[Record]:
        """Those of these clouds that a reader was not told of, which counts as told now.

        Where nothing can be written they are told again later.
        """
        untold = [cloud for cloud in clouds if self._untold(cloud, reader)]
        if not untold:
            # As nearly always: nothing is written, and nobody waits for it.
            return []
        try:
            with self._database.atomic():
                return [record for cloud in untold for record in self._told(cloud, reader)]
        except StoreError:
            kept = [record for cloud in untold for record in self._untold(cloud, reader)]
            return [record for record in kept if not self._is_back(record)]

    def _untold(self, cloud: str, reader: str) -> list[Record]:
        if not self._database.has(VANISHED):
            return []
        from cloudmesh.db import ne

        try:
            found = self._database.find(VANISHED, cloud=cloud, told=ne(reader))
        except UnknownName:
            # Earlier versions kept no readers; the column is made when the first one is told.
            found = self._database.find(VANISHED, cloud=cloud)
        return [record for record in found if reader not in _readers(record)]

    def _told(self, cloud: str, reader: str) -> list[Record]:
        """The same, marked as told; forgets those that are back, and the oldest."""
        from cloudmesh.db import gt, lt

        told, marks, now = [], [], time.time()
        for record in self._untold(cloud, reader):
            if self._is_back(record):
                self._database.delete(VANISHED, cloud=cloud, cloud_id=record["cloud_id"])
                continue
            told.append(record)
            readers = " ".join([*_readers(record), reader])
            marks.append({"noticed": now, **record, "told": readers})
        if marks:
            self._database.upsert_many(VANISHED, marks, key=_KEY)
            self._database.delete(VANISHED, cloud=cloud, told=gt(""), noticed=lt(now - _KEEPS))
        return told

    def _is_back(self, record: Record) -> bool:
        """Whether a cloud has told of the machine again."""
        key = {name: record[name] for name in _KEY}
        return self._database.has(MACHINES) and bool(self._database.find(MACHINES, **key))


def _readers(record: Mapping[str, Any]) -> list[str]:
    """Who was told of a vanished machine; stores from before there were several readers name none."""
    return str(record.get("told") or "").split()

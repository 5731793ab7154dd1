"""A machine as the store has it, with the time when it was last seen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudmesh.cloud.model.records import MachineRecord, State

_STATES = frozenset(state.value for state in State)


@dataclass(frozen=True)
class KnownMachine:
    """A machine, and when its cloud last told of it or was asked to change it (seconds since the epoch)."""

    machine: MachineRecord
    refreshed: float

    @property
    def age(self) -> float:
        """Seconds since the cloud told; never negative, though a clock may have been set back."""
        return max(0.0, time.time() - self.refreshed)


def stored(machine: MachineRecord, refreshed: float) -> dict[str, Any]:
    """The record of a machine that its cloud told of at the time ``refreshed``, seconds since the epoch."""
    # Metadata as pairs: users choose the keys, and a column for each would have no end.
    pairs = [[key, value] for key, value in machine.metadata.items()]
    return {**machine.to_record(), "metadata": pairs, "refreshed": refreshed}


def machine_of(record: Mapping[str, Any]) -> MachineRecord:
    """The machine that ``MachineRecord.to_record`` described; keys that are not of the model are left aside.

    A state that only a later version knows is unknown here.
    """
    # Not by fields(), which takes as long as all the rest.
    values = {key: record[key] for key in MachineRecord.__dataclass_fields__ if key in record}
    state = State(record["state"]) if record["state"] in _STATES else State.UNKNOWN
    values |= {"state": state, "metadata": dict(record.get("metadata") or {})}
    return MachineRecord(**values)


def record_of(known: KnownMachine) -> dict[str, Any]:
    """A machine as its table in the store has it."""
    return stored(known.machine, known.refreshed)


def known_of(record: Mapping[str, Any]) -> KnownMachine:
    """A machine that its table in the store has so."""
    return KnownMachine(machine_of(record), float(record["refreshed"]))

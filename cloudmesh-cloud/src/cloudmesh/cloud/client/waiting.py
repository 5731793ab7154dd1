"""Waiting until one machine is in a state, by asking its cloud for it again and again."""

from __future__ import annotations

import time

from cloudmesh.cloud.client.connection import Connection, mapped
from cloudmesh.cloud.errors import (
    CloudError,
    CloudTimeout,
    Conflict,
    Gone,
    NotFound,
    RateLimited,
    is_transient,
)
from cloudmesh.cloud.model.awaited import AwaitedMachine, Condition
from cloudmesh.cloud.model.pace import Pace
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.waits import keep_seconds, usual_seconds
from cloudmesh.plugin.durations import span_text

TIMEOUT = 600.0


def wait_until(
    connection: Connection,
    machine: MachineRecord,
    state: State,
    timeout: float | None = None,
    condition: Condition | None = None,
    verb: str = "",
) -> MachineRecord:
    """The machine once its cloud shows it in this state, to which something was just done that leads there.

    Args:
        timeout: seconds to wait at most; None for the ``wait_timeout`` of the cloud, else 600.
        condition: what is waited for in place of the state.
        verb: what was just done, for which it is kept how long that takes; empty not to keep it.

    Raises:
        CloudTimeout: it is not there in time.
        Conflict: it cannot reach the state any more: it is in error, or nothing brings it there.
        NotFound: it vanished meanwhile.
        CloudError: the cloud refuses to tell.
    """
    awaited = AwaitedMachine(machine, state, True, settling=connection.provider.settling)
    seconds = timeout or connection.wait_timeout or TIMEOUT
    database = connection.inventory.database
    pace = Pace(usual_seconds(database, machine.cloud, verb) if verb else 0.0, spares=False)
    before: float | None = None
    began, trouble = time.monotonic(), ""
    while True:
        asked, least, trouble = time.monotonic() - began, 0.0, ""
        try:
            if _look(connection, awaited, began, condition):
                if verb and before is not None:
                    # It came between two looks.
                    keep_seconds(database, machine.cloud, verb, (before + asked) / 2)
                return awaited.machine
        except CloudError as error:
            if not is_transient(error):
                raise
            # It is only a look; the next one may tell more.
            trouble = f"; the last check failed: {error}"
            if isinstance(error, RateLimited):
                least = error.retry_after or 0.0
        before, now = asked, time.monotonic() - began
        left = seconds - now
        if left <= 0:
            raise CloudTimeout(
                f"{machine.qualified_name} is still {awaited.machine.state} after "
                f"{span_text(seconds)}{trouble}"
            )
        connection.sleep(min(pace.pause(now, now - asked, least), left))


def _look(connection: Connection, awaited: AwaitedMachine, began: float, condition: Condition | None) -> bool:
    """Ask for the machine once, and write down how it is; whether it is in its state."""
    asked = time.time()
    machine = awaited.machine
    shown: MachineRecord | None = None
    gone: NotFound | None = None
    try:
        with mapped(machine.cloud):
            shown = connection.provider.machine(machine.cloud_id)
        connection.inventory.save(shown, asked)
    except NotFound as error:
        gone = error
    try:
        reached = awaited.has_reached(shown, time.monotonic() - began, condition)
    except (Conflict, NotFound) as error:
        if shown is None:
            connection.inventory.forget(machine)
        # A cloud that remembers the machine tells why it is deleted.
        why = gone if isinstance(gone, Gone) and isinstance(error, NotFound) else error
        raise type(error)(f"{machine.qualified_name}: {why}") from error
    if reached and shown is None:
        connection.inventory.forget(machine)
    return reached

"""Public addresses of machines: taken for a machine, and released when it is deleted: they cost money."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.errors import CloudError, Conflict, NotFound, is_transient, reworded
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.boot import mark
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError

if TYPE_CHECKING:
    from cloudmesh.cloud.model.networks import FloatingIP

# How long a new machine may be without a port that an address can lead to, in seconds.
_PORT_SECONDS = 300.0
# The states of machines that never get one.
_HOPELESS = (State.ERROR, State.DELETING, State.DELETED)
# The part of the time for one call that may be spent on that.
_SHARE = 0.8
# A port may show so many seconds after its machine is active.
_SETTLED = 5.0
_FIRST_PAUSE, _GROWTH, _LONGEST_PAUSE = 0.2, 1.5, 5.0


class PublicAddresses:
    """Gives machines floating IPs of their own, and gives those back when the machines are deleted."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def give(self, machine: MachineRecord, token: str = "") -> MachineRecord:
        """Give a machine a floating IP of its own; if that fails the machine stays, the address does not.

        Args:
            token: that of the machine's boot. An address which an earlier call with it took, perhaps in a
                process that was killed, is used instead of a new one.

        Raises:
            CloudmeshError: of the kind that says what went wrong; the sentence says that the machine runs.
        """
        try:
            if token:
                self.connection.inventory.expect_address(machine, token)
            address = self._own_address(machine, token)
        except CloudmeshError as error:
            raise _no_address(machine, error) from error
        try:
            self.connection.inventory.keep_address(address, machine)
            if not address.machine_id:
                self._attach_soon(address, machine)
        except BaseException as error:
            left = self._give_back(address)
            if not isinstance(error, CloudmeshError):
                raise
            raise _no_address(machine, error, left) from error
        others = [each for each in machine.public_ips if each != address.address]
        now = replace(machine, public_ips=[*others, address.address])
        self.connection.save(now, f"{machine.qualified_name} was booted with {address.address}")
        return now

    def _own_address(self, machine: MachineRecord, token: str) -> FloatingIP:
        """The address that was taken for the machine before, or a new one."""
        if taken := self._taken(machine, token):
            return taken
        try:
            return self.connection.calls.create_floating_ip("", mark(token) if token else "")
        except CloudError as error:
            lost = error.outcome_unknown and is_transient(error)
            if lost and (taken := self._taken(machine, token)):
                return taken
            raise

    def _taken(self, machine: MachineRecord, token: str) -> FloatingIP | None:
        """The address that is marked with this token, unless it leads to another machine by now."""
        for address in self.connection.listing(Provider.floating_ips) if token else ():
            if address.description == mark(token) and address.machine_id in ("", machine.cloud_id):
                return address
        return None

    def _attach_soon(self, address: FloatingIP, machine: MachineRecord) -> None:
        """Attach the address as soon as the machine has a port.

        Who makes this call gives it up after ``call_timeout``, and then nobody would give the address back.
        """
        seconds = min(_PORT_SECONDS, _SHARE * (self.connection.call_timeout or math.inf))
        began, pause, has_port = time.monotonic(), _FIRST_PAUSE, False
        ends = began + seconds
        while True:
            try:
                return self.connection.calls.attach_floating_ip(address.cloud_id, machine.cloud_id)
            except Conflict as error:
                now = time.monotonic()
                if now >= ends:
                    # The cloud did answer, all the time: no timeout, and nothing to be tried again.
                    raise Conflict(f"not attached after {span_text(now - began)}: {error}") from error
                if not has_port and self._has_port(machine, error):
                    has_port, ends = True, min(ends, now + _SETTLED)
            self.connection.sleep(min(pause, ends - now))
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)

    def _has_port(self, machine: MachineRecord, refused: Conflict) -> bool:
        """Whether the machine has its ports by now; what is refused some time after that stays refused.

        Raises Conflict if it will never have one that an address can lead to, and NotFound if it is gone.
        """
        asked = time.time()
        try:
            now = self.connection.calls.machine(machine.cloud_id)
        except CloudError as error:
            if is_transient(error):
                # It is only a look; the next one may tell more.
                return False
            raise
        if now.state in _HOPELESS:
            self.connection.inventory.save(now, asked)
            told = f" ({now.fault})" if now.fault else ""
            raise Conflict(f"it is in state {now.state}{told}: {refused}") from refused
        if now.state is State.ACTIVE and now.addresses and all(":" in each for each in now.addresses):
            raise Conflict(f"it has IPv6 addresses only ({', '.join(now.addresses)}): {refused}") from refused
        return now.state is State.ACTIVE

    def _give_back(self, address: FloatingIP) -> CloudmeshError | None:
        """Release an address; why that failed, with what to do."""
        try:
            with suppress(NotFound):
                self.connection.calls.delete_floating_ip(address.cloud_id)
            self.connection.inventory.forget_address(address)
        except CloudmeshError as error:
            return reworded(
                error,
                f"; its address {address.address} could not be released ({error}): "
                f"cms ip delete {address.address} --cloud={self.connection.name}",
            )
        return None

    def release(self, machine: MachineRecord) -> None:
        """Give back the addresses that were taken for a machine which is deleted, or on its way there.

        Raises:
            CloudmeshError: one could not be given back; it may go on costing money. It is of the kind that
                says what went wrong, and ``outcome_unknown``, as the machine itself is deleted.
        """
        taken = self.connection.inventory.addresses_of(machine)
        if not taken:
            return
        try:
            listed = list(self.connection.listing(Provider.floating_ips))
        except CloudmeshError as error:
            shown = ", ".join(each.address or "one that may have been allocated" for each in taken)
            told = (
                f"{machine.qualified_name} is deleted, but its addresses ({shown}) could not be released: "
                f"{error}; see cms ip list --cloud={self.connection.name}"
            )
            raise reworded(error, told, outcome_unknown=True) from error
        unused = _unused(machine, taken, listed)
        left = [trouble for address in unused if (trouble := self._give_back(address))]
        if left:
            told = f"{machine.qualified_name} is deleted{''.join(map(str, left))}"
            # One that may go well later is worth another try, whatever the others are.
            raise reworded(next(filter(is_transient, left), left[0]), told, outcome_unknown=True)
        for expected in taken:
            # What was left out of the listing may be it.
            if not expected.address and not self.connection.left_out["floating_ips"]:
                self.connection.inventory.forget_address(expected)


def _unused(
    machine: MachineRecord, taken: Sequence[FloatingIP], listed: Sequence[FloatingIP]
) -> list[FloatingIP]:
    """What was taken for a machine and has no other use; what was only expected is found by its mark."""
    marks = {each.cloud_id for each in taken if not each.address}
    found = [each for each in listed if each.description in marks]
    own = {each.cloud_id: each for each in (*taken, *found) if each.address}
    # One that leads to another machine by now is in use.
    leads_to = {each.cloud_id: each.machine_id for each in listed}
    return [each for each in own.values() if leads_to.get(each.cloud_id, "") in ("", machine.cloud_id)]


def _no_address(
    machine: MachineRecord, error: CloudmeshError, left: CloudmeshError | None = None
) -> CloudmeshError:
    """The error for a machine that was booted and has no address."""
    told = f"{machine.qualified_name} ({machine.cloud_id}) is running, but has no public address: "
    return reworded(error, f"{told}{error}{left or ''}")

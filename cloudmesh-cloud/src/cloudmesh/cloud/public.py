"""Public addresses of machines: taken for them, and given back with them, since each one may cost money."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from cloudmesh.cloud.errors import CloudError, CloudTimeout, Conflict, NotFound, is_transient
from cloudmesh.cloud.model import Machine
from cloudmesh.cloud.network import FloatingIP
from cloudmesh.cloud.surroundings import Surroundings
from cloudmesh.cloud.tokens import mark
from cloudmesh.plugin.errors import CloudmeshError, StoreError

# How long a new machine may be without a port that an address can lead to, in seconds.
_PORT_SECONDS = 300.0
_FIRST_TICK, _GROWTH, _LONGEST_TICK = 0.2, 1.5, 5.0


class PublicAddresses(Surroundings):
    """The part of ``Cloud`` that gives machines floating IPs of their own."""

    _sleep: Callable[[float], None] = staticmethod(time.sleep)

    def give_address(self, machine: Machine, token: str = "") -> Machine:
        """The machine with a floating IP of its own; if that fails the machine stays, the address does not.

        Args:
            token: that of the machine's boot. An address which an earlier call with it took, perhaps in a
                process that was killed, is used instead of a new one.

        Raises:
            CloudmeshError: of the kind that says what went wrong; the sentence says that the machine runs.
        """
        try:
            address = self._own_address(machine, token)
        except CloudmeshError as error:
            raise _no_address(machine, error) from error
        try:
            self.inventory.keep_address(address, machine)
            if not address.machine_id:
                self._attach_soon(address, machine)
        except BaseException as error:
            left = self._give_back(address)
            if not isinstance(error, CloudmeshError):
                raise
            raise _no_address(machine, error, left) from error
        others = [each for each in machine.public_ips if each != address.address]
        now = replace(machine, public_ips=[*others, address.address])
        self._keep(now, f"{machine.qualified_name} was booted with {address.address}")
        return now

    def _own_address(self, machine: Machine, token: str) -> FloatingIP:
        """The address that was taken for the machine before, or a new one."""
        taken = self._taken(machine, token)
        if taken is not None:
            return taken
        try:
            return self.create_floating_ip("", mark(token) if token else "")
        except CloudError as error:
            lost = error.unsure and is_transient(error)
            taken = self._taken(machine, token) if lost else None
            if taken is None:
                raise
            return taken

    def _taken(self, machine: Machine, token: str) -> FloatingIP | None:
        """The address that is marked with this token, unless it leads to another machine by now."""
        if not token:
            return None
        for address in self.floating_ips():
            if address.description == mark(token) and address.machine_id in ("", machine.cloud_id):
                return address
        return None

    def _keep(self, machine: Machine, happened: str) -> None:
        """Write down what the cloud has done; if that fails the user must still learn that it was done."""
        try:
            self.inventory.save(machine)
        except StoreError as error:
            raise StoreError(f"{happened}, but that could not be written down: {error}") from error

    def _attach_soon(self, address: FloatingIP, machine: Machine) -> None:
        """Attach the address as soon as the machine has a port."""
        ends, tick = time.monotonic() + _PORT_SECONDS, _FIRST_TICK
        while True:
            try:
                with self.calling() as provider:
                    return provider.attach_floating_ip(address.cloud_id, machine.cloud_id)
            except Conflict as error:
                if time.monotonic() >= ends:
                    raise CloudTimeout(
                        f"it cannot be attached after {_PORT_SECONDS:g} seconds: {error}"
                    ) from error
            self._sleep(tick)
            tick = min(tick * _GROWTH, _LONGEST_TICK)

    def _give_back(self, address: FloatingIP) -> str:
        """Release an address; what to tell the user if that fails."""
        try:
            with suppress(NotFound), self.calling() as provider:
                provider.delete_floating_ip(address.cloud_id)
            self.inventory.forget_address(address)
        except CloudmeshError as error:
            return (
                f"; its address {address.address} could not be given back ({error}): "
                f"cms ip delete {address.address} --cloud={self.name}"
            )
        return ""

    def release_addresses(self, machine: Machine) -> None:
        """Give back the addresses that were taken for a machine which is deleted, or on its way there.

        Raises:
            CloudError: one could not be given back; it may go on costing money.
        """
        taken = self.inventory.addresses_of(machine)
        if not taken:
            return
        try:
            now = {address.cloud_id: address.machine_id for address in self.floating_ips()}
        except CloudmeshError as error:
            shown = ", ".join(address.address for address in taken)
            raise CloudError(
                f"{machine.qualified_name} is deleted, but its addresses ({shown}) could not be given "
                f"back: {error}; see cms ip list --cloud={self.name}"
            ) from error
        # One that leads to another machine by now is in use.
        unused = [each for each in taken if now.get(each.cloud_id, "") in ("", machine.cloud_id)]
        left = [self._give_back(address) for address in unused]
        if any(left):
            raise CloudError(f"{machine.qualified_name} is deleted{''.join(left)}")


def _no_address(machine: Machine, error: CloudmeshError, left: str = "") -> CloudmeshError:
    """The same error with another sentence: whether to try again is still told by its kind."""
    told = copy.copy(error)
    told.args = (
        f"{machine.qualified_name} ({machine.cloud_id}) was booted and runs, but has no public address: "
        f"{error}{left}",
    )
    return told

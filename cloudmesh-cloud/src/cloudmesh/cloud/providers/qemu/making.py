"""Machines are made, copied, rebuilt, resized, renamed and removed here."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import uuid4

from cloudmesh.cloud.errors import CloudTimeout, FlavorTooSmall, Refused
from cloudmesh.cloud.model.records import Flavor, State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.qemu import disks, names, networks, process, programs
from cloudmesh.cloud.providers.qemu.folder import (
    DISK,
    GONE,
    NEW,
    SEED,
    USER_DATA,
    CloudFolder,
    Held,
    discard,
    taken,
    told,
)
from cloudmesh.cloud.providers.qemu.images import ImageStore
from cloudmesh.cloud.providers.qemu.power import Power
from cloudmesh.cloud.providers.qemu.seed import write_seed
from cloudmesh.cloud.providers.qemu.settings import QemuSettings
from cloudmesh.cloud.providers.qemu.state import STOPPED, MachineState
from cloudmesh.cloud.providers.qemu.status import look
from cloudmesh.plugin.files import replace_private

# Another command that boots with the same token is waited for.
_SAME_BOOT = 300.0
_TICK = 0.05
_COPIED = "disk.new"


class Maker:
    """Makes and removes the machines of one cloud."""

    def __init__(self, folder: CloudFolder, settings: QemuSettings, images: ImageStore, power: Power) -> None:
        """Make machines in a cloud's folder, from its images."""
        self._folder = folder
        self._settings = settings
        self._images = images
        self._power = power
        self._lan = networks.Lan(folder.path)

    def boot(self, request: BootRequest, public_key: str) -> MachineState:
        """A new machine that runs; the one that has the request's token if there is one.

        Raises Refused if another machine has its name, FlavorTooSmall, NoCapacity, and NotFound for the
        image. Where it fails nothing is left.
        """
        programs.require_tools(self._folder.cloud, self._settings)

        def filled(machine: Held) -> None:
            base, form = self._images.path_of(request.image.cloud_id)
            disks.create_overlay(base, form, machine.folder / DISK, machine.state.disk)
            replace_private(machine.folder / USER_DATA, request.userdata.encode(), sync=False)

        image = self._images.get(request.image.cloud_id)
        state = self._new_state(request, image.user, public_key)
        if image.size > state.disk * disks.GIB:
            raise FlavorTooSmall(
                f"image {image.name} needs {image.size / disks.GIB:.1f} GiB of disk and "
                f"flavor {state.flavor} of cloud {self._folder.cloud} has {state.disk}; use a larger flavor"
            )
        return self._make(state, filled)

    def _make(self, state: MachineState, filled: Callable[[Held], None]) -> MachineState:
        """A new machine with the disk that ``filled`` makes, and running; or the one of the same token."""
        stack = contextlib.ExitStack()
        found = self._reserve(stack, state)
        if isinstance(found, MachineState):
            return found
        with stack:
            self._finish(found, filled)
            self._folder.place(found)
        return found.state

    def _new_state(self, request: BootRequest, user: str, public_key: str) -> MachineState:
        uuid = str(uuid4())
        mac, lan_mac = networks.macs(uuid)
        return MachineState(
            name=request.name,
            uuid=uuid,
            image_id=request.image.cloud_id,
            image=request.image.name,
            flavor=request.flavor.name,
            vcpus=request.flavor.vcpus,
            ram=request.flavor.ram,
            disk=request.flavor.disk,
            instance_id=uuid,
            mac=mac,
            lan_mac=lan_mac,
            key=request.key.name if request.key else "",
            public_key=public_key,
            login_user=user,
            created=time.time(),
            token=request.token,
            metadata=dict(request.metadata),
        )

    def _reserve(self, stack: contextlib.ExitStack, state: MachineState) -> Held | MachineState:
        """The new machine's folder, which is ours until ``stack`` is closed; or the machine of this token."""
        end = time.monotonic() + _SAME_BOOT
        while True:
            # With the images held, so that this one stays until it is written down who stands on it.
            with self._images.held(), self._folder.lock(), told(self._folder.cloud, self._folder.path):
                self._images.get(state.image_id)
                if found := self._by_token(state.token):
                    return found
                maker = self._folder.at_work(state.name)
                if not maker:
                    return self._drafted(stack, state)
            if not (state.token and maker.token == state.token):
                raise taken(self._folder.cloud, state.name)
            if time.monotonic() > end:
                raise CloudTimeout(
                    f"another command boots {state.name} and has not ended in {_SAME_BOOT:g} s"
                )
            time.sleep(_TICK)

    def _by_token(self, token: str) -> MachineState | None:
        return next((each for each in self._folder.states() if token and each.token == token), None)

    def _drafted(self, stack: contextlib.ExitStack, state: MachineState) -> Held:
        if (self._folder.path / state.name).exists():
            raise taken(self._folder.cloud, state.name)
        self._folder.sweep()
        if self._settings.network:
            self._lan.prepare()
            others = self._folder.states(half_made=True)
            state.lan_address = networks.free_address(self._settings.subnet, others)
        machine = stack.enter_context(self._folder.draft(state))
        self._write_hosts()
        return machine

    def _write_hosts(self) -> None:
        """Tell all machines who is there; call it with the cloud's lock held."""
        names.write_hosts(self._folder.path, self._folder.states(half_made=True))

    def _finish(self, machine: Held, filled: Callable[[Held], None]) -> None:
        """Make the disk and the seed of a new machine, and start it."""
        with told(self._folder.cloud, machine.folder):
            filled(machine)
            self._seed(machine)
            self._power.start(machine)

    def _seed(self, machine: Held) -> None:
        state = machine.state
        with contextlib.suppress(FileNotFoundError):
            (machine.folder / SEED).unlink()
        write_seed(
            machine.folder / SEED,
            instance_id=state.instance_id,
            hostname=state.name,
            user=state.login_user,
            public_keys=[state.public_key] if state.public_key else [],
            userdata=(machine.folder / USER_DATA).read_text(encoding="utf-8"),
            vendordata=names.VENDOR_DATA,
            network=networks.seed_network(state, self._settings.subnet),
        )

    def clone(self, source: Held, name: str, token: str) -> MachineState:
        """Another machine with a copy of the disk, which is booted; the one of this token if there is one.

        A running machine stands still while its disk is copied. Raises as ``boot`` does.
        """
        programs.require_tools(self._folder.cloud, self._settings)
        uuid = str(uuid4())
        mac, lan_mac = networks.macs(uuid)
        state = replace(
            source.state,
            name=name,
            uuid=uuid,
            instance_id=uuid,
            mac=mac,
            lan_mac=lan_mac,
            lan_address="",
            created=time.time(),
            token=token,
            metadata=dict(source.state.metadata),
            ssh_port=0,
            phase=STOPPED,
            doing="",
            saved="",
            locked=False,
            snapshots={},
        )

        def filled(machine: Held) -> None:
            with self._still(source):
                disks.copy(source.folder / DISK, machine.folder / DISK)
            userdata = (source.folder / USER_DATA).read_bytes()
            replace_private(machine.folder / USER_DATA, userdata, sync=False)

        return self._make(state, filled)

    @contextlib.contextmanager
    def _still(self, machine: Held) -> Iterator[None]:
        """Within this block the file of the disk is whole: a guest that runs is paused."""
        if look(machine).state is not State.ACTIVE:
            yield
            return
        self._power.pause(machine)
        try:
            yield
        finally:
            self._power.unpause(machine)

    def rebuild(self, machine: Held, image_id: str) -> None:
        """A new disk of an image, and a new instance for cloud-init; its snapshots are gone."""
        image = self._images.get(image_id)
        state = machine.state
        with told(self._folder.cloud, machine.folder):
            (machine.folder / _COPIED).unlink(missing_ok=True)
            base, form = self._images.path_of(image_id)
            disks.create_overlay(base, form, machine.folder / _COPIED, state.disk)
            was = look(machine).state
            self._power.cut(machine)
            (machine.folder / _COPIED).replace(machine.folder / DISK)
            state.image_id, state.image, state.login_user = image.image_id, image.name, image.user
            state.instance_id, state.snapshots, state.machine_type, state.cpu = str(uuid4()), {}, "", ""
            machine.save()
            self._seed(machine)
        if was is not State.STOPPED:
            self._power.start(machine)

    def resize(self, machine: Held, flavor: Flavor) -> None:
        """Other processors and memory, and a disk that grows; one that runs is shut down and started."""
        state = machine.state
        if flavor.disk < state.disk:
            raise Refused(
                f"the disk of {state.name} has {state.disk} GiB and cannot shrink to the {flavor.disk} of "
                f"flavor {flavor.name}; use a flavor with a disk that is not smaller"
            )
        was = look(machine).state
        if was is not State.STOPPED:
            self._power.stop(machine)
        disks.grow(machine.folder / DISK, flavor.disk)
        state.flavor, state.vcpus, state.ram, state.disk = flavor.name, flavor.vcpus, flavor.ram, flavor.disk
        with told(self._folder.cloud, machine.folder):
            machine.save()
        if was is not State.STOPPED:
            self._power.start(machine)

    def rename(self, machine: Held, name: str) -> None:
        """Another name on the cloud and for the other machines; the guest's own host name stays."""
        with self._folder.lock(), told(self._folder.cloud, machine.folder):
            target = self._folder.path / name
            if target.exists() or (self._folder.path / f"{NEW}{name}").exists():
                raise taken(self._folder.cloud, name)
            machine.folder = machine.folder.rename(target)
            machine.state.name = name
            machine.save()
            self._write_hosts()

    def delete(self, machine: Held) -> None:
        """End the process at once, and remove all that is there of the machine."""
        state = machine.state
        with told(self._folder.cloud, machine.folder):
            process.end_all(machine.folder, state.uuid)
            # Its old folder may be that of another machine of this name at once.
            machine.folder = machine.folder.rename(self._folder.path / f"{GONE}{state.uuid}")
            discard(machine.folder, "")
            with self._folder.lock():
                self._write_hosts()

    def users_of(self, image_id: str) -> Iterator[str]:
        """The names of the machines that stand on an image."""
        for state in self._folder.states(half_made=True, all_of_them=True):
            if state.image_id == image_id:
                yield state.name

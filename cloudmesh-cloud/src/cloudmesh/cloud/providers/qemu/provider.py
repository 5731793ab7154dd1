"""The provider ``qemu``: real machines on one's own computer, without a daemon, root or an account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from cloudmesh.cloud.errors import Conflict, NotFound, OddRecord
from cloudmesh.cloud.model.copies import Snapshot
from cloudmesh.cloud.model.parameters import Fitness
from cloudmesh.cloud.model.records import Flavor, Image, KeyPair, MachineRecord, State
from cloudmesh.cloud.model.refusals import impossible, locked
from cloudmesh.cloud.model.verbs import VERBS, Capability, Verb
from cloudmesh.cloud.provider.boot import BootRequest, require_good_name
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.questions import Question
from cloudmesh.cloud.providers.qemu import process, programs
from cloudmesh.cloud.providers.qemu.folder import CONSOLE, CloudFolder, Held, Vanished, told
from cloudmesh.cloud.providers.qemu.images import ImageStore
from cloudmesh.cloud.providers.qemu.keys import Keys
from cloudmesh.cloud.providers.qemu.making import Maker
from cloudmesh.cloud.providers.qemu.power import CONSOLE_BYTES, Power, trim_console
from cloudmesh.cloud.providers.qemu.questions import QUESTIONS
from cloudmesh.cloud.providers.qemu.settings import SETTINGS_KEYS, QemuSettings
from cloudmesh.cloud.providers.qemu.snapshots import Snapshots
from cloudmesh.cloud.providers.qemu.state import FILE, MachineState
from cloudmesh.cloud.providers.qemu.status import look, meanwhile, record

# A question waits so long for a command that only asks something, too.
_GLANCE = 0.5
_ABLE = (
    *("start", "stop", "reboot", "hard_reboot", "pause", "unpause", "suspend", "resume", "rebuild", "resize"),
    *("rename", "metadata", "lock", "unlock", "snapshot", "restore", "delete_snapshot", "clone"),
    *("console", "keys", "userdata", "boot_metadata", "add_image", "delete_image"),
)
# What a lock allows.
_NOT_LOCKED = ("lock", "unlock", "rename")


class QemuProvider(Provider):
    """The machines of one folder. A verb has been done when its method returns."""

    capabilities = frozenset(each for each in Capability if each.value in _ABLE)
    settings_keys: ClassVar[tuple[str, ...]] = SETTINGS_KEYS
    questions: ClassVar[tuple[Question, ...]] = QUESTIONS
    boots_once: ClassVar[bool] = True
    signs_in_once: ClassVar[bool] = True

    def set_up(self) -> None:
        self._settings = QemuSettings.read(self.name, self.settings)
        self._folder = CloudFolder(self.name, self._settings.folder, self._settings.lock_wait)
        self._images = ImageStore(self._settings.folder / ".images", self.name)
        self._keys = Keys(self.name, self._settings.folder / ".keys")
        self._power = Power(self._folder, self._settings)
        self._maker = Maker(self._folder, self._settings, self._images, self._power)
        self._snapshots = Snapshots(self._folder, self._power)

    def check(self) -> str:
        program = programs.require_tools(self.name, self._settings)
        images = len(self._images.list())
        return (
            f"QEMU {programs.version(self.name, program)} ({program}), accelerated by "
            f"{programs.accelerator(self._settings)}; {images or 'no'} image{'' if images == 1 else 's'}"
            f"{'' if images else f' yet: cms image add debian-12 --cloud={self.name}'}; "
            f"kept in {self._settings.folder}"
        )

    def machines(self) -> Iterator[MachineRecord]:
        self._folder.sweep()
        items = ({"name": folder.name, "folder": folder} for folder in self._folder.folders())
        for each in self.readable("machines", items, self._listed):
            if each is not None:
                yield each

    def _listed(self, item: Mapping[str, Any]) -> MachineRecord | None:
        """A machine of a listing; None for one that was removed just now."""
        try:
            with told(self.name, item["folder"]):
                cloud_id = self._folder.read(item["folder"]).uuid
            return self.machine(cloud_id)
        except (Vanished, NotFound):
            return None

    def machine(self, cloud_id: str) -> MachineRecord:
        """The machine as it is now, also while another command is at work on it."""
        for wait in (0.0, _GLANCE):
            with suppress(Conflict), self._folder.held(cloud_id, wait) as machine:
                self._power.take_up(machine)
                trim_console(machine)
                return record(self.name, machine.state, look(machine))
            state = self._written(cloud_id)
            if state.doing:
                break
        return record(self.name, state, meanwhile(state))

    def _written(self, cloud_id: str) -> MachineState:
        """What is written of a machine now, whoever is at work on it."""
        folder = self._folder.find(cloud_id)
        with told(self.name, folder):
            return self._folder.read(folder)

    def boot(self, request: BootRequest) -> MachineRecord:
        require_good_name(request.name)
        public_key = self._keys.text_of(request.key.name) if request.key else ""
        return self.machine(self._maker.boot(request, public_key).uuid)

    def find_booted(self, request: BootRequest) -> MachineRecord | None:
        for state in self._folder.states():
            if request.token and state.token == request.token:
                return self.machine(state.uuid)
        return None

    def delete(self, cloud_id: str) -> None:
        try:
            with self._verb("delete", cloud_id) as machine:
                self._maker.delete(machine)
        except (NotFound, OddRecord):
            # Somebody removed or spoilt its folder, and it is to be gone: at least nothing may run on.
            with told(self.name, self._folder.path):
                process.end_all(self._folder.path / FILE, cloud_id)
            raise

    def act(self, verb: str, cloud_id: str) -> None:
        with self._verb(verb, cloud_id) as machine:
            if verb in ("lock", "unlock"):
                machine.state.locked = verb == "lock"
                return
            deeds: Mapping[str, Callable[[Held], None]] = {
                "start": self._power.start,
                "stop": self._power.stop,
                "reboot": self._power.reboot,
                "hard_reboot": self._power.hard_reboot,
                "pause": self._power.pause,
                "unpause": self._power.unpause,
                "suspend": self._power.suspend,
                "resume": self._power.resume,
            }
            deeds[verb](machine)

    @contextmanager
    def _verb(self, name: str, cloud_id: str) -> Iterator[Held]:
        """One machine for the time of a verb. Raises NotFound, and Conflict if its state is none for it."""
        verb = VERBS[name]
        with self._folder.held(cloud_id) as machine, told(self.name, machine.folder):
            self._power.take_up(machine)
            self._require(verb, machine)
            if verb.passing:
                machine.state.doing = verb.passing.value
                machine.save(sync=False)
            try:
                yield machine
            finally:
                machine.state.doing = ""
                if machine.folder.exists():
                    machine.save(sync=False)

    def _require(self, verb: Verb, machine: Held) -> None:
        """Raise Conflict if a machine's state does not allow a verb."""
        now = record(self.name, machine.state, look(machine))
        if machine.state.locked and verb.name not in _NOT_LOCKED:
            raise locked(verb, now)
        if verb.fitness(now.state) is not Fitness.POSSIBLE:
            raise impossible(verb, now, self.capabilities)

    def rebuild(self, cloud_id: str, image: Image) -> None:
        # So that the image stays until it is written down that a machine stands on it.
        with self._images.held(), self._verb("rebuild", cloud_id) as machine:
            self._maker.rebuild(machine, image.cloud_id)

    def resize(self, cloud_id: str, flavor: Flavor) -> None:
        with self._verb("resize", cloud_id) as machine:
            self._maker.resize(machine, flavor)

    def rename(self, cloud_id: str, name: str) -> None:
        require_good_name(name)
        with self._verb("rename", cloud_id) as machine:
            self._maker.rename(machine, name)

    def set_metadata(self, cloud_id: str, changes: Mapping[str, str | None]) -> None:
        with self._verb("metadata", cloud_id) as machine:
            merged = {**machine.state.metadata, **changes}
            machine.state.metadata = {key: value for key, value in merged.items() if value is not None}

    def snapshots(self, cloud_id: str) -> list[Snapshot]:
        state = self._written(cloud_id)
        found = sorted(state.snapshots.items(), key=lambda item: item[1].created)
        return [Snapshot(name, kept.created, kept.phase != State.STOPPED) for name, kept in found]

    def snapshot(self, cloud_id: str, name: str) -> None:
        require_good_name(name)
        with self._verb("snapshot", cloud_id) as machine:
            self._snapshots.take(machine, name)

    def restore(self, cloud_id: str, name: str) -> None:
        with self._verb("restore", cloud_id) as machine:
            self._snapshots.restore(machine, name)

    def delete_snapshot(self, cloud_id: str, name: str) -> None:
        with self._verb("delete_snapshot", cloud_id) as machine:
            self._snapshots.delete(machine, name)

    def clone(self, cloud_id: str, name: str, token: str = "") -> MachineRecord:
        require_good_name(name)
        with self._verb("clone", cloud_id) as machine:
            made = self._maker.clone(machine, name, token)
        return self.machine(made.uuid)

    def console(self, cloud_id: str) -> str:
        folder = self._folder.find(cloud_id)
        with told(self.name, folder):
            try:
                with (folder / CONSOLE).open("rb") as file:
                    file.seek(max(0, file.seek(0, 2) - CONSOLE_BYTES))
                    return file.read().decode(errors="replace")
            except FileNotFoundError:
                return ""

    def images(self) -> list[Image]:
        return self._images.list()

    def add_image(self, name: str, file: Path, properties: Mapping[str, str] | None = None) -> Image:
        known = {key: (properties or {}).get(key, "") for key in ("format", "user", "source")}
        return self._images.add(name, file, **known)

    def delete_image(self, cloud_id: str) -> None:
        self._images.delete(cloud_id, self._maker.users_of(cloud_id))

    def flavors(self) -> list[Flavor]:
        return [Flavor(self.name, name, name, *sizes) for name, sizes in self._settings.flavors.items()]

    def key_pairs(self) -> list[KeyPair]:
        return self._keys.list()

    def add_key(self, name: str, public_key: str) -> KeyPair:
        return self._keys.add(name, public_key)

    def delete_key(self, name: str) -> None:
        self._keys.delete(name)

"""Where the machines of a cloud are, and who may act on them.

::

    ~/.cloudmesh/machines/CLOUD/        0700; locked while a machine is added, renamed or taken away
        NAME/                           a machine; locked while a command is at work on it
            state.json                  what is known of it, see ``state``
            disk.qcow2, seed.iso        its disk, and what cloud-init reads
            user-data                   the user data that it was booted with
            console.log                 what it printed on its serial port, the newest last
            qmp.sock, qemu.err          of its process
        .new-NAME/                      one that is being made; a dead one's unless it is locked
        .gone-UUID/                     one that is being removed
        .images/, .keys/, .hosts/       the cloud's images, public keys, and table of host names
        .run/UUID.pid                   the numbers of the machines' processes
        .network.json                   the group by which its machines reach one another

No name of a machine begins with a dot. A lock is of the folder itself, so it goes with it when it is
renamed or removed, and the system frees it when its process dies.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound, OddRecord, Refused
from cloudmesh.cloud.providers.qemu import process
from cloudmesh.cloud.providers.qemu.state import FILE, MachineState
from cloudmesh.plugin.files import file_lock, make_private_directory
from cloudmesh.plugin.plain import harmless

DISK, SEED, CONSOLE, USER_DATA = "disk.qcow2", "seed.iso", "console.log", "user-data"
NEW, GONE = ".new-", ".gone-"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Vanished(Refused):
    """A file of a machine is not there, perhaps since another command removed the machine just now."""


@dataclass
class Held:
    """A machine whose lock we hold: its folder, and what is written there."""

    folder: Path
    state: MachineState

    def save(self, sync: bool = True) -> None:
        """Write the state down. Raises OSError."""
        self.state.write(self.folder, sync)


class CloudFolder:
    """The folder of one cloud. Errors of the system become Refused, or NoCapacity where a disk is full."""

    def __init__(self, cloud: str, path: Path, lock_wait: float) -> None:
        """Take a folder, which is made when it is needed; wait so many seconds for locks of others."""
        self.cloud = cloud
        self.path = path
        self._lock_wait = lock_wait

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Within this block nobody else adds, renames or takes away a machine. Raises Conflict."""
        with contextlib.ExitStack() as stack:
            with told(self.cloud, self.path):
                make_private_directory(self.path)
                try:
                    stack.enter_context(file_lock(self.path, self._lock_wait, make=False))
                except TimeoutError:
                    raise Conflict(
                        f"cloud {self.cloud} is busy: another command adds or removes a machine and has not "
                        f"ended in {self._lock_wait:g} s; try again"
                    ) from None
            yield

    def folders(self) -> list[Path]:
        """The folders of all machines, by name."""
        with told(self.cloud, self.path):
            try:
                return sorted(
                    each for each in self.path.iterdir() if each.name[0] != "." and (each / FILE).exists()
                )
            except FileNotFoundError:
                return []

    def states(self, half_made: bool = False, all_of_them: bool = False) -> Iterator[MachineState]:
        """What is written of the machines; also of those that are being made, if that is asked for.

        One that cannot be read is left out; with ``all_of_them`` OddRecord is raised.
        """
        with told(self.cloud, self.path):
            made = self.path.glob(f"{NEW}*") if half_made else ()
            for folder in (*self.folders(), *made):
                try:
                    yield self.read(folder)
                except FileNotFoundError:
                    continue
                except OddRecord:
                    if all_of_them:
                        raise

    def read(self, folder: Path) -> MachineState:
        """What is written of one machine. Raises OSError, and OddRecord if that cannot be read."""
        try:
            state = MachineState.read(folder)
        except ValueError as error:
            raise OddRecord(
                f"{folder / FILE} cannot be read ({harmless(str(error))}); remove {folder} if not needed"
            ) from error
        # The folder is what a machine is renamed by.
        state.name = folder.name.removeprefix(NEW)
        return state

    def find(self, cloud_id: str) -> Path:
        """The folder of a machine. Raises NotFound, and OddRecord for one that runs and cannot be read."""
        odd = None
        for folder in self.folders():
            try:
                if self.read(folder).uuid == cloud_id:
                    return folder
            except FileNotFoundError:
                continue
            except OddRecord as error:
                odd = error
        if odd and process.find(self.path / FILE, cloud_id):
            raise odd
        raise NotFound(f"there is no machine {cloud_id} on cloud {self.cloud}")

    @contextlib.contextmanager
    def held(self, cloud_id: str, wait: float | None = None) -> Iterator[Held]:
        """One machine, on which nobody else acts within this block.

        Raises:
            NotFound: it is not there, or was removed while we waited.
            Conflict: another command is at work on it and has not ended in ``wait`` seconds.
        """
        seconds = self._lock_wait if wait is None else wait
        while True:
            folder = self.find(cloud_id)
            with contextlib.ExitStack() as stack:
                with told(self.cloud, folder):
                    try:
                        descriptor = stack.enter_context(file_lock(folder, seconds, make=False))
                    except FileNotFoundError:
                        continue
                    except TimeoutError:
                        raise self._busy(folder, seconds) from None
                    if not _is_same(descriptor, folder):
                        continue
                    machine = Held(folder, self.read(folder))
                yield machine
                return

    def _busy(self, folder: Path, seconds: float) -> Conflict:
        doing = ""
        with contextlib.suppress(OSError, ValueError):
            doing = MachineState.read(folder).doing
        what = f"it is {doing}" if doing else "another command is at work on it"
        return Conflict(
            f"machine {folder.name} of cloud {self.cloud} is busy: {what}, and that has not ended in "
            f"{seconds:g} s; try again"
        )

    @contextlib.contextmanager
    def draft(self, state: MachineState) -> Iterator[Held]:
        """A new machine that nobody sees before ``place``; it is removed again if this block fails.

        Call it with the cloud's lock held, and leave that then.
        """
        folder = self.path / f"{NEW}{state.name}"
        with told(self.cloud, folder), contextlib.ExitStack() as stack:
            while not self._made(stack, folder):
                pass
            try:
                state.write(folder, sync=False)
                yield Held(folder, state)
            except BaseException:
                discard(folder, state.uuid)
                raise

    def _made(self, stack: contextlib.ExitStack, folder: Path) -> bool:
        """Make a folder and lock it until ``stack`` is closed; False if a sweep took it before its lock."""
        folder.mkdir(mode=0o700)
        try:
            descriptor = stack.enter_context(file_lock(folder, make=False))
        except FileNotFoundError:
            return False
        return _is_same(descriptor, folder)

    def place(self, machine: Held) -> None:
        """Let everybody see a machine that was made. Raises Refused if its name was taken meanwhile."""
        target = self.path / machine.state.name
        with told(self.cloud, target):
            if target.exists():
                raise taken(self.cloud, machine.state.name)
            machine.folder = machine.folder.rename(target)

    def at_work(self, name: str) -> MachineState | None:
        """The machine of this name that another command is making now; what a dead one left is removed."""
        folder = self.path / f"{NEW}{name}"
        return None if self._swept(folder) else self.read(folder)

    def sweep(self) -> None:
        """Remove what killed commands left of machines that they were making or removing."""
        with told(self.cloud, self.path):
            for folder in (*self.path.glob(f"{NEW}*"), *self.path.glob(f"{GONE}*")):
                self._swept(folder)

    def _swept(self, folder: Path) -> bool:
        """Whether a folder is not there (any more); False while its maker is at work."""
        try:
            with file_lock(folder, 0.0, make=False):
                uuid = ""
                with contextlib.suppress(OSError, ValueError):
                    uuid = MachineState.read(folder).uuid
                discard(folder, uuid)
        except FileNotFoundError:
            return True
        except TimeoutError:
            return False
        return True


def discard(folder: Path, uuid: str) -> None:
    """Remove the folder of a machine, whose process is ended first. Raises OSError."""
    if uuid:
        process.end_all(folder, uuid)
    # The state goes last: while it is there, whoever finds the folder knows whose process to look for.
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        elif each.name != FILE:
            each.unlink(missing_ok=True)
    shutil.rmtree(folder)


def taken(cloud: str, name: str) -> Refused:
    """The error for a name that another machine has."""
    return Refused(f"cloud {cloud} already has a machine {name}; use another name")


def _is_same(descriptor: int, folder: Path) -> bool:
    """Whether what we locked is still what is there under this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def told(cloud: str, path: Path) -> Iterator[None]:
    """Errors of the system as a sentence; Vanished for what is not there (any more)."""
    try:
        yield
    except FileNotFoundError as error:
        place = harmless(str(error.filename or path))
        raise Vanished(
            f"cloud {cloud}: {place} is not there (any more); look again with cms vm list --refresh"
        ) from error
    except OSError as error:
        place = harmless(str(error.filename or path))
        if error.errno in _FULL:
            raise NoCapacity(
                f"cloud {cloud}: the file system of {place} is full; free some space, then try again"
            ) from error
        raise Refused(f"cloud {cloud}: {place} cannot be used: {error.strerror}") from error

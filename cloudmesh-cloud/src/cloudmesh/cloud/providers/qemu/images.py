"""The images of a cloud on this computer: files kept by their digest, and what is known of each.

In the directory (mode 0700, files 0600) are

==================  ======================================================================================
``DIGEST``          the content of an image, named by its SHA-256; images of one content share it
``ID.json``         an image: its name, digest, format, size, login user, and where it is from
``.lock``           held while an image is put in place or removed
``.draft-*``        an image that is being copied; locked by its writer, else it is a dead one's and removed
==================  ======================================================================================

An image is there once its ``ID.json`` is, which is written last and in one step.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound, Refused
from cloudmesh.cloud.model.records import Image
from cloudmesh.cloud.providers.qemu import disks, formats
from cloudmesh.cloud.providers.qemu.digests import require_digest, writers
from cloudmesh.plugin.files import (
    file_lock,
    make_private_directory,
    replace_private,
    sweep_drafts,
    sync_directory,
)
from cloudmesh.plugin.names import fold
from cloudmesh.plugin.plain import harmless

_CHUNK = 1 << 16
_DIGEST_LENGTH = 64
_ID_LENGTH = 32
_Images = list[Image]
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class StoredImage:
    """An image that is kept.

    Attributes:
        name: the user's name for it, which no other image of the cloud has.
        image_id: what the cloud calls it; another content of the same name has another one.
        digest: the SHA-256 of its file, in hexadecimal.
        format: qcow2 or raw.
        size: bytes that a guest sees of it.
        user: who to sign in as on machines that boot from it; empty if it is not known.
        source: the file or the address that it is from.
        added: when it was, in seconds since the epoch.
    """

    name: str
    image_id: str
    digest: str
    format: str
    size: int
    user: str = ""
    source: str = ""
    added: float = 0.0


class ImageStore:
    """The images in one directory, which several processes may use at once.

    Methods raise Refused if the directory cannot be used, and NoCapacity if its file system is full.
    """

    def __init__(self, directory: Path, cloud: str = "") -> None:
        """Use a directory, which is made when the first image is added; ``cloud`` names the cloud."""
        self._directory = directory
        self._cloud = cloud

    def list(self) -> _Images:
        """The images by name, in the form of all clouds."""
        return [self._as_image(each) for each in self.stored()]

    def stored(self) -> Sequence[StoredImage]:
        """All that is known of the images, by name. Raises Refused if one cannot be read."""
        with _told(self._directory):
            try:
                found = [
                    path
                    for path in self._directory.iterdir()
                    if path.suffix == ".json" and path.name[0] != "."
                ]
            except FileNotFoundError:
                return []
            return sorted((each for path in found if (each := _read(path))), key=lambda each: each.name)

    def get(self, image_id: str) -> StoredImage:
        """All that is known of one image. Raises NotFound."""
        for each in self.stored():
            if each.image_id == image_id:
                return each
        raise NotFound(f"there is no image {image_id} on cloud {self._cloud}".rstrip())

    def path_of(self, image_id: str) -> tuple[Path, str]:
        """The file of an image, which nobody may write to, and its format. Raises NotFound."""
        found = self.get(image_id)
        return self._directory / found.digest, found.format

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Within this block no image is put in place or removed.

        Hold it from looking an image up until what stands on it is written down: else the image may be
        deleted in between.
        """
        with contextlib.ExitStack() as stack:
            with _told(self._directory):
                make_private_directory(self._directory)
                stack.enter_context(file_lock(self._directory / ".lock"))
            yield

    def add(
        self,
        name: str,
        file: Path,
        sha256: str = "",
        *,
        format: str = "",
        user: str = "",
        source: str = "",
    ) -> Image:
        """Keep a copy of an image under a name; nothing is left of it where this fails.

        An image of this name with the same content is there already: then nothing is done, except that
        ``user`` is noted.

        Args:
            name: what users call it.
            file: a qcow2 or raw disk image.
            sha256: what its digest must be, in hexadecimal; one of 128 digits is a SHA-512.
            format: qcow2 or raw; else told by its first bytes.
            user: who to sign in as on its machines.
            source: where it is from; else the path of the file.

        Raises:
            Refused: the file is no such image, needs other files, is damaged, or has another digest.
            Conflict: another image has this name.
            NoCapacity: there is no room left.
        """
        known = format or formats.format_of(file)
        formats.require_alone(file, known)
        with _told(self._directory):
            make_private_directory(self._directory)
            with self._draft() as draft:
                digest = _copied(file, draft, sha256)
                # Only now nobody can change it any more.
                size = disks.check_base(draft, known).virtual_size
                made = StoredImage(
                    name,
                    _id_of(name, digest, known),
                    digest,
                    known,
                    size,
                    user,
                    source or str(file.absolute()),
                    time.time(),
                )
                return self._as_image(self._placed(made, draft))

    def _placed(self, made: StoredImage, draft: Path) -> StoredImage:
        """Put an image in place, its content first; the one that is known if it is there already."""
        with self.held():
            others = [each for each in self.stored() if each.name == made.name]
            if others and others[0].image_id != made.image_id:
                raise Conflict(
                    f"there is another image {made.name} on cloud {self._cloud}, with other content; "
                    "use another name, or delete it first with 'cms image delete'"
                )
            self._sweep()
            if others and (not made.user or others[0].user == made.user):
                if not (self._directory / made.digest).exists():
                    draft.replace(self._directory / made.digest)
                return others[0]
            if not (self._directory / made.digest).exists():
                draft.replace(self._directory / made.digest)
                sync_directory(self._directory)
            replace_private(self._directory / f"{made.image_id}.json", json.dumps(asdict(made)).encode())
        return made

    def delete(self, image_id: str, used_by: Iterable[str] = ()) -> None:
        """Remove an image, and its file if no other image has the same content.

        ``used_by`` names the machines that stand on it; it is only read while no machine can be made from it
        (see ``held``), so give a generator that looks. Raises NotFound, and Conflict if there is a machine.
        """
        with self.held(), _told(self._directory):
            found = self.get(image_id)
            if machines := sorted(set(used_by)):
                stand, them = ("stands", "it") if len(machines) == 1 else ("stand", "them")
                raise Conflict(
                    f"image {found.name} of cloud {self._cloud} is in use: {','.join(fold(machines))} "
                    f"{stand} on it; delete {them} first"
                )
            (self._directory / f"{image_id}.json").unlink(missing_ok=True)
            sync_directory(self._directory)
            self._sweep()

    def _as_image(self, stored: StoredImage) -> Image:
        return Image(self._cloud, stored.name, stored.image_id, round(stored.size / disks.GIB, 3))

    @contextlib.contextmanager
    def _draft(self) -> Iterator[Path]:
        """An empty file of our own, which is locked as long as this process is at it."""
        draft = self._directory / f".draft-{os.urandom(8).hex()}"
        # Under the lock, so that nobody sweeps it before it is locked.
        with self.held():
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
            os.fchmod(descriptor, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what killed processes left, and content that no image has; the lock is held."""
        wanted = {each.digest for each in self.stored()}
        for path in [*self._directory.iterdir()]:
            if path.name.startswith(".draft-"):
                _remove_if_dead(path)
            elif len(path.name) == _DIGEST_LENGTH and path.name not in wanted:
                path.unlink(missing_ok=True)
            elif path.suffix == ".json":
                sweep_drafts(path)


def _id_of(name: str, digest: str, format: str) -> str:
    return hashlib.sha256(f"{digest} {format} {name}".encode()).hexdigest()[:_ID_LENGTH]


def _read(path: Path) -> StoredImage | None:
    """What is written of an image; None if it was removed just now. Raises Refused if it is not ours."""
    try:
        return StoredImage(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise Refused(
            f"{path} does not describe an image any more; remove it, then add the image again"
        ) from error


def _copied(file: Path, draft: Path, wanted: str) -> str:
    """Copy a file, leaving out what is only zeros, and give its SHA-256. Raises Refused if not ``wanted``."""
    hashes = writers(wanted)
    with file.open("rb") as source, draft.open("r+b") as target:
        while chunk := source.read(_CHUNK):
            for each in hashes.values():
                each.update(chunk)
            if chunk.count(0) == len(chunk):
                target.seek(len(chunk), os.SEEK_CUR)
            else:
                target.write(chunk)
        target.truncate(target.tell())
        target.flush()
        os.fsync(target.fileno())
    require_digest(hashes, wanted, str(file))
    return str(hashes["sha256"].hexdigest())


def _remove_if_dead(draft: Path) -> None:
    with contextlib.suppress(FileNotFoundError, BlockingIOError):
        descriptor = os.open(draft, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Errors of the system as sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoCapacity(
                f"the file system of {directory} is full, so the image is not added; free some space, or "
                "set CLOUDMESH_CONFIG_DIR to a place on another one"
            ) from error
        where = harmless(str(error.filename or directory))
        raise Refused(f"the images in {directory} cannot be used: {where}: {error.strerror}") from error

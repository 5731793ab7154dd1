"""The public keys of a cloud on this computer: a file each, whose name is the key's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

from cloudmesh.cloud.access.keys import fingerprint_of
from cloudmesh.cloud.errors import NotFound, Refused
from cloudmesh.cloud.model.records import KeyPair
from cloudmesh.cloud.providers.qemu.folder import told
from cloudmesh.plugin.files import make_private_directory, private_draft

_SUFFIX = ".pub"


class Keys:
    """The folder of public keys. Errors of the system become Refused."""

    def __init__(self, cloud: str, folder: Path) -> None:
        """Use a folder, which is made when the first key is added."""
        self._cloud = cloud
        self._folder = folder

    def list(self) -> list[KeyPair]:
        """All keys, by name."""
        with told(self._cloud, self._folder):
            found = sorted(self._folder.glob(f"*{_SUFFIX}"))
            return [self._pair(unquote(each.name[: -len(_SUFFIX)]), each.read_text()) for each in found]

    def text_of(self, name: str) -> str:
        """A key in OpenSSH's one-line form. Raises NotFound."""
        with told(self._cloud, self._folder):
            try:
                return self._file(name).read_text().strip()
            except FileNotFoundError:
                raise self._missing(name) from None

    def add(self, name: str, public_key: str) -> KeyPair:
        """Keep a key. Raises Refused if it is none, or if there is one of this name."""
        pair, file = self._pair(name, public_key), self._file(name)
        with told(self._cloud, self._folder):
            make_private_directory(self._folder)
            with private_draft(file, f"{public_key.strip()}\n".encode()) as draft:
                try:
                    file.hardlink_to(draft)
                except FileExistsError:
                    raise Refused(f"cloud {self._cloud} already has a key {name}; use another name") from None
        return pair

    def delete(self, name: str) -> None:
        """Forget a key. Raises NotFound."""
        with told(self._cloud, self._folder):
            try:
                self._file(name).unlink()
            except FileNotFoundError:
                raise self._missing(name) from None

    def _file(self, name: str) -> Path:
        # Quoted, since a key may be named "me@laptop" or "a/b".
        return self._folder / f"{quote(name, safe='@').replace('.', '%2E')}{_SUFFIX}"

    def _pair(self, name: str, text: str) -> KeyPair:
        return KeyPair(self._cloud, name, fingerprint_of(text))

    def _missing(self, name: str) -> NotFound:
        return NotFound(f"there is no key {name} on cloud {self._cloud}")

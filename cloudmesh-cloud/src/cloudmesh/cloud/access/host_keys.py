"""``HostKeys``: the known_hosts file of our own, where a machine has a name made of its cloud and its id.

OpenSSH reads it, and adds to it what it meets at first use. A line of ours beside its own remembers the keys
of a machine before it was rebuilt: ``# retired ALIAS FINGERPRINT...``. Its console may still show them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cloudmesh.cloud.access.console_keys import host_keys, is_whole
from cloudmesh.cloud.access.known_hosts import RETIRED, known_hosts_file
from cloudmesh.cloud.access.route import alias_of
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.plugin import files
from cloudmesh.plugin.errors import CloudmeshError

# Seconds to wait for another writer, which needs milliseconds.
_PATIENCE = 10.0
_TRIES = 20


class HostKeysUnusable(CloudmeshError):
    """The file of host keys cannot be read or written."""


class HostKeys:
    """The host keys of machines, in a file that OpenSSH reads as a ``UserKnownHostsFile``.

    All methods may raise HostKeysUnusable.

    Attributes:
        path: the file, which need not exist.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use this file, or ``known_hosts`` in the user's directory."""
        self.path = path or known_hosts_file()

    def alias(self, machine: MachineRecord) -> str:
        """The name of a machine in the file, for OpenSSH's ``HostKeyAlias``."""
        return alias_of(machine)

    def known(self, machine: MachineRecord) -> bool:
        """Whether a key of the machine is known."""
        return bool(self.keys(machine))

    def keys(self, machine: MachineRecord) -> list[str]:
        """The keys of a machine, each as ``KIND BASE64``."""
        return _keys(self._lines(), self.alias(machine))

    def learn(self, machine: MachineRecord, console: str) -> bool:
        """Take over the keys that a machine shows on its console; whether they are its known ones afterwards.

        What is known already stays: a console that shows other keys than the known ones is no proof of
        anything. Neither is one that shows those from before a rebuild, or, where none had been known before
        it, any: then the first use tells.
        """
        shown = host_keys(console)
        if not shown:
            return False
        alias = self.alias(machine)

        def change(lines: list[str]) -> list[str] | None:
            known, retired = _keys(lines, alias), _retired(lines, alias)
            if known and not set(known) & set(shown):
                return None
            if retired is not None and (not retired or retired & set(map(fingerprint, shown))):
                return None
            others = [line for line in lines if not _is_of(line, alias) and not _is_retired(line, alias)]
            return [*others, *(f"{alias} {key}" for key in dict.fromkeys([*known, *shown]))]

        return self._change(change)

    def forget(self, machine: MachineRecord) -> None:
        """Forget the keys of a machine that lives on with others: it was rebuilt, or its owner says so."""
        alias = self.alias(machine)

        def change(lines: list[str]) -> list[str]:
            retired = " ".join([f"{RETIRED}{alias}", *map(fingerprint, _keys(lines, alias))])
            others = [line for line in lines if not _is_of(line, alias) and not _is_retired(line, alias)]
            return [*others, retired]

        self._change(change)

    def forget_gone(self, machines: Iterable[MachineRecord]) -> None:
        """Forget machines that are no more, whose ids no other machine ever gets."""
        aliases = [*map(alias_of, machines)]
        if not aliases or not self.path.exists():
            return

        def is_gone(line: str) -> bool:
            if _names(line).startswith("|1|"):
                return any(_is_of(line, alias) for alias in aliases)
            words = line.removeprefix(RETIRED).split(None, 1)
            return bool(words) and words[0] in gone

        gone = set(aliases)
        self._change(lambda lines: [line for line in lines if not is_gone(line)])

    def _lines(self) -> list[str]:
        try:
            text = self.path.read_text(encoding="utf-8", errors="surrogateescape")
            return text.removesuffix("\n").split("\n") if text else []
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable("read", error) from error

    def _change(self, change: Callable[[list[str]], Sequence[str] | None]) -> bool:
        """Write what ``change`` makes of the lines; whether it made anything of them, be it the same.

        OpenSSH adds lines without our lock: the file is read again if it has grown meanwhile.
        """
        try:
            if not self.path.parent.is_dir():
                files.make_private_directory(self.path.parent)
            with files.file_lock(self.path.with_name(f".{self.path.name}.lock"), timeout=_PATIENCE):
                for _ in range(_TRIES):
                    before = self._state()
                    old = self._lines()
                    new = change(old)
                    if new is None:
                        return False
                    if list(new) == old:
                        return True
                    text = "".join(f"{line}\n" for line in new)
                    with files.private_draft(
                        self.path, text.encode("utf-8", "surrogateescape"), sync=False
                    ) as draft:
                        if self._state() == before:
                            draft.replace(self.path)
                            return True
            raise self._unusable("written", TimeoutError("another program writes to it all the time"))
        except OSError as error:
            raise self._unusable("written", error) from error

    def _state(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self.path)  # noqa: PTH116 a file of which three numbers are needed
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns

    def _unusable(self, done: str, error: OSError) -> HostKeysUnusable:
        reason = error.strerror or str(error)
        return HostKeysUnusable(
            f"the host keys in {self.path} cannot be {done}: {reason}; check its permissions"
        )


def fingerprint(key: str) -> str:
    """The fingerprint of a key ``KIND BASE64``, as ``ssh-keygen -l`` shows it."""
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _names(line: str) -> str:
    """The names of a line of keys; empty for comments."""
    word = line.split(None, 1)[0] if line.strip() else ""
    return "" if word.startswith(("#", "@")) else word


def _is_of(line: str, alias: str) -> bool:
    """Whether a line holds a key of an alias; OpenSSH may have hashed the name."""
    names = _names(line)
    if not names.startswith("|1|"):
        return alias in names.split(",")
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in names.split("|")[2:4])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(salt, alias.encode(), "sha1").digest(), digest)


def _keys(lines: Iterable[str], alias: str) -> list[str]:
    found = [line.split()[1:3] for line in lines if _is_of(line, alias)]
    return [" ".join(words) for words in found if len(words) == 2 and is_whole_or_other(*words)]


def is_whole_or_other(kind: str, blob: str) -> bool:
    """Whether OpenSSH can mean something by this key: a whole one, or one of a kind that we do not read."""
    if kind in ("ssh-ed25519", "ssh-rsa") or kind.startswith("ecdsa-"):
        return is_whole(kind, blob)
    try:
        return bool(base64.b64decode(blob, validate=True))
    except ValueError:
        return False


def _is_retired(line: str, alias: str) -> bool:
    return line.split()[:3] == [*RETIRED.split(), alias]


def _retired(lines: Iterable[str], alias: str) -> set[str] | None:
    """The fingerprints of the keys before a rebuild, empty if none was known; None without a rebuild."""
    found = [line.split()[3:] for line in lines if _is_retired(line, alias)]
    return {each for words in found for each in words} if found else None

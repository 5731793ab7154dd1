"""Copies files and folders to one machine and from it: by rsync where both sides have it, else by sftp.

What arrives is first written under a name of its own and gets its right one when it is whole. What comes from
a machine is written below one folder, whatever the machine says: it is copied into an empty folder, looked
through, and only then put in place.
"""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cloudmesh.cloud.access.route import Route
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.ssh.command import interrupted, not_started, time_to_answer
from cloudmesh.vm.ssh.command_line import session_options, ssh_options, ssh_words
from cloudmesh.vm.ssh.errors import CommandTimedOut, ConnectionLost
from cloudmesh.vm.ssh.log import FAILED, LOG_LEVEL, log_file, log_text
from cloudmesh.vm.ssh.processes import Beginning, Ended, Processes
from cloudmesh.vm.ssh.reading import has_answered, lost, too_late

# The exit status of rsync where its program is not there, or the protocol is not understood.
_NO_RSYNC = (12, 127)
# And those of sftp and rsync whose connection was lost.
_NO_CONNECTION = (255, 12, 30, 35)
# How ssh tells what it does, among what a program that uses it says.
_LOUD = ("-o", f"LogLevel={LOG_LEVEL}")
_NOISE = re.compile(r"debug\d: |sftp> |Authenticated to |Transferred: |Bytes per second")
_SFTP_SPECIAL = '\\"'
_GLOB = "*?[]"


class CopyFailed(CloudmeshError):
    """A file or folder could not be copied whole; what was at the destination before is as it was."""


@dataclass(frozen=True)
class Copier:
    """Copies to machines and from them, from any number of threads at once.

    Args:
        processes: run the programs of OpenSSH, and rsync.
        connect_timeout: seconds until a connection is given up that does not come about.
        seconds: that one copy may take; None for as long as it does.
    """

    processes: Processes
    connect_timeout: float = 10.0
    seconds: float | None = None

    def put(self, route: Route, source: str, destination: str) -> dict[str, Any]:
        """Copy a file or folder of ours to a path in the machine; with permissions and times.

        A destination that ends in ``/``, or is a folder there, gets it under its own name. What a folder of
        that name has beside it stays.

        Raises:
            CopyFailed: it is not there, or could not be written.
            MachineUnreachable, SignInRefused, HostKeyChanged, CommandTimedOut, Interrupted: as for commands.
        """
        path = Path(source)
        if not path.exists():
            raise CopyFailed(f"{harmless(source)} is not there")
        with log_file() as log:
            way = _Way(self, route, log)
            target = way.target_of(path, destination)
            draft = f"{target}.{secrets.token_hex(4)}.part"
            try:
                way.copy_up(path, draft)
                way.put_in_place(draft, target, path.is_dir())
            except CloudmeshError:
                way.forget(draft)
                raise
        return {"path": target}

    def get(self, route: Route, source: str, destination: str) -> dict[str, Any]:
        """Copy a file or folder of the machine into a folder of ours; with permissions and times.

        Args:
            source: a path in the machine, which is taken as it is: no character stands for others.
            destination: the folder for this machine alone; it is made if need be.

        Raises:
            CopyFailed: it is not there, or could not be read or written.
            MachineUnreachable, SignInRefused, HostKeyChanged, CommandTimedOut, Interrupted: as for commands.
        """
        name = PurePosixPath(source).name
        if name in ("", ".", ".."):
            raise CopyFailed(f"{harmless(source)} names no file or folder; write its path with its own name")
        folder = Path(destination)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".cms-get-", dir=folder) as draft:
                with log_file() as log:
                    _Way(self, route, log).copy_down(source, Path(draft))
                arrived = Path(draft, name)
                if [each.name for each in Path(draft).iterdir()] != [name]:
                    raise CopyFailed(
                        f"the machine sent something else than {harmless(source)}: nothing is kept"
                    )
                _require_harmless(arrived)
                _put_in_place(arrived, folder / name)
        except OSError as error:
            raise CopyFailed(
                f"{harmless(str(error.filename or folder))}: {error.strerror or error}"
            ) from None
        return {"path": str(folder / name)}


class _Way:
    """The programs that copy to one machine and from it, and write what ssh says into a log."""

    def __init__(self, copier: Copier, route: Route, log: str) -> None:
        self._processes, self._route = copier.processes, route
        self._timeout, self._seconds = copier.connect_timeout, copier.seconds
        self._ends = time.monotonic() + copier.seconds if copier.seconds is not None else float("inf")
        self._log = log
        self._has_rsync: bool | None = None if shutil.which("rsync") else False

    def target_of(self, path: Path, destination: str) -> str:
        """The whole path that a copy gets in the machine."""
        name = path.absolute().name
        if destination.endswith("/"):
            return f"{destination}{name}"
        if not destination or destination == "~":
            return name
        if self._is_folder(destination):
            return f"{destination}/{name}"
        return destination.removeprefix("~/")

    def copy_up(self, path: Path, target: str) -> None:
        """Copy a path of ours to one of the machine that is not there yet."""
        plain = str(path.absolute())
        slash = "/" if path.is_dir() else ""
        if not set(target) & set(_GLOB) and self._rsync(plain + slash, self._remote(target + slash)):
            return
        recursive = "r" if path.is_dir() else ""
        self._sftp([f"put -p{recursive} {_quoted(plain)} {_quoted(target)}"])

    def copy_down(self, source: str, folder: Path) -> None:
        """Copy a path of the machine into an empty folder of ours."""
        source = source.rstrip("/")
        # rsync takes some characters for patterns, with no way to say that they are none.
        if not set(source) & set(_GLOB) and self._rsync(self._remote(source), f"{folder}/"):
            return
        name = PurePosixPath(source).name
        self._sftp([f"get -pr {_quoted(source)} {_quoted(str(folder / name))}"])

    def put_in_place(self, draft: str, target: str, is_folder: bool) -> None:
        """Give what has arrived its right name; a folder that is there gets what is in the new one."""
        new, old = (shlex.quote(_absolute(each)) for each in (draft, target))
        if is_folder and self._is_folder(target):
            self._require(self._shell(f"cp -a -- {new}/. {old}/ && rm -rf -- {new}"))
        elif self._has_rsync:
            # In one step, over what may be there; rsync came by the shell, and there may be no sftp.
            self._require(self._shell(f"mv -f -- {new} {old}"))
        else:
            self._sftp([f"rename {_quoted(draft)} {_quoted(target)}"])

    def forget(self, draft: str) -> None:
        """Remove what has arrived in part, as far as that is possible."""
        if not self._processes.stopped():
            self._shell(f"rm -rf -- {shlex.quote(_absolute(draft))}")

    def _is_folder(self, path: str) -> bool:
        asked = self._shell(f"if [ -d {shlex.quote(_absolute(path))} ]; then echo yes; else echo no; fi")
        self._require_connection(asked)
        if asked.stdout.strip() in (b"yes", b"no"):
            return asked.stdout.strip() == b"yes"
        # There may be no shell, where only files are to be copied.
        asked = self._run(["sftp", *self._options(), "-b", "-", self._destination()], f"cd {_quoted(path)}\n")
        self._require_connection(asked)
        return asked.status == 0

    def _rsync(self, source: str, target: str) -> bool:
        """Copy by rsync; False if one of the sides has none."""
        if self._has_rsync is False:
            return False
        ssh = ["ssh", *session_options(), *self._options(), "-E", self._log]
        options = ["-rlptE", "--safe-links", "--protect-args", "--rsh", shlex.join(ssh)]
        ended = self._run(["rsync", *options, "--", source, target])
        if ended.status in _NO_RSYNC:
            self._require_connection(ended)
            self._has_rsync = False
            return False
        self._require(ended)
        self._has_rsync = True
        return True

    def _remote(self, path: str) -> str:
        address = f"[{self._route.address}]" if ":" in self._route.address else self._route.address
        return f"{address}:{_absolute(path)}"

    def _sftp(self, lines: Sequence[str]) -> None:
        text = "".join(f"{each}\n" for each in lines)
        self._require(self._run(["sftp", *self._options(), "-b", "-", self._destination()], text))

    def _shell(self, command: str) -> Ended:
        return self._run([*ssh_words(self._route, timeout=self._timeout, more=_LOUD, log=self._log), command])

    def _options(self) -> list[str]:
        # It has no file for its log, which comes with its errors.
        return [*ssh_options(self._route, timeout=self._timeout, log=self._log), *_LOUD]

    def _destination(self) -> str:
        address = self._route.address
        return f"[{address}]" if ":" in address else address

    def _run(self, words: Sequence[str], stdin: str = "") -> Ended:
        """Run a program to its end. Raises what the work may be ended by."""
        limit = time_to_answer(self._route, self._timeout)
        try:
            with tempfile.TemporaryFile() as given:
                given.write(stdin.encode("utf-8", "surrogateescape"))
                given.seek(0)
                ended = self._processes.run(
                    words,
                    stdin=given if stdin else subprocess.DEVNULL,
                    ends=self._ends,
                    beginning=Beginning(
                        time.monotonic() + limit, lambda said: has_answered(self._told(said))
                    ),
                )
        except OSError as error:
            raise not_started(error) from error
        if ended.stopped:
            raise interrupted()
        if ended.timed_out:
            seconds = limit if ended.not_begun else self._seconds or 0.0
            raise too_late(self._route, self._told(ended.stderr), seconds) or CommandTimedOut(
                f"the copy did not end within {span_text(seconds)}"
            )
        return ended

    def _told(self, stderr: bytes) -> str:
        """What ssh has said, in its log and among what the program that uses it has printed."""
        return f"{log_text(self._log)}\n{stderr.decode('utf-8', 'backslashreplace')}"

    def _require_connection(self, ended: Ended) -> None:
        """Raise why there was no connection, if that is why a program failed."""
        text = self._told(ended.stderr)
        Path(self._log).write_bytes(b"")
        if ended.status:
            if b"subsystem request failed" in ended.stderr:
                raise CopyFailed(
                    "the machine has no sftp, nor have both sides rsync; install one of them there"
                )
            within = ended.status in _NO_CONNECTION
            error = lost(self._route, within, text)
            if (
                isinstance(error, ConnectionLost)
                and ended.status == FAILED
                and not self._shell("true").status
            ):
                # On a shared connection nothing else tells that the server does not serve files.
                raise CopyFailed(
                    f"{harmless(self._route.machine.name)} has no sftp, or ended it; the setting of its ssh "
                    "server is Subsystem, in /etc/ssh/sshd_config"
                )
            if error is not None:
                raise error

    def _require(self, ended: Ended) -> None:
        """Raise why a program failed, if it did."""
        if not ended.status:
            return
        self._require_connection(ended)
        lines = ended.stderr.decode("utf-8", "backslashreplace").splitlines()
        told = [each.strip() for each in lines if each.strip() and not _NOISE.match(each)]
        raise CopyFailed(harmless(told[0] if told else f"it ended with exit status {ended.status}")[:300])


def _quoted(path: str) -> str:
    """A path as a word of sftp's batch, in which no character stands for others."""
    escaped = "".join(f"\\{each}" if each in _SFTP_SPECIAL else each for each in path.removeprefix("~/"))
    if "\n" in escaped:
        raise CopyFailed("a path with a line end cannot be copied by sftp")
    return f'"{escaped}"'


def _absolute(path: str) -> str:
    """A path in the machine that no program takes for an option."""
    path = path.removeprefix("~/")
    return path if path.startswith("/") else f"./{path}"


def _require_harmless(path: Path) -> None:
    """Raise CopyFailed for what a machine must not make here, such as a device or a socket."""
    for each in (path, *path.rglob("*")) if path.is_dir() and not path.is_symlink() else (path,):
        mode = each.lstat().st_mode
        if stat.S_ISLNK(mode):
            _require_inside(each, path)
        elif not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise CopyFailed(f"the machine sent {harmless(each.name)}, which is no file: nothing is kept")
        elif mode & (stat.S_ISUID | stat.S_ISGID) and stat.S_ISREG(mode):
            each.chmod(stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))


def _require_inside(link: Path, top: Path) -> None:
    """Remove a link that leads, or may lead, out of what was copied."""
    target = link.readlink()
    plain = Path(os.path.normpath(link.parent / target))
    if not (plain.is_relative_to(top) and link.resolve().is_relative_to(top.resolve())):
        link.unlink()


def _put_in_place(arrived: Path, target: Path) -> None:
    """Give a file or folder its right name; a folder that is there gets what is in the new one.

    Each file is put there in one step. Raises CopyFailed where a file would take the place of a folder, or
    where a folder is a link and leads elsewhere.
    """
    is_folder = arrived.is_dir() and not arrived.is_symlink()
    if target.is_symlink() and is_folder:
        raise CopyFailed(f"{harmless(str(target))} is a link; remove it, and get it again")
    if not target.is_dir() or target.is_symlink():
        arrived.replace(target)
        return
    if not is_folder:
        raise CopyFailed(f"{harmless(str(target))} is a folder; remove it, and get it again")
    for each in sorted(arrived.iterdir()):
        _put_in_place(each, target / each.name)
    shutil.copystat(arrived, target)

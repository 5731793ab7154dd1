"""Reading and writing the configuration file itself: who may see it, and that it is always whole."""

from __future__ import annotations

import codecs
import contextlib
import errno
import os
import re
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from cloudmesh.plugin import files
from cloudmesh.plugin.errors import ConfigError

# What group or others must not have on a file that may hold passwords: read and write.
OPEN_TO_OTHERS = 0o066
# Some 8,000 clouds. The parser takes seconds for as much.
LARGEST = 4 * 2**20
# What no text has, and the line ends that only some readers take for such.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\r(?!\n)")


_NO_REGULAR = ("this is a device, pipe or socket, not a regular file", "set CLOUDMESH_CONFIG to a file")
_DIRECTORY = ("this is a directory", "set CLOUDMESH_CONFIG to a file")
_DENIED = ("permission denied", "check its owner and mode")
_UNREADABLE = {
    errno.ENOENT: (
        "there is no such file",
        "create one with 'cms config init' (simulated), 'cms cloud add' or 'cms config import'",
    ),
    errno.ENOTDIR: (
        "a part of this path is a file, not a directory",
        "check CLOUDMESH_CONFIG and CLOUDMESH_CONFIG_DIR",
    ),
    errno.EISDIR: _DIRECTORY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ELOOP: ("its symbolic links form a loop", "remove the links"),
    errno.ENXIO: _NO_REGULAR,
}


class FileError(ConfigError):
    """A configuration file that cannot be used.

    Attributes:
        line: where, counted from 1; None if it is the file as a whole.
        message: what is wrong, never with text of the file.
        remedy: what to do about it.
    """

    def __init__(self, path: Path, line: int | None, message: str, remedy: str) -> None:
        self.line, self.message, self.remedy = line, message, remedy
        super().__init__(f"{path}:{f'{line}:' if line else ''} {message}; {remedy}")


def read(path: Path, *, private: bool = True) -> str:
    """The text of the file, without a byte order mark.

    Raises FileError if there is no such file, if it is no readable text, and, unless ``private`` is
    False, if group or others can read or write it, or anybody can replace it. Through a symlink the mode of
    the target counts.
    """
    content, mode = _content(path)
    if private:
        refuse_if_open(path, mode)
        refuse_if_replaceable(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileError(
            path, line, "this is not UTF-8 text", "restore the file or save it as UTF-8"
        ) from None
    if found := _CONTROL.search(text):
        line = text[: found.start()].count("\n") + 1
        message = f"there is a control character (U+{ord(found[0]):04X})"
        raise FileError(path, line, message, "restore the file, or delete it there")
    return text


def refuse_if_open(path: Path, mode: int) -> None:
    """Raise FileError if a file of this mode can be read or written by group or others."""
    if mode & OPEN_TO_OTHERS:
        raise FileError(
            path,
            None,
            f"this file may hold passwords, and others can read or write it (mode {mode:04o})",
            f"fix it with: {chmod_line(path, 600)}",
        )


def refuse_if_replaceable(path: Path) -> None:
    """Raise FileError if anybody may put another file in place of this one, or its target, or has done so."""
    for place in {path, path.resolve()}:
        directory = place.parent.stat().st_mode
        if not directory & stat.S_IWOTH:
            continue
        if not directory & stat.S_ISVTX:
            message = (
                f"any user can replace this file, because its directory has mode {directory & 0o7777:04o}"
            )
            mend = chmod_line(place.parent, "o-w")
            raise FileError(path, None, message, f"if you trust what is in it, fix it with: {mend}")
        owner = place.lstat().st_uid
        if owner not in (os.geteuid(), 0):
            message = (
                f"this file belongs to another user (uid {owner}), in a directory that any user can write to"
            )
            raise FileError(path, None, message, "set CLOUDMESH_CONFIG to one of your own")


def _content(path: Path) -> tuple[bytes, int]:
    """The bytes and the permission bits of a regular file, both of the same moment."""
    try:
        # Without O_NONBLOCK a named pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                raise FileError(path, None, *_DIRECTORY)
            if not stat.S_ISREG(status.st_mode):
                raise FileError(path, None, *_NO_REGULAR)
            if status.st_size > LARGEST:
                raise _too_large(path, f"{status.st_size / 2**20:.1f}")
            # A file may grow meanwhile, and those of /proc say 0.
            content = file.read(LARGEST + 1)
    except OSError as error:
        if error.errno == errno.ENOENT and path.is_symlink():
            sentence = ("this is a broken symbolic link", "restore its target, or remove it")
        else:
            otherwise = (f"this cannot be read ({error.strerror})", "check the path")
            sentence = _UNREADABLE.get(error.errno or 0, otherwise)
        raise FileError(path, None, *sentence) from None
    if len(content) > LARGEST:
        raise _too_large(path, f"more than {LARGEST // 2**20}")
    return content, stat.S_IMODE(status.st_mode)


def _too_large(path: Path, size: str) -> FileError:
    message = f"this file has {size} MiB, and a configuration has at most {LARGEST // 2**20}"
    return FileError(path, None, message, "set CLOUDMESH_CONFIG to the right file, or restore this one")


def chmod_line(path: Path, mode: int | str) -> str:
    """The shell line that mends the mode; ``mode`` is written as its digits, such as 600, or as ``o-w``."""
    return f"chmod {mode} {shlex.quote(str(path))}"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this configuration, which all writers take; waits for another one to finish.

    Raises ConfigError if the lock file beside it cannot be made.
    """
    target = path.resolve()
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.file_lock(target.with_name(f".{target.name}.lock")))
        except OSError as error:
            raise _unwritten(path, error) from None
        yield


def replace(path: Path, text: str) -> None:
    """Put ``text`` in place of the file in one step, mode 0600; call it with the lock held.

    A symlink stays one: its target is written. Raises ConfigError, with the old file as it was.
    """
    target = path.resolve()
    files.sweep_drafts(target)
    try:
        with target.open("rb") as file:
            # The mark that ``read`` leaves out, if the file has one.
            mark = codecs.BOM_UTF8 if file.read(3) == codecs.BOM_UTF8 else b""
        with files.private_draft(target, mark + text.encode()) as draft:
            old = target.stat()
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()) and os.geteuid() == 0:
                # When root edits the file of a user, it stays the user's.
                os.chown(draft, old.st_uid, old.st_gid)
            draft.replace(target)
    except OSError as error:
        raise _unwritten(path, error) from None


def create(path: Path, text: str) -> None:
    """Write a new file, mode 0600, whole or not at all.

    Raises ConfigError if anything of that name exists, a dangling symlink included.
    """
    try:
        with files.private_draft(path, text.encode()) as draft:
            # Unlike a rename, a link never goes over an existing name.
            os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        raise ConfigError(f"{path} already exists and is not overwritten; edit it, or move it away") from None
    except OSError as error:
        raise _unwritten(path, error) from None


def _unwritten(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} could not be written ({error.strerror}) and was not changed; "
        "check the free space and the permissions of its directory"
    )

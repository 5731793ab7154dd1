"""What killed commands have left beside the configuration: copies for an editor, half-written files.

All of it may hold secrets in clear text, and nobody needs it any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from cloudmesh.plugin.plain import harmless

# A directory in which a copy is edited has this file, which is locked meanwhile.
EDITING, MARK = "edit-", ".editing"


def sweep(path: Path) -> list[str]:
    """Remove what killed commands left beside a configuration, and tell each by a sentence.

    What a running command works on is locked, and stays.
    """
    if not os.access(path, os.F_OK):
        return []
    target = path.resolve()
    copies, drafts = list[Path](), list[Path]()
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if entry.name.startswith(EDITING) and entry.is_dir(follow_symlinks=False):
                copies.append(Path(entry.path))
            elif entry.name.startswith(f".{target.name}.") and entry.name.endswith(".tmp"):
                drafts.append(Path(entry.path))
    told = [
        f"{copy}, left by a killed 'cms config edit', was removed with its unsaved text"
        for copy in copies
        if (copy / MARK).is_file() and not _is_held(copy / MARK) and _removed(copy)
    ]
    if drafts and not _is_held(target.with_name(f".{target.name}.lock")):
        told += [f"{draft}, left by a killed command, was removed" for draft in drafts if _removed(draft)]
    return [harmless(sentence) for sentence in told]


def kept(path: Path) -> list[Path]:
    """The texts that a user was told of, since they could not take the place of a configuration."""
    return [
        copy for copy in path.resolve().parent.glob(f"{EDITING}*/*.yaml") if not (copy.parent / MARK).exists()
    ]


def _is_held(lock: Path) -> bool:
    """Whether a running process holds this lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _removed(path: Path) -> bool:
    """Remove a file, or a directory with all that is in it; whether it was there and is gone."""
    import shutil

    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    return True

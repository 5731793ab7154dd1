"""``ssh:`` of a cloud: as whom, with which key and by which way one signs in to its machines.

::

    ssh:
      user: ubuntu
      key: ~/.ssh/id_uc                    # the private key
      jump: gateway                        # a machine of ours, or [USER@]HOST[:PORT]; also a list
      images:
        "centos-7*": {user: centos}        # goes before the above for machines of these images
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cloudmesh.config.settings.mistake import Mistake
from cloudmesh.plugin.errors import suggest

KEYS = ("user", "key", "jump", "images")
IMAGE_KEYS = ("user", "key", "jump")
# What a user may be called on any system; the first letter must not make an option of it.
USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}\$?")
# A host as OpenSSH's ProxyJump takes it, or the name of a machine.
_HOST = re.compile(
    r"(?:[A-Za-z_][A-Za-z0-9._-]*@)?(?:[A-Za-z0-9_][\w.-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
)
# A machine of a cloud by both names.
_MACHINE = re.compile(r"[^\s:@,]+:[^\s:@,]+")


@dataclass(frozen=True)
class SshSettings:
    """What the configuration says of one machine.

    Attributes:
        user: who to sign in as; empty if it does not say.
        key: the private key; None if it does not say.
        jumps: what to go through first, the nearest first, as written; see ``is_host``.
    """

    user: str = ""
    key: Path | None = None
    jumps: tuple[str, ...] = ()


def read(section: Any, images: Iterable[str] = ()) -> SshSettings:
    """The settings of a section for a machine whose image has these names; what is wrong in it is left out.

    The first glob under ``images`` that one of the names matches, whatever its case, goes before the section.
    """
    own = section if isinstance(section, Mapping) else {}
    globs = own.get("images")
    names = [name.lower() for name in images if name]
    special: Mapping[Any, Any] = {}
    for glob, value in globs.items() if isinstance(globs, Mapping) else ():
        if isinstance(value, Mapping) and any(fnmatchcase(name, str(glob).lower()) for name in names):
            special = value
            break
    found = {key: special.get(key, own.get(key)) for key in IMAGE_KEYS}
    user, key = found["user"], found["key"]
    return SshSettings(
        user=user if isinstance(user, str) and USER.fullmatch(user) else "",
        key=Path(key).expanduser() if isinstance(key, str) and key else None,
        jumps=tuple(word for word in jump_words(found["jump"]) if is_host(word) or _MACHINE.fullmatch(word)),
    )


def jump_words(value: Any) -> list[str]:
    """The words of ``jump``: a text, with commas between several, or a list; none for anything else."""
    words = value if isinstance(value, list) else [value]
    texts = [word for word in words if isinstance(word, str)]
    return [part.strip() for word in texts for part in word.split(",") if part.strip()]


def is_host(word: str) -> bool:
    """Whether OpenSSH takes a word for a host to jump through: ``[USER@]HOST[:PORT]``."""
    port = word.rpartition(":")[2]
    in_range = not port.isdigit() or "]" in port or 0 < int(port) < 65536
    return _HOST.fullmatch(word) is not None and in_range


def mistakes(section: Any, clouds: Collection[str]) -> Iterator[Mistake]:
    """What is wrong with the section; no secret is in it that could be shown.

    Args:
        clouds: the clouds of the configuration; whether one has a machine to go through is not known here.
    """
    if not isinstance(section, Mapping):
        yield Mistake((), "must be a section", "write 'user: NAME' on a line under it, or remove the key")
        return
    yield from _of(section, (), KEYS, clouds)
    images = section.get("images")
    if images is None:
        return
    if not isinstance(images, Mapping):
        yield Mistake(("images",), "must be a section", "write '\"ubuntu*\": {user: ubuntu}' under it")
        return
    for glob, value in images.items():
        place = ("images", str(glob))
        if not isinstance(value, Mapping):
            yield Mistake(place, "must be a section", "write {user: NAME} after it")
            continue
        yield from _of(value, place, IMAGE_KEYS, clouds)


def _of(
    section: Mapping[Any, Any], place: tuple[str, ...], known: tuple[str, ...], clouds: Collection[str]
) -> Iterator[Mistake]:
    """What is wrong with user, key and jump of a section, and with the names of its keys."""
    for key in section:
        if key not in known:
            yield Mistake((*place, str(key)), "is not a known key", suggest(str(key), known))
    user, key = section.get("user"), section.get("key")
    if user is not None and not (isinstance(user, str) and USER.fullmatch(user)):
        yield Mistake((*place, "user"), "must be the name of a user", "write a name such as ubuntu")
    if key is not None:
        yield from _key_mistakes(key, (*place, "key"))
    if (jump := section.get("jump")) is not None:
        yield from _jump_mistakes(jump, (*place, "jump"), clouds)


def _jump_mistakes(value: Any, place: tuple[str, ...], clouds: Collection[str]) -> Iterator[Mistake]:
    """What is wrong with the hosts and machines to go through."""
    words = jump_words(value)
    texts = all(isinstance(word, str) for word in (value if isinstance(value, list) else [value]))
    if not words or not texts or not all(is_host(word) or _MACHINE.fullmatch(word) for word in words):
        remedy = "write [USER@]HOST[:PORT], the name of a machine of yours, or CLOUD:NAME"
        yield Mistake(place, "must be a host or a machine to go through", remedy)
        return
    for word in words:
        cloud, sign, _ = word.partition(":")
        if sign and not is_host(word) and cloud not in clouds:
            yield Mistake(place, f"names a machine of the cloud {cloud!r}", suggest(cloud, clouds))


def _key_mistakes(value: Any, place: tuple[str, ...]) -> Iterator[Mistake]:
    """What is wrong with the file of a private key, of which only the first line is looked at."""
    if not isinstance(value, str) or not value:
        yield Mistake(place, "must be the path of a private key", "write a path such as ~/.ssh/id_ed25519")
        return
    path = Path(value).expanduser()
    if not path.is_file():
        yield Mistake(
            place, f"names the file {path}, which is not there", "correct the path, or remove the key"
        )
    elif path.suffix == ".pub" and path.with_suffix("").is_file():
        yield Mistake(
            place, "must be the private key, and not the public one", f"write {path.with_suffix('')}"
        )

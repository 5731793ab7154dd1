"""The host keys that a machine shows on its console at its first boot, as cloud-init prints them.

The block of a boot is the newest one; what stood there before is of an earlier life of the machine. A line
counts only if it is a whole key: consoles mix the lines of several programs, cut them, and lack their ends.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

_MARK = re.compile(r"(?:^|[\s:>\]])-----(BEGIN|END) SSH HOST KEY KEYS-----$")
_KEY = re.compile(
    r"(?:^|[\s:>\]])(?P<kind>ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))"
    r"[ \t]+(?P<blob>AAAA[A-Za-z0-9+/]+={0,2})(?=[ \t]|$)"
)
# What acts on a terminal, such as colours, and carriage returns.
_ACTS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
# A console may be long; the newest block is near its end.
_LONGEST = 1_000_000
_MOST_KEYS = 16
_POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
_SMALLEST_RSA = 128


def host_keys(console: str) -> list[str]:
    """The keys of the newest block, each as ``KIND BASE64``; none if it has no end yet, or there is none."""
    lines = [_ACTS.sub("", line).rstrip() for line in console[-_LONGEST:].split("\n")]
    found = [(place, _MARK.search(line)) for place, line in enumerate(lines)]
    marks = [(place, mark[1]) for place, mark in found if mark]
    begins = [place for place, mark in marks if mark == "BEGIN"]
    if not begins:
        return []
    begin = begins[-1]
    end = next((place for place, mark in marks if mark == "END" and place > begin), None)
    if end is None:
        return []
    keys = [key for line in lines[begin + 1 : end] for key in _keys_in(line)]
    return list(dict.fromkeys(keys))[:_MOST_KEYS]


def _keys_in(line: str) -> Iterator[str]:
    for found in _KEY.finditer(line):
        if is_whole(found["kind"], found["blob"]):
            yield f"{found['kind']} {found['blob']}"


def is_whole(kind: str, blob: str) -> bool:
    """Whether a text in base64 is a whole key of this kind (RFC 4253, RFC 5656, RFC 8709)."""
    try:
        parts = _parts(base64.b64decode(blob, validate=True))
    except (binascii.Error, ValueError):
        return False
    if not parts or parts[0] != kind.encode():
        return False
    if kind == "ssh-ed25519":
        return [len(part) for part in parts[1:]] == [32]
    if kind == "ssh-rsa":
        return len(parts) == 3 and bool(parts[1]) and len(parts[2]) >= _SMALLEST_RSA
    curve = kind.rpartition("-")[2]
    return len(parts) == 3 and parts[1] == curve.encode() and len(parts[2]) == _POINTS.get(curve)


def _parts(blob: bytes) -> list[bytes]:
    """The strings of which a key is made. Raises ValueError if it ends early."""
    parts: list[bytes] = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + length or len(blob) < 4:
            raise ValueError("it ends early")
        parts.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return parts

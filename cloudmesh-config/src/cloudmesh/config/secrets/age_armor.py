"""The outside of an encrypted value: the text form of age, and to which ssh keys it is encrypted.

Nothing is decrypted here, so it needs neither a key nor a library.
"""

from __future__ import annotations

import base64
import hashlib
import re

from cloudmesh.config.yaml.keys import ENCRYPTED as BEGIN

END = "-----END AGE ENCRYPTED FILE-----"
# A nonce of 16 bytes and the authentication code of 16: what even an empty text takes.
SHORTEST_BODY = 32
_HEADER = re.compile(
    rb"age-encryption\.org/v1\n((?:->[^\n]*\n(?:[A-Za-z0-9+/]*\n)+)+)--- [A-Za-z0-9+/]{43}\n"
)
_SSH_RECIPIENT = re.compile(rb"^-> (ssh-[\w-]+) ([A-Za-z0-9+/]+)", re.MULTILINE)


class DamagedError(Exception):
    """The text is not what age writes."""


def tags(value: str) -> frozenset[str]:
    """Short marks of the ssh keys that can decrypt the value, as ``tag`` gives them for a public key.

    Raises DamagedError.
    """
    content = _content(value)
    header = _HEADER.match(content)
    if not header or len(content) - header.end() < SHORTEST_BODY:
        raise DamagedError
    return frozenset(b" ".join(found).decode() for found in _SSH_RECIPIENT.findall(header[1]))


def tag(kind: str, blob: bytes) -> str:
    """The mark of a public key, given its type and its binary form."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()[:4]).decode()
    return f"{kind} {digest.rstrip('=')}"


def _content(value: str) -> bytes:
    lines = value.strip().splitlines()
    if len(lines) < 3 or lines[0] != BEGIN or lines[-1] != END:
        raise DamagedError
    if any(len(line) != 64 for line in lines[1:-2]) or not 0 < len(lines[-2]) <= 64:
        raise DamagedError
    try:
        return base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError:
        raise DamagedError from None

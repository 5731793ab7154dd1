"""What of a request says who makes it: a bearer token, or the cookie of a browser's session."""

from __future__ import annotations

import re

from cloudmesh.rest.access.token_rows import PREFIX
from cloudmesh.rest.problems import Problem

Headers = list[tuple[bytes, bytes]]

COOKIE = "cloudmesh_session"
_SCHEME = b"bearer "
_LOOKS_LIKE_ONE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{20}}".encode())


def cookie_name(port: int | None) -> str:
    """The name of the cookie: browsers give cookies to all ports of a host, so each port has its own."""
    return f"{COOKIE}_{port}" if port else COOKIE


def bearer(given: bytes | None) -> str | None:
    """The token in a header Authorization; None if there is none."""
    if given is None or given[: len(_SCHEME)].lower() != _SCHEME:
        return None
    return given[len(_SCHEME) :].decode("latin-1").strip()


def session(cookies: bytes | None, name: bytes) -> str | None:
    """The word of the session in a header Cookie; None if there is none."""
    if cookies is None:
        return None
    for each in cookies.split(b";"):
        key, _, value = each.partition(b"=")
        if key.strip() == name:
            return value.decode("latin-1").strip()
    return None


def set_cookie(name: str, word: str, seconds: float, *, secure: bool) -> str:
    """The header Set-Cookie that begins a session, or ends it with an empty word and 0 seconds.

    No script can read it, and no page of another site has it sent.
    """
    text = f"{name}={word}; Path=/; Max-Age={max(0, int(seconds))}; HttpOnly; SameSite=Strict"
    return f"{text}; Secure" if secure else text


def refuse_in_address(path: bytes, query: bytes) -> None:
    """Refuse a token in an address, whatever it is there for. Raises Problem."""
    if _LOOKS_LIKE_ONE.search(query) or _LOOKS_LIKE_ONE.search(path):
        raise Problem(
            400,
            "a token stands in the address, where logs and histories keep it; revoke it with 'cms rest token "
            "revoke', and send tokens in the header Authorization only",
            "token-in-address",
        )

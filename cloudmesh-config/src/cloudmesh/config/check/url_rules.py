"""What ``cms config check`` says of URLs, such as the address of an identity service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.config.check import credential_rules
from cloudmesh.config.check.key_rules import Problem
from cloudmesh.config.yaml import keys
from cloudmesh.plugin.errors import nearest

SCHEMES = ("https", "http")
_URL_NAME = re.compile(r"(^|[_-])url$", re.IGNORECASE)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# A host, perhaps with port and path: nothing that could be a secret.
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d+)?(/[\w./-]*)?")
_FORM = "write it as https://HOST:PORT/PATH"


def url_problems(name: str, section: Mapping[Any, Any]) -> Iterator[Problem]:
    """What is wrong with the URLs of one cloud: the values whose key is ``url`` or ends with ``_url``.

    What is not stored in the file (TBD, references, encrypted values) is not looked at.
    """
    for parts, value in keys.leaves(dict(section), ("clouds", name)):
        elsewhere = keys.is_to_be_defined(value) or keys.variable(value) or keys.is_encrypted(value)
        if isinstance(value, str) and value.strip() and _URL_NAME.search(parts[-1]) and not elsewhere:
            known = credential_rules.knows(keys.text_of(section.get("type")))
            yield from _problems(parts, value, known)


def _problems(parts: tuple[str, ...], value: str, http_only: bool) -> Iterator[Problem]:
    """What is wrong with one URL, without its text; ``http_only``: whether nothing else is possible."""
    key, url = keys.join(parts), value.strip()
    scheme = _SCHEME.match(url)
    if len(url.split()) > 1:
        yield Problem("error", parts, f"{key} is a URL that contains a space", "remove the space")
        return
    if url != value:
        yield Problem("warning", parts, f"{key} has spaces around its URL", "remove them")
    if not scheme:
        remedy = f"did you mean https://{url}?" if _HOST.fullmatch(url) and not keys.hidden(parts) else _FORM
        yield Problem("error", parts, f"{key} is a URL without a scheme", remedy)
        return
    found = scheme[1].lower()
    near = nearest(found, SCHEMES)
    if found not in SCHEMES and (http_only or near):
        message = f"{key} is a URL with the unknown scheme {scheme[1]!r}"
        yield Problem("error", parts, message, f"use {' or '.join(f'{each}://' for each in SCHEMES)}")
    elif found in SCHEMES and not _has_host(url):
        yield Problem("error", parts, f"{key} is not a valid URL", _FORM)
    if "@" in url[scheme.end() :].partition("/")[0]:
        level = "error" if http_only else "warning"
        remedy = "remove what is before the @; user and password have keys of their own"
        yield Problem(level, parts, f"{key} is a URL that contains credentials", remedy)


def _has_host(url: str) -> bool:
    """Whether there is a host, and a port that is possible if there is one."""
    try:
        found = urlsplit(url)
        return bool(found.hostname) and found.port != 0
    except ValueError:
        return False

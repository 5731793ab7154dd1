"""What an error of libcloud or requests tells, in one form: status, words, and when to try again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any
from urllib.parse import quote

from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import MASK

_LONGEST = 300
_SHORTEST_SECRET = 4
_PAGE = re.compile(r"^\W*(<!doctype html|<html\b|<head\b|<body\b)", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
# Where the interfaces of clouds put the sentence for people, the best first.
_WORDS = ("message", "Message", "error_description", "errorMessage", "detail", "title", "reason", "error")
_DEEPEST = 6
# What libcloud puts in place of what the cloud said.
_LIBCLOUDS_OWN = ("", "429 Rate limit exceeded", "Invalid credentials with the provider")


@dataclass(frozen=True)
class ErrorDetails:
    """What one error tells.

    Attributes:
        code: the HTTP status, 0 if there was none.
        words: what the cloud said, on one line and without secrets; empty if it said nothing.
        is_page: whether it was a web page, which no cloud's interface answers with.
        retry_after: seconds, where the cloud named them.
        reason: the cloud's own word for the kind of error, as ``rateLimitExceeded``; empty without one.
    """

    code: int = 0
    words: str = ""
    is_page: bool = False
    retry_after: float | None = None
    reason: str = ""


def read_error(error: BaseException, answer: Any = None, secrets: Iterable[str] = ()) -> ErrorDetails:
    """What an error tells; ``answer`` is the last HTTP response, if it is known."""
    # ``str()`` fails for some of libcloud's errors, and shows Python's form of others.
    names = ("body", "message", "value", "reason", "error")
    said = (*(getattr(error, name, None) for name in names), *error.args)
    text = next(filter(None, map(_sentence, said)), "")
    if text.strip("'") in _LIBCLOUDS_OWN:
        text = _sentence(getattr(answer, "text", "")) or text
    status = getattr(answer, "status_code", 0) or 0
    # A success whose content made libcloud stumble keeps its status as well.
    code = _number(getattr(error, "code", None)) or _number(getattr(error, "http_code", None)) or status
    headers = getattr(error, "headers", None) or getattr(answer, "headers", None) or {}
    kind = _header(getattr(answer, "headers", None) or {}, "content-type")
    is_page = bool(_PAGE.match(text)) or (kind or "").lower().startswith("text/html")
    if is_page:
        title = _TITLE.search(text if _PAGE.match(text) else str(getattr(answer, "text", "") or ""))
        text = title[1] if title else ""
    # The errors of some drivers keep a word under ``code``.
    word = getattr(error, "code", None)
    reason = word if isinstance(word, str) and word.isidentifier() else ""
    return ErrorDetails(code, clean(text, secrets), is_page, retry_after(headers), reason)


def is_page(answer: Any) -> bool:
    """Whether an HTTP response is a web page, which no cloud's interface answers with."""
    kind = _header(getattr(answer, "headers", None) or {}, "content-type") or ""
    text = str(getattr(answer, "text", "") or "")
    return bool(_PAGE.match(text)) or (kind.lower().startswith("text/html") and bool(text.strip()))


def json_of(answer: Any) -> Any:
    """What an HTTP response holds; None if that is no JSON."""
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """A foreign text fit for a sentence: one short line, no secrets, nothing that acts on a terminal."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, MASK).replace(quote(secret, safe=""), MASK)
    text = harmless(" ".join(text.split())).rstrip(".;: ")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def retry_after(headers: Mapping[str, Any]) -> float | None:
    """The header Retry-After, which is a number of seconds or a date."""
    value = _header(headers, "retry-after")
    if value is None:
        return None
    # Stripped for float as well, which does not leave out every blank that strip does.
    number = value.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", number):
        return float(number)
    date = parsedate_tz(value)
    try:
        return max(0.0, mktime_tz(date) - time.time()) if date else None
    except (OverflowError, ValueError):
        return None


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    return next((str(value) for key, value in dict(headers).items() if str(key).lower() == name), None)


def _number(value: Any) -> int:
    """An HTTP status, if it is one: the errors of some drivers keep words under ``code``."""
    text = str(getattr(value, "value", value))
    return int(text) if re.fullmatch(r"[1-5][0-9]{2}", text) else 0


def _sentence(value: Any, depth: int = 0) -> str:
    """The sentence for people in what a cloud sent."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        text = value.strip()
        if depth < _DEEPEST and text[:1] in ("{", "["):
            # A text that is JSON is looked into.
            with suppress(ValueError, RecursionError):
                return _sentence(json.loads(text), depth + 1) or text
        return text
    if depth < _DEEPEST and isinstance(value, Mapping):
        picked = [value[key] for key in _WORDS if key in value] or list(value.values())
        return next(filter(None, (_sentence(each, depth + 1) for each in picked)), "")
    if depth < _DEEPEST and isinstance(value, list | tuple):
        return next(filter(None, (_sentence(each, depth + 1) for each in value)), "")
    return ""

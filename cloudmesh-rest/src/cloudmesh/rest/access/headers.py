"""What all answers tell a browser, so that it does nothing with them that was not meant."""

from __future__ import annotations

Headers = list[tuple[bytes, bytes]]

_POLICY = b"content-security-policy"
_CACHE = b"cache-control"
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# The page brings all that it needs with it, in files of its own.
_PAGE = (
    (
        _POLICY,
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
        b"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    *_ALWAYS,
)
_DATA = ((_POLICY, b"default-src 'none'; frame-ancestors 'none'"), *_ALWAYS)
_PAGE_CACHE = (_CACHE, b"no-cache")
_DATA_CACHE = (_CACHE, b"no-store")


def add(headers: Headers, *, is_page: bool) -> Headers:
    """The headers of an answer with those that it lacks; what may be kept says so itself."""
    has_cache = has_policy = False
    for name, _ in headers:
        if name == _CACHE:
            has_cache = True
        elif name == _POLICY:
            has_policy = True
    more = _PAGE if is_page else _DATA
    found = [*headers, *(more[1:] if has_policy else more)]
    if not has_cache:
        found.append(_PAGE_CACHE if is_page else _DATA_CACHE)
    return found

"""What can go wrong with a download, each as one sentence that shows nothing secret of the address."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests import exceptions as kinds

from cloudmesh.cloud.errors import (
    BadAnswer,
    CloudError,
    CloudTimeout,
    NoCapacity,
    NotFound,
    OutOfService,
    RateLimited,
    Refused,
    ServerFailure,
    TlsFailure,
    Unreachable,
)
from cloudmesh.plugin.plain import harmless

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MIB = 1 << 20


def shown(url: str) -> str:
    """An address without what may be secret: a user's name, a password, what follows the question mark."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "that address"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return harmless(f"{parts.scheme}://{host}{port}{parts.path}" if host else url.partition("?")[0])


def http_error(response: requests.Response, url: str) -> CloudError:
    """A refusal of the server."""
    code = response.status_code
    if code in (404, 410):
        return NotFound(f"there is no {shown(url)} (HTTP {code}); check the address")
    if code in (401, 403, 407):
        return Refused(
            f"{shown(url)} is not given to you (HTTP {code}); download it by hand, then give the file"
        )
    if code == 429:
        return RateLimited(f"{shown(url)} was asked for too often (HTTP {code}); try again later")
    if code in (502, 503, 504):
        return OutOfService(f"{shown(url)} is out of service now (HTTP {code}); try again later")
    if code >= 500:
        error: CloudError = ServerFailure(f"{shown(url)}: the server failed (HTTP {code}); try again later")
        error.outcome_unknown = False
        return error
    return Refused(f"{shown(url)} was refused (HTTP {code}); check the address")


def request_error(error: requests.RequestException, url: str) -> CloudError:
    """An error on the way to the server, or in the middle of what it sends."""
    place = shown(url)
    if isinstance(error, kinds.ProxyError):
        return Unreachable(f"{place} cannot be reached through the proxy; check https_proxy and no_proxy")
    if isinstance(error, kinds.SSLError):
        return _tls_error(error, place)
    if isinstance(error, kinds.ChunkedEncodingError):
        return BadAnswer(f"{place} ended in the middle", outcome_unknown=False)
    if isinstance(error, kinds.ReadTimeout) or "Read timed out" in str(error):
        return CloudTimeout(f"{place} sends nothing any more")
    if isinstance(error, kinds.InvalidURL | kinds.MissingSchema | kinds.InvalidSchema):
        return Refused(f"{place} is no valid address; correct it")
    return Unreachable(_no_connection(error, place))


def _tls_error(error: requests.RequestException, place: str) -> TlsFailure:
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return TlsFailure(
                f"the TLS certificate of {place} is not trusted ({each.verify_message}); if it is your own, "
                "name the file of its authority in REQUESTS_CA_BUNDLE"
            )
    return TlsFailure(f"TLS with {place} failed; check the address")


def _no_connection(error: requests.RequestException, place: str) -> str:
    chain = list(_chain(error))
    if any(isinstance(each, socket.gaierror) for each in chain):
        return f"the host name of {place} is not found; check its spelling, DNS and the network"
    if any(isinstance(each, ConnectionRefusedError) for each in chain):
        return f"the connection to {place} is refused; check the address"
    if isinstance(error, kinds.ConnectTimeout):
        return f"{place} cannot be connected to; check the network"
    return f"the connection to {place} was lost; check the network"


def ended_early(error: CloudError, kept: str) -> CloudError:
    """The same error when it is not tried again, with what is kept."""
    told = type(error)(f"{error}; {kept}; the same command goes on from there" if kept else str(error))
    told.outcome_unknown = False
    return told


def no_room(error: OSError | None, folder: Path, needed: int = 0, free: int = 0) -> CloudError:
    """A full file system, or one that cannot be written to."""
    if error is None:
        return NoCapacity(
            f"the file system of {folder} is too full: the download needs {needed / _MIB:.0f} MiB more and "
            f"{free / _MIB:.0f} MiB are free; free some space, then try again"
        )
    if error.errno in _FULL:
        return NoCapacity(
            f"the file system of {folder} is full; free some space, then the same command goes on"
        )
    return Refused(f"the download cannot be written to {folder}: {error.strerror}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it is from, also those that it only holds."""
    seen: set[int] = set()
    todo: list[BaseException] = [error]
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        held = [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
        todo += [one for one in held if isinstance(one, BaseException)]

"""Errors below HTTP: unknown host name, connection refused, untrusted certificate, timeout, answer cut."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from traceback import walk_tb

from cloudmesh.cloud.errors import UNSURE, BadAnswer, CloudError, CloudTimeout, TlsFailure, Unreachable
from cloudmesh.cloud.providers.libcloud.whole import import_whole
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    AnswerTimeoutError,
    ConnectTimeoutError,
    NoConnectionError,
    NoHttpError,
    UnreadableAnswerError,
)

_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


def network_error(error: BaseException, cloud: str, place: str) -> CloudError | None:
    """The error of our tree for one of the network, None if it is none.

    ``place`` is the host and port that was called. The words of the library are left out: they hold the
    whole address that was asked for, with signatures in it.
    """
    import_whole("requests", "libcloud")
    import requests
    from libcloud.utils.retry import TransientSSLError
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    chain = list(_chain(error))
    tls = next((each for each in chain if isinstance(each, ssl.SSLError)), None)
    if tls is not None and _after_handshake(tls) and not isinstance(error, NoConnectionError):
        return _connection_lost(cloud, place)
    if tls is not None or isinstance(error, requests.exceptions.SSLError | TransientSSLError):
        return TlsFailure(f"cloud {cloud}: {_tls_reason(tls, cloud, place)}")
    if isinstance(error, requests.ConnectTimeout | ConnectTimeoutError):
        return CloudTimeout(
            f"cloud {cloud}: timeout connecting to {place}; check the address, the network and firewalls"
        )
    late = isinstance(error, requests.Timeout | socket.timeout | AnswerTimeoutError)
    if late or any(isinstance(each, ReadTimeoutError) for each in chain):
        return CloudTimeout(
            f"cloud {cloud}: timeout waiting for an answer from {place}; {UNSURE}", outcome_unknown=True
        )
    network = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, HTTPError, OSError)
    other = isinstance(error, requests.RequestException) and not isinstance(error, network[:2])
    if other or isinstance(error, UnreadableAnswerError):
        return _other_request_error(error, cloud, place)
    # Some of urllib3's are no HTTPError.
    below = isinstance(error, network) or type(error).__module__.startswith("urllib3.")
    return _unreachable(chain, cloud, place) if below else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that are wrapped in it, as cause, reason or argument."""
    seen, pending = set(), [error]
    while pending:
        each = pending.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            inside = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
            pending += [item for item in inside if isinstance(item, BaseException)]


def _after_handshake(error: ssl.SSLError) -> bool:
    """Whether TLS broke after it had come about, perhaps after the call had been sent."""
    functions = [frame.f_code.co_name for frame, _ in walk_tb(error.__traceback__)]
    return bool(functions) and "do_handshake" not in functions


def _tls_reason(error: ssl.SSLError | None, cloud: str, place: str) -> str:
    """What is wrong with TLS, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "reason unknown")
        return (
            f"the TLS certificate of {place} is not trusted ({why}); "
            f"set clouds.{cloud}.ca_cert to the file of its certificate authority, "
            f"or clouds.{cloud}.insecure=true to skip the check, which is not safe"
        )
    reason = getattr(error, "reason", "")
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"{place} does not speak TLS; check the port, and whether its address begins with http://"
    said = f" ({reason})" if reason else ""
    return f"TLS handshake with {place} failed{said}; check the address"


def _other_request_error(error: BaseException, cloud: str, place: str) -> CloudError:
    """For an error of requests that concerns neither the connection nor the time."""
    import requests.exceptions as kinds

    if isinstance(error, kinds.TooManyRedirects):
        return BadAnswer(f"cloud {cloud}: redirect loop at {place}; check the address")
    if isinstance(error, kinds.InvalidURL | kinds.MissingSchema | kinds.InvalidSchema | kinds.URLRequired):
        return Unreachable(f"cloud {cloud}: {place} is not a valid address; correct it")
    if isinstance(error, kinds.InvalidHeader):
        return Unreachable(
            f"cloud {cloud}: a value of its configuration cannot be sent in an HTTP header; "
            f"check clouds.{cloud}.credentials for line breaks"
        )
    return BadAnswer(f"cloud {cloud}: unreadable answer from {place}; {UNSURE}")


def _unreachable(chain: list[BaseException], cloud: str, place: str) -> CloudError:
    from http.client import HTTPException
    from http.client import IncompleteRead as Cut

    import requests
    from urllib3.exceptions import IncompleteRead

    if (why := _no_connection(chain, place)) is not None:
        return Unreachable(f"cloud {cloud}: {why}")
    no_http = any(isinstance(each, HTTPException) and not isinstance(each, OSError | Cut) for each in chain)
    if no_http or isinstance(chain[0], NoHttpError):
        return BadAnswer(f"cloud {cloud}: {place} does not speak HTTP; check the port; {UNSURE}")
    cut = (IncompleteRead, requests.exceptions.ChunkedEncodingError, AnswerCutError)
    if any(isinstance(each, cut) for each in chain):
        return BadAnswer(
            f"cloud {cloud}: {place} closed the connection in the middle of its answer; {UNSURE}"
        )
    return _connection_lost(cloud, place)


def _no_connection(chain: list[BaseException], place: str) -> str | None:
    """Why no connection came about, so that nothing can have been done; None if there was one."""
    import requests
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    if any(isinstance(each, socket.gaierror | NameResolutionError) for each in chain):
        return f"host name of {place} not found; check its spelling, DNS and the network"
    if any(isinstance(each, requests.exceptions.ProxyError) for each in chain):
        return f"proxy error on the way to {place}; check https_proxy"
    codes = {each.errno for each in chain if isinstance(each, OSError)}
    if errno.ECONNREFUSED in codes:
        return f"connection to {place} refused; check the address, and that the service is running"
    if not any(isinstance(each, NewConnectionError | NoConnectionError) for each in chain):
        return None
    way = f"no route to {place}" if codes & set(_NO_ROUTE) else f"no connection to {place}"
    return f"{way}; check the network"


def _connection_lost(cloud: str, place: str) -> Unreachable:
    return Unreachable(
        f"cloud {cloud}: {place} closed the connection without an answer; {UNSURE}", outcome_unknown=True
    )

"""Errors below HTTP: no such name, nobody there, a false certificate, too late, broken off."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from traceback import walk_tb

from cloudmesh.cloud.errors import UNSURE, BadAnswer, CloudError, CloudTimeout, TlsFailure, Unreachable

_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)


def network_error(error: BaseException, cloud: str, place: str) -> CloudError | None:
    """The error of our tree for one of the network, None if it is none.

    ``place`` is the host and port that was called. The words of the library are left out: they hold the
    whole address that was asked for, with signatures in it.
    """
    import requests
    from libcloud.utils.retry import TransientSSLError
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    chain = list(_chain(error))
    tls = next((each for each in chain if isinstance(each, ssl.SSLError)), None)
    if tls is not None and _after_handshake(tls):
        return _connection_lost(cloud, place)
    if tls is not None or isinstance(error, requests.exceptions.SSLError | TransientSSLError):
        return TlsFailure(f"cloud {cloud}: {_tls_reason(tls, cloud, place)}")
    if isinstance(error, requests.ConnectTimeout):
        return CloudTimeout(
            f"cloud {cloud} did not take the connection to {place} in time; is the address right, and is "
            "the network there?"
        )
    late = isinstance(error, requests.Timeout | socket.timeout)
    if late or any(isinstance(each, ReadTimeoutError) for each in chain):
        return CloudTimeout(f"cloud {cloud} ({place}) did not answer in time; {UNSURE}", outcome_unknown=True)
    network = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError, HTTPError, OSError)
    if isinstance(error, requests.RequestException) and not isinstance(error, network[:2]):
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
            f"the certificate of {place} is not accepted ({why}); "
            "name the file of the right certificate authority in the configuration, "
            f"or, if you know what that means, clouds.{cloud}.insecure: true"
        )
    reason = getattr(error, "reason", "")
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return f"{place} does not speak TLS; is it an http:// service, or is the port wrong?"
    said = f" ({reason})" if reason else ""
    return f"no TLS connection to {place} came about{said}; is the address right?"


def _other_request_error(error: BaseException, cloud: str, place: str) -> CloudError:
    """For an error of requests that concerns neither the connection nor the time."""
    import requests.exceptions as kinds

    if isinstance(error, kinds.TooManyRedirects):
        return BadAnswer(f"cloud {cloud}: {place} sends callers round in circles; is the address right?")
    if isinstance(error, kinds.InvalidURL | kinds.MissingSchema | kinds.InvalidSchema | kinds.URLRequired):
        return Unreachable(f"cloud {cloud}: {place} is no address that can be called; correct it")
    if isinstance(error, kinds.InvalidHeader):
        return Unreachable(
            f"cloud {cloud}: a value of its configuration cannot be sent in a call; "
            f"look for stray line breaks in clouds.{cloud}.credentials"
        )
    return BadAnswer(f"cloud {cloud} ({place}) sent what cannot be read; {UNSURE}")


def _unreachable(chain: list[BaseException], cloud: str, place: str) -> CloudError:
    from http.client import HTTPException
    from http.client import IncompleteRead as Cut

    import requests
    from urllib3.exceptions import IncompleteRead

    if (why := _no_connection(chain, place)) is not None:
        return Unreachable(f"cloud {cloud}: {why}")
    if any(isinstance(each, HTTPException) and not isinstance(each, OSError | Cut) for each in chain):
        return BadAnswer(f"cloud {cloud}: what {place} sends is no HTTP; is the port right? {UNSURE}")
    if any(isinstance(each, IncompleteRead | requests.exceptions.ChunkedEncodingError) for each in chain):
        return BadAnswer(f"cloud {cloud} ({place}) broke off in the middle of its answer; {UNSURE}")
    return _connection_lost(cloud, place)


def _no_connection(chain: list[BaseException], place: str) -> str | None:
    """Why no connection came about, so that nothing can have been done; None if there was one."""
    import requests
    from urllib3.exceptions import NameResolutionError, NewConnectionError

    if any(isinstance(each, socket.gaierror | NameResolutionError) for each in chain):
        return f"the name of {place} is not found; is it spelt right, and is the network there?"
    if any(isinstance(each, requests.exceptions.ProxyError) for each in chain):
        return f"the proxy on the way to {place} does not work; look at https_proxy"
    codes = {each.errno for each in chain if isinstance(each, OSError)}
    if errno.ECONNREFUSED in codes:
        return f"nobody listens at {place} (connection refused); is the address right, and is the service up?"
    if not any(isinstance(each, NewConnectionError) for each in chain):
        return None
    way = f"there is no way to {place}" if codes & set(_NO_ROUTE) else f"no connection to {place} came about"
    return f"{way}; is the network there?"


def _connection_lost(cloud: str, place: str) -> Unreachable:
    return Unreachable(
        f"cloud {cloud} ({place}) ended the connection without an answer; {UNSURE}", outcome_unknown=True
    )

"""Time limits, certificates and proxies of one cloud: from its section, and from the environment."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cloudmesh.cloud.errors import EndpointError
from cloudmesh.cloud.fanout.query import CALL_TIMEOUT
from cloudmesh.cloud.providers.libcloud.whole import import_whole
from cloudmesh.plugin import durations
from cloudmesh.plugin.errors import ConfigError

# The settings of a cloud's section that ConnectionSettings reads.
CONNECTION_KEYS = ("timeout", "ca_cert", "insecure", "answer_mib")
_CONNECT_SECONDS = 10.0
_DURATION = f"a duration ({durations.FORMS})"
_MOST_SECONDS = 3600.0
_MOST_MEBIBYTES = 4096
# In the order in which requests looks at them.
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
#: The methods of HTTP that change nothing.
READING = ("GET", "HEAD", "OPTIONS")
# Temporary Redirect and Permanent Redirect (RFC 9110, 15.4).
_SAME_METHOD = (307, 308)
_HTTP, _SOCKS = ("http", "https"), ("socks4", "socks4a", "socks5", "socks5h")


@dataclass(frozen=True)
class ConnectionSettings:
    """Time limits and TLS of one cloud.

    Attributes:
        timeout: seconds to wait for each part of an answer; a connection is given up after 10 of them.
        ca_file: a file of certificates (PEM) to trust instead of the system's.
        insecure: whether to take any certificate.
        cloud: whose they are.
        call_timeout: seconds for all of a call.
        answer_mib: the most mebibytes of one answer.
        client_certificate: a file that says who we are in TLS, with its private key or beside it; None for
            none.
    """

    timeout: float = 60.0
    ca_file: str = ""
    insecure: bool = False
    cloud: str = ""
    call_timeout: float = CALL_TIMEOUT
    answer_mib: int = 64
    client_certificate: str | tuple[str, str] | None = None

    @classmethod
    def read(cls, cloud: str, settings: Mapping[str, Any]) -> ConnectionSettings:
        """From a cloud's section. Raises ConfigError."""

        def number(
            key: str, default: float, most: float, kind: str, read: Callable[[Any], float] = durations.seconds
        ) -> float:
            value = settings.get(key)
            try:
                found = default if value is None else read(value)
            except (TypeError, ValueError):
                found = 0.0
            if isinstance(value, bool) or not 0 < found <= most:
                limit = "" if math.isinf(most) else f" and at most {most:.0f}"
                raise ConfigError(f"{place}.{key} must be {kind}, more than 0{limit}")
            return found

        place = f"clouds.{cloud}"
        return cls(
            timeout=number("timeout", cls.timeout, _MOST_SECONDS, _DURATION),
            ca_file=certificate_file(f"{place}.ca_cert", settings.get("ca_cert")),
            insecure=true_or_false(f"{place}.insecure", settings.get("insecure")),
            cloud=cloud,
            call_timeout=number("call_timeout", cls.call_timeout, math.inf, _DURATION),
            answer_mib=int(number("answer_mib", cls.answer_mib, _MOST_MEBIBYTES, "a number of MiB", float)),
        )

    @property
    def limits(self) -> tuple[float, float]:
        """Seconds for connecting, and for each part of the answer."""
        return min(_CONNECT_SECONDS, self.timeout), self.timeout


def true_or_false(key: str, value: Any, default: bool = False) -> bool:
    """A setting that is true or false, also as a text or as 1 and 0. Raises ConfigError."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": default}
    word = "" if value is None else str(value).strip().lower()
    if word not in words:
        raise ConfigError(f"{key} must be true or false")
    return words[word]


def certificate_file(key: str, value: Any) -> str:
    """The path of a file of certificates, or of a directory of such; empty if none is given.

    Raises ConfigError if it is none; ``key`` says where it was given.
    """
    if value is None or not str(value).strip():
        return ""
    import ssl

    path = Path(str(value)).expanduser()
    if path.is_dir():
        return str(path)
    try:
        # Without the certificates of the system, which take 15 ms to read.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=str(path))
    except ssl.SSLError as error:
        raise ConfigError(f"{key} is {path}, which is not a file of certificates in PEM form") from error
    except OSError as error:
        raise ConfigError(f"{key} is {path}, which cannot be read: {error.strerror}") from error
    return str(path)


def client_certificate(place: str, cert: Any, key: Any) -> str | tuple[str, str] | None:
    """The files of a client certificate (``OS_CERT``) and of its private key (``OS_KEY``); None without one.

    Raises ConfigError if they cannot be used; ``place`` is the section where they are given.
    """
    if cert is None or not str(cert).strip():
        if key is not None and str(key).strip():
            raise ConfigError(f"{place}.OS_KEY is given without OS_CERT; set {place}.OS_CERT as well")
        return None
    import ssl

    certificate, *keys = [
        str(Path(text).expanduser()) for each in (cert, key) if (text := str(each or "").strip())
    ]
    private = keys[0] if keys else None
    try:
        # A key with a passphrase would be asked for at every connection.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, private, password=lambda: b"")
    except (ssl.SSLError, OSError) as error:
        why = getattr(error, "reason", None) or error.strerror or "it is encrypted"
        raise ConfigError(
            f"{place}.OS_CERT and OS_KEY cannot be used: {' and '.join([certificate, *keys])} ({why}); "
            "both must be in PEM form, the key without a passphrase"
        ) from error
    return (certificate, private) if private else certificate


def environment_certificates(url: str) -> str | None:
    """The certificates to trust that the environment names, for an address that needs them.

    Raises EndpointError if they cannot be used.
    """
    variable = next(filter(os.environ.get, _CERTIFICATES), None)
    if variable is None or not url.startswith("https:"):
        return None
    try:
        return certificate_file(f"the environment variable {variable}", os.environ[variable])
    except ConfigError as error:
        raise EndpointError(f"{error}; correct it or unset it") from error


def is_sent_on(method: str, status: int) -> bool:
    """Whether a request is made again where a redirection of this status leads to.

    By most of them a DELETE, say, becomes a GET, whose answer would be taken for success.
    """
    return method in READING or status in _SAME_METHOD


def has_proxy(url: SplitResult) -> bool:
    """Whether a proxy is named for the way to an address, by the environment or by the system."""
    if not sys.platform.startswith("linux"):
        from urllib.request import getproxies  # it also asks the system

        if not getproxies():
            return False
    elif not any(key.lower().endswith(b"_proxy") for key in os.environb):
        return False
    import_whole("requests")
    from requests.utils import get_environ_proxies, select_proxy

    address = url.geturl()
    return bool(select_proxy(address, dict(get_environ_proxies(address))))


def require_usable_proxy(url: str, proxies: Mapping[str, str]) -> None:
    """Raises EndpointError, without a password, if the proxy on the way to an address cannot be used."""
    import_whole("requests")
    from requests.utils import select_proxy

    proxy = select_proxy(url, dict(proxies))
    if not proxy:
        return
    scheme = urlsplit(url).scheme
    names = [name for each in (scheme, "all") for name in (f"{each}_proxy", f"{each}_proxy".upper())]
    variable = next(filter(os.environ.get, names), f"{scheme}_proxy")
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        good = bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.scheme not in _HTTP + _SOCKS:
        raise EndpointError(
            f"the environment variable {variable} is not the address of a proxy; "
            "use http://HOST:PORT, or unset it"
        )
    if parts.scheme in _SOCKS and find_spec("socks") is None:
        raise EndpointError(
            f"the environment variable {variable} names a SOCKS proxy, which requires PySocks; "
            "pip install PySocks, or unset it"
        )

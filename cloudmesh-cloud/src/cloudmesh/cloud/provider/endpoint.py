"""Where a cloud is called, and whether somebody answers there: name service, connection, certificate."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cloudmesh.cloud.errors import CloudTimeout, EndpointError, TlsFailure, Unreachable

if TYPE_CHECKING:
    import ssl

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoint:
    """The address that sign-in goes to.

    Attributes:
        url: with scheme, host and, if it is not the scheme's own, port.
        ca_file: a file of certificates to trust instead of the system's; empty for those.
        insecure: whether the configuration says that certificates are not to be looked at.
        timeout: seconds to wait for a connection.
    """

    url: str
    ca_file: str = ""
    insecure: bool = False
    timeout: float = 10.0

    @property
    def host(self) -> str:
        """The host to look up. Raises EndpointError if the address is none."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise EndpointError(f"{self.url} is no address of a cloud: {error}") from error
        if not host or (port is None and parts.scheme not in _PORTS):
            raise EndpointError(f"{self.url} is no address of a cloud; it looks like https://HOST:PORT")
        return host

    @property
    def port(self) -> int:
        """The port to connect to."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @property
    def has_tls(self) -> bool:
        """Whether what goes there is encrypted."""
        return urlsplit(self.url).scheme == "https"


def look_up(endpoint: Endpoint) -> str:
    """The addresses of the host, for a person.

    Raises:
        EndpointError: nobody has such a name, or the address is none.
        Unreachable: the name service does not answer.
    """
    host = endpoint.host
    try:
        found = socket.getaddrinfo(host, endpoint.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            raise Unreachable(f"the name service does not answer for {host}; is the network up?") from error
        raise EndpointError(
            f"no host has the name {host}; correct the address, or look at the network"
        ) from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    return f"{host} is {addresses[0]}{more}"


def shake_hands(endpoint: Endpoint) -> str:
    """Connect and, where the address says https, look at the certificate; a sentence for a person.

    Raises:
        Unreachable: nobody listens there.
        CloudTimeout: nobody answers in time.
        TlsFailure: the certificate is not accepted, or there is no TLS.
    """
    import ssl

    place = f"{endpoint.host}:{endpoint.port}"
    try:
        with socket.create_connection((endpoint.host, endpoint.port), endpoint.timeout) as plain:
            if not endpoint.has_tls:
                return f"{place} is reached without TLS: passwords can be read on the way"
            context = _context(endpoint)
            with context.wrap_socket(plain, server_hostname=endpoint.host) as secure:
                version = secure.version() or "TLS"
    except ssl.SSLCertVerificationError as error:
        raise TlsFailure(
            f"the certificate of {place} is not accepted: {error.verify_message}; "
            "if the cloud has one of its own, name its file as the CA certificate in the configuration"
        ) from error
    except ssl.SSLError as error:
        raise TlsFailure(f"{place} does not speak TLS as it should: {error.reason or error}") from error
    except TimeoutError as error:
        raise CloudTimeout(f"{place} did not answer in {endpoint.timeout:g} seconds") from error
    except OSError as error:
        raise Unreachable(f"{place} cannot be reached: {error.strerror or error}") from error
    checked = (
        "its certificate is not looked at (insecure)" if endpoint.insecure else "its certificate is good"
    )
    return f"{place} speaks {version}; {checked}"


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file or None)
    except OSError as error:
        raise EndpointError(
            f"the CA certificate {endpoint.ca_file} cannot be read: {error.strerror or error}"
        ) from error
    if endpoint.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context

"""A small server that plays Keystone, Nova and an OpenID provider, and keeps what it is sent.

Two programs that read the same file are compared by what they do: who they say they are, where they say it,
and which address they ask next. Every address of the catalog holds its service, region and interface, so the
path of a request tells what was chosen. Nothing is checked: whoever signs in gets a token.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import re
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

INTERFACES = ("public", "internal", "admin")
SERVICES = {
    "compute": "/v2.1",
    "image": "/v2",
    "network": "/v2.0",
    "reservation": "/v1",
    "identity": "/v3",
}
PROJECT = {"id": "p1", "name": "demo", "domain": {"id": "default", "name": "Default"}}
USER = {"id": "u1", "name": "ann", "domain": {"id": "default", "name": "Default"}}
_VERSION = re.compile(r"/v\d[\d.]*$")
_LIST = re.compile(r"/(servers|flavors|images|networks|leases)(/detail)?$")


@dataclass(frozen=True)
class Seen:
    """A request: its method, address, headers, body (of JSON or a form), and the name in its certificate."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None
    certificate: str = ""


@dataclass
class Recorder:
    """The server, until its block ends.

    Attributes:
        regions: of the catalog.
        folder: where keys and certificates are written, for https; None for http.
        seen: all requests, in their order.
    """

    regions: tuple[str, ...] = ("RegionOne", "RegionTwo")
    folder: Path | None = None
    seen: list[Seen] = field(default_factory=list)

    def __enter__(self) -> Recorder:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if self.folder:
            make_certificates(self.folder)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
            context.load_verify_locations(self.folder / "client.pem")
            context.verify_mode = ssl.CERT_OPTIONAL
            # In the thread of the connection: one that breaks it off does not stop the others.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is, without a path."""
        return f"{'https' if self.folder else 'http'}://127.0.0.1:{self._server.server_port}"

    def told(self) -> dict[str, Any]:
        """What was seen since the last call, as far as it decides as whom and where; forgets it then.

        ``signs_in`` has each step of signing in: its path, and ``identity`` and ``scope`` or the form.
        ``services`` has the addresses that lists came from.
        """
        seen, self.seen[:] = list(self.seen), []
        signs_in = [each for each in seen if each.body is not None and each.method == "POST"]
        lists = [each for each in seen if _LIST.search(_place(each))]
        microversions = (each.headers.get("openstack-api-version", "") for each in lists)
        return {
            "signs_in": [{"path": _place(each), **_sent(each.body)} for each in signs_in],
            "services": sorted({_LIST.sub("", _place(each)) for each in lists}),
            "microversions": sorted({each for each in microversions if each}),
            "certificate": sorted({each.certificate for each in seen}),
        }

    def token(self, scope: Any, methods: list[str]) -> dict[str, Any]:
        """The body of a token, with a catalog if it is for a project."""
        now = datetime.datetime.now(datetime.timezone.utc)
        lasts = {"issued_at": now, "expires_at": now + datetime.timedelta(hours=6)}
        times = {key: value.strftime("%Y-%m-%dT%H:%M:%S.000000Z") for key, value in lasts.items()}
        catalog = [
            {"type": kind, "name": kind, "id": kind, "endpoints": [*self._endpoints(kind, version)]}
            for kind, version in SERVICES.items()
        ]
        scoped = {"catalog": catalog, "project": PROJECT, "roles": []} if scope is not None else {}
        return {"token": {**times, "methods": methods, "user": USER, "is_domain": False, **scoped}}

    def _endpoints(self, kind: str, version: str) -> Any:
        for region in self.regions:
            for interface in INTERFACES:
                url = f"{self.url}/{kind}/{quote(region)}/{interface}{version}"
                place = {"region": region, "region_id": region}
                yield {"id": url, "interface": interface, "url": url, **place}


def _place(seen: Seen) -> str:
    return unquote(urlsplit(seen.path).path).rstrip("/")


def _sent(body: Any) -> dict[str, Any]:
    auth = body.get("auth") if isinstance(body, dict) else None
    if not auth:
        return {"form": body}
    return {"identity": auth.get("identity"), "scope": auth.get("scope")}


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 20
        disable_nagle_algorithm = True

        def log_message(self, *words: object) -> None:
            """Say nothing."""

        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            try:
                body = json.loads(text) if text else None
            except ValueError:
                body = dict(pair.partition("=")[::2] for pair in unquote(text).split("&"))
            names = getattr(self.connection, "getpeercert", dict)() or {}
            subject = [value for part in names.get("subject", ()) for _, value in part]
            headers = {key.lower(): value for key, value in self.headers.items()}
            seen = Seen(self.command, self.path, headers, body, "".join(subject))
            recorder.seen.append(seen)
            status, told, more = _answer(recorder, seen)
            data = json.dumps(told).encode()
            self.send_response(status)
            lines = {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}
            for key, value in lines.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = answer  # noqa: N815 the names are the library's

    return Handler


def _answer(recorder: Recorder, seen: Seen) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers."""
    provider = {
        "/openid-configuration": {"token_endpoint": f"{recorder.url}/oidc/token"},
        "/oidc/token": {"access_token": "acc3ss", "token_type": "Bearer", "expires_in": 3600},
    }
    path, here = _place(seen), recorder.url + urlsplit(seen.path).path.rstrip("/")
    token = {"X-Subject-Token": "t0ken"}
    if path.endswith("/auth/tokens"):
        auth = seen.body["auth"]
        methods = auth["identity"]["methods"]
        scope = auth.get("scope", {} if methods == ["application_credential"] else None)
        return 201, recorder.token(scope, methods), token
    if "/OS-FEDERATION/identity_providers/" in path:
        return 201, recorder.token(None, ["openid"]), token
    if told := next((told for end, told in provider.items() if path.endswith(end)), None):
        return 200, told, {}
    if found := _LIST.search(path):
        return 200, {found[1]: []}, {}
    if found := _VERSION.search(path):
        return 200, {"version": _version(found[0].strip("/"), here, "compute" in path)}, {}
    kind = next((kind for kind in SERVICES if path.startswith(f"/{kind}/")), "identity")
    version = _version(SERVICES[kind].strip("/"), here + SERVICES[kind], kind == "compute")
    versions = [version] if kind != "identity" else {"values": [version]}
    return 300, {"versions": versions}, {}


def _version(number: str, url: str, is_nova: bool) -> dict[str, Any]:
    status = "CURRENT" if is_nova else "stable"
    micro = {"version": "2.96", "min_version": "2.1"} if is_nova else {}
    return {"id": number, "status": status, "links": [{"rel": "self", "href": f"{url}/"}], **micro}


def make_certificates(folder: Path) -> None:
    """``server.pem`` and ``client.pem`` with their ``.key``; each of them vouches for itself."""
    folder.mkdir(exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc)
    for whose in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, whose)])
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        (folder / f"{whose}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        (folder / f"{whose}.key").write_bytes(secret)

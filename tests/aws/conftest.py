"""Amazon on loopback: EC2, STS, IAM Identity Center and the sign-in service in one server.

It writes down who called where, and is a proxy with certificates of its own, so that Amazon's own addresses
lead to it.
"""

import hashlib
import itertools
import json
import os
import re
import ssl
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import pytest
from botocore.config import Config
from botocore.credentials import SSOProvider
from botocore.loaders import Loader
from botocore.session import Session
from botocore.tokens import SSOTokenProvider
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloudmesh.cloud.providers.ec2.provider import Ec2Provider
from cloudmesh.config.importers import importing
from cloudmesh.plugin.errors import CloudmeshError

# The description of EC2 is large.
LOADER = Loader(include_default_search_paths=True)
SCOPE = re.compile(r"Credential=([^/]*)/\d+/([\w-]*)/(\w+)/")
REFUSED = "<ErrorResponse><Error><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>"
UTC = timezone.utc


def stamp(seconds):
    """A time from now, as Amazon writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def derived(*parts):
    """Temporary credentials that tell whom they were given to: access key, secret key, token."""
    digest = hashlib.sha256("|".join(parts).encode()).hexdigest()
    return f"ASIA{digest[:16].upper()}", f"secret-{digest[16:40]}", f"token-{digest[40:]}"


class Authority:
    """Makes certificates for any host."""

    def __init__(self, folder):
        self.folder = folder
        self.key, self.contexts = ec.generate_private_key(ec.SECP256R1()), {}
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._signed(self.name, self.key.public_key(), None)
        self.file = folder / "authority.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _signed(self, name, public, host):
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        made = made.add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            made = made.add_extension(names, critical=False)
        return made.sign(self.key, hashes.SHA256())

    def context(self, host):
        if host not in self.contexts:
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "host")])
            file = self.folder / f"{host}.pem"
            secret = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            public = self._signed(name, key.public_key(), host).public_bytes(serialization.Encoding.PEM)
            file.write_bytes(secret + public)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(file)
            self.contexts[host] = context
        return self.contexts[host]


class Amazon(ThreadingHTTPServer):
    """What was called, and how it answers.

    Attributes:
        calls: of each call the action, who, token, region, address, path.
        lasts: for how many seconds the credentials of roles are valid.
        refuse: the code with which a service refuses all calls, by its action.
        delay: seconds before STS answers.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, authority):
        super().__init__(("127.0.0.1", 0), Call)
        self.authority = authority
        self.lock = threading.Lock()
        self.reset()

    def reset(self):
        self.calls, self.lasts, self.refuse, self.delay = [], 3600, {}, 0.0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def taken(self, action="DescribeAvailabilityZones"):
        """The calls of an action since the last look; all others are forgotten too."""
        with self.lock:
            calls, self.calls = self.calls, []
        return [call for call in calls if call["action"] == action]

    def handle_error(self, request, client_address):
        """Handshakes that a client breaks off are part of the tests."""


class Call(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    tunnel = ""

    def do_CONNECT(self):
        self.tunnel = self.path.rpartition(":")[0]
        self.send_response(200)
        self.end_headers()
        self._note("CONNECT")
        self.connection = self.server.authority.context(self.tunnel).wrap_socket(
            self.connection, server_side=True
        )
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def finish(self):
        super().finish()
        # The server closes the socket that it made, not the one inside TLS.
        self.rfile.close()
        self.connection.close()

    def _note(self, action, **more):
        signed = SCOPE.search(self.headers.get("Authorization", ""))
        who, region, service = signed.groups() if signed else ("", "", "")
        note = {
            "action": action,
            "who": who,
            "region": region,
            "service": service,
            "token": self.headers.get("X-Amz-Security-Token", ""),
            "address": self.tunnel or self.headers.get("Host", ""),
            "path": self.path.partition("?")[0],
            **more,
        }
        with self.server.lock:
            self.server.calls.append(note)
        return note

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = urlsplit(self.path)
        if path.path.endswith("/federation/credentials"):
            return self._identity_center(dict(parse_qsl(path.query)))
        if path.path.endswith("/v1/token"):
            return self._login(json.loads(body))
        sent = dict(parse_qsl(path.query)) | dict(parse_qsl(body))
        action = sent.get("Action", "")
        note = self._note(action, sent=sent)
        if code := self.server.refuse.get(action):
            return self._answer(403, REFUSED.format(code, f"{action} is refused"))
        if action.startswith("AssumeRole"):
            time.sleep(self.server.delay)
            return self._role(action, sent, note["who"] or sent.get("WebIdentityToken", ""))
        return self._answer(200, f"<{action}Response><availabilityZoneInfo/></{action}Response>")

    def _role(self, action, sent, who):
        made = derived(who, sent["RoleArn"], sent.get("ExternalId", ""), sent.get("TokenCode", ""))
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        inner = "".join(f"<{key}>{value}</{key}>" for key, value in zip(names, made, strict=True))
        ends = f"<Expiration>{stamp(self.server.lasts)}</Expiration>"
        user = f"<Arn>{sent['RoleArn']}</Arn><AssumedRoleId>x:y</AssumedRoleId>"
        user = f"<AssumedRoleUser>{user}</AssumedRoleUser>"
        result = f"<{action}Result><Credentials>{inner}{ends}</Credentials>{user}</{action}Result>"
        self._answer(200, f"<{action}Response>{result}</{action}Response>")

    def _identity_center(self, sent):
        token = self.headers.get("x-amz-sso_bearer_token", "")
        self._note("GetRoleCredentials")
        if token == "revoked":
            return self._json(401, {"message": "Session token not found or invalid"}, "UnauthorizedException")
        names = ("accessKeyId", "secretAccessKey", "sessionToken")
        made = dict(zip(names, derived(token, sent["role_name"], sent["account_id"]), strict=True))
        return self._json(200, {"roleCredentials": {**made, "expiration": int(time.time() + 3600) * 1000}})

    def _login(self, sent):
        self._note("CreateOAuth2Token")
        if sent.get("refreshToken") == "revoked":
            return self._json(401, {"error": "TOKEN_EXPIRED", "message": "expired"}, "AccessDeniedException")
        names = ("accessKeyId", "secretAccessKey", "sessionToken")
        made = dict(zip(names, derived(sent.get("refreshToken", "")), strict=True))
        more = {"tokenType": "urn:aws:params:oauth:token-type:access_token_sigv4", "expiresIn": 900}
        return self._json(200, {"accessToken": made, "refreshToken": "next", **more})

    def _json(self, status, data, kind=""):
        headers = {"x-amzn-ErrorType": kind} if kind else {}
        self._answer(status, json.dumps(data), "application/json", headers)

    def _answer(self, status, content, form="text/xml;charset=UTF-8", headers=None):
        self.send_response(status)
        for name, value in {"Content-Type": form, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, format, *args):
        pass


for method in ("GET", "POST"):
    setattr(Call, f"do_{method}", Call._handle)


@pytest.fixture(scope="session")
def running_amazon(tmp_path_factory):
    server = Amazon(Authority(tmp_path_factory.mktemp("authority")))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def amazon(running_amazon):
    """Amazon, with nothing called yet."""
    running_amazon.reset()
    return running_amazon


class World:
    """A home with the files of Amazon's command line, in which botocore and we are asked for the same."""

    def __init__(self, home, amazon, monkeypatch):
        self.home, self.amazon, self.monkeypatch = home, amazon, monkeypatch
        self.folder = home / ".aws"
        self.values = {
            "AMAZON": amazon.url,
            "CA": str(amazon.authority.file),
            "TOKEN": str(home / "identity-token"),
            "PROCESS": f"cat {home / 'process.json'}",
            "LOGIN": "arn:aws:iam::1:user/me",
        }

    def write(self, credentials="", config="", env=None):
        """The files; AMAZON and the like in them stand for what is only known now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("credentials", credentials), ("config", config)):
            (self.folder / name).write_text(self._filled(text))
        for name in [each for each in os.environ if each.startswith(("AWS_", "HTTP", "BOTO", "REQUESTS_"))]:
            self.monkeypatch.delenv(name)
        usual = {
            "HOME": str(self.home),
            "HTTPS_PROXY": self.amazon.url,
            "NO_PROXY": "127.0.0.1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name, value in {**usual, **(env or {})}.items():
            self.monkeypatch.setenv(name, self._filled(value))
        # botocore looks for the home when it is imported.
        kept = str(self.folder / "sso" / "cache")
        for kind in (SSOProvider, SSOTokenProvider):
            self.monkeypatch.setattr(kind, "_SSO_TOKEN_CACHE_DIR", kept)
        (self.home / "identity-token").write_text("identity")
        process = {"Version": 1, "AccessKeyId": "ASIAPROCESS", "SecretAccessKey": "s", "SessionToken": "t"}
        (self.home / "process.json").write_text(json.dumps(process))

    def _filled(self, text):
        for name, value in self.values.items():
            text = text.replace(f"<{name}>", value)
        return text

    def keep(self, folder, name, data, digest=hashlib.sha1):
        """A file of a session as ``aws sso login`` and ``aws login`` leave it."""
        place = self.folder / folder / "cache"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{digest(name.encode()).hexdigest()}.json").write_text(json.dumps(data))

    def botocore(self, name):
        """What botocore sends with an explicit profile."""
        self.amazon.taken()
        session = Session(profile=name)
        session.register_component("data_loader", LOADER)
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=5)
        session.set_default_client_config(once)
        try:
            session.create_client("ec2").describe_availability_zones()
        except Exception as error:  # noqa: BLE001 whatever it is, it is compared
            return self._told(error)
        return self._told()

    def used(self, name):
        """What we send where EC2_PROFILE names the profile."""
        return self.sent({"type": "ec2", "credentials": {"EC2_PROFILE": name}})

    def found(self):
        """The clouds that an import of the files finds."""
        return {cloud.name: cloud for cloud in importing.read_clouds(self.folder).clouds}

    def sent(self, section):
        """What we send for a cloud's section."""
        self.amazon.taken()
        try:
            with Ec2Provider("aws", section) as provider:
                provider.check()
        except CloudmeshError as error:
            return self._told(error)
        return self._told()

    def _told(self, error=None):
        calls = self.amazon.taken("DescribeAvailabilityZones")
        keys = ("who", "token", "region", "service", "address", "path")
        return Sent(tuple(calls[-1][key] for key in keys) if calls else None, error)


class Sent(NamedTuple):
    """Who called EC2 where, if anybody did; and the error."""

    call: tuple | None
    error: Exception | None


@pytest.fixture
def make_world(tmp_path, amazon, monkeypatch):
    """Makes a world with a home of its own."""
    numbers = itertools.count()

    def make():
        home = tmp_path / str(next(numbers))
        home.mkdir()
        return World(home, amazon, monkeypatch)

    return make


@pytest.fixture
def world(make_world):
    return make_world()

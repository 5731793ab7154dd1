"""The answers that libcloud's authors recorded from real clouds, given again by a TLS server on loopback."""

import importlib
import importlib.util
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
import urllib3.util.connection

from cloudmesh.cloud.provider.boot import BootRequest

JSON = {"Content-Type": "application/json"}


class Replay(ThreadingHTTPServer):
    """Answers by libcloud's own mock classes, chosen by the host that was meant.

    Attributes:
        mocks: by a part of the host's name, "" for any.
        answers: (status, body) in place of what is recorded, by "METHOD /path"; one after the other.
        types: which of several recorded answers to give, by "METHOD /path".
        asked: method, host and path of each call, and what was sent.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, mocks):
        super().__init__(("127.0.0.1", 0), Answer)
        self.mocks = mocks
        self.types = {}
        self.answers = {}
        self.failed = []
        self.asked = []

    def handle_error(self, request, client_address):
        self.failed.append(traceback.format_exc())

    def mock(self, host):
        return next(mock for part, mock in self.mocks.items() if part in host)

    def lines(self):
        """The calls so far, without what was asked for in them."""
        return [f"{method} {path.partition('?')[0]}" for method, _, path, _ in self.asked]


class Answer(BaseHTTPRequestHandler):
    """One call."""

    protocol_version = "HTTP/1.1"

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        host = self.headers["Host"]
        self.server.asked.append((self.command, host, self.path, body))
        mock = self.server.mock(host)()
        line = f"{self.command} {self.path.partition('?')[0]}"
        if line in self.server.types:
            mock.type = self.server.types[line]
        given = self.server.answers.get(line)
        if self.path.partition("?")[0].endswith("/no-such-machine"):
            status, content, headers = 404, '{"message": "there is none"}', JSON
        elif given:
            status, content, headers = (*given.pop(0), JSON)
        else:
            question = (self.command, self.path, body, dict(self.headers))
            status, content, headers, _ = mock._get_request(*question)
        content = (content or "").encode() if not isinstance(content, bytes) else content
        self.send_response(status)
        for name, value in headers.items():
            # Some of the classes give the headers of the question back.
            if name.lower() in ("content-type", "location", "retry-after", "link", "etag"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if status != 204:
            self.wfile.write(content)

    def log_message(self, format, *args):
        pass


for verb in ("GET", "POST", "PUT", "DELETE", "PATCH"):
    setattr(Answer, f"do_{verb}", Answer._handle)


def _secrets():
    """The file of names and keys that libcloud's tests want, as its authors distribute it."""
    import libcloud.test

    file = Path(libcloud.test.__file__).parent / "secrets.py-dist"
    spec = importlib.util.spec_from_loader(
        "libcloud.test.secrets", SourceFileLoader("libcloud.test.secrets", str(file))
    )
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    sys.modules["libcloud.test.secrets"] = module


@pytest.fixture
def recorded():
    """A class of libcloud's tests by its module and name."""
    import warnings

    def find(module, name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if "libcloud.test.secrets" not in sys.modules:
                _secrets()
            return getattr(importlib.import_module(f"libcloud.test.{module}"), name)

    return find


@pytest.fixture
def replay(certificate, monkeypatch, run_server):
    """Starts a server that stands for some hosts; all connections of the test lead to it."""
    started = []

    def start(names, mocks):
        context, file = certificate(*names)
        server = run_server(Replay(mocks), context)
        started.append(server)
        real = urllib3.util.connection.create_connection
        monkeypatch.setattr(
            urllib3.util.connection,
            "create_connection",
            lambda address, *args, **kwargs: real(("127.0.0.1", server.server_port), *args, **kwargs),
        )
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        return server

    yield start
    for server in started:
        assert not server.failed, server.failed[0]


@pytest.fixture
def check_found_by_token(monkeypatch):
    """Checks that a provider finds the machine that bears a token under this key of libcloud's objects."""

    def check(provider, key, image, flavor):
        nodes = provider.driver.list_nodes()
        nodes[0].extra[key] = {"a": "b", "cloudmesh-token": "t0"}
        monkeypatch.setattr(type(provider), "_nodes", lambda self: nodes)
        found = provider.find_booted(BootRequest("any", image, flavor, token="t0"))
        assert found.cloud_id == str(nodes[0].id) and found.metadata == {"a": "b"}
        assert provider.find_booted(BootRequest(found.name, image, flavor, token="t1")) is None

    return check


@pytest.fixture(autouse=True)
def _home(monkeypatch, tmp_path):
    """Tokens are kept in a home of the test's own, and no proxy is asked."""
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / "cloudmesh"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

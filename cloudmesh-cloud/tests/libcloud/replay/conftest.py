"""The answers that libcloud's authors recorded from real clouds, given again by a TLS server on loopback."""

import importlib
import importlib.util
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
import urllib3.util.connection

from cloudmesh.cloud.provider.boot import BootRequest

JSON = {"Content-Type": "application/json"}


class Replay:
    """What a server on loopback answers: by libcloud's own mock classes, chosen by the host that was meant.

    Attributes:
        mocks: by a part of the host's name, "" for any.
        answers: (status, body), or with headers, in place of what is recorded, by "METHOD /path"; one after
            the other.
        types: which of several recorded answers to give, by "METHOD /path".
        asked: method, host and path of each call, and what was sent.
    """

    def __init__(self, mocks):
        self.mocks = mocks
        self.types = {}
        self.answers = {}
        self.failed = []
        self.asked = []

    def mock(self, host):
        return next(mock for part, mock in self.mocks.items() if part in host)

    def lines(self):
        """The calls so far, without what was asked for in them."""
        return [f"{method} {path.partition('?')[0]}" for method, _, path, _ in self.asked]

    def __call__(self, request):
        try:
            status, content, headers = self._recorded(request)
            content = content if isinstance(content, bytes) else (content or "").encode()
            request.send_response(status)
            for name, value in headers.items():
                # Some of the classes give the headers of the question back.
                if name.lower() in ("content-type", "location", "retry-after", "link", "etag"):
                    request.send_header(name, value)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            if status != 204:
                request.wfile.write(content)
        except Exception:
            self.failed.append(traceback.format_exc())
            raise

    def _recorded(self, request):
        host = request.headers["Host"]
        self.asked.append((request.command, host, request.path, request.content))
        mock, line = self.mock(host)(), self.lines()[-1]
        mock.type = self.types.get(line, mock.type)
        if line.endswith("/no-such-machine"):
            return 404, '{"message": "there is none"}', JSON
        if given := self.answers.get(line):
            return (*given.pop(0), JSON)[:3]
        return mock._get_request(request.command, request.path, request.content, dict(request.headers))[:3]


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
def replay(certificate, monkeypatch, serve):
    """Starts a server that stands for some hosts; all connections of the test lead to it."""
    started = []

    def start(names, mocks):
        context, file = certificate(*names)
        replay = Replay(mocks)
        server = serve(replay, context)
        started.append(replay)
        real = urllib3.util.connection.create_connection
        monkeypatch.setattr(
            urllib3.util.connection,
            "create_connection",
            lambda address, *args, **kwargs: real(("127.0.0.1", server.server_port), *args, **kwargs),
        )
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
        return replay

    yield start
    for replay in started:
        assert not replay.failed, replay.failed[0]


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

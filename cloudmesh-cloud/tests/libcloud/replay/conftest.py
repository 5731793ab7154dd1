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
from cloudmesh.cloud.providers.azure import AzureProvider
from cloudmesh.cloud.providers.digitalocean import DigitalOceanProvider
from cloudmesh.cloud.providers.ec2.provider import Ec2Provider
from cloudmesh.cloud.providers.google import GoogleProvider
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider

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


TENANT, SUBSCRIPTION = "77777777-7777-7777-7777-777777777777", "99999999"
# By the name of a cloud: its provider, its hosts, the recorded answers by a part of a host, its settings.
ACCOUNTS = {
    "aws": (
        Ec2Provider,
        ["ec2.us-east-1.amazonaws.com"],
        {"": "compute.test_ec2.EC2MockHttp"},
        {"credentials": {"EC2_ACCESS_KEY": "AKID", "EC2_SECRET_KEY": "the-secret"}},
    ),
    "az": (
        AzureProvider,
        ["management.azure.com", "login.microsoftonline.com", "login.windows.net"],
        {"": "compute.test_azure_arm.AzureMockHttp"},
        {
            **{"region": "eastus", "resource_group": "000000", "network": "000000", "subnet": "000000"},
            "credentials": {
                "AZURE_TENANT_ID": TENANT,
                "AZURE_SUBSCRIPTION_ID": SUBSCRIPTION,
                "AZURE_CLIENT_ID": "55555555-5555-5555-5555-555555555555",
                "AZURE_CLIENT_SECRET": "p4ssw0rd",
            },
        },
    ),
    "gce": (
        GoogleProvider,
        ["www.googleapis.com", "accounts.google.com"],
        {"accounts": "common.test_google.GoogleAuthMockHttp", "": "compute.test_gce.GCEMockHttp"},
        {"zone": "us-central1-a", "credentials": {"GOOGLE_PROJECT": "project_name"}},
    ),
    "ocean": (
        DigitalOceanProvider,
        ["api.digitalocean.com"],
        {"": "compute.test_digitalocean_v2.DigitalOceanComputeMockHttp"},
        {"region": "nyc1", "credentials": {"DO_TOKEN": "the-token"}},
    ),
    "vultr": (
        DriverProvider,
        ["api.vultr.com"],
        {"": "compute.test_vultr_v2.VultrMockHttpV2"},
        {"driver": "vultr", "arguments": {"key": "k"}},
    ),
}


def unprotected(*_):
    """What EC2 says of the protection of an instance, of which nothing was recorded."""
    place = "http://ec2.amazonaws.com/doc/2016-11-15/"
    told = "<disableApiTermination><value>false</value></disableApiTermination>"
    form = "<DescribeInstanceAttributeResponse xmlns='{}'>{}</DescribeInstanceAttributeResponse>"
    return 200, form.format(place, told), {"content-type": "text/xml"}, "OK"


@pytest.fixture
def connect(replay, recorded, tmp_path):
    """The server of a cloud, and a provider of it that is not open yet."""

    def make(name):
        kind, hosts, mocks, settings = ACCOUNTS[name]
        found = {part: recorded(*mock.rsplit(".", 1)) for part, mock in mocks.items()}
        for mock in found.values():
            mock.type = mock.test = None
            mock.responses = []
        credentials = dict(settings.get("credentials", {}))
        if name == "aws":
            found[""].use_param = "Action"
            found[""]._DescribeInstanceAttribute = unprotected
        if name == "gce":
            credentials["GOOGLE_KEY_FILE"] = recorded("common.test_google", "JSON_KEY_FILE")
        key = tmp_path / "id.pub"
        key.write_text("ssh-ed25519 AAAA me\n")
        return replay(hosts, found), kind(
            name, {**settings, "public_key": str(key), "credentials": credentials}
        )

    return make


@pytest.fixture
def account(connect, request):
    """Those of the cloud that the module of the test names."""
    return connect(request.module.CLOUD)


@pytest.fixture
def server(account):
    return account[0]


@pytest.fixture
def settings(account):
    return account[1].settings


@pytest.fixture
def provider(account):
    with account[1] as made:
        yield made


@pytest.fixture
def mock(server):
    """The class of the recorded answers."""
    mock = server.mock("")
    yield mock
    mock.type = None


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

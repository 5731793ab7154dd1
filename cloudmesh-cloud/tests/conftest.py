"""A home of its own for each test, a clock that stands still, and a provider that counts its calls."""

import datetime
import functools
import ipaddress
import ssl
from contextlib import ExitStack

import pytest

from cloudmesh.cloud.client import copies
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.cloud.providers.simulated import account as simulated
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.providers.simulated.world import World

METHODS = (
    *("check", "machines", "machine", "boot", "start", "stop", "suspend", "resume", "reboot", "delete"),
    *("images", "flavors", "key_pairs", "add_key", "delete_key", "quotas", "networks"),
    *("find_booted", "act_many", "boot_many", "snapshot", "restore", "delete_snapshot", "clone", "snapshots"),
    *("security_groups", "floating_ips", "create_floating_ip", "attach_floating_ip", "delete_floating_ip"),
)


class Clock:
    """Seconds since the epoch, that pass only when they are told to."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now

    def forward(self, seconds):
        self.now += seconds


class Spy:
    """What was called on all clouds, and the errors that calls are to raise."""

    def __init__(self):
        self.calls = []
        self.trouble = {}

    def taken(self):
        """The methods called since the last look."""
        calls, self.calls = [method for _, method in self.calls], []
        return calls


def _spied(spy, method):
    original = getattr(SimulatedProvider, method)

    def call(self, *args):
        spy.calls.append((self.name, method))
        error = spy.trouble.get((self.name, method))
        if error:
            raise error
        return original(self, *args)

    return call


@pytest.fixture(autouse=True)
def asked_once(monkeypatch):
    """Trouble is told at once; what is tried again is tested where that is meant."""
    monkeypatch.setattr(Connection, "read_retry", ONCE)


@pytest.fixture
def spy(monkeypatch):
    watcher = Spy()
    spied = type("SpiedProvider", (SimulatedProvider,), {name: _spied(watcher, name) for name in METHODS})
    monkeypatch.setattr("cloudmesh.cloud.client.cloud.provider_class", lambda kind, cloud: spied)
    return watcher


@pytest.fixture
def clock(monkeypatch):
    still = Clock()
    monkeypatch.setattr(simulated, "World", functools.partial(World, clock=still))
    monkeypatch.setattr(copies, "clock", still)
    return still


@pytest.fixture
def config(configure):
    return configure({"uc": {}})


@pytest.fixture
def uc(config, spy):
    """An open cloud with the active machine vm1, known to the store; the calls are counted from here."""
    with Cloud("uc") as cloud:
        cloud.boot("vm1")
        cloud.machine("vm1")
        spy.taken()
        yield cloud


@pytest.fixture
def open_cloud(configure):
    """Opens the cloud uc with settings; it is closed after the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Cloud("uc", configure({"uc": settings})))


@pytest.fixture
def provider(tmp_path):
    """Makes providers on one simulated cloud that a test has for itself; they are closed after it."""
    opened = []

    def make(name="sim", **settings):
        made = SimulatedProvider(name, {"file": str(tmp_path / f"{name}.db"), **settings})
        made.open()
        opened.append(made)
        return made

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def certificate(tmp_path):
    """Makes a certificate for the names, signed by itself; gives a server's context, and the file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def make(*names, days=1):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
        now = datetime.datetime.now(datetime.timezone.utc)
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(each)) if each[0].isdigit() else x509.DNSName(each)
            for each in names
        ]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=10))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(key, hashes.SHA256())
        )
        file = tmp_path / f"{'-'.join(names)}.pem"
        pem = made.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        both = tmp_path / f"{'-'.join(names)}-both.pem"
        both.write_bytes(pem + secret)
        file.write_bytes(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(both)
        return context, file

    return make

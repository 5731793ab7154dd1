"""``cms cloud check``: each step of each cloud, and that a closed door is told before the key is tried."""

import contextlib
import socket
import ssl
import subprocess
import threading

import pytest

from cloudmesh.cloud.cli.checking import check_clouds
from cloudmesh.cloud.errors import (
    CloudTimeout,
    CredentialsError,
    EndpointError,
    TlsFailure,
    Unreachable,
)
from cloudmesh.cloud.provider.endpoint import Endpoint, look_up, shake_hands
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider

TWO = {"uc": {}, "tacc": {}}


def told(answer, *keys):
    return [tuple(row[key] for key in keys) for row in answer.rows]


def test_each_step_is_a_row_with_its_seconds(configure):
    answer = check_clouds(configure(TWO), ["uc", "tacc"])
    steps = ["sign-in", "quota", "image", "flavor"]
    assert told(answer, "name", "check", "result") == [
        (name, step, "ok") for name in ("uc", "tacc") for step in steps
    ]
    assert all(row["seconds"] >= 0 and row["message"] for row in answer.rows)
    assert answer.exit_code == 0


def test_a_failed_sign_in_ends_the_checks_of_its_cloud_and_the_worst_code_wins(configure, spy):
    config = configure(TWO)
    spy.trouble["uc", "check"] = CredentialsError("who are you")
    spy.trouble["tacc", "check"] = Unreachable("no answer")
    answer = check_clouds(config, ["uc", "tacc"])
    assert told(answer, "check", "result", "message") == [
        ("sign-in", "failed", "who are you"),
        ("sign-in", "failed", "no answer"),
    ]
    assert answer.exit_code == 4


def test_the_clouds_are_checked_side_by_side(configure, monkeypatch):
    both = threading.Barrier(2, timeout=20)
    original = SimulatedProvider.check
    monkeypatch.setattr(SimulatedProvider, "check", lambda self: (both.wait() and "") or original(self))
    assert check_clouds(configure(TWO), ["uc", "tacc"]).exit_code == 0


def test_defaults_that_are_not_there_or_not_configured_are_told(configure):
    config = configure({"uc": {"default": {"image": "debian-13"}}})
    answer = check_clouds(config, ["uc"])
    rows = {row["check"]: row for row in answer.rows}
    assert rows["image"]["result"] == "failed"
    assert "did you mean 'debian-12'?" in rows["image"]["message"]
    assert rows["flavor"]["result"] == "none"
    assert "cms config set clouds.uc.default.flavor=NAME" in rows["flavor"]["message"]
    assert answer.exit_code == 2


def test_a_full_quota_is_told(configure):
    config = configure({"uc": {"quota": {"machines": 0, "ram": 1024}}})
    (row,) = [row for row in check_clouds(config, ["uc"]).rows if row["check"] == "quota"]
    assert row["result"] == "full"
    assert "machines 0 of 0, vcpus 0 of no limit, ram 0 MiB of 1024" in row["message"]


def test_a_cloud_that_cannot_even_be_opened_has_a_row(configure):
    answer = check_clouds(configure({"uc": {"boot_seconds": "soon"}, "tacc": {}}), ["uc", "tacc"])
    assert told(answer, "name", "check", "result")[:2] == [
        ("uc", "configuration", "failed"),
        ("tacc", "sign-in", "ok"),
    ]
    assert answer.exit_code == 3


def test_the_network_is_tried_before_the_sign_in(configure, monkeypatch, spy):
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    monkeypatch.setattr(
        SimulatedProvider, "endpoint", lambda _: Endpoint(f"https://127.0.0.1:{port}/v3"), raising=False
    )
    answer = check_clouds(configure({"uc": {}}), ["uc"])
    assert told(answer, "check", "result") == [("dns", "ok"), ("tls", "failed")]
    assert f"127.0.0.1:{port} cannot be reached" in answer.rows[1]["message"]
    assert spy.taken() == []


def test_a_name_that_nobody_has_is_an_error_of_the_configuration():
    with pytest.raises(EndpointError, match="no host has the name nowhere.invalid"):
        look_up(Endpoint("https://nowhere.invalid"))


@pytest.mark.parametrize("url", ["", "keystone", "https://", "https://a:b", "ftp://x", "https://[::1"])
def test_what_is_no_address_is_told(url):
    with pytest.raises(EndpointError, match="no address of a cloud"):
        look_up(Endpoint(url))


@pytest.fixture
def certificate(tmp_path):
    """A certificate that nobody signed, for localhost, with its key."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost")
    subject = ["-days", "1", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*words, *subject, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def serve():
    """Listens on loopback and does something with each connection; gives the port."""
    opened = []

    def start(do):
        server = socket.create_server(("127.0.0.1", 0))
        opened.append(server)

        def work():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    do(connection)

        threading.Thread(target=work, daemon=True).start()
        return server.getsockname()[1]

    yield start
    for server in opened:
        server.close()


@pytest.fixture
def secure(serve, certificate):
    cert, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    def shake(connection):
        with contextlib.suppress(OSError):
            context.wrap_socket(connection, server_side=True).close()

    return serve(shake)


def test_a_certificate_is_looked_at(secure, certificate):
    url = f"https://127.0.0.1:{secure}"
    with pytest.raises(TlsFailure, match="is not accepted: self-signed certificate"):
        shake_hands(Endpoint(url))
    assert "its certificate is good" in shake_hands(Endpoint(url, ca_file=str(certificate[0])))
    assert "not looked at (insecure)" in shake_hands(Endpoint(url, insecure=True))
    with pytest.raises(EndpointError, match="the CA certificate /no/such.pem cannot be read"):
        shake_hands(Endpoint(url, ca_file="/no/such.pem"))


def test_what_speaks_no_tls_and_what_is_silent_are_told_apart(serve):
    plain = serve(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    with pytest.raises(TlsFailure, match="does not speak TLS"):
        shake_hands(Endpoint(f"https://127.0.0.1:{plain}"))
    assert "without TLS" in shake_hands(Endpoint(f"http://127.0.0.1:{plain}"))
    silent = threading.Event()
    port = serve(lambda _: silent.wait(20))
    with pytest.raises(CloudTimeout, match=r"did not answer in 0\.2 seconds"):
        shake_hands(Endpoint(f"https://127.0.0.1:{port}", timeout=0.2))
    silent.set()

"""``cms cloud check``: each step of each cloud, and that a closed door is told before the key is tried."""

import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cloudmesh.cloud.cli.checking import check_clouds
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CredentialsError, Unreachable
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
    assert "machines 0 of 0, vcpus 0 of unlimited, ram 0 MiB of 1024" in row["message"]


def test_a_cloud_that_cannot_even_be_opened_has_a_row(configure):
    answer = check_clouds(configure({"uc": {"boot_seconds": "soon"}, "tacc": {}}), ["uc", "tacc"])
    assert told(answer, "name", "check", "result")[:2] == [
        ("uc", "configuration", "failed"),
        ("tacc", "sign-in", "ok"),
    ]
    assert answer.exit_code == 3


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
    """Answers each request on loopback with 404, by TLS if a context is given; gives port and calls."""
    opened = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.seen.append(self.path)
            self.send_error(404)

        def log_message(self, *words):
            pass

    def start(context=None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.seen = []
        opened.append(server)
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server.server_address[1], server.seen

    yield start
    for server in opened:
        server.shutdown()
        server.server_close()


@pytest.fixture
def keystone(configure, monkeypatch):
    """Checks an OpenStack at this address; gives the row of its connection and the exit code."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def check(url, **settings):
        account = {"OS_AUTH_URL": url, "OS_USERNAME": "me", "OS_PASSWORD": "x", "OS_PROJECT_NAME": "p"}
        config = configure({"uc": {"type": "openstack", "credentials": account, **settings}})
        answer = check_clouds(config, ["uc"])
        return next(row for row in answer.rows if row["check"] == "connection"), answer.exit_code

    return check


def test_the_connection_is_tried_before_the_sign_in_over_the_same_transport(keystone, serve, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    secure, plain = f"https://127.0.0.1:{serve(context)[0]}", f"http://127.0.0.1:{serve()[0]}"
    row, code = keystone(secure)
    assert (row["result"], code) == ("failed", 4) and "is not trusted (self-signed" in row["message"]
    for settings in ({"ca_cert": str(certificate[0])}, {"insecure": True}):
        row, _ = keystone(secure, **settings)
        assert row["result"] == "ok", row
        assert ("is valid" in row["message"]) is ("ca_cert" in settings)
    assert "without TLS" in keystone(plain)[0]["message"]
    row, _ = keystone(plain.replace("http:", "https:"))
    assert "does not speak TLS" in row["message"]


def test_the_proxy_and_the_certificates_of_the_environment_are_those_of_the_calls(
    keystone, serve, certificate, monkeypatch
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate[0]))
    assert keystone(f"https://127.0.0.1:{serve(context)[0]}")[0]["result"] == "ok"
    port, seen = serve()
    monkeypatch.setenv("http_proxy", f"http://me:geheim@127.0.0.1:{port}")
    row, _ = keystone("http://nowhere.invalid:5000")
    assert row["message"].startswith("nowhere.invalid:5000 answers through the proxy 127.0.0.1")
    assert "geheim" not in str(row) and seen[0] == "http://nowhere.invalid:5000/"


def test_a_name_that_nobody_has_is_one_error_for_all_commands(keystone, monkeypatch):
    row, code = keystone("https://nowhere.invalid:5000")
    assert "host name of nowhere.invalid:5000 not found" in row["message"] and code == 4
    with Cloud("uc") as cloud, pytest.raises(Unreachable) as caught:
        cloud.machines()
    assert caught.value.exit_code == code

"""A gateway that ends TLS, as haproxy does: by HTTP/2 calls share connections, and nothing is done twice."""

import os
import shutil
import socket
import subprocess
import time
from collections import Counter

import pytest
import yaml

from cloudmesh.cloud import Cloud
from cloudmesh.vm import Machines

pytestmark = pytest.mark.skipif(not (shutil.which("haproxy") or os.environ.get("CI")), reason="needs haproxy")

BOTH, OLD = "h2,http/1.1", "http/1.1"
HAPROXY = """
global
    maxconn 2000
    stats socket {folder}/stats
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend gateway
    bind 127.0.0.1:{port} ssl crt {both} alpn {alpn}
    default_backend cloud
backend cloud
    server nova 127.0.0.1:{behind}
"""


def free_port():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        return nobody.getsockname()[1]


class Gateway:
    """haproxy before a pretended OpenStack, and a user who knows the cloud by it."""

    def __init__(self, folder, stack, port):
        self._folder, self.stack, self.url = folder, stack, f"https://127.0.0.1:{port}"
        self._port = port

    def serve(self, alpn):
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        both = self._folder / "both.pem"
        both.write_text((self._folder / "key.pem").read_text() + (self._folder / "ca.pem").read_text())
        told = HAPROXY.format(
            folder=self._folder, port=self._port, both=both, alpn=alpn, behind=self.stack.port
        )
        (self._folder / "haproxy.cfg").write_text(told)
        process = subprocess.Popen(["haproxy", "-db", "-f", self._folder / "haproxy.cfg"])
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", self._port)) == 0:
                    return process
            time.sleep(0.05)
        raise AssertionError("haproxy does not listen")

    def _run(self, *words):
        files = ["-keyout", self._folder / "key.pem", "-out", self._folder / "ca.pem", "-days", "2"]
        names = ["-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(["openssl", *words, *files, *names], check=True, capture_output=True)

    def section(self):
        told = self.stack.section()
        told["credentials"] |= {
            "OS_AUTH_URL": f"{self.url}/v3",
            "OS_CACERT": str(self._folder / "ca.pem"),
        }
        return told

    def connections(self):
        """How many connections clients have opened so far."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(self._folder / "stats"))
            stats.sendall(b"show info\n")
            told = stats.makefile().read()
        return int(next(line.split()[1] for line in told.splitlines() if line.startswith("CumConns:")))


@pytest.fixture
def processes():
    started = []
    yield started
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.fixture
def make_gateway(tmp_path, make_home, make_stack, monkeypatch, processes):
    def make(alpn):
        port = free_port()
        gateway = Gateway(tmp_path, make_stack(public=f"https://127.0.0.1:{port}"), port)
        processes.append(gateway.serve(alpn))
        (tmp_path / "home").mkdir()
        home = make_home(tmp_path / "home")
        monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(home.directory))
        home.directory.mkdir(mode=0o700)
        home.config.touch(mode=0o600)
        data = {"cloudmesh": {"active": ["a"], "default": "a"}, "clouds": {"a": gateway.section()}}
        home.config.write_text(yaml.safe_dump(data))
        return gateway

    return make


@pytest.mark.parametrize(("alpn", "most"), [(BOTH, 12), (OLD, 1000)])
def test_many_calls_over_a_gateway_all_do_what_they_are_to(make_gateway, alpn, most):
    gateway = make_gateway(alpn)
    gateway.stack.add([f"a{number:03}" for number in range(1, 301)])
    with Cloud("a") as cloud:
        assert len(cloud.machines()) == 300
    gateway.stack.tell(latency=0.05)
    before = gateway.connections()
    with Machines("a[001-300]", "a", parallel=200) as ms:
        result = ms.start(wait=True, timeout=60)
    assert len(result.succeeded) == 300
    assert {server["status"] for server in gateway.stack.servers()} == {"ACTIVE"}
    opened = gateway.connections() - before
    assert opened <= most and (most < 1000 or opened > 50), opened


@pytest.mark.parametrize("alpn", [BOTH, OLD])
@pytest.mark.parametrize("fault", ["reset-after", "truncated", "malformed", "error-after"])
def test_machines_whose_answers_are_lost_behind_a_gateway_are_booted_once(make_gateway, alpn, fault):
    gateway = make_gateway(alpn)
    gateway.stack.tell(faults=0.5, kinds=[fault], only="/servers")
    with Machines("a[001-020]", "a", parallel=20) as ms:
        ms.boot()
    gateway.stack.tell(faults=0.0)
    counts = Counter(server["name"] for server in gateway.stack.servers())
    assert counts and set(counts.values()) == {1}


def test_a_gateway_that_ends_in_the_middle_leaves_nothing_untold(make_gateway, processes):
    gateway = make_gateway(BOTH)
    gateway.stack.add([f"a{number:03}" for number in range(1, 101)])
    with Cloud("a") as cloud:
        assert len(cloud.machines()) == 100
    gateway.stack.tell(hang=True)
    process, stopped = processes[0], []

    def starts():
        return sum(call["kind"].endswith("os-start") for call in gateway.stack.calls())

    def watch(_, tallies):
        if not stopped and starts() > 50:
            process.kill()
            stopped.append(process.wait(20))

    with Machines("a[001-100]", "a", parallel=100, watch=watch) as ms:
        result = ms.start()
    assert stopped and len(result.failed) == 100
    assert starts() > 50
    unsure = [each for each in result.failed if each.error.outcome_unknown]
    assert len(unsure) >= starts()

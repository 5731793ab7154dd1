"""A gateway that ends TLS, as haproxy does: by HTTP/2 calls share connections, and nothing is done twice."""

import importlib
import os
import shutil
from collections import Counter
from contextlib import ExitStack

import pytest
import yaml

from cloudmesh.cloud import Cloud
from cloudmesh.vm import Machines

pytestmark = pytest.mark.skipif(not (shutil.which("haproxy") or os.environ.get("CI")), reason="needs haproxy")

BOTH, OLD = "h2,http/1.1", "http/1.1"


@pytest.fixture
def make_gateway(tmp_path, make_home, make_stack, monkeypatch):
    """Starts a gateway that offers these before a pretended OpenStack, which the user calls ``a``."""
    with ExitStack() as gateways:

        def make(alpn):
            stack = make_stack()
            # Its folder is on the path by now.
            kind = importlib.import_module("fakestack.gateway").Gateway
            folder = tmp_path / "gateway"
            folder.mkdir()
            gateway = gateways.enter_context(kind(folder, stack, alpn))
            (tmp_path / "home").mkdir()
            home = make_home(tmp_path / "home")
            monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(home.directory))
            home.directory.mkdir(mode=0o700)
            home.config.touch(mode=0o600)
            data = {"cloudmesh": {"active": ["a"], "default": "a"}, "clouds": {"a": gateway.section()}}
            home.config.write_text(yaml.safe_dump(data))
            return gateway, stack

        yield make


@pytest.mark.parametrize(("alpn", "most"), [(BOTH, 12), (OLD, 1000)])
def test_many_calls_over_a_gateway_all_do_what_they_are_to(make_gateway, alpn, most):
    gateway, stack = make_gateway(alpn)
    stack.add([f"a{number:03}" for number in range(1, 301)])
    with Cloud("a") as cloud:
        assert len(cloud.machines()) == 300
    stack.tell(latency=0.05)
    before = gateway.connections()
    with Machines("a[001-300]", "a", parallel=200) as ms:
        result = ms.start(wait=True, timeout=60)
    assert len(result.succeeded) == 300
    assert {server["status"] for server in stack.servers()} == {"ACTIVE"}
    opened = gateway.connections() - before
    assert opened <= most and (most < 1000 or opened > 50), opened


@pytest.mark.parametrize("alpn", [BOTH, OLD])
@pytest.mark.parametrize("fault", ["reset-after", "truncated", "malformed", "error-after"])
def test_machines_whose_answers_are_lost_behind_a_gateway_are_booted_once(make_gateway, alpn, fault):
    _, stack = make_gateway(alpn)
    stack.tell(faults=0.5, kinds=[fault], only="/servers")
    with Machines("a[001-020]", "a", parallel=20) as ms:
        ms.boot()
    stack.tell(faults=0.0)
    counts = Counter(server["name"] for server in stack.servers())
    assert counts and set(counts.values()) == {1}


@pytest.mark.parametrize("alpn", [BOTH, OLD])
def test_an_answer_that_is_cut_costs_the_other_calls_nothing(make_gateway, alpn):
    """Those that share a connection, too; and a reboot is not repeated."""
    _, stack = make_gateway(alpn)
    stack.add([f"a{number:03}" for number in range(1, 101)], "ACTIVE")
    with Cloud("a") as cloud:
        assert len(cloud.machines()) == 100
    stack.tell(faults=0.05, kinds=["truncated"], only="/action")
    stack.forget()
    with Machines("a[001-100]", "a", parallel=100) as ms:
        result = ms.reboot()
    cut = sum(bool(call["fault"]) for call in stack.calls() if call["kind"].endswith("reboot"))
    assert 0 < cut < 20 and len(result.failed) == cut


def test_a_gateway_that_ends_in_the_middle_leaves_nothing_untold(make_gateway):
    gateway, stack = make_gateway(BOTH)
    stack.add([f"a{number:03}" for number in range(1, 101)])
    with Cloud("a") as cloud:
        assert len(cloud.machines()) == 100
    stack.tell(hang=True)
    stopped = []

    def starts():
        return sum(call["kind"].endswith("os-start") for call in stack.calls())

    def watch(_, tallies):
        if not stopped and starts() > 50:
            gateway.process.kill()
            stopped.append(gateway.process.wait(20))

    with Machines("a[001-100]", "a", parallel=100, watch=watch) as ms:
        result = ms.start()
    assert stopped and len(result.failed) == 100
    assert starts() > 50
    unsure = [each for each in result.failed if each.error.outcome_unknown]
    assert len(unsure) >= starts()

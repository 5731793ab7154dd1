"""The pretended OpenStack is one as far as clients look, and fails as it is told."""

import json
import os
import signal
import socket
import time
from contextlib import suppress

import pytest
import requests
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

PAST = {
    "error": errors.Refused,
    "unavailable": errors.Unreachable,
    "gateway": errors.Unreachable,
    "rate": errors.RateLimited,
    "reset": errors.Unreachable,
    "silence": errors.CloudTimeout,
    "error-after": errors.Refused,
    "reset-after": errors.Unreachable,
    "silence-after": errors.CloudTimeout,
    "malformed": errors.BadAnswer,
    "truncated": errors.CloudError,
}


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / "cloudmesh"))


def provider(stack, **settings):
    return OpenStackProvider("fake", stack.section(**settings))


def request(cloud, name, **metadata):
    return BootRequest(name, cloud.images()[0], cloud.flavors()[0], metadata=metadata)


def test_libclouds_own_driver_finds_an_openstack(make_stack):
    stack = make_stack()
    stack.add(["web1", "web2"])
    driver = get_driver(Provider.OPENSTACK)(
        "demo",
        stack.settings["password"],
        api_version="2.2",
        ex_force_auth_url=stack.url,
        ex_force_auth_version="3.x_password",
        ex_domain_name="default",
        ex_tenant_name="demo",
        ex_tenant_domain_id="default",
        ex_force_service_region="RegionOne",
    )
    nodes = driver.list_nodes()
    assert [(node.name, node.state) for node in nodes] == [("web1", "stopped"), ("web2", "stopped")]
    assert driver.ex_start_node(nodes[0]) and stack.report()["states"] == {"ACTIVE": 1, "SHUTOFF": 1}
    assert [image.name for image in driver.list_images()] == ["debian-12", "ubuntu-24.04"]
    made = driver.create_node("web3", driver.list_sizes()[0], driver.list_images()[0])
    assert made.destroy() and stack.report()["states"] == {"ACTIVE": 1, "SHUTOFF": 1}


def test_a_machine_lives_as_on_nova(make_stack):
    stack = make_stack()
    with provider(stack) as cloud:
        known = cloud.boot(request(cloud, "web1", owner="me"))
        assert cloud.machine(known.cloud_id).metadata == {"owner": "me"}
        life = [("stop", "start"), ("suspend", "resume"), ("pause", "unpause")]
        for out, back in life:
            getattr(cloud, out)(known.cloud_id)
            assert cloud.machine(known.cloud_id).state is not State.ACTIVE
            getattr(cloud, back)(known.cloud_id)
            assert cloud.machine(known.cloud_id).state is State.ACTIVE
        with pytest.raises(errors.Conflict, match="the machine is active"):
            cloud.start(known.cloud_id)
        cloud.delete(known.cloud_id)
        with pytest.raises(errors.NotFound):
            cloud.machine(known.cloud_id)


def test_what_takes_time_is_told_while_it_goes_on(make_stack):
    stack = make_stack(build=30, action=30)
    (stopped,) = stack.add(["old"])
    with provider(stack) as cloud:
        built = cloud.boot(request(cloud, "new"))
        cloud.start(stopped)
        assert {each.name: each.state for each in cloud.machines()} == {
            "old": State.STARTING,
            "new": State.BUILDING,
        }
        stack.tell(action=0)
        cloud.delete(built.cloud_id)
        assert [each.name for each in cloud.machines()] == ["old"]


def test_a_listing_comes_in_pages(make_stack):
    stack = make_stack(page=7)
    stack.add([f"web{number:02}" for number in range(20)])
    with provider(stack) as cloud:
        assert [each.name for each in cloud.machines()] == [f"web{number:02}" for number in range(20)]
    assert stack.report()["kinds"]["GET /compute/v2.1/servers/detail"] == 3


def test_it_tells_of_a_token_that_was_used_twice(make_stack):
    stack = make_stack()
    with provider(stack) as cloud:
        for name in ("a", "b", "b2"):
            cloud.boot(request(cloud, name, **{"cloudmesh-token": name[0]}))
    assert [len(ids) for ids in stack.report()["twice"].values()] == [2]


@pytest.mark.parametrize(("kind", "error"), PAST.items())
def test_a_call_fails_as_it_is_told(make_stack, kind, error):
    stack = make_stack()
    (known,) = stack.add(["web1"])
    stack.tell(faults=1, kinds=[kind], only="/action")
    with provider(stack, timeout=0.3) as cloud, pytest.raises(error):
        cloud.start(known)
    was_done = kind in ("error-after", "reset-after", "silence-after", "malformed", "truncated")
    assert stack.report()["states"] == ({"ACTIVE": 1} if was_done else {"SHUTOFF": 1})
    assert stack.report()["faults"] == {kind: 1}


@pytest.mark.parametrize("trouble", [{"hang": True}, {"trickle": 0.05}])
def test_it_hangs_for_ever_and_only_where_it_is_told(make_stack, trouble):
    stack = make_stack(only="/action", **trouble)
    (known,) = stack.add(["web1"])
    with provider(stack) as cloud:
        token = cloud.session.token().text
        assert len(list(cloud.machines())) == 1
    url = f"{stack.url}/compute/v2.1/servers/{known}/action"
    with pytest.raises(requests.exceptions.RequestException), requests.Session() as session:
        answer = session.post(
            url, json={"os-start": None}, headers={"X-Auth-Token": token}, timeout=0.3, stream=True
        )
        began = time.monotonic()
        for _ in answer.iter_content(1):
            if time.monotonic() - began > 0.5:
                raise requests.exceptions.ReadTimeout("it would go on")
    assert stack.report()["states"] == {"SHUTOFF": 1}


def test_the_same_calls_fail_with_the_same_seed(make_stack):
    def failed(seed):
        stack = make_stack(faults=0.3, kinds=["error"], seed=seed, only="/action")
        ids = stack.add([f"web{number}" for number in range(30)])
        with provider(stack) as cloud:
            for each in ids:
                with suppress(errors.CloudError):
                    cloud.start(each)
        return [each["status"] for each in stack.calls() if each["kind"].endswith("os-start")]

    first = failed(5)
    assert failed(5) == first != failed(6) and 2 < first.count(500) < 20


def test_calls_have_latency_and_are_answered_at_the_same_time(make_stack):
    stack = make_stack(latency=0.2)
    body = json.dumps({"auth": {"identity": {}}}).encode()
    head = b"POST /v3/auth/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    clients = [socket.create_connection(("127.0.0.1", stack.port)) for _ in range(8)]
    for each in clients:
        each.sendall(head + body)
    for each in clients:
        assert each.recv(4096).startswith(b"HTTP/1.1 401")
        each.close()
    calls = stack.calls()
    assert all(each["ended"] - each["began"] >= 0.2 for each in calls) and stack.report()["most"] == 8


def test_it_ends_with_whoever_started_it(_stack_class):
    stack = _stack_class().start()
    number = stack._process.pid
    os.kill(number, 0)
    stack._process.stdin.close()
    assert stack._process.wait(10) == 0
    stack._process.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.kill(number, signal.SIGTERM)

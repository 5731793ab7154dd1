"""A real Nova tells what has changed: its changes add up to its listing, and waiting goes by them."""

import json
import threading
import time

import psutil
import pytest

from cloudmesh.cloud.client.looks import Looks
from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.conformance.base import Around
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.openstack import changes, services
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider

from .conftest import wait_until

pytestmark = pytest.mark.openstack


@pytest.fixture
def provider(tenant, cloudmesh):
    with OpenStackProvider("bed", tenant.settings()) as provider:
        yield provider
        for machine in provider.machines():
            provider.delete(machine.cloud_id)
        wait_until(lambda: not list(provider.machines()))


@pytest.fixture
def boot(provider):
    """Boots a machine, and does not wait for it."""
    image, flavor = pick("image", "cirros-0.6", "bed", provider.images()), provider.flavors()[0]
    return lambda name: provider.boot(BootRequest(name, image, flavor))


@pytest.mark.parametrize("page", [500, 1])
def test_the_changes_add_up_to_the_listing(provider, boot, monkeypatch, page):
    monkeypatch.setattr(services, "PAGE", page)
    # Where answers have no date, as here, the time is told by servers.
    first = boot("vm0")
    seen = Looks(Around(provider))
    known = {each.cloud_id: each for each in seen.look(whole=True).machines}

    def follow():
        look = seen.look(whole=False)
        assert not look.whole and not look.left_out
        for each in look.machines:
            known[each.cloud_id] = each
        return [each.state for each in known.values() if each.state is not State.DELETED]

    second = boot("vm1")
    boot("vm2")
    wait_until(lambda: follow() == [State.ACTIVE] * 3)
    provider.stop(first.cloud_id)
    provider.delete(second.cloud_id)
    wait_until(lambda: sorted(follow()) == [State.ACTIVE, State.STOPPED])
    wait_until(lambda: len(list(provider.machines())) == 2)
    follow()
    listed = {each.cloud_id: each for each in provider.machines()}
    assert {key: each for key, each in known.items() if each.state is not State.DELETED} == listed


def test_a_server_that_did_not_change_is_not_told_again(provider, boot, monkeypatch):
    monkeypatch.setattr(changes, "OVERLAP", 0.0)
    boot("rests")
    wait_until(lambda: [each.state for each in provider.machines()] == [State.ACTIVE])
    # The time that a listing took is told once more, and the rest of a second.
    time.sleep(5)
    boot("moves")
    wait_until(lambda: [each.state for each in provider.machines()] == [State.ACTIVE] * 2)
    assert [each.name for each in provider.changed_machines(provider.mark)] == ["moves"]


def test_waiting_lists_all_machines_once_and_then_what_changes(tenant, home, configure, counter):
    home.extra["http_proxy"] = counter.url
    configure(home, bed=tenant.settings())
    home.cms("flavor", "list", "--refresh")
    counter.taken()
    home.cms("vm", "boot", "web1", "--wait")
    looks = [each for each in counter.taken() if "/servers/detail" in each]
    assert any("changes-since" in each for each in looks)
    home.cms("vm", "delete", "web1", "--yes", "--wait")
    assert home.json("vm", "list", "--refresh") == []


def test_a_deletion_ends_when_nova_does_not_find_the_server_any_more(tenant, home, configure, place_of_bed):
    """Between the status DELETED and its end a server gives back what Placement keeps for it."""
    configure(home, bed=tenant.settings())
    home.cms("vm", "boot", "web1", "--wait")
    note = json.loads((place_of_bed / "run" / "pid" / "placement.json").read_text(encoding="utf-8"))
    placement = psutil.Process(note["pid"])
    held = [*placement.children(recursive=True), placement]
    for each in held:
        each.suspend()
    release = threading.Timer(10, lambda: [each.resume() for each in held])
    release.start()
    try:
        home.cms("vm", "delete", "web1", "--yes", "--wait")
        assert release.finished.is_set(), "it has not ended before"
    finally:
        release.cancel()
        release.join()
        for each in held:
            each.resume()
    assert home.json("vm", "list", "--refresh") == []

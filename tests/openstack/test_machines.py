"""What is done to machines on a real OpenStack, and the states they are in meanwhile."""

import base64
from dataclasses import replace

import pytest

from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.errors import Conflict, FlavorTooSmall, NoCapacity, NotFound, QuotaExceeded
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.openstack import services
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
def request_of(provider):
    """Makes boot requests from names."""
    images, flavors = provider.images(), provider.flavors()

    def make(name="vm1", image="cirros-0.6", flavor="m1.tiny", **more):
        return BootRequest(
            name, pick("image", image, "bed", images), pick("flavor", flavor, "bed", flavors), **more
        )

    return make


@pytest.fixture
def boot(provider, request_of):
    """Boots a machine and waits until it is active."""

    def make(*words, **more):
        booted = provider.boot(request_of(*words, **more))
        return reaches(provider, booted.cloud_id, State.ACTIVE)

    return make


def reaches(provider, cloud_id, state):
    def there():
        machine = provider.machine(cloud_id)
        assert machine.state in (state, State.UNKNOWN) or machine.state.is_passing or machine.state in START
        return machine if machine.state is state else None

    return wait_until(there)


# Where a machine may be seen before Nova has begun.
START = {State.ACTIVE, State.STOPPED, State.PAUSED, State.SUSPENDED, State.RESIZED}


def test_paused_suspended_and_stopped_stay_three_things(provider, boot):
    cloud_id = boot().cloud_id
    ways = {
        (provider.pause, State.PAUSED): provider.unpause,
        (provider.suspend, State.SUSPENDED): provider.resume,
        (provider.stop, State.STOPPED): provider.start,
    }
    for (there, state), back in ways.items():
        there(cloud_id)
        machine = reaches(provider, cloud_id, state)
        assert machine.raw_state == {"stopped": "SHUTOFF"}.get(state.value, state.value.upper())
        for _, other in ways.items():
            if other != back:
                with pytest.raises(Conflict, match=f"the machine is {state.value}"):
                    other(cloud_id)
        back(cloud_id)
        reaches(provider, cloud_id, State.ACTIVE)


@pytest.mark.parametrize("verb", ["reboot", "hard_reboot"])
def test_both_ways_to_reboot(provider, boot, verb):
    cloud_id = boot().cloud_id
    getattr(provider, verb)(cloud_id)
    reaches(provider, cloud_id, State.ACTIVE)


def test_a_stopped_machine_reboots_only_the_hard_way(provider, boot):
    cloud_id = boot().cloud_id
    provider.stop(cloud_id)
    reaches(provider, cloud_id, State.STOPPED)
    with pytest.raises(Conflict):
        provider.reboot(cloud_id)
    provider.hard_reboot(cloud_id)
    reaches(provider, cloud_id, State.ACTIVE)


def test_rebuild_takes_another_image_and_keeps_the_id(provider, boot):
    machine = boot()
    other = pick("image", "debian-12", "bed", provider.images())
    provider.rebuild(machine.cloud_id, other)
    after = reaches(provider, machine.cloud_id, State.ACTIVE)
    assert machine.image != after.image == other.cloud_id


def test_resize_is_confirmed(provider, boot):
    machine = boot()
    assert machine.flavor == "m1.tiny"
    provider.resize(machine.cloud_id, pick("flavor", "m1.small", "bed", provider.flavors()))
    assert reaches(provider, machine.cloud_id, State.ACTIVE).flavor == "m1.small"


def test_a_resize_whose_confirmation_was_missed_is_confirmed_later(provider, boot, tenant):
    machine = boot()
    small = pick("flavor", "m1.small", "bed", provider.flavors())
    path = f"/v2.1/servers/{machine.cloud_id}/action"
    tenant.api("POST", "nova-RegionOne", path, json={"resize": {"flavorRef": small.cloud_id}})
    wait_until(lambda: provider.machine(machine.cloud_id).raw_state == "VERIFY_RESIZE")
    assert provider.machine(machine.cloud_id).state is State.RESIZED
    provider.resize(machine.cloud_id, small)
    assert reaches(provider, machine.cloud_id, State.ACTIVE).flavor == "m1.small"


def test_rename(provider, boot):
    machine = boot()
    provider.rename(machine.cloud_id, "vm 2 ü")
    assert provider.machine(machine.cloud_id).name == "vm 2 ü"


def test_metadata_is_set_changed_and_removed_key_by_key(provider, boot):
    cloud_id = boot(metadata={"owner": "ann", "stay": "here"}).cloud_id
    assert provider.machine(cloud_id).metadata == {"owner": "ann", "stay": "here"}
    provider.set_metadata(cloud_id, {"owner": None, "a:b. c": "ü", "never there": None})
    assert provider.machine(cloud_id).metadata == {"stay": "here", "a:b. c": "ü"}
    provider.set_metadata(cloud_id, {"a:b. c": None})
    assert provider.machine(cloud_id).metadata == {"stay": "here"}
    with pytest.raises(NotFound):
        provider.set_metadata("00000000-0000-0000-0000-000000000000", {"x": "y"})


def test_the_user_data_arrives(provider, boot, tenant):
    text = "#!/bin/sh\necho ü\n"
    machine = boot(userdata=text)
    headers = {"OpenStack-API-Version": "compute 2.3"}
    path = f"/v2.1/servers/{machine.cloud_id}"
    told = tenant.admin("GET", "nova-RegionOne", path, headers=headers)["server"]
    assert base64.b64decode(told["OS-EXT-SRV-ATTR:user_data"]).decode() == text


def test_console(provider, boot):
    assert "FAKE CONSOLE OUTPUT" in provider.console(boot().cloud_id)


@pytest.fixture
def flavor_of(tenant, admin):
    """Makes a flavor of this size, for this project alone."""
    made = []

    def make(**size):
        wanted = {"name": f"odd{len(made)}", "ram": 512, "os-flavor-access:is_public": False, **size}
        flavor = admin("POST", "nova-RegionOne", "/v2.1/flavors", json={"flavor": wanted})["flavor"]
        made.append(f"/v2.1/flavors/{flavor['id']}")
        access = {"addTenantAccess": {"tenant": tenant.project_id}}
        admin("POST", "nova-RegionOne", f"{made[-1]}/action", json=access)
        return flavor["name"]

    yield make
    for path in made:
        admin("DELETE", "nova-RegionOne", path)


@pytest.fixture
def impossible(flavor_of):
    """A flavor that no host has room for."""
    return flavor_of(vcpus=4096, disk=1)


def test_a_flavor_without_a_disk_says_what_it_needs(flavor_of, provider):
    name = flavor_of(vcpus=1, disk=0)
    image = pick("image", "cirros-0.6", "bed", provider.images())
    flavor = pick("flavor", name, "bed", provider.flavors())
    with pytest.raises(FlavorTooSmall, match="from volumes only; use a flavor with a disk"):
        provider.boot(BootRequest("vm1", image, flavor))


def test_no_host_has_room_for_a_resize(impossible, provider, boot):
    machine = boot()
    with pytest.raises(NoCapacity, match="capacity"):
        provider.resize(machine.cloud_id, pick("flavor", impossible, "bed", provider.flavors()))
    assert reaches(provider, machine.cloud_id, State.ACTIVE).flavor == "m1.tiny"


def test_no_host_has_room_and_the_machine_says_so(impossible, provider, request_of):
    booted = provider.boot(request_of(flavor=impossible))
    wait_until(lambda: provider.machine(booted.cloud_id).state is State.ERROR)
    assert "No valid host" in provider.machine(booted.cloud_id).fault


def test_an_image_that_does_not_fit_the_flavor(provider, request_of):
    with pytest.raises(FlavorTooSmall, match="disk of 500 GiB, the flavor has 1 GiB"):
        provider.boot(request_of(image="huge"))


def test_a_quota_that_is_exceeded_is_named_with_its_numbers(provider, boot, request_of, tenant, admin):
    path = f"/v2.1/os-quota-sets/{tenant.project_id}"
    admin("PUT", "nova-RegionOne", path, json={"quota_set": {"instances": 1}})
    try:
        boot()
        with pytest.raises(QuotaExceeded, match="quota of machines exceeded \\(1 of 1 used\\)") as told:
            provider.boot(request_of("vm2"))
        assert (told.value.quota, told.value.used, told.value.limit) == ("machines", 1, 1)
        (machines,) = [quota for quota in provider.quotas() if quota.name == "machines"]
        assert (machines.used, machines.limit, machines.left) == (1, 1, 0)
    finally:
        admin("DELETE", "nova-RegionOne", path)


def test_an_image_that_is_gone(provider, request_of):
    request = request_of()
    gone = replace(request.image, cloud_id="00000000-0000-0000-0000-000000000000")
    with pytest.raises(NotFound, match="image"):
        provider.boot(replace(request, image=gone))
    with pytest.raises(NotFound):
        provider.image(gone.cloud_id)
    assert provider.image(request.image.cloud_id) == request.image


def test_a_long_list_comes_in_pages_and_is_whole(counter, provider, request_of, monkeypatch):
    for number in range(5):
        provider.boot(request_of(f"vm{number}"))
    # Nova's list is in motion while machines are built.
    wait_until(lambda: all(machine.state is State.ACTIVE for machine in provider.machines()))
    counter.taken()
    monkeypatch.setattr(services, "PAGE", 2)
    listing = provider.machines()
    assert next(listing).cloud == "bed"
    assert len(counter.taken()) == 1, "the second page is asked for when it is needed"
    assert len(list(listing)) == 4 and len(counter.taken()) == 2
    everything = provider.images(), provider.flavors(), provider.security_groups(), provider.networks()
    monkeypatch.setattr(services, "PAGE", 500)
    assert everything == (
        provider.images(),
        provider.flavors(),
        provider.security_groups(),
        provider.networks(),
    )

"""What a user may say of a new machine, and that no address that costs money is lost."""

import pytest

from cloudmesh.cloud.booting import Booting
from cloudmesh.cloud.capability import Capability
from cloudmesh.cloud.cloud import Cloud
from cloudmesh.cloud.errors import CloudError, Conflict, FlavorTooSmall, Unreachable, Unsupported
from cloudmesh.cloud.inventory import Inventory
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.verbs import VERBS
from cloudmesh.config.check import check
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError


@pytest.fixture
def uc(configure, spy):
    with Cloud("uc", configure({"uc": {}})) as cloud:
        yield cloud


def addresses(cloud):
    return [(each.address, each.machine_id) for each in cloud.floating_ips()]


def test_all_that_is_said_reaches_the_cloud(uc, monkeypatch):
    requests = []
    original = SimulatedProvider.boot
    monkeypatch.setattr(
        type(uc.provider),
        "boot",
        lambda self, request: (requests.append(request), original(self, request))[1],
    )
    uc.create_security_group("web")
    machine = uc.boot(
        "vm1", network="priv*", secgroup="default,web", userdata="#!/bin/sh", metadata={"role": "web"}
    )
    (request,) = requests
    assert [each.name for each in request.networks] == ["private"]
    assert [each.name for each in request.security_groups] == ["default", "web"]
    assert (request.userdata, machine.metadata) == ("#!/bin/sh", {"role": "web"})
    assert "#!/bin/sh" not in repr(request), "user data may hold secrets"


def test_defaults_of_the_configuration_are_used_and_known_to_its_check(configure, tmp_path):
    script = tmp_path / "init.yaml"
    script.write_text("#cloud-config\n")
    own = {"image": "debian-12", "flavor": "tiny", "network": "private", "secgroup": "default"}
    config = configure({"uc": {"default": {**own, "userdata": str(script)}}})
    with Cloud("uc", config) as cloud:
        request = cloud.boot_request("vm1")
    assert (request.networks[0].name, request.security_groups[0].name) == ("private", "default")
    assert request.userdata == "#cloud-config\n"
    assert [problem for problem in check(config.path) if "default" in str(problem)] == []


def test_user_data_that_cannot_be_read_is_told_before_anything_is_booted(configure, tmp_path):
    config = configure({"uc": {"default": {"image": "tiny-linux", "flavor": "tiny", "userdata": "/no/file"}}})
    with Cloud("uc", config) as cloud:
        with pytest.raises(ConfigError, match="the user data /no/file for cloud uc cannot be read: No such"):
            cloud.boot("vm1")
        with pytest.raises(UsageError, match="cannot be read"):
            cloud.boot("vm1", userdata=tmp_path / "nothing")
        assert cloud.machines() == []


@pytest.mark.parametrize(
    ("option", "capability", "told"),
    [
        ({"network": "private"}, Capability.NETWORKS, "cannot tell of networks"),
        ({"secgroup": "default"}, Capability.SECURITY_GROUPS, "cannot keep security groups"),
        ({"userdata": "x"}, Capability.USERDATA, "cannot hand user data to a machine"),
        ({"metadata": {"a": "b"}}, Capability.BOOT_METADATA, "cannot boot a machine with metadata"),
        ({"public": True}, Capability.FLOATING_IPS, "cannot give a new machine a public address"),
    ],
)
def test_what_the_cloud_cannot_do_is_refused_before_it_is_asked(uc, spy, option, capability, told):
    uc.provider.capabilities = uc.provider.capabilities - {capability}
    with pytest.raises(Unsupported, match=told):
        uc.boot("vm1", **option)
    assert spy.taken() == []


def test_an_image_too_large_for_the_flavor_is_told(uc):
    with pytest.raises(
        FlavorTooSmall, match="image rocky-9 needs 10 GiB of disk and flavor tiny of cloud uc has 5"
    ):
        uc.boot("vm1", image="rocky-9")


@pytest.mark.parametrize("option", [{"network": "pirvate"}, {"secgroup": "defalt"}, {"key": "me"}])
def test_unknown_names_are_told_with_the_nearest(uc, option):
    with pytest.raises(UnknownName):
        uc.boot("vm1", **option)
    assert uc.machines() == []


def test_a_public_address_comes_with_the_machine_and_goes_with_it(uc):
    machine = uc.boot("vm1", public=True)
    ((address, leads_to),) = addresses(uc)
    assert (machine.public_ips, leads_to) == ([address], machine.cloud_id)
    uc.create_floating_ip()
    uc.machine("vm1", "delete")
    assert [each for each, _ in addresses(uc)] != [address], "only the address of the machine is given back"
    assert len(addresses(uc)) == 1


def test_the_address_of_a_machine_that_is_gone_already_is_given_back(uc):
    machine = uc.boot("vm1", public=True)
    with SimulatedProvider("uc", uc.provider.settings) as behind:
        behind.delete(machine.cloud_id)
    uc.act(machine, VERBS["delete"])
    assert addresses(uc) == []


def test_an_address_that_leads_elsewhere_by_now_is_not_given_back(uc):
    machine, other = uc.boot("vm1", public=True), uc.boot("vm2")
    (address,) = uc.floating_ips()
    with SimulatedProvider("uc", uc.provider.settings) as behind:
        behind.detach_floating_ip(address.cloud_id)
        behind.attach_floating_ip(address.cloud_id, other.cloud_id)
    uc.machine(machine.name, "delete")
    assert addresses(uc) == [(address.address, other.cloud_id)]


def test_an_address_that_was_detached_by_the_user_stays(uc):
    uc.boot("vm1", public=True)
    (address,) = uc.floating_ips()
    uc.detach_floating_ip(address.address)
    uc.machine("vm1", "delete")
    assert addresses(uc) == [(address.address, "")]


def test_a_machine_without_a_port_yet_is_waited_for(uc, monkeypatch):
    monkeypatch.setattr(Booting, "_sleep", staticmethod(lambda _: None))
    original, calls = SimulatedProvider.attach_floating_ip, []

    def attach(self, cloud_id, machine_id):
        calls.append(cloud_id)
        if len(calls) < 4:
            raise Conflict("it has no port yet")
        original(self, cloud_id, machine_id)

    monkeypatch.setattr(type(uc.provider), "attach_floating_ip", attach)
    assert uc.boot("vm1", public=True).public_ips
    assert len(calls) == 4


@pytest.mark.parametrize("method", ["create_floating_ip", "attach_floating_ip"])
def test_a_machine_without_its_address_is_told_and_the_address_is_given_back(uc, spy, method):
    spy.trouble["uc", method] = Unreachable("no answer")
    with pytest.raises(
        CloudError, match=r"uc:vm1 \(sim-000001\) was booted and runs, but has no public address: no"
    ):
        uc.boot("vm1", public=True)
    assert [each.name for each in uc.machines()] == ["vm1"]
    assert addresses(uc) == []


def test_an_address_that_cannot_be_given_back_is_named_with_the_command_that_does(uc, spy):
    machine = uc.boot("vm1", public=True)
    (address,) = uc.floating_ips()
    spy.trouble["uc", "delete_floating_ip"] = Unreachable("no answer")
    with pytest.raises(CloudError, match=f"cms ip delete {address.address} --cloud=uc"):
        uc.machine("vm1", "delete")
    with Inventory() as inventory:
        assert [each.address for each in inventory.addresses_of(machine)] == [address.address]


def test_ctrl_c_while_an_address_is_attached_gives_it_back(uc, spy):
    spy.trouble["uc", "attach_floating_ip"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        uc.boot("vm1", public=True)
    assert addresses(uc) == []

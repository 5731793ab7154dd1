"""What a user may say of a new machine, and that no address that costs money is lost."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.errors import (
    CloudError,
    Conflict,
    FlavorTooSmall,
    RateLimited,
    Unreachable,
    Unsupported,
    is_transient,
)
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import VERBS, Capability
from cloudmesh.cloud.provider.boot import new_token
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config.check.findings import check
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, UnknownName, UsageError


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
        ({"network": "private"}, Capability.NETWORKS, "cannot list networks"),
        ({"secgroup": "default"}, Capability.SECURITY_GROUPS, "cannot manage security groups"),
        ({"userdata": "x"}, Capability.USERDATA, "cannot boot a machine with user data"),
        ({"metadata": {"a": "b"}}, Capability.BOOT_METADATA, "cannot boot a machine with metadata"),
        ({"hint": {"group": "a"}}, Capability.BOOT_HINTS, "cannot boot a machine with scheduler hints"),
        ({"public": True}, Capability.FLOATING_IPS, "cannot boot a machine with a public address"),
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
    monkeypatch.setattr(Connection, "sleep", staticmethod(lambda _: None))
    original, calls = SimulatedProvider.attach_floating_ip, []

    def attach(self, cloud_id, machine_id):
        calls.append(cloud_id)
        if len(calls) < 4:
            raise Conflict("it has no port yet")
        original(self, cloud_id, machine_id)

    monkeypatch.setattr(type(uc.provider), "attach_floating_ip", attach)
    assert uc.boot("vm1", public=True).public_ips
    assert len(calls) == 4


def test_a_machine_that_gets_no_port_is_told_once_and_its_address_is_given_back(uc, spy, monkeypatch):
    """The cloud did answer: it must not count as silent, nor the address be tried for again and again."""
    monkeypatch.setattr("cloudmesh.cloud.client.addresses._PORT_SECONDS", 0.0)
    spy.trouble["uc", "attach_floating_ip"] = Conflict("it has no port yet")
    with pytest.raises(Conflict, match="not attached after 0 seconds: it has no port yet") as caught:
        uc.boot("vm1", public=True)
    assert not is_transient(caught.value)
    assert addresses(uc) == []


@pytest.fixture
def refusing(uc, spy, monkeypatch):
    """Attaching is refused for ever; whoever waits does so on a clock of its own, which is given."""
    now = [1000.0]
    spy.trouble["uc", "attach_floating_ip"] = Conflict("port 7 has no IPv4 address")
    monkeypatch.setattr(Connection, "sleep", staticmethod(lambda seconds: now.append(now[-1] + seconds)))
    times = SimpleNamespace(monotonic=lambda: now[-1], time=time.time)
    monkeypatch.setattr("cloudmesh.cloud.client.addresses.time", times)
    return now


@pytest.mark.parametrize(
    ("state", "private", "seconds", "told"),
    [
        (
            State.ACTIVE,
            ["fd00::1", "2001:db8::5"],
            0,
            r"it has IPv6 addresses only \(fd00::1, 2001:db8::5\): port 7",
        ),
        (State.ACTIVE, ["10.0.0.1"], 6, "not attached after . seconds: port 7 has no IPv4 address"),
        (State.BUILDING, [], 9, "not attached after 8 seconds: port 7 has no IPv4 address"),
    ],
)
def test_why_no_address_can_lead_there_is_told_before_the_call_is_given_up(
    uc, refusing, monkeypatch, state, private, seconds, told
):
    uc.connection.call_timeout = 10
    original = SimulatedProvider.machine
    shown = lambda self, cloud_id: replace(original(self, cloud_id), state=state, private_ips=private)  # noqa: E731
    monkeypatch.setattr(type(uc.provider), "machine", shown)
    with pytest.raises(Conflict, match=f"uc:vm1 .* is running, but has no public address: .*{told}"):
        uc.boot("vm1", public=True)
    assert refusing[-1] - refusing[0] <= seconds and addresses(uc) == [], "it is given back"


def test_a_broken_machine_is_not_waited_for(configure, spy):
    spy.trouble["uc", "attach_floating_ip"] = Conflict("it has no port yet")
    with Cloud("uc", configure({"uc": {"fail": {"verb": "boot", "error": "fault"}}})) as cloud:
        with pytest.raises(Conflict, match="no public address: it is in state error"):
            cloud.boot("vm1", public=True)
        assert spy.taken().count("attach_floating_ip") == 1
        assert addresses(cloud) == []
        assert [each.machine.state for each in cloud.inventory.known("uc")] == [State.ERROR]


@pytest.mark.parametrize("method", ["create_floating_ip", "attach_floating_ip"])
def test_a_machine_without_its_address_is_told_and_the_address_is_given_back(uc, spy, method):
    spy.trouble["uc", method] = Unreachable("no answer")
    with pytest.raises(CloudError, match=r"uc:vm1 \(sim-000001\) is running, but has no public address: no"):
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


@pytest.mark.parametrize("verb", ["floating_ips", "delete_floating_ip"])
@pytest.mark.parametrize("kind", [Unreachable, RateLimited])
def test_whether_giving_back_may_be_tried_again_is_told(uc, spy, verb, kind):
    machine = uc.boot("vm1", public=True)
    uc.read_retry = ONCE
    spy.trouble["uc", verb] = kind("not now")
    with pytest.raises(kind, match="uc:vm1 is deleted") as caught:
        uc.machine("vm1", "delete")
    assert caught.value.outcome_unknown
    del spy.trouble["uc", verb]
    uc.act(machine, VERBS["delete"], maybe_done=True)
    assert addresses(uc) == []


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("verb", ["create_floating_ip", "attach_floating_ip"])
def test_an_address_whose_answer_is_lost_is_neither_lost_nor_taken_twice(configure, verb, after):
    rule = {"verb": verb, "error": "reset", "times": 1, "after": after}
    with Cloud("uc", configure({"uc": {"fail": rule}})) as cloud:
        machine = cloud.boot("vm1", public=True)
        ((address, leads_to),) = addresses(cloud)
        assert (machine.public_ips, leads_to) == ([address], machine.cloud_id)
        assert [each.address for each in cloud.inventory.addresses_of(machine)] == [address]
        cloud.machine("vm1", "delete")
        assert addresses(cloud) == []


@pytest.fixture
def lost(uc, monkeypatch):
    """A machine whose address was taken by somebody who was killed before that was written down."""

    class Killed(BaseException):
        pass

    kind = type(uc.provider)
    take = kind.create_floating_ip

    def killed(self, *words):
        take(self, *words)
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(kind, "create_floating_ip", killed)
        uc.boot("vm1", public=True)
    (machine,) = uc.machines()
    return machine


@pytest.mark.parametrize("vanished", [True, False])
def test_the_address_that_a_killed_process_took_goes_with_its_machine(uc, lost, vanished):
    uc.create_floating_ip("", "another's")
    assert len(addresses(uc)) == 2
    if vanished:
        uc.provider.delete(lost.cloud_id)
    uc.act(lost, VERBS["delete"])
    assert [each.description for each in uc.floating_ips()] == ["another's"]
    assert uc.inventory.addresses_of(lost) == []


@pytest.mark.parametrize("elsewhere", [True, False])
def test_the_address_that_a_killed_process_took_stays_if_the_user_has_another_use_for_it(uc, lost, elsewhere):
    (address,) = uc.floating_ips()
    uc.attach_floating_ip(address.address, uc.boot("other") if elsewhere else lost)
    if not elsewhere:
        uc.detach_floating_ip(address.address)
    uc.act(lost, VERBS["delete"])
    assert [each.address for each in uc.floating_ips()] == [address.address]


def test_an_address_that_may_have_been_taken_is_told_while_the_cloud_does_not_list_any(uc, lost, spy):
    uc.read_retry = ONCE
    spy.trouble["uc", "floating_ips"] = Unreachable("not now")
    with pytest.raises(Unreachable, match=r"vm1 is deleted, but .* \(one that may have been allocated\)"):
        uc.act(lost, VERBS["delete"])
    del spy.trouble["uc", "floating_ips"]
    uc.act(lost, VERBS["delete"], maybe_done=True)
    assert addresses(uc) == []


@pytest.mark.parametrize("attached", [True, False])
def test_the_address_that_a_killed_process_took_is_used_again(uc, spy, attached):
    request = a_request(uc)
    machine = uc.boot_as(request)
    left = uc.provider.create_floating_ip("", f"cloudmesh-token:{request.token}")
    if attached:
        uc.provider.attach_floating_ip(left.cloud_id, machine.cloud_id)
    uc.create_floating_ip("", "another's")
    spy.taken()
    assert uc.booter.addresses.give(machine, request.token).public_ips == [left.address]
    assert spy.taken() == ["floating_ips"] + ["attach_floating_ip"] * (not attached)
    assert uc.booter.addresses.give(machine, request.token).public_ips == [left.address]
    assert [each.address for each in uc.inventory.addresses_of(machine)] == [left.address]
    assert len(addresses(uc)) == 2


def test_an_address_of_the_token_that_leads_elsewhere_by_now_is_left_there(uc):
    request = a_request(uc)
    machine, other = uc.boot_as(replace(request, public=True)), uc.boot("vm2")
    (address,) = uc.floating_ips()
    uc.detach_floating_ip(address.address)
    uc.attach_floating_ip(address.address, other)
    (own,) = uc.booter.addresses.give(replace(machine, public_ips=[]), request.token).public_ips
    assert dict(addresses(uc)) == {address.address: other.cloud_id, own: machine.cloud_id}


def test_the_error_of_an_address_tells_whether_to_try_again(uc, spy):
    spy.trouble["uc", "create_floating_ip"] = RateLimited("slowly", 7.0)
    with pytest.raises(RateLimited, match="is running, but has no public address: slowly") as caught:
        uc.boot("vm1", public=True)
    assert caught.value.retry_after == 7.0 and not caught.value.outcome_unknown


@pytest.mark.parametrize("gone", [True, False])
def test_the_address_of_a_machine_that_is_deleted_already_is_given_back(configure, spy, clock, gone):
    """Whoever deleted it was killed before it gave the address back."""
    with Cloud("uc", configure({"uc": {"action_seconds": 9}})) as cloud:
        machine = cloud.boot("vm1", public=True)
        cloud.provider.delete(machine.cloud_id)
        clock.forward(10 if gone else 1)
        if gone:
            cloud.boot("vm1")
            with pytest.raises(Conflict, match="another machine"):
                cloud.act(machine, VERBS["delete"])
        else:
            assert not cloud.act(cloud.refresh(machine), VERBS["delete"]).changed
        assert addresses(cloud) == []


def test_ctrl_c_while_an_address_is_attached_gives_it_back(uc, spy):
    spy.trouble["uc", "attach_floating_ip"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        uc.boot("vm1", public=True)
    assert addresses(uc) == []


LOST = {"verb": "boot", "times": 1, "after": True}


def a_request(cloud, **more):
    return replace(cloud.boot_request("vm1"), token=new_token(), **more)


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize("error", ["timeout", "reset", "server", "malformed"])
def test_a_boot_whose_answer_is_lost_is_found_by_its_token(configure, spy, error, after):
    with Cloud("uc", configure({"uc": {"fail": {**LOST, "error": error, "after": after}}})) as cloud:
        request = a_request(cloud, metadata={"role": "web"})
        with pytest.raises(CloudError) as caught:
            cloud.boot_as(request)
        assert caught.value.outcome_unknown
        spy.taken()
        machine = cloud.boot_as(request, maybe_done=True)
        assert spy.taken() == ["find_booted"] + ["boot"] * (not after)
        assert [each.cloud_id for each in cloud.machines()] == [machine.cloud_id]
        assert cloud.machine("vm1").metadata == machine.metadata == {"role": "web"}
        assert cloud.boot_as(request, maybe_done=True).cloud_id == machine.cloud_id


def test_what_is_booted_from_python_survives_a_lost_answer(configure):
    with Cloud("uc", configure({"uc": {"fail": {**LOST, "error": "reset"}}})) as cloud:
        machine = cloud.boot("vm1")
        assert [each.cloud_id for each in cloud.machines()] == [machine.cloud_id]


def test_what_was_surely_not_booted_is_not_tried_again(uc, spy):
    spy.trouble["uc", "boot"] = Unreachable("nobody listens")
    with pytest.raises(Unreachable):
        uc.boot("vm1")
    assert spy.taken().count("boot") == 1


def test_the_token_is_no_metadata_of_the_user_and_stays_on_the_machine(uc):
    request = a_request(uc)
    machine = uc.boot_as(request)
    uc.act(machine, VERBS["metadata"], {"a": "b"})
    assert uc.machine("vm1").metadata == {"a": "b"}
    assert uc.booter.booted_before(request).cloud_id == machine.cloud_id


def test_a_machine_of_the_same_name_from_another_boot_is_not_taken_for_it(uc):
    uc.boot_as(a_request(uc))
    with pytest.raises(CloudError, match="already has a machine vm1"):
        uc.boot_as(a_request(uc), maybe_done=True)


def test_whether_a_machine_was_booted_before_is_not_guessed_without_a_token(uc, spy):
    with pytest.raises(CloudmeshError, match="without a token"):
        uc.boot_as(replace(a_request(uc), token=""), maybe_done=True)
    assert "boot" not in spy.taken()


def test_a_cloud_that_is_still_at_work_is_asked_more_than_once(uc, spy, monkeypatch):
    """The call was lost on its way, and its machine shows only after a while."""
    request, waited = a_request(uc), []

    def wait(seconds):
        waited.append(seconds)
        if len(waited) == 3:
            uc.provider.boot(request)

    monkeypatch.setattr(type(uc.provider), "settling", 5.0)
    monkeypatch.setattr(Connection, "sleep", staticmethod(wait))
    machine = uc.boot_as(request, maybe_done=True)
    assert [each.cloud_id for each in uc.machines()] == [machine.cloud_id] and len(waited) == 3
    other = replace(a_request(uc), name="vm2")
    spy.taken()
    uc.boot_as(other, maybe_done=True)
    assert spy.taken() == ["find_booted"] * 6 + ["boot"] and sum(waited[3:]) == 5

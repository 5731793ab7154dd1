"""What EC2 has beyond the common part, and its errors, on moto."""

import base64
import re
import time
from dataclasses import replace

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import Flavor, State
from cloudmesh.cloud.provider.interface import BootRequest, Capability

pytestmark = pytest.mark.slow

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh conformance"


@pytest.fixture
def request_for(provider):
    flavor = Flavor("aws", "t3.nano", "t3.nano")

    def make(name="vm1", **more):
        return BootRequest(name, provider.images()[0], flavor, **more)

    return make


@pytest.fixture
def machine(provider, request_for, arrive):
    return arrive(provider, State.ACTIVE, provider.boot(request_for()))[0]


def test_a_machine_has_all_that_was_asked_for(provider, request_for, gate, arrive):
    network = provider.networks()[0]
    group = provider.create_security_group("web", "for the web")
    key = provider.add_key("mine", KEY)
    booted = provider.boot(
        request_for(
            key=key,
            networks=(network,),
            security_groups=(group,),
            userdata="#cloud-config\npassword: hush",
            metadata={"owner": "me", "of": "a, b & c"},
            public=True,
            token="t0ken",
        )
    )
    method, path, sent = gate.sent[-1]
    assert method == "POST" and "hush" not in path and "UserData" not in path
    assert base64.b64decode(sent["UserData"]) == b"#cloud-config\npassword: hush"
    assert sent["NetworkInterface.1.AssociatePublicIpAddress"] == "true"
    assert sent["NetworkInterface.1.SubnetId"] == network.cloud_id
    assert sent["NetworkInterface.1.SecurityGroupId.1"] == group.cloud_id
    assert sent["ClientToken"] == "t0ken"
    (now,) = arrive(provider, State.ACTIVE, booted)
    assert (now.name, now.key, now.flavor, now.zone[:9]) == ("vm1", "mine", "t3.nano", "us-east-1")
    assert now.metadata == {"owner": "me", "of": "a, b & c"} and now.private_ips and now.public_ips
    assert abs(now.created - time.time()) < 3600 and not now.fault


def test_a_boot_whose_answer_is_lost_makes_one_machine(provider, request_for, gate):
    """It is found by its token; and were it not, the same token would make no second one."""
    request = replace(request_for("once"), token="t0ken")
    gate.lose("RunInstances")
    with pytest.raises(errors.Unreachable) as caught:
        provider.boot(request)
    assert caught.value.outcome_unknown
    found = provider.find_booted(request)
    assert provider.boot(request).cloud_id == found.cloud_id
    assert [each.cloud_id for each in provider.machines()] == [found.cloud_id]
    assert found.name == "once" and found.metadata == {}
    assert provider.find_booted(replace(request, token="another")) is None
    assert provider.find_booted(replace(request, token="")) is None


def test_an_odd_answer_to_a_boot_leaves_it_open(provider, request_for, gate):
    odd = "<instanceId>i-7</instanceId><launchTime>yesterday</launchTime>"
    wanted = request_for()
    answer = f"<RunInstancesResponse><instancesSet><item>{odd}</item></instancesSet></RunInstancesResponse>"
    gate.answers["RunInstances"] = [(200, answer)]
    with pytest.raises(errors.BadAnswer, match="creation time is not valid") as caught:
        provider.boot(wanted)
    assert caught.value.outcome_unknown and errors.is_transient(caught.value)


def test_two_boots_are_two_machines(provider, request_for):
    assert provider.boot(request_for()).cloud_id != provider.boot(request_for()).cloud_id


def test_a_machine_that_is_deleted_is_told_from_one_that_is_not_known(provider, machine, await_that):
    """A new machine may not be known yet, and must not be taken for a deleted one."""
    provider.delete(machine.cloud_id)
    await_that(lambda: list(provider.machines()) == [])
    with pytest.raises(errors.NotFound, match="deleted"):
        provider.machine(machine.cloud_id)
    for ask in (provider.machine, provider.delete, provider.reboot):
        with pytest.raises(errors.Gone):
            ask(machine.cloud_id)
        with pytest.raises(errors.NotFound) as caught:
            ask("i-0123456789abcdef0")
        assert not isinstance(caught.value, errors.Gone)


def test_names_and_metadata_are_tags(provider, machine):
    provider.rename(machine.cloud_id, "vm2")
    provider.set_metadata(machine.cloud_id, {"a": "1", "b": "2"})
    provider.set_metadata(machine.cloud_id, {"a": None, "b": "3", "never": None})
    now = provider.machine(machine.cloud_id)
    assert now.name == "vm2" and now.metadata == {"b": "3"}


def test_only_a_stopped_machine_is_resized(provider, machine, arrive):
    larger = Flavor("aws", "t3.small", "t3.small")
    with pytest.raises(errors.Conflict, match="must be stopped"):
        provider.resize(machine.cloud_id, larger)
    provider.stop(machine.cloud_id)
    arrive(provider, State.STOPPED, machine)
    provider.resize(machine.cloud_id, larger)
    assert provider.machine(machine.cloud_id).flavor == "t3.small"


def test_suspend_is_unsupported_unless_machines_are_booted_for_it(provider, machine):
    assert Capability.SUSPEND not in provider.capabilities
    with pytest.raises(errors.Unsupported, match="hibernate=true"):
        provider.suspend(machine.cloud_id)
    with pytest.raises(errors.Unsupported):
        provider.resume(machine.cloud_id)


def test_suspend_hibernates(make_provider, request_for, gate, arrive):
    with make_provider(hibernate=True) as provider:
        assert Capability.SUSPEND in provider.capabilities and Capability.RESUME in provider.capabilities
        (machine,) = arrive(provider, State.ACTIVE, provider.boot(request_for()))
        assert any(sent.get("HibernationOptions.Configured") == "true" for _, _, sent in gate.sent)
        provider.suspend(machine.cloud_id)
        assert gate.sent[-1][2]["Hibernate"] == "true"
        gate.refuse("StopInstances", "UnsupportedHibernationConfiguration", "not for this instance")
        with pytest.raises(errors.Unsupported, match="not for this instance"):
            provider.suspend(machine.cloud_id)


def test_security_groups_and_their_rules(provider):
    group = provider.create_security_group("web", "for the web")
    assert group in provider.security_groups() and group.description == "for the web"
    ssh = provider.add_rule(group.cloud_id, SecurityRule(from_port=22, to_port=22))
    ping = provider.add_rule(group.cloud_id, SecurityRule(protocol="icmp", remote="10.0.0.0/8"))
    among = provider.add_rule(group.cloud_id, SecurityRule(remote=group.cloud_id, from_port=1, to_port=9))
    out = provider.add_rule(group.cloud_id, SecurityRule("egress", "udp", 53, 53, remote="10.0.0.1/32"))
    (now,) = [each for each in provider.security_groups() if each.cloud_id == group.cloud_id]
    assert {ssh, ping, among, out} <= set(now.rules)
    with pytest.raises(errors.Conflict):
        provider.add_rule(group.cloud_id, ssh)
    provider.remove_rule(group.cloud_id, ssh)
    (now,) = [each for each in provider.security_groups() if each.cloud_id == group.cloud_id]
    assert ssh not in now.rules and among in now.rules
    with pytest.raises(errors.NotFound):
        provider.remove_rule(group.cloud_id, ssh)
    provider.delete_security_group(group.cloud_id)
    with pytest.raises(errors.NotFound):
        provider.delete_security_group(group.cloud_id)
    with pytest.raises(errors.NotFound):
        provider.add_rule("sg-0123456789abcdef0", ssh)
    provider.create_security_group("web")
    with pytest.raises(errors.Refused, match="web"):
        provider.create_security_group("web")


@pytest.mark.parametrize(
    ("first", "last", "remote", "kept", "removed"),
    [
        (1, 65535, "192.0.2.7", (0, 65535, "192.0.2.7/32"), {}),
        (22, 22, "10.1.2.3/8", (22, 22, "10.0.0.0/8"), {}),
        (None, None, "", (1, 65535, "0.0.0.0/0"), {"FromPort": "1"}),
    ],
)
def test_a_rule_is_removed_however_it_was_written(provider, gate, first, last, remote, kept, removed):
    """The last one is kept in another spelling than the one in which we add it."""
    group = provider.create_security_group("web").cloud_id
    names = ("FromPort", "ToPort", "IpRanges.1.CidrIp")
    sent = {f"IpPermissions.1.{name}": value for name, value in zip(names, kept, strict=True)}
    if removed:
        permission = {"GroupId": group, "IpPermissions.1.IpProtocol": "tcp", **sent}
        provider.query.send("AuthorizeSecurityGroupIngress", permission)
    else:
        provider.add_rule(group, SecurityRule("ingress", "6", first, last, remote=remote))
        added = gate.sent[-1][2]
        assert {key: added[key] for key in sent} == {key: str(value) for key, value in sent.items()}
    provider.remove_rule(group, SecurityRule("ingress", "tcp", first, last, remote=remote))
    (now,) = [each for each in provider.security_groups() if each.cloud_id == group]
    assert not [each for each in now.rules if each.direction == "ingress"]


def test_addresses(provider, machine):
    taken = provider.create_floating_ip()
    assert (
        taken in provider.floating_ips() and taken.machine_id == "" and taken.cloud_id.startswith("eipalloc-")
    )
    provider.attach_floating_ip(taken.cloud_id, machine.cloud_id)
    assert provider.floating_ips() == [replace(taken, machine_id=machine.cloud_id)]
    assert taken.address in provider.machine(machine.cloud_id).public_ips
    with pytest.raises(errors.Conflict):
        provider.attach_floating_ip(taken.cloud_id, machine.cloud_id)
    provider.detach_floating_ip(taken.cloud_id)
    with pytest.raises(errors.Conflict):
        provider.detach_floating_ip(taken.cloud_id)
    provider.attach_floating_ip(taken.cloud_id, machine.cloud_id)
    provider.delete_floating_ip(taken.cloud_id)
    assert provider.floating_ips() == []
    with pytest.raises(errors.NotFound):
        provider.delete_floating_ip(taken.cloud_id)


def test_networks_are_subnets(provider):
    networks = provider.networks()
    assert networks and all(each.cloud_id.startswith("subnet-") and each.subnets[0] for each in networks)


def test_images_are_ones_own_and_those_that_are_named(make_provider, provider, gate):
    listed = provider.images()
    assert listed and all("ubuntu" in each.name for each in listed)
    asked = [sent for _, _, sent in gate.sent if sent["Action"] == "DescribeImages"]
    assert all("Owner.1" in sent for sent in asked), "never all public images"
    with make_provider(image_names=[], default={}) as other:
        assert other.images() == []
        found = other.image(listed[0].cloud_id)
        assert found == listed[0]
        with pytest.raises(errors.NotFound):
            other.image("ami-00000000000000000")


def test_flavors_are_those_of_the_region_or_where_it_tells_none_amazons_names(provider, gate):
    flavors = {each.name: each for each in provider.flavors()}
    assert len(flavors) > 300 and (flavors["t3.nano"].vcpus, flavors["t3.nano"].ram) == (2, 512)
    gate.refuse("DescribeInstanceTypes", "InvalidAction", "no such action")
    flavors = {each.name: each for each in provider.flavors()}
    assert "m1.small" in flavors and flavors["m1.small"].ram == 0, "what is not told is not made up"


PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body/></html>"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, PAGE),
        (202, PAGE),
        (200, ""),
        (204, ""),
        (200, "{}"),
        (200, "<{0}Response/>"),
        (200, "<OtherResponse><return>true</return></OtherResponse>"),
        (202, "<{0}Response><return>true</return></{0}Response>"),
        (200, "<{0}Response><return>false</return></{0}Response>"),
    ],
)
@pytest.mark.parametrize(
    ("action", "call"),
    [
        ("StopInstances", lambda provider: provider.stop("i-1")),
        ("TerminateInstances", lambda provider: provider.delete("i-1")),
        ("CreateTags", lambda provider: provider.rename("i-1", "vm2")),
        ("CreateTags", lambda provider: provider.set_metadata("i-1", {"a": "b"})),
        ("ModifyInstanceAttribute", lambda provider: provider.resize("i-1", Flavor("aws", "a", "a"))),
        ("DeleteSecurityGroup", lambda provider: provider.delete_security_group("sg-1")),
        ("DescribeInstances", lambda provider: list(provider.machines())),
        ("DescribeKeyPairs", lambda provider: provider.key_pairs()),
    ],
)
def test_what_ec2_never_answers_is_no_success(provider, gate, action, call, status, body):
    gate.answers[action] = [(status, body.replace("{0}", action))]
    with pytest.raises(errors.BadAnswer) as caught:
        call(provider)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    "inner", ["", "<reservationSet>none</reservationSet>", "<reservationSet><a/></reservationSet>"]
)
def test_a_listing_of_another_form_is_no_empty_one(provider, gate, inner):
    gate.answers["DescribeInstances"] = [
        (200, f"<DescribeInstancesResponse><requestId>r</requestId>{inner}</DescribeInstancesResponse>")
    ]
    with pytest.raises(errors.BadAnswer):
        list(provider.machines())


def test_an_answer_about_another_machine_is_no_success(provider, gate):
    changed = "<StopInstancesResponse><instancesSet><item><instanceId>i-2</instanceId></item></instancesSet>"
    gate.answers["StopInstances"] = [(200, f"{changed}</StopInstancesResponse>")]
    with pytest.raises(errors.BadAnswer) as caught:
        provider.stop("i-1")
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("tokens", [["a", "a"], ["a", "b", "a"], [str(number) for number in range(30)]])
def test_pages_that_have_no_end_are_an_error(provider, gate, tokens):
    page = "<DescribeInstancesResponse><reservationSet/><nextToken>{}</nextToken></DescribeInstancesResponse>"
    gate.answers["DescribeInstances"] = [(200, page.format(token)) for token in tokens]
    with pytest.raises(errors.BadAnswer):
        list(provider.machines())


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (
            "<instanceId>i-7</instanceId><privateIpAddress>nowhere</privateIpAddress>",
            "machine .*i-7.*not an IP address",
        ),
        ("<instanceId>i-7</instanceId><launchTime>yesterday</launchTime>", "i-7.*creation time is not valid"),
        ("<instanceId>i-7</instanceId><instanceType><a>b</a></instanceType>", "i-7.*flavor is not a text"),
        ("<instanceId>i-7</instanceId><tagSet>x</tagSet>", "i-7.*an unexpected form"),
        ("<instanceId/>", "its id is empty"),
    ],
)
def test_one_odd_machine_is_left_out_and_the_rest_is_shown(provider, gate, inner, words):
    good = "<item><instanceId>i-1</instanceId><instanceState><name>running</name></instanceState></item>"
    listing = f"<item><instancesSet><item>{inner}</item>{good}</instancesSet></item>"
    root = "DescribeInstancesResponse"
    gate.answers["DescribeInstances"] = [
        (200, f"<{root}><reservationSet>{listing}</reservationSet></{root}>")
    ]
    assert [each.name for each in provider.machines()] == ["i-1"]
    (odd,) = provider.left_out
    assert re.search(words, str(odd))


def told(code, message, state="stopped"):
    return (
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>"
        f"<instanceState><name>{state}</name></instanceState><stateReason><code>{code}</code>"
        f"<message>{message}</message></stateReason></item></instancesSet></item></reservationSet>"
        "</DescribeInstancesResponse>"
    )


@pytest.mark.parametrize(
    ("code", "state", "ours", "fault"),
    [
        ("pending", "pending", State.BUILDING, ""),
        ("Client.UserInitiatedShutdown", "stopped", State.STOPPED, ""),
        ("Client.UserInitiatedHibernate", "stopping", State.SUSPENDING, ""),
        ("Client.UserInitiatedHibernate", "stopped", State.HIBERNATED, ""),
        ("Server.SpotInstanceTermination", "stopped", State.STOPPED, "Server.SpotInstanceTermination: said"),
        ("Client.VolumeLimitExceeded", "stopped", State.STOPPED, "Client.VolumeLimitExceeded: said"),
        ("", "moving", State.UNKNOWN, ""),
    ],
)
def test_states_and_faults(provider, gate, code, state, ours, fault):
    gate.answers["DescribeInstances"] = [(200, told(code, "said", state))]
    machine = provider.machine("i-1")
    assert (machine.state, machine.raw_state, machine.fault) == (ours, state, fault)


def test_a_machine_that_amazon_ended_tells_why(provider, gate):
    reason = told("Server.InsufficientInstanceCapacity", "no room in this zone", "terminated")
    gate.answers["DescribeInstances"] = [(200, reason)]
    with pytest.raises(errors.NotFound, match="by the cloud: Server.Insuff.*: no room in this zone"):
        provider.machine("i-1")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AuthFailure", 401, errors.CredentialsError),
        ("SignatureDoesNotMatch", 403, errors.CredentialsError),
        ("ExpiredToken", 400, errors.CredentialsError),
        ("RequestExpired", 400, errors.CredentialsError),
        ("UnauthorizedOperation", 403, errors.Refused),
        ("RequestLimitExceeded", 503, errors.RateLimited),
        ("InstanceLimitExceeded", 400, errors.QuotaExceeded),
        ("VcpuLimitExceeded", 400, errors.QuotaExceeded),
        ("InsufficientInstanceCapacity", 500, errors.NoCapacity),
        ("InvalidInstanceID.NotFound", 400, errors.NotFound),
        ("InvalidInstanceID.Malformed", 400, errors.NotFound),
        ("InvalidAMIID.NotFound", 400, errors.NotFound),
        ("UnsupportedOperation", 400, errors.Unsupported),
        ("InvalidAction", 400, errors.Unsupported),
        ("InvalidParameterCombination", 400, errors.Refused),
        ("TagLimitExceeded", 400, errors.QuotaExceeded),
        ("InternalError", 500, errors.ServerFailure),
        ("Unavailable", 503, errors.OutOfService),
    ],
)
def test_ec2s_own_code_decides_what_an_error_is(provider, gate, code, status, kind):
    gate.refuse("StartInstances", code, "told &amp; explained", status=status)
    with pytest.raises(kind) as caught:
        provider.start("i-0123")
    assert type(caught.value) is kind
    assert f"{code}: told & explained" in str(caught.value) and "cloud aws" in str(caught.value)
    assert caught.value.outcome_unknown is (kind is errors.ServerFailure)


@pytest.mark.parametrize("code", ["IncorrectInstanceState", "IncorrectState", "OperationNotPermitted"])
def test_a_verb_in_a_wrong_state_conflicts(provider, machine, gate, code):
    gate.refuse("StopInstances", code, "it is pending")
    with pytest.raises(errors.Conflict, match="it is pending"):
        provider.stop(machine.cloud_id)


def test_an_encoded_message_is_left_out(provider, gate):
    message = "You may not. Encoded authorization failure message: " + "x" * 900
    gate.refuse("StartInstances", "UnauthorizedOperation", message, status=403)
    with pytest.raises(errors.Refused) as caught:
        provider.start("i-0123")
    assert "You may not" in str(caught.value) and "xxx" not in str(caught.value)


def test_an_endpoint_of_ones_own_has_regions_of_its_own(make_provider, gate):
    zones = "<availabilityZoneInfo><item><zoneName>nova</zoneName></item></availabilityZoneInfo>"
    root = "DescribeAvailabilityZonesResponse"
    gate.answers["DescribeAvailabilityZones"] = [(200, f"<{root}>{zones}</{root}>")]
    with make_provider(region="RegionOne") as provider:
        assert provider.check() == "EC2: region RegionOne, 1 availability zone"
    assert "/RegionOne/ec2/aws4_request" in gate.headers[-1]["Authorization"]


def test_a_path_is_called(make_provider, gate):
    with make_provider(path="services/Cloud") as provider, pytest.raises(errors.CloudError):
        provider.check()
    assert gate.sent[-1][1].startswith("/services/Cloud?")


def test_a_session_token_is_sent_and_never_shown(make_provider, gate, settings):
    credentials = {**settings["credentials"], "EC2_SESSION_TOKEN": "token-of-a-session"}
    with make_provider(credentials=credentials) as provider:
        provider.check()
        sent = {key.lower(): value for key, value in gate.headers[-1].items()}
        assert sent["x-amz-security-token"] == "token-of-a-session"
        gate.refuse("StartInstances", "Odd", "token-of-a-session is odd")
        with pytest.raises(errors.Refused) as caught:
            provider.start("i-1")
    assert "token-of-a-session" not in str(caught.value)

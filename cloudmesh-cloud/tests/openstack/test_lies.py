"""What a service of OpenStack never answers is an error, whoever sent it."""

import itertools

import pytest
from requests_mock import ANY

from cloudmesh.cloud.conformance.faults import LISTS
from cloudmesh.cloud.errors import BadAnswer, OutOfService
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.provider.boot import BootRequest

from .conftest import JSON

PAGE = {"Content-Type": "text/html"}
IMAGE, FLAVOR = Image("uc", "debian-12", "i1"), Flavor("uc", "small", "f1", 1, 1, 1)
CHANGES = {
    **{
        verb: lambda uc, verb=verb: getattr(uc, verb)("s1")
        for verb in (
            *("start", "stop", "reboot", "hard_reboot", "suspend", "resume", "pause", "unpause"),
            *("shelve", "unshelve", "confirm_resize", "revert_resize", "lock", "unlock"),
        )
    },
    "delete": lambda uc: uc.delete("s1"),
    "rename": lambda uc: uc.rename("s1", "new"),
    "rebuild": lambda uc: uc.rebuild("s1", IMAGE),
    "set": lambda uc: uc.set_metadata("s1", {"a": "b"}),
    "boot": lambda uc: uc.boot(BootRequest("vm1", IMAGE, FLAVOR)),
    "add_key": lambda uc: uc.add_key("k", "ssh-ed25519 AAAA"),
    "delete_key": lambda uc: uc.delete_key("k"),
    "add_rule": lambda uc: uc.add_rule("g1", SecurityRule()),
    "remove_rule": lambda uc: uc.remove_rule("g1", SecurityRule(cloud_id="r1")),
    "delete_group": lambda uc: uc.delete_security_group("g1"),
    "delete_address": lambda uc: uc.delete_floating_ip("a1"),
}
LOOKS = {
    "check": lambda uc: uc.check(),
    "machines": lambda uc: list(uc.machines()),
    "machine": lambda uc: uc.machine("s1"),
    "find_booted": lambda uc: uc.find_booted(BootRequest("vm1", IMAGE, FLAVOR, token="t")),
    "resize": lambda uc: uc.resize("s1", FLAVOR),
    "resize_unconfirmed": lambda uc: uc.resize_unconfirmed("s1", FLAVOR),
    "unset": lambda uc: uc.set_metadata("s1", {"a": None}),
    "console": lambda uc: uc.console("s1"),
    "image": lambda uc: uc.image("i1"),
    "new_group": lambda uc: uc.create_security_group("web"),
    "new_address": lambda uc: uc.create_floating_ip(),
    "attach": lambda uc: uc.attach_floating_ip("a1", "s1"),
    "detach": lambda uc: uc.detach_floating_ip("a1"),
    **{kind: lambda uc, kind=kind: getattr(uc, kind)() for kind in LISTS if kind != "machines"},
}
LIES = {
    "a page": {"text": "<html><title>Sign in</title></html>", "headers": PAGE},
    "202 and a page": {"status_code": 202, "text": "<html>", "headers": PAGE},
    "nothing": {"text": ""},
    "{}": {"json": {}, "headers": JSON},
    "[]": {"json": [], "headers": JSON},
    "half of it": {"text": '{"server": {"id', "headers": JSON},
    "206": {"status_code": 206, "json": {"servers": [], "server": {"id": "s1"}}, "headers": JSON},
    "203": {"status_code": 203, "text": ""},
}


@pytest.mark.parametrize("call", [*CHANGES, *LOOKS])
def test_what_is_no_answer_is_no_success(keystone, provider, requests_mock, call):
    for name, lie in LIES.items():
        requests_mock.register_uri(ANY, ANY, **lie)
        keystone()
        with provider() as uc, pytest.raises(BadAnswer) as told:
            {**CHANGES, **LOOKS}[call](uc)
        assert told.value.outcome_unknown is (call in CHANGES), name
        assert "web page" in str(told.value) or "page" not in name


@pytest.mark.parametrize("call", ["start", "rename", "boot", "set"])
def test_204_where_a_body_or_another_status_belongs_is_no_success(keystone, provider, requests_mock, call):
    requests_mock.register_uri(ANY, ANY, status_code=204)
    keystone()
    with provider() as uc, pytest.raises(BadAnswer) as told:
        CHANGES[call](uc)
    assert told.value.outcome_unknown


@pytest.mark.parametrize(
    ("call", "method", "path", "status", "told"),
    [
        ("rename", "PUT", "", 200, {"server": {}}),
        ("rename", "PUT", "", 200, {"server": {"id": "s2", "name": "new"}}),
        ("rename", "PUT", "", 200, {"server": {"id": "s1", "name": "old"}}),
        ("rebuild", "POST", "/action", 202, {"server": {"id": "s2"}}),
        ("set", "POST", "/metadata", 200, {"metadata": {"a": "other"}}),
        ("machine", "GET", "", 200, {"server": {"id": "s2", "name": "vm2", "status": "ACTIVE"}}),
    ],
)
def test_an_answer_about_something_else_is_none(
    keystone, provider, requests_mock, call, method, path, status, told
):
    url = f"https://nova.test/v2.1/p1/servers/s1{path}"
    requests_mock.register_uri(method, url, status_code=status, json=told, headers=JSON)
    with provider() as uc, pytest.raises(BadAnswer, match="something else|show the change") as error:
        {**CHANGES, **LOOKS}[call](uc)
    assert error.value.outcome_unknown is (method != "GET")


@pytest.mark.parametrize(("call", "before", "after"), [("attach", None, "p9"), ("detach", "p1", "p1")])
def test_an_address_that_leads_elsewhere_is_not_attached_or_detached(
    keystone, provider, requests_mock, call, before, after
):
    address = {"id": "a1", "floating_ip_address": "203.0.113.7"}
    ports = [{"id": "p1", "fixed_ips": [{"ip_address": "10.0.0.5"}]}]
    place = "https://neutron.test/v2.0"
    requests_mock.get(f"{place}/ports", json={"ports": ports}, headers=JSON)
    for method, port in (("GET", before), ("PUT", after)):
        told = {"floatingip": {**address, "port_id": port}}
        requests_mock.register_uri(method, f"{place}/floatingips/a1", json=told, headers=JSON)
    with provider() as uc, pytest.raises(BadAnswer, match="show the change") as error:
        LOOKS[call](uc)
    assert error.value.outcome_unknown


def test_a_new_machine_without_an_id_is_not_called_none(keystone, provider, requests_mock):
    answer = {"server": {"id": None}}
    requests_mock.post("https://nova.test/v2.1/p1/servers", status_code=202, json=answer, headers=JSON)
    with provider() as uc, pytest.raises(BadAnswer, match="its id is empty") as told:
        CHANGES["boot"](uc)
    assert told.value.outcome_unknown


@pytest.mark.parametrize(
    "answer",
    [
        {"servers": {}},
        {"servers": ""},
        {"servers": None},
        {"servers": [], "servers_links": [{"rel": "next", "href": "https://nova.test/?marker=1"}]},
        {"servers": [{}], "servers_links": [{"rel": "next", "href": "https://nova.test/?marker=1"}]},
        "always another",
    ],
)
def test_a_listing_that_cannot_be_is_an_error(keystone, provider, requests_mock, answer):
    markers = itertools.count()

    def another(request, context):
        href = f"https://nova.test/?marker={next(markers)}"
        return {"servers": [SERVER], "servers_links": [{"rel": "next", "href": href}]}

    told = another if answer == "always another" else answer
    requests_mock.get("https://nova.test/v2.1/p1/servers/detail", json=told, headers=JSON)
    with provider() as uc, pytest.raises(BadAnswer, match="unexpected answer|endless"):
        list(uc.machines())


FLAVOR_ITEM = {"id": "1", "name": "small", "vcpus": 1, "ram": 1, "disk": 1}
SERVER = {"id": "s1", "name": "vm1", "status": "ACTIVE", "flavor": {"original_name": "small"}}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"addresses": {"n": [{"addr": "nowhere"}]}}, "one of its addresses is not an IP address"),
        ({"created": "yesterday"}, "its creation time is not valid"),
        ({"flavor": "small"}, "its flavor has an unexpected form"),
        ({"name": None}, "its name is empty"),
        ({"id": None}, "its id is empty"),
        ({"id": 7}, "its id is not a text"),
        ({"status": None}, "its status is empty"),
        ({"key_name": {"name": "k"}}, "its key_name is not a text"),
        ({"metadata": "none"}, "it has an unexpected form"),
    ],
)
def test_one_odd_server_is_left_out_and_named(keystone, provider, requests_mock, change, why):
    servers = [{**SERVER, "id": "s0", "name": "vm0"}, {**SERVER, **change}, {**SERVER, "id": "s2"}]
    requests_mock.get("https://nova.test/v2.1/p1/servers/detail", json={"servers": servers}, headers=JSON)
    with provider() as uc:
        assert [each.cloud_id for each in uc.machines()] == ["s0", "s2"]
        (odd,) = uc.left_out
    assert (odd.kind, odd.reason) == ("machines", why)


@pytest.mark.parametrize(
    ("method", "url", "item"),
    [
        ("images", "glance.test/v2/images", {"id": None, "name": "debian"}),
        ("flavors", "nova.test/v2.1/p1/flavors/detail", {"id": "1", "name": None, "vcpus": 1}),
        ("key_pairs", "nova.test/v2.1/p1/os-keypairs", {"keypair": {"name": None}}),
        ("security_groups", "neutron.test/v2.0/security-groups", {"id": "g1", "name": None}),
        ("images", "glance.test/v2/images", {"id": "i1", "name": ["debian"]}),
        ("flavors", "nova.test/v2.1/p1/flavors/detail", FLAVOR_ITEM | {"ram": float("inf")}),
    ],
)
def test_so_is_any_other_odd_thing(keystone, provider, requests_mock, method, url, item):
    key = {"key_pairs": "keypairs"}.get(method, method)
    requests_mock.get(f"https://{url}", json={key: [item, "text"]}, headers=JSON)
    with provider() as uc:
        assert getattr(uc, method)() == []
        assert [each.kind for each in uc.left_out] == [method] * 2


def test_what_was_done_before_a_look_failed_may_be_done(keystone, provider, requests_mock):
    """A failed look alone leaves nothing unsure, nor does signing in before it."""
    url = "https://nova.test/v2.1/p1/servers/s1"
    gone = {"status_code": 503, "json": {"message": "maintenance"}, "headers": JSON}
    requests_mock.post(f"{url}/action", status_code=202)
    requests_mock.get(url, [{"json": {"server": SERVER}, "headers": JSON}, gone])
    for unsure in (True, False):
        with provider() as uc, pytest.raises(OutOfService) as told:
            uc.resize("s1", FLAVOR)
        assert told.value.outcome_unknown is unsure

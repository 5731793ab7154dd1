"""Listings of what clouds have beside machines, and making and removing it."""

import pytest

from cloudmesh.cloud.cli.changes import (
    attach_address,
    change_all,
    create_address,
    delete_addresses,
    detach_address,
    read_public_key,
    read_rule,
)
from cloudmesh.cloud.cli.lists import list_catalog, list_rules, list_things
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CredentialsError, NotFound, QuotaExceeded, Unreachable
from cloudmesh.cloud.fanout.query import one_cloud
from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.plugin.errors import UnknownName, UsageError

TWO = {"uc": {}, "tacc": {}}


@pytest.mark.parametrize("kind", ["image", "flavor"])
def test_a_catalog_is_asked_once_and_kept_with_its_age(configure, spy, kind):
    config = configure(TWO)
    first = list_catalog(config, ["uc", "tacc"], kind)
    assert sorted(spy.taken()) == [f"{kind}s", f"{kind}s"]
    again = list_catalog(config, ["uc", "tacc"], kind)
    assert spy.taken() == []
    assert [{**row, "age": 0} for row in again.rows] == [{**row, "age": 0} for row in first.rows]
    assert {row["cloud"] for row in again.rows} == {"uc", "tacc"}
    assert all(row["age"] >= 0 for row in again.rows)
    list_catalog(config, ["uc"], kind, refresh=True)
    assert spy.taken() == [f"{kind}s"]


@pytest.mark.parametrize("error", [Unreachable("no answer"), CredentialsError("who are you")])
def test_a_cloud_that_fails_keeps_its_old_catalog_and_is_named(configure, spy, error):
    config = configure(TWO)
    list_catalog(config, ["uc", "tacc"], "image")
    with Inventory() as inventory:
        found = inventory.database.find("catalog", kind="image", cloud="uc")[0]
        inventory.database.update(
            "catalog", {"refreshed": found["refreshed"] - 7200}, kind="image", cloud="uc"
        )
    spy.trouble["uc", "images"] = error
    answer = list_catalog(config, ["uc", "tacc"], "image", refresh=True)
    assert {row["cloud"] for row in answer.rows} == {"uc", "tacc"}
    assert answer.notes[0] == f"error: uc: {error}; its images are cached, 2h old"
    assert answer.exit_code == error.exit_code


def test_a_catalog_of_which_nothing_is_known_is_not_empty(configure, spy):
    config = configure(TWO)
    spy.trouble["uc", "flavors"] = spy.trouble["tacc", "flavors"] = Unreachable("no answer")
    with pytest.raises(Unreachable):
        list_catalog(config, ["uc"], "flavor")
    answer = list_catalog(config, ["uc", "tacc"], "flavor")
    assert (answer.text, answer.exit_code) == ("", 4)
    assert answer.notes == ["error: uc: no answer", "error: tacc: no answer"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("debian-12", ["debian-12"]),
        ("image-debian-12", ["debian-12"]),
        ("*-*4*", ["ubuntu-24.04"]),
        ("nothing", []),
    ],
)
def test_a_filter_is_a_name_an_id_or_a_glob(configure, pattern, found):
    answer = list_catalog(configure({"uc": {}}), ["uc"], "image", options={"--filter": pattern})
    assert [row["name"] for row in answer.rows] == found


@pytest.mark.parametrize("kind", ["key", "network", "group", "address"])
def test_one_cloud_that_fails_does_not_hide_the_others(configure, spy, kind):
    config = configure(TWO)
    create_address(config, "tacc", "")
    for method in ("key_pairs", "networks", "security_groups", "floating_ips"):
        spy.trouble["uc", method] = Unreachable("no answer")
    answer = list_things(config, ["uc", "tacc"], kind)
    assert {row["cloud"] for row in answer.rows} <= {"tacc"}
    assert (answer.notes[0], answer.exit_code) == ("error: uc: no answer", 4)
    with pytest.raises(Unreachable):
        list_things(config, ["uc"], kind)


def test_something_is_done_on_all_clouds_and_each_has_a_row(configure):
    config = configure(TWO)
    answer = change_all(config, ["uc", "tacc"], "create", ["web"], Cloud.create_security_group)
    assert [(row["cloud"], row["result"]) for row in answer.rows] == [("uc", "done"), ("tacc", "done")]
    with Cloud("uc", config) as cloud:
        cloud.delete_security_group("web")
    answer = change_all(config, ["uc", "tacc"], "create", ["web"], Cloud.create_security_group)
    assert [row["result"] for row in answer.rows] == ["done", "failed"]
    assert "cloud tacc already has a security group web" in answer.rows[1]["reason"]
    assert answer.exit_code == 1


def test_a_single_failure_is_raised_with_its_own_exit_code(configure):
    config = configure(TWO)
    with pytest.raises(UnknownName, match="did you mean 'default'?"):
        change_all(config, ["uc"], "delete", ["defalt"], Cloud.delete_security_group)


def test_rules_are_added_shown_and_removed(configure):
    config = configure({"uc": {}})
    rule = read_rule("tcp", "8000-8080", "192.0.2.0/24", "ingress")
    change_all(config, ["uc"], "rule add", ["def*"], lambda cloud, name: cloud.add_rule(name, rule))
    shown = list_rules(config, ["uc"], "default").rows[-1]
    assert (shown["ports"], shown["remote"], shown["group"]) == ("8000-8080", "192.0.2.0/24", "default")
    change_all(config, ["uc"], "rule remove", ["default"], lambda cloud, name: cloud.remove_rule(name, rule))
    assert len(list_rules(config, ["uc"], "default").rows) == 1
    with pytest.raises(NotFound):
        change_all(
            config, ["uc"], "rule remove", ["default"], lambda cloud, name: cloud.remove_rule(name, rule)
        )


def test_the_words_of_a_rule():
    assert read_rule("tcp", "22", None, "ingress") == SecurityRule("ingress", "tcp", 22, 22)
    assert read_rule("TCP", "1-65535", "192.0.2.7", "ingress") == SecurityRule(remote="192.0.2.7/32")
    assert read_rule("17", "53", None, "ingress") == SecurityRule("ingress", "udp", 53, 53)
    anywhere = SecurityRule("ingress", "ipv6-icmp", None, None, "::/0", "IPv6")
    assert (
        read_rule("icmpv6", None, None, "ingress") == read_rule("icmp", None, "::/0", "ingress") == anywhere
    )
    assert SecurityRule(remote="2001:db8::1") == SecurityRule(remote="2001:DB8:0::1/128", ethertype="IPv6")
    assert read_rule("any", None, "2001:db8::/32", "egress") == SecurityRule(
        "egress", "any", None, None, "2001:db8::/32", "IPv6"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tcp", "0", None, "ingress"), "--port=0 is not a port"),
        (("tcp", "80-22", None, "ingress"), "--port=80-22 is not a port"),
        (("tcp", "65536", None, "ingress"), "is not a port"),
        (("tcp", "ssh", None, "ingress"), "is not a port"),
        (("icmp", "22", None, "ingress"), "is for tcp and udp only"),
        (("tcp", None, "10.0.0.1/8", "ingress"), "--remote=10.0.0.1/8 is not an address range"),
        (("tcp", None, "home", "ingress"), "is not an address range"),
        (("tcp", None, None, "in"), "--direction=in is not a direction"),
        (("t c p", None, None, "ingress"), "is not a protocol"),
    ],
)
def test_wrong_words_of_a_rule_are_told(words, told):
    with pytest.raises(UsageError, match=told):
        read_rule(*words)


def test_an_address_is_taken_led_to_a_machine_and_given_back(configure):
    config = configure({"uc": {}})
    with Cloud("uc", config) as cloud:
        cloud.boot("web1")
    address = create_address(config, "uc", "").rows[0]["address"]
    attach_address(config, None, address, "uc:web1")
    assert list_things(config, ["uc"], "address").rows[0]["machine"] == "web1"
    with Inventory() as inventory:
        assert inventory.known("uc")[0].machine.public_ips == [address]
    with pytest.raises(UsageError, match=f"{address} is attached to machine .* or use --yes"):
        delete_addresses(config, "uc", [address], sure=False)
    detach_address(config, "uc", address)
    delete_addresses(config, "uc", [address], sure=False)
    assert list_things(config, ["uc"], "address").rows == []


def test_what_costs_money_is_done_on_one_cloud(configure):
    config = configure(TWO, default=["uc", "tacc"])
    with pytest.raises(UsageError, match="one cloud is needed, and uc, tacc are selected"):
        create_address(config, None, "")
    assert one_cloud(config, "tacc") == "tacc"


def test_a_quota_that_is_used_up_says_which_and_how_much(configure):
    config = configure({"uc": {"quota": {"floating_ips": 1}}})
    create_address(config, "uc", "")
    with pytest.raises(QuotaExceeded, match="quota of floating_ips exceeded .1 of 1 used") as caught:
        create_address(config, "uc", "")
    assert (caught.value.quota, caught.value.used, caught.value.limit) == ("floating_ips", 1, 1)


def test_a_private_key_never_leaves(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="has none of id_ed25519.pub"):
        read_public_key(None)
    (tmp_path / ".ssh").mkdir()
    private = tmp_path / ".ssh" / "id_rsa"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\ngeheim\n")
    with pytest.raises(UsageError, match="holds a private key") as caught:
        read_public_key(str(private))
    assert "geheim" not in str(caught.value)
    (tmp_path / ".ssh" / "id_rsa.pub").write_text("ssh-rsa AAAA me\n")
    assert read_public_key(None) == read_public_key("~/.ssh/id_rsa.pub") == "ssh-rsa AAAA me"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_public_key("~/nothing")

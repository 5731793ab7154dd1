"""What is around machines, with the real program: keys, groups, addresses, networks, images, quotas."""

import subprocess

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def two(home, cloud_settings):
    """Two simulated clouds, the first one the default, and one that never answers."""
    away = {"type": "simulated", "fail": {"error": "unreachable"}, "default": {"image": "debian-12"}}
    home.configure(uc=cloud_settings(quota={"machines": 2}), tacc=cloud_settings(), away=away)
    return home


def test_a_machine_with_all_that_belongs_to_it(two, tmp_path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True)
    refused = two.cms("key", "add", "me", str(tmp_path / "id"), code=2)
    assert "holds a private key" in refused.stderr
    assert "PRIVATE" not in refused.stdout
    two.cms("key", "add", "me", str(tmp_path / "id.pub"), "--cloud=uc,tacc")
    assert [row["cloud"] for row in two.json("key", "list", "--cloud=uc,tacc")] == ["uc", "tacc"]
    two.cms("secgroup", "create", "web", "--description=web servers")
    two.cms("secgroup", "rule", "add", "web", "--port=443")
    assert two.json("secgroup", "list", "web")[-1]["ports"] == "443"
    (tmp_path / "init.sh").write_text("#!/bin/sh\n")
    words = ["boot", "web1", "--key=me", "--network=priv*", "--secgroup=default,web", "--public", "--wait"]
    two.cms("vm", *words, f"--userdata={tmp_path / 'init.sh'}", "--metadata=role=web server")
    (machine,) = two.json("vm", "list")
    assert len(machine["addresses"]) == 2
    assert two.json("vm", "metadata", "web1") == [
        {"cloud": "uc", "name": "web1", "key": "role", "value": "web server"}
    ]
    assert "used by web1" in two.cms("secgroup", "delete", "web", code=1).stderr
    two.cms("vm", "delete", "web1", "--yes", "--wait")
    assert two.json("ip", "list") == []
    two.cms("secgroup", "delete", "web")


def test_an_address_of_ones_own(two):
    two.cms("vm", "boot", "db1", "--wait")
    (address,) = (row["address"] for row in two.json("ip", "create"))
    two.cms("ip", "attach", address, "db1")
    assert two.json("ip", "list")[0]["machine"] == "db1"
    assert "or use --yes" in two.cms("ip", "delete", address, code=2).stderr
    two.cms("ip", "detach", address)
    two.cms("ip", "delete", address)
    assert two.cms("ip", "list", "--output=names").stdout.strip() == ""


def test_a_cloud_that_is_away_hides_no_other_and_makes_the_exit_code(two):
    two.cms("vm", "boot", "db1")
    for words in (["image", "list"], ["flavor", "list"], ["network", "list"], ["vm", "list", "--refresh"]):
        ended = two.cms(*words, "--cloud=uc,away", code=4)
        assert "uc" in ended.stdout, words
        assert "error: away: " in ended.stderr, words
    checked = two.cms("cloud", "check", "uc", "away", "--output=csv", code=4)
    assert "away,sign-in,failed" in checked.stdout
    assert "uc,flavor,ok" in checked.stdout


def test_a_full_quota_names_what_is_used_and_leaves_the_machines_that_fit(two):
    rows = two.json("vm", "boot", "a[1-3]", code=1)
    assert sorted(row["result"] for row in rows) == ["done", "done", "failed"]
    (failed,) = [row for row in rows if row["result"] == "failed"]
    assert "2 of 2 used" in failed["reason"]
    quotas = {each["name"]: each for each in two.json("cloud", "info", "uc", "--refresh")["quotas"]}
    assert (quotas["machines"]["used"], quotas["machines"]["limit"]) == (2, 2)
    (quota,) = [row for row in two.json("cloud", "check", "uc") if row["check"] == "quota"]
    assert quota["result"] == "full"

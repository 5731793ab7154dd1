"""Machines as files of ssh and Ansible: names that mean one host, and nothing of a cloud that acts there."""

import shutil
import subprocess

import pytest
import yaml

from cloudmesh.plugin.lists.rows import Rows
from cloudmesh.vm.cli.hosts import hosts_text


def rows(*machines):
    usual = {"cloud": "uc", "id": "i-1", "address": "192.0.2.1", "user": "", "port": 22, "metadata": {}}
    return Rows.of([{**usual, **each} for each in machines])


MACHINES = rows(
    {"name": "web1", "metadata": {"role": "web", "owner": "ann & bob"}, "user": "debian"},
    {"name": "web1", "cloud": "tacc", "id": "i-2", "address": "2001:db8::1", "port": 2222},
    {"name": "db 1\n  ProxyCommand touch x", "id": "i-3", "metadata": {"role": "db\nx: {{ 1 }}", "on": ""}},
    {"name": "-oProxyCommand=x", "id": "i-4", "user": "x; rm", "address": "192.0.2.4"},
    {"name": "twin", "id": "i-5"},
    {"name": "twin", "id": "i-6"},
    {"name": "new", "id": "i-7", "address": ""},
    {"name": "odd", "id": "i-8", "address": "evil.example.org"},
    {"name": "007", "id": "i-9"},
)
ALIASES = [
    *("uc-web1", "tacc-web1", "db_1_ProxyCommand_touch_x", "_-oProxyCommand_x", "uc-twin-i-5", "uc-twin-i-6"),
    "007",
]
LEFT_OUT = ["note: left out, since no address is known: uc:new, uc:odd"]


def test_an_inventory_has_hosts_with_their_addresses_and_groups_by_cloud_and_metadata():
    text, notes = hosts_text("ansible", MACHINES)
    everything = yaml.safe_load(text)["all"]
    assert list(everything["hosts"]) == ALIASES and notes == LEFT_OUT
    assert everything["hosts"]["uc-web1"] == {"ansible_host": "192.0.2.1", "ansible_user": "debian"}
    assert everything["hosts"]["tacc-web1"] == {"ansible_host": "2001:db8::1", "ansible_port": 2222}
    assert everything["hosts"]["_-oProxyCommand_x"] == {"ansible_host": "192.0.2.4"}, "not such a user"
    groups = {name: list(group["hosts"]) for name, group in everything["children"].items()}
    assert groups == {
        "cloud_tacc": ["tacc-web1"],
        "cloud_uc": [each for each in ALIASES if each != "tacc-web1"],
        "tag_on": ["db_1_ProxyCommand_touch_x"],
        "tag_owner_ann_bob": ["uc-web1"],
        "tag_role_db_x_1_": ["db_1_ProxyCommand_touch_x"],
        "tag_role_web": ["uc-web1"],
    }


def test_the_entries_of_ssh_are_one_for_each_machine(tmp_path):
    text, notes = hosts_text("ssh-config", MACHINES)
    lines = [line.split(" ") for line in text.split("\n")]
    assert [line[1:] for line in lines if line[0] == "Host"] == [[each] for each in ALIASES]
    assert {line.strip().split(" ")[0] for line in text.split("\n")} == {"Host", "HostName", "User", "Port"}
    assert notes == LEFT_OUT
    if shutil.which("ssh"):
        file = tmp_path / "config"
        file.write_text(text)
        words = ["ssh", "-G", "-F", file, "tacc-web1"]
        told = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split("\n")
        assert {"hostname 2001:db8::1", "port 2222"} <= set(told)


@pytest.mark.parametrize("form", ["ansible", "ssh-config"])
def test_without_machines_there_is_a_file_without_hosts(form):
    text, notes = hosts_text(form, rows())
    assert notes == [] and (yaml.safe_load(text) or {"all": {"hosts": {}}}) == {"all": {"hosts": {}}}


def test_no_alias_is_that_of_another_machine():
    text, _ = hosts_text(
        "ssh-config",
        rows({"name": "web1"}, {"name": "web1", "cloud": "b"}, {"name": "uc-web1", "cloud": "c"}),
    )
    assert [line[5:] for line in text.split("\n") if line.startswith("Host ")] == [
        "uc-web1-i-1",
        "b-web1",
        "c-uc-web1",
    ]


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "all", "ungrouped", "cloud_uc", "tag_role_web"])
def test_no_alias_means_this_computer_or_a_group(name):
    text, _ = hosts_text("ansible", rows({"name": name}))
    assert list(yaml.safe_load(text)["all"]["hosts"]) == [f"uc-{name}"]

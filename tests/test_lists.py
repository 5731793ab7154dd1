"""The options of all lists through the program: filters, order, columns, formats, width."""

from __future__ import annotations

import json

import pytest
import yaml

# For each list a filter that some rows meet, one that none meets, an order and columns.
LISTS = {
    "vm": ("name=web*,state=active", "age>1d", "-name", "id,created"),
    "image": ("debian*,size>=0", "size>1T", "-size,name", "name,size"),
    "flavor": ("vcpus>=1,ram<1T", "ram>1T", "-ram", "name,ram"),
    "key": (None, "name=", "-name", "name"),
    "network": ("name=*", "name=nosuch", "external", "name,external"),
    "secgroup": ("rules>=0", "rules<0", "-rules", "name,id"),
    "ip": (None, "address=1.2.3.4", "-address", "address,machine"),
    "cloud": ("active=yes,type=sim*", "default=no", "-name", "name,type"),
    "job": ("action=boot,done>1", "failed>0", "-job", "job,status"),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_list_has_a_filter_an_order_and_columns(machines, name):
    some, none, order, columns = LISTS[name]
    shown = machines.json(
        name, "list", f"--sort={order}", f"--columns={columns}", *([f"--filter={some}"] if some else [])
    )
    assert bool(shown) is bool(some)
    assert all(list(row) == columns.split(",") for row in shown)
    assert machines.json(name, "list", f"--filter={none}") == []
    ended = machines.cms(name, "list", "--filter=nam=1", code=2)
    assert "there is no column 'nam' for --filter; " in ended.stderr and ended.stdout == ""


def test_machines_are_sorted_and_filtered_in_every_format(machines):
    options = ["--filter=web01|web03", "--sort=-name"]
    assert machines.cms("vm", "list", *options, "--output=names").stdout.split() == ["web03", "web01"]
    assert [row["name"] for row in machines.json("vm", "list", *options)] == ["web03", "web01"]
    assert (
        machines.cms("vm", "list", *options, "--columns=name", "--output=csv").stdout
        == "name\nweb03\nweb01\n"
    )
    ids = machines.cms("vm", "list", *options, "-q", "--columns=id").stdout.split()
    assert ids == [row["id"] for row in machines.json("vm", "list", *options)]


def test_machines_become_files_of_ansible_and_ssh(machines):
    inventory = yaml.safe_load(machines.cms("vm", "list", "--output=ansible").stdout)["all"]
    addresses = {row["name"]: row["addresses"][0] for row in machines.json("vm", "list")}
    assert {name: each["ansible_host"] for name, each in inventory["hosts"].items()} == addresses
    assert list(inventory["children"]["cloud_local"]["hosts"]) == ["web01", "web02", "web03"]
    entries = machines.cms("vm", "list", "web02", "--output=ssh-config").stdout
    assert entries.startswith(f"Host web02\n    HostName {addresses['web02']}\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["image", "list", "--output=ansible"],
            "--output=ansible is for lists of machines, as in: cms vm list",
        ),
        (["vm", "boot", "new1", "--output=ssh-config"], "--output=ssh-config is for lists of machines"),
        (["vm", "list", "--filter=state=ACTIVE"], "is never the value; did you mean 'active'?"),
        (["vm", "list", "--filter=cloud=loca"], "is never the value; did you mean 'local'?"),
        (["vm", "list", "--filter=state!=stopped|shutoff"], "did you mean 'stopped'?"),
        (["vm", "list", "--output=ansibl"], "did you mean 'ansible'?"),
        (
            ["vm", "list", "--output=ansible", "--columns=id"],
            "--columns=id has no meaning with --output=ansible",
        ),
        (["vm", "list", "--cached", "--refresh"], "--refresh"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(machines, words, sentence):
    ended = machines.cms(*words, code=2)
    assert sentence in ended.stderr and ended.stdout == ""
    assert len(json.loads(machines.cms("vm", "list", "--output=json").stdout)) == 3


@pytest.mark.parametrize(("width", "left_out"), [(200, False), (45, True)])
def test_a_table_fits_the_terminal_and_says_what_is_left_out(machines, width, left_out):
    terminal = machines.terminal("vm", "list", COLUMNS=str(width))
    shown = terminal.read().replace("\r", "").split("\n")
    terminal.close()
    table = [line for line in shown if line.startswith(("cloud", "local", "----"))]
    assert len(table) == 5 and all(len(line) <= width for line in table)
    assert all(any(name in line for line in table) for name in ("web01", "web02", "web03"))
    assert any("too narrow for the column" in line and "--columns" in line for line in shown) is left_out

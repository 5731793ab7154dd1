"""What ``--output=names`` prints means that same machine when it is given back as one argument."""

import io
import json
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.plugin.errors import StoreError, UnknownName, UsageError
from cloudmesh.plugin.names import NameIndex, expand
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm import Machine, Machines
from cloudmesh.vm.queries import machine_words

ODD = [
    "--all",
    "-v",
    "*",
    "web[01-03]",
    "db[1]",
    "a,b",
    "a:web1",
    "=x",
    "==",
    "end ",
    " ",
    "#1",
    "id=7",
    "b:=y",
]
ODD += [
    "x;y",
    "$cloud",
    "var.x",
    "run.cm",
    "--file=x",
    "two\nlines",
    "\x1b[2J",
    "\u202eback",
    "größe",
    "q\"u'o",
]
some_name = (
    st.sampled_from([*ODD, "web1", "i-1", "i-2"]) | st.text(max_size=4) | st.text("=:,[]*-a1 ", max_size=4)
)
machines = st.lists(
    st.builds(
        lambda cloud, name, own_id: MachineRecord(cloud, name, own_id, State.ACTIVE),
        st.sampled_from("ab"),
        some_name,
        st.sampled_from(["i-1", "i-2", "i-3", "/sub/x:y", "web1"]),
    ),
    unique_by=lambda each: (each.cloud, each.cloud_id),
)


@given(machines, st.sampled_from(["", "a", "ab"]))
def test_whatever_machines_are_called_each_has_a_word_that_means_it_alone(known, places):
    index = NameIndex(known)
    for machine in known:
        word = index.word(machine, places)
        (name,) = expand([word])
        reached = [each for each in index.meant(name) if name.cloud or each.cloud in places]
        assert (reached, name.is_glob, harmless(word), word[:1] != "-") == ([machine], False, word, True)


@pytest.fixture
def odd(config, monkeypatch):
    """Machines of all such names on cloud a, as somebody may call them at the cloud itself; two are alike."""
    shown = SimulatedProvider._machine

    def _machine(self, row):
        return shown(self, {**row, "name": row["name"].replace("second twin", "twin")})

    monkeypatch.setattr(SimulatedProvider, "_machine", _machine)
    with SimulatedProvider("a", config.settings("a")) as cloud:
        for name in [*ODD, "twin", "second twin", "plain"]:
            cloud.boot(BootRequest(name, cloud.images()[0], cloud.flavors()[0]))
    with Cloud("a", config) as cloud:
        return {each.cloud_id: each.name for each in cloud.machines()}


def now(config):
    with Cloud("a", config) as cloud:
        return {each.cloud_id: each for each in cloud.machines()}


def test_each_line_of_a_list_given_back_is_one_machine(odd, config, cms):
    lines = cms("list --output=names")[1].splitlines()
    assert len(set(lines)) == len(odd)
    for line in lines:
        before = now(config)
        code, _, err = cms(f"delete {line} --yes --output=names")
        gone = before.keys() - now(config).keys() | {
            each for each, machine in now(config).items() if machine.state == "deleted"
        }
        assert (code, len(gone)) == (0, 1), (line, err)
    assert "plain" in lines and "=--all" in lines and "=*" in lines and "==x" in lines


def test_ids_are_names_everywhere(odd, config, cms):
    first, second = [own_id for own_id, name in odd.items() if name == "twin"]
    code, _, err = cms("stop twin")
    assert code == 2 and "twin matches 2 machines; use a:" in err and second in err
    assert cms(f"rename {first} fresh")[0] == 0
    assert [now(config)[each].name for each in (first, second)] == ["fresh", "twin"]
    for line in ("stop {} --wait", "metadata a:{} --set=k=v", "wait a:id={} --state=stopped", "info {}"):
        assert cms(line.format(second))[0] == 0
    assert json.loads(cms(f"info {second} --output=json")[1])["metadata"] == {"k": "v"}
    with Machines([f"a:{first}", f"id={second}"]) as many, Cloud("a", config) as cloud:
        assert [each.cloud_id for each in many] == [first, second]
        assert cloud.machine(first).name == "fresh"
    with Machine(second) as one:
        assert one.rename("other").cloud_id == one.stop().cloud_id == second


def test_what_is_meant_by_its_id_is_never_another_machine_that_has_its_name(boot, config, cms, behind):
    boot("web1", "a")
    (first,) = now(config)
    for again in (f"stop {first}", f"stop id={first}"):
        behind("a", "delete", "web1")
        with SimulatedProvider("a", config.settings("a")) as cloud:
            cloud.boot(BootRequest("web1", cloud.images()[0], cloud.flavors()[0]))
        code, _, err = cms(f"{again} --cloud=a")
        assert (code, f"there is no machine '{first}' on a" in err) == (2, True)
        with Inventory() as inventory, Cloud("a", config, inventory) as cloud:
            (second,) = inventory.known("a")
            inventory.save(replace(second.machine, cloud_id=first))
            with pytest.raises(UnknownName):
                cloud.machine(first, "stop")
            assert [each.state for each in cloud.machines()] == ["active"]
            inventory.save(replace(second.machine, cloud_id=first))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_end_of_a_machine_is_waited_for_by_its_id_too(boot, config, cms):
    boot("web1", "a")
    (own_id,) = now(config)
    assert cms(f"delete {own_id} --yes")[0] == 0
    assert cms(f"wait {own_id} --state=deleted --cloud=a")[0] == 0


def test_several_of_one_name_are_acted_on_together_and_told_apart(odd, config, cms, monkeypatch):
    twins = [own_id for own_id, name in odd.items() if name == "twin"]
    code, out, err = cms(f"stop {' '.join(twins)} --wait --output=names")
    assert (code, out.split()) == (0, twins), err
    assert [now(config)[each].state for each in twins] == ["stopped"] * 2
    assert [f"twin ({each})" in cms(f"start {' '.join(twins)}")[1] for each in twins] == [True] * 2
    assert all(f"  twin ({each})  " in cms("list")[1] for each in twins)
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    code, _, err = cms(f"delete {twins[1]}")
    assert code == 0 and f"Delete 1 machine twin ({twins[1]}) on a?" in err
    assert not {twins[1]} & now(config).keys() or now(config)[twins[1]].state == "deleted"


def test_a_name_that_is_the_id_of_another_is_in_doubt(boot, config, cms):
    boot("web1,web2", "a")
    first, second = now(config)
    with SimulatedProvider("a", config.settings("a")) as cloud:
        cloud.rename(second, first)
    with Inventory() as inventory:
        assert machine_words(config, inventory, now(config).values()) == ["a:web1", f"a:={first}"]
    code, _, err = cms(f"stop {first} --cloud=a")
    assert code == 2 and f"use a:={first} or a:web1" in err
    with Machines([f"=id={first}"], "a") as none, pytest.raises(UnknownName):
        none.stop()


def test_after_a_verb_names_are_those_that_succeeded_and_each_other_is_told(boot, spy, cms):
    boot("web[1-3]", "a")
    boot("web3", "b")
    spy.refuse("a", "stop", "web2", Refused("not on Sundays"))
    code, out, err = cms("stop a:web[1-3] web3 no1 --output=names")
    assert (code, out) == (1, "web1\na:web3\n")
    assert "error: a:web2: not on Sundays\n" in err and "error: no1: there is no machine 'no1'" in err
    assert "error: web3: web3 is on several clouds" in err
    code, out, err = cms("suspend a:web[1-2] --dryrun --output=names")
    assert (code, out) == (1, "web2\n") and "error: a:web1: would fail: cannot suspend a:web1" in err
    job = cms("job list --output=names")[1].split()[-1]
    assert cms(f"job show {job} --output=names")[1] == "web1\nweb2\na:web3\n"
    cms("metadata a:web1 --set=a=1 --set=b=2")
    for line in ("metadata a:web1", "info a:web1"):
        assert cms(f"{line} --output=names")[1] == "web1\n"


def test_what_was_done_is_told_though_the_store_cannot_be_read_afterwards(boot, config, cms, monkeypatch):
    boot("web[1-2]", "a")

    def away(config):
        raise StoreError("the disk is gone")

    monkeypatch.setattr("cloudmesh.vm.cli.report.open_store", away)
    code, out, _ = cms("stop web[1-2] --output=names")
    assert (code, out) == (0, "a:web1\na:web2\n")


def test_data_of_a_list_has_more_than_its_table(boot, config, cms):
    boot("web1", "a")
    (machine,) = now(config).values()
    (row,) = json.loads(cms("list --output=json")[1])
    told = {key: row[key] for key in ("id", "key", "metadata", "raw_state")}
    assert told == {"id": machine.cloud_id, "key": "", "metadata": {}, "raw_state": machine.raw_state}
    assert row["created"].endswith("Z")
    assert cms("list --output=csv")[1].splitlines()[0] == ",".join(row)
    assert machine.cloud_id not in cms("list")[1]


@pytest.mark.parametrize("word", ["id=i-1", "=a b", "=web*", "=", "id=", "good,=x"])
def test_what_is_no_good_name_is_booted_by_nobody(config, spy, word):
    for names in (word, ["good", word]):
        with Machines(names, "a") as machines, pytest.raises(UsageError):
            machines.boot()
    with Cloud("a", config) as cloud, pytest.raises(UsageError, match="cannot be the name of a machine"):
        cloud.boot(word)
    assert "boot" not in {method for _, method, _ in spy.taken()}
    with Machine("=good", "a") as machine:
        assert machine.boot().name == "good"

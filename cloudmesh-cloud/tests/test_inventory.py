"""What is known of machines, how old it is, and whose word is the last."""

import time
import tracemalloc
from dataclasses import replace

import pytest

from cloudmesh.cloud.model.networks import FloatingIP
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import KnownMachine
from cloudmesh.db import Database


@pytest.fixture
def inventory():
    with Inventory(Database(":memory:")) as opened:
        yield opened


@pytest.fixture
def now(monkeypatch):
    """The time that the inventory sees; set ``now[0]``."""
    moment = [1000.0]
    monkeypatch.setattr(time, "time", lambda: moment[0])
    return moment


def vm(name, state=State.ACTIVE, cloud="uc"):
    return MachineRecord(cloud, name, f"id-{name}", state)


def states(inventory, cloud="uc"):
    return {each.machine.name: each.machine.state.value for each in inventory.known(cloud)}


def test_an_empty_listing_is_knowledge_and_a_machine_alone_is_no_listing(inventory):
    assert inventory.known("uc") == []
    inventory.forget(vm("a"))
    inventory.save(vm("a"))
    assert states(inventory) == {"a": "active"}
    assert not inventory.was_refreshed("uc")
    inventory.replace("uc", [], time.time())
    assert inventory.was_refreshed("uc")
    assert not inventory.was_refreshed("tacc")


def test_a_listing_takes_the_place_of_older_rows_and_drops_the_vanished(inventory, now):
    for name in ("a", "b"):
        inventory.save(vm(name))
    inventory.save(vm("b", cloud="tacc"))
    now[0] = 1005.0
    inventory.replace("uc", [vm("a", State.STOPPED), vm("c")], asked=1001.0)
    assert states(inventory) == {"a": "stopped", "c": "active"}
    assert states(inventory, "tacc") == {"b": "active"}, "other clouds are left alone"
    assert [each.refreshed for each in inventory.known("uc")] == [1001.0, 1001.0]


def test_what_was_saved_after_the_listing_was_asked_for_stays(inventory, now):
    inventory.save(vm("a"))
    asked = 1001.0
    now[0] = 1002.0
    inventory.save(vm("a", State.STOPPING))
    inventory.save(vm("new", State.BUILDING))
    now[0] = 1003.0
    inventory.replace("uc", [vm("a", State.ACTIVE)], asked)
    assert states(inventory) == {"a": "stopping", "new": "building"}


def test_a_slow_older_listing_undoes_nothing_of_a_quick_newer_one(inventory, now):
    inventory.save(vm("dropped"))
    now[0] = 1010.0
    inventory.replace("uc", [vm("a", State.STOPPED)], asked=1005.0)
    assert inventory.replace("uc", [vm("a"), vm("dropped")], asked=1001.0) == []
    assert states(inventory) == {"a": "stopped"}


def test_rows_from_a_clock_that_was_ahead_do_not_stay_for_ever(inventory, now):
    now[0] = 9_000_000.0
    inventory.save(vm("a"))
    inventory.save(vm("gone"))
    now[0] = 1000.0
    inventory.replace("uc", [vm("a", State.STOPPED)], asked=1000.0)
    assert states(inventory) == {"a": "stopped"}


def test_the_age_grows_and_is_never_negative(now):
    known = KnownMachine(vm("a"), refreshed=990.0)
    assert known.age == 10
    now[0] = 980.0
    assert known.age == 0


@pytest.mark.parametrize(("count", "known"), [(1, 0), (450, 400)])
def test_a_listing_that_breaks_off_makes_no_machine_vanish(inventory, now, count, known):
    inventory.save(vm("a"))
    now[0] = 1001.0

    def broken():
        yield from (vm(f"b{number}") for number in range(count))
        raise RuntimeError("the last page did not come")

    with pytest.raises(RuntimeError):
        inventory.replace("uc", broken(), asked=1001.0)
    # The pages that came whole are known, and what did not come stays.
    assert set(states(inventory)) == {"a", *(f"b{number}" for number in range(known))}
    assert not inventory.was_refreshed("uc")
    assert inventory.vanished(["uc"]) == []


def test_what_vanished_is_told_once_as_it_was_last_seen(inventory, now):
    for machine in (vm("a"), vm("here", State.DELETING), vm("b")):
        inventory.save(machine)
    now[0] = 1005.0
    vanished = inventory.replace("uc", [vm("b")], asked=1004.0)
    assert [each.machine for each in vanished] == [vm("a")]
    assert states(inventory) == {"b": "active"}, "no other command finds it"
    for reader in ("shell", "rest"):
        (told,) = inventory.vanished(["uc", "tacc"], reader)
        assert (told.machine.name, told.machine.state, told.refreshed) == ("a", State.DELETED, 1000.0)
        assert inventory.vanished(["uc"], reader) == []
    assert inventory.vanished(["uc"], "sh") != [], "a reader has a whole word"
    inventory.save(vm("b"))
    now[0] = 1000.0 + 31 * 86400
    inventory.replace("uc", [], asked=now[0])
    assert [each.machine.name for each in inventory.vanished(["uc"])] == ["b"]
    assert [each.machine.name for each in inventory.vanished(["uc"], "python")] == ["b"], (
        "the old is forgotten"
    )


def test_a_store_from_before_there_were_readers_tells_each(inventory, now):
    inventory.save_many([vm("a"), vm("back"), vm("back", cloud="tacc")])
    records = inventory.database.find("machine")
    inventory.forget(vm("a"))
    # In a table without the columns that tell of readers.
    inventory.database.upsert_many("vanished", map(dict, records), key=["cloud", "cloud_id"])
    assert inventory.vanished(["tacc"]) == inventory.vanished(["tacc"]) == []
    for reader in ("shell", "python"):
        assert [each.machine.name for each in inventory.vanished(["uc"], reader)] == ["a"]
        assert inventory.vanished(["uc"], reader) == []


def test_a_machine_that_was_just_booted_need_not_be_listed_yet(inventory, now):
    """It costs money, and must not be forgotten; one that never appears has vanished in the end."""
    inventory.save(vm("old"))
    inventory.save(vm("new", State.BUILDING))
    for moment in (1001.0, 1020.0):
        now[0] = moment
        inventory.replace("uc", [], asked=moment)
        assert states(inventory) == {"new": "building"}
    now[0] = 1031.0
    inventory.replace("uc", [], asked=1031.0)
    assert states(inventory) == {}
    assert [each.machine.name for each in inventory.vanished(["uc"])] == ["old", "new"]


def test_what_came_back_has_not_vanished(inventory, now):
    inventory.save(vm("a"))
    now[0] = 1002.0
    inventory.replace("uc", [], asked=1001.0)
    inventory.replace("uc", [vm("a")], asked=1002.0)
    assert inventory.vanished(["uc"]) == []


def test_many_are_saved_as_one_after_the_other(inventory, now):
    inventory.save_many([])
    inventory.save_many([vm("a"), vm("a", cloud="tacc"), vm("b"), vm("a", State.STOPPED)])
    assert states(inventory) == {"a": "stopped", "b": "active"}
    assert states(inventory, "tacc") == {"a": "active"}
    now[0] = 1005.0
    inventory.save_many([vm("b", State.PAUSED)])
    # The machine of the same id on another cloud is not the newer one.
    inventory.save_many((vm(name, State.ERROR, cloud) for name in "ab" for cloud in ("uc", "tacc")), 1002.0)
    assert states(inventory) == {"a": "error", "b": "paused"}
    assert states(inventory, "tacc") == {"a": "error", "b": "error"}
    assert [each.refreshed for each in inventory.known("uc")] == [1002.0, 1005.0]


def test_of_many_that_cannot_be_saved_none_is(inventory):
    inventory.save(vm("b0"))

    def broken():
        yield from (vm(f"b{number}", State.STOPPED) for number in range(450))
        raise RuntimeError("the rest did not come")

    with pytest.raises(RuntimeError):
        inventory.save_many(broken())
    assert states(inventory) == {"b0": "active"}


def test_hundreds_that_vanish_at_once_are_all_told(inventory, now):
    inventory.save_many(vm(f"vm{number}") for number in range(500))
    inventory.save(vm("vm7", State.DELETING))
    inventory.save(vm("vm7", cloud="tacc"))
    now[0] = 1005.0
    vanished = inventory.replace("uc", [vm("vm8")], asked=1004.0)
    names = {each.machine.name for each in vanished}
    assert len(vanished) == 498 and not names & {"vm7", "vm8"}
    assert states(inventory) == {"vm8": "active"} and states(inventory, "tacc") == {"vm7": "active"}
    assert {each.machine.name for each in inventory.vanished(["uc"])} == names


def test_a_listing_takes_few_statements(inventory, monkeypatch):
    listing = [vm(f"vm{number}") for number in range(1000)]
    inventory.replace("uc", listing, asked=time.time())
    dialect = inventory.database.engine.dialect
    execute, seen = dialect.execute, []
    monkeypatch.setattr(dialect, "execute", lambda *words: (seen.append(words), execute(*words))[1])
    inventory.replace("uc", listing, asked=time.time())
    assert 0 < len(seen) < 100, "some a page, and not some a machine"


def test_a_record_shares_nothing_with_its_machine():
    machine = replace(vm("a"), private_ips=["10.0.0.1"], metadata={"role": "web"})
    record = machine.to_record()
    record["private_ips"].append("x")
    record["public_ips"].append("x")
    record["metadata"]["role"] = "db"
    assert machine == replace(vm("a"), private_ips=["10.0.0.1"], metadata={"role": "web"})
    assert machine.to_record()["state"] == "active" and type(machine.to_record()["state"]) is str


def test_a_state_of_a_later_version_hides_no_machine(inventory):
    inventory.save_many([vm("a"), vm("b")])
    inventory.database.update("machine", {"state": "levitating", "raw_state": "LEVITATING"}, name="a")
    assert states(inventory) == {"a": "unknown", "b": "active"}
    assert inventory.known("uc")[0].machine.raw_state == "LEVITATING"


def test_thousands_are_known_as_each_of_them_is(inventory):
    same = {"private_ips": ["10.0.0.1"], "metadata": {"role": "web", "": "x"}}
    saved = [replace(vm(f"m{n}"), created=n + 0.5, **same) for n in range(250, 0, -1)]
    saved[7] = replace(saved[7], locked=True, ssh_port=2222, public_ips=["a", 'b","c'], fault="é\n")
    inventory.save_many([*saved, vm("other", cloud="tacc")])
    inventory.database.update("machine", {"state": "levitating"}, name=saved[3].name)
    # As a version wrote it that did not know the other fields.
    old = {"cloud": "uc", "name": "old", "cloud_id": "old", "state": "active", "refreshed": 1.0}
    inventory.database.add("machine", old)
    known = inventory.known("uc")
    assert [each.machine.name for each in known] == [*(each.name for each in saved), "old"]
    assert known == [inventory.find(each.machine) for each in known]
    assert known[3].machine.state is State.UNKNOWN and known[-1].machine.ssh_port == 22
    known[0].machine.private_ips.append("x")
    known[0].machine.metadata["role"] = "db"
    assert known[1].machine == saved[1], "they share nothing"


def test_metadata_keeps_its_keys_and_makes_no_columns(inventory):
    written = {"role": "web", "a_b": "1", "A_B": "2", "": "empty"}
    inventory.save(replace(vm("a"), metadata=written))
    assert inventory.known("uc")[0].machine.metadata == written
    assert not any("role" in column for column in inventory.database.columns("machine"))


def _peak(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_five_thousand_machines_need_no_more_memory_than_some_hundred(tmp_path):
    def listing(count):
        return (replace(vm(f"vm{number}"), metadata={"text": "x" * 1000}) for number in range(count))

    with Inventory(Database(tmp_path / "store.db")) as inventory:
        inventory.replace("uc", listing(400), asked=time.time())
        few = _peak(lambda: inventory.replace("uc", listing(400), asked=time.time()))
        many = _peak(lambda: inventory.replace("uc", listing(5000), asked=time.time()))
        assert inventory.database.count("machine") == 5000
    # Beside names, which the file for completion gets.
    assert many < 1.5 * few + 5000 * 200
    assert many < 5000 * 1000, "less than the metadata alone"


def test_an_address_is_expected_until_it_is_told_or_forgotten(inventory):
    address = FloatingIP("uc", "203.0.113.1", "ip-1", description="cloudmesh-token:t1")
    assert inventory.addresses_of(vm("a")) == []
    inventory.forget_address(address)
    for tell in (lambda: inventory.keep_address(address, vm("a")), lambda: inventory.forget_address(address)):
        inventory.expect_address(vm("a"), "t1")
        inventory.expect_address(vm("b"), "t2")
        assert [(each.address, each.cloud_id) for each in inventory.addresses_of(vm("a"))] == [
            ("", "cloudmesh-token:t1")
        ]
        tell()
        assert len(inventory.addresses_of(vm("b"))) == 1
        assert [each.cloud_id for each in inventory.addresses_of(vm("a"))] in ([], ["ip-1"])
        inventory.forget_address(address)
        assert inventory.addresses_of(vm("a")) == []


def test_the_users_own_store_is_in_the_home(home):
    with Inventory() as inventory:
        inventory.save(vm("a"))
    assert (home / "cloudmesh.db").exists()


def test_an_answer_that_was_asked_for_earlier_does_not_hide_a_later_one(inventory, now):
    inventory.save(vm("a", State.STOPPING))
    now[0] = 1002.0
    inventory.save(vm("a"), asked=999.0)
    assert states(inventory) == {"a": "stopping"}
    inventory.save(vm("a", State.STOPPED), asked=1001.0)
    assert states(inventory) == {"a": "stopped"}

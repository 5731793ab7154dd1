"""From the names a user writes to machines, and what that costs."""

import threading

import pytest

from cloudmesh.cloud.errors import Unreachable
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.plugin import errors
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError
from cloudmesh.vm import Machines
from cloudmesh.vm.cli.listing import list_machines
from cloudmesh.vm.jobs.jobs import Jobs


def chosen(names, cloud=None):
    """The names of the machines, and of what is missing."""
    with Machines(names, cloud) as machines:
        selection = machines.select()
    return [each.qualified_name for each in selection.machines], [
        str(each.name) for each in selection.missing
    ]


@pytest.mark.parametrize("more", [0, 100])
def test_machines_are_in_the_order_in_which_they_are_listed_however_many_there_are(boot, more):
    names = ["a100", "a10", "a010", "a2", "a1b", "a01b", "a1a", "b"]
    boot(",".join([*names, *(f"c{number}" for number in range(more))]), "a")
    found, _ = chosen("*", "a")
    assert found[:8] == ["a:a1a", "a:a01b", "a:a1b", "a:a2", "a:a010", "a:a10", "a:a100", "a:b"]
    told = list_machines(Config.load(), ["*"], "a", cached=True).rows
    listed = [f"a:{each['name']}" for each in told]
    # Which of two that count the same comes first is told by their ids in a list.
    assert [each.replace("a0", "a") for each in listed] == [each.replace("a0", "a") for each in found]


@pytest.fixture
def four(boot):
    boot("web1,web2,db1", "a")
    boot("web9", "b")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("web1", ["a:web1"]),
        ("web[1-2]", ["a:web1", "a:web2"]),
        ("web2,web1,web2", ["a:web2", "a:web1"]),
        (["db1", "web[1-2]"], ["a:db1", "a:web1", "a:web2"]),
        ("web*", ["a:web1", "a:web2", "b:web9"]),
        ("web?,db1", ["a:web1", "a:web2", "b:web9", "a:db1"]),
        ("b:web9", ["b:web9"]),
        ("b:*,a:db1", ["b:web9", "a:db1"]),
        ("a:web1,web1,web*", ["a:web1", "a:web2", "b:web9"]),
    ],
)
def test_names_ranges_globs_and_clouds_in_the_order_written(four, names, found):
    assert chosen(names) == (found, [])


@pytest.mark.parametrize(
    "ordered",
    [
        ["db2", "db-2", "db-10", "web", "web1", "web1a", "web9", "web10", "web10a"],
        ["web01", "web1", "web02", "web2", "web10"],
        [name for n in range(1, 61) for name in (f"web{n}", f"web{n}a")],
        [name for n in range(1, 61) for name in (f"web0{n}", f"web{n}")],
    ],
)
def test_all_of_a_cloud_stand_in_the_order_in_which_people_count(boot, ordered):
    boot(",".join(reversed(ordered)), "a")
    with Machines.all("a") as machines:
        assert [each.name for each in machines.select().machines] == ordered


def test_only_the_clouds_of_the_option_are_looked_at(four):
    assert chosen("web*", "b") == (["b:web9"], [])
    with pytest.raises(UnknownName, match="there is no machine 'web1' on b; .*web9"):
        chosen("web1", "b")
    assert chosen("a:web1", "b") == (["a:web1"], []), "but where the name says another one"


def test_a_machine_of_another_cloud_is_what_was_probably_meant(four):
    with pytest.raises(UnknownName, match="there is no machine 'db1' on b; did you mean 'a:db1'?"):
        chosen("db1", "b")
    with pytest.raises(UnknownName, match="there is no machine 'db1' on b; known: web9"):
        chosen("b:db1")


def test_a_cloud_before_the_colon_needs_no_default(configure, spy):
    configure({"a": {}, "b": {}}, active=["a", "b"])
    with Machines("a:vm1") as machines:
        machines.boot().raise_for_failures()
        assert machines.stop().exit_code == 0
    with pytest.raises(ConfigError, match="--cloud=NAME"):
        chosen("vm1")
    with pytest.raises(UnknownName, match="'x'"):
        chosen("a:vm1", "x")


def test_known_names_cost_no_call_and_a_glob_one_listing_a_cloud(four, spy):
    chosen("web1,db1,b:web9")
    assert spy.taken() == []
    chosen("web*,db*,*")
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")]

    assert chosen("web1,no[1-2]") == (["a:web1"], ["no1", "no2"])
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")]


def test_a_machine_that_came_since_is_found(four, boot):
    with Inventory() as inventory:
        for each in inventory.known("a"):
            inventory.forget(each.machine)
    assert chosen("web1") == (["a:web1"], [])


def test_a_cloud_never_listed_is_listed_since_the_name_could_be_there_too(config, boot, spy):
    boot("web1", "a")
    with Machines("web1", "b") as machines:
        machines.boot()
    with Inventory() as inventory:
        (known,) = inventory.known("b")
        inventory.forget(known.machine)
        inventory.database.delete("refresh", cloud="b")
    with pytest.raises(UsageError, match="a:web1 or b:web1"):
        chosen("web1")


def test_a_name_on_two_clouds_is_an_error_that_names_both(four, boot, spy):
    boot("web1", "b")
    with pytest.raises(UsageError, match="web1 is on several clouds; use a:web1 or b:web1"):
        chosen("web1")
    with Machines("web1") as machines, pytest.raises(UsageError):
        machines.stop()
    assert {method for _, method, _ in spy.taken()} <= {"machines"}, "nothing was done"
    assert chosen("web1,db1,web[1-2]") == (["a:db1", "a:web2"], ["web1"])
    assert chosen("b:web1") == (["b:web1"], [])
    assert chosen("web1", "a") == (["a:web1"], [])
    assert chosen("web[1]*") == (["a:web1", "b:web1"], [])


def test_a_name_that_has_vanished_from_one_of_two_clouds_is_no_longer_ambiguous(four, boot, behind):
    boot("web1", "b")
    behind("a", "delete", "web1")
    assert chosen("web1") == (["b:web1"], [])
    with Machines("web1", "b") as machines:
        machines.delete()
        machines.boot().raise_for_failures()
        assert [each.name for each in machines.stop().succeeded] == ["web1"], "the old one is not meant"


def test_a_name_that_means_nothing_is_unknown_with_the_nearest(four):
    with pytest.raises(UnknownName, match=r"there is no machine 'web3' on a, b; did you mean 'web"):
        chosen("web3")
    with pytest.raises(UnknownName, match=r"'x\*'"):
        chosen("x*")


@pytest.mark.parametrize(
    ("names", "error"),
    [
        *((names, UsageError) for names in ("", " ", [], [""], "web1,", ",web1", "web[1-", "web[3-1]")),
        ("x:web1", UnknownName),
        ("c:web1", ConfigError),
    ],
)
def test_no_name_or_a_wrong_one_is_an_error_and_never_means_all(four, spy, names, error):
    with pytest.raises(error):
        chosen(names)
    assert spy.taken() == []


def test_all_means_all_of_the_clouds_as_they_tell_now(four, spy, behind):
    behind("a", "delete", "web2")
    with Machines.all() as machines:
        assert [each.qualified_name for each in machines.select().machines] == ["a:db1", "a:web1", "b:web9"]
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")]
    with Machines.all("b") as machines:
        assert [each.name for each in machines.select().machines] == ["web9"]
        with pytest.raises(UsageError, match="booting needs names"):
            machines.boot()


def test_of_a_cloud_that_does_not_answer_the_known_machines_are_meant_and_the_rest_is_missing(four, spy):
    spy.trouble["b", "machines"] = Unreachable("b is away")
    assert chosen("web*") == (["a:web1", "a:web2", "b:web9"], ["web*"])
    with Machines.all() as machines:
        selection = machines.select()
    assert [each.cloud for each in selection.machines] == ["a", "a", "a"]
    assert [(each.cloud, each.name) for each in selection.missing] == [("b", "*")]


def test_a_name_could_be_on_a_cloud_that_was_never_listed_and_does_not_answer(boot, spy):
    boot("web1", "a")
    spy.trouble["b", "machines"] = Unreachable("b is away")
    with pytest.raises(Unreachable, match="web1 is on a, but may also be on b.*use a:web1"):
        chosen("web1")
    assert chosen("a:web1") == (["a:web1"], [])
    assert chosen("a:web1,web1") == (["a:web1"], ["web1"])


@pytest.mark.parametrize(("away", "unlisted"), [("a", "a"), ("b", "none")])
def test_a_name_that_is_known_needs_neither_its_own_cloud_nor_one_that_was_listed(boot, spy, away, unlisted):
    boot("web1", "a")
    boot("web2", "b")
    with Inventory() as inventory:
        inventory.database.delete("refresh", cloud=unlisted)
    spy.trouble[away, "machines"] = Unreachable("it is away")
    assert chosen("web1") == (["a:web1"], [])


def stopped(spy):
    """What was stopped since the last look."""
    return sorted((cloud, name) for cloud, method, name in spy.taken() if method == "stop")


def test_a_name_in_doubt_fails_and_the_others_are_done(four, boot, spy):
    boot("web1", "b")
    with Machines("web1,db1,web9") as machines:
        result = machines.stop()
        assert stopped(spy) == [("a", "db1"), ("b", "web9")]
        told = {each.name: (each.status.value, str(each.error or "")) for each in result}
        assert told["web1"] == ("failed", "web1 is on several clouds; use a:web1 or b:web1")
        assert (told["db1"], told["web9"], result.exit_code) == (("done", ""), ("done", ""), 1)
        assert [each.status.value for each in machines.start_each()].count("done") == 2
        assert [each.name for each in machines.wait("active").failed] == ["web1"]
    spy.taken()
    with Machines("web1,db1") as machines, pytest.raises(UsageError, match="web1 is on several clouds"):
        machines.rename("db2")
    assert {method for _, method, _ in spy.taken()} <= {"machines"}

    with Machines("web1,db1") as machines:
        job = machines.stop().job
    _, tasks = Jobs().show(job)
    assert [(each["name"], each["status"]) for each in tasks] == [("db1", "done"), ("web1", "failed")]
    spy.taken()
    (again,) = Jobs().resume(job, failed=True)
    assert (again.name, again.status.value) == ("web1", "failed")
    assert "web1 is on several clouds" in str(again.error)
    assert stopped(spy) == []


@pytest.mark.parametrize("name", ["web7", "web1*"])
def test_a_name_is_neither_unknown_nor_that_of_one_machine_while_a_cloud_does_not_answer(four, spy, name):
    spy.trouble["b", "machines"] = Unreachable("b is away")
    with Machines(name) as machines, pytest.raises(Unreachable, match="b is away"):
        machines.select().machine()


def test_a_thousand_names_read_the_store_once(boot, monkeypatch):
    boot("web[001-200]", "a")
    reads = []
    known = Inventory.known
    monkeypatch.setattr(Inventory, "known", lambda self, cloud: reads.append(cloud) or known(self, cloud))
    with Machines("web[001-200]", "a") as machines:
        assert len(machines.select().machines) == 200
    assert reads == ["a"]


@pytest.mark.parametrize("names", ["web*", "no1,web1", None])
def test_clouds_are_listed_at_the_same_time(four, spy, names):
    together(spy, "machines")
    with Machines.all() if names is None else Machines(names) as machines:
        assert machines.select().machines


def together(spy, method):
    """No cloud answers before the other is asked too."""
    both = threading.Barrier(2, timeout=30)
    for cloud in ("a", "b"):
        spy.trouble[cloud, method] = lambda name: both.wait()


def test_what_a_verb_takes_is_looked_up_at_the_same_time(four, spy):
    together(spy, "images")
    with Machines("a:web1,b:web9") as machines:
        assert {each.status.value for each in machines.rebuild("debian-12")} == {"done"}


def test_boots_are_planned_at_the_same_time(four, spy):
    together(spy, "machines")
    with Machines("new1", ["a", "b"]) as machines:
        assert [each.cloud for each in machines.boot()] == ["a", "b"]


def told_by_select(names):
    with Machines(names) as machines:
        return [str(each.error) for each in machines.select().missing]


def told_by_list(names):
    return [str(error) for error in list_machines(Config.load(), [names], None, False).errors]


@pytest.mark.parametrize("told_by", [told_by_select, told_by_list])
def test_of_thousands_of_unknown_names_a_few_are_compared_with_all(boot, monkeypatch, told_by):
    boot("web[001-030]", "a")
    compared = []
    nearest = errors.nearest
    monkeypatch.setattr(errors, "nearest", lambda name, names: compared.append(name) or nearest(name, names))
    told = told_by("web001,wed[0001-2000]")
    assert len(told) == 2000
    assert "did you mean 'web001'?" in told[0] and "(30 in all)" in told[0]
    assert "'wed2000'" in told[-1] and "known: web001" in told[-1] and "(30 in all)" in told[-1]
    assert 0 < len(compared) <= 10

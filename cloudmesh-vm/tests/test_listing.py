"""``cms vm list``: what is known, how old it is, and what happens when a cloud is away."""

import threading
import time

import pytest

from cloudmesh.cloud.cli.notes import age_text
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import CredentialsError, Unreachable
from cloudmesh.cloud.fanout.query import CloudProgress
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.db import Database
from cloudmesh.plugin.errors import ConfigError, StoreError, UnknownName, UsageError
from cloudmesh.vm import Machines
from cloudmesh.vm.cli.listing import list_machines
from cloudmesh.vm.cli.progress import Progress


def names(answer):
    return [f"{row['cloud']}:{row['name']}" for row in answer.rows]


def words(answer):
    return [row["name"] for row in answer.rows]


@pytest.fixture
def three(boot):
    boot("web[1-2]", "a")
    boot("db1", "b")


def test_an_age_is_short_and_rounded_down():
    told = [age_text(seconds) for seconds in (0, 0.9, 59.9, 60, 3599, 3600, 86399, 86400, 8640000)]
    assert told == ["0s", "0s", "59s", "1m", "59m", "1h", "23h", "1d", "100d"]


def test_a_list_is_what_the_store_knows_and_calls_no_cloud(three, config, spy, behind):
    behind("a", "delete", "web1")
    answer = list_machines(config, [], None, refresh=False)
    assert names(answer) == ["a:web1", "a:web2", "b:db1"]
    assert spy.taken() == []
    assert list(answer.columns) == ["cloud", "name", "state", "image", "flavor", "addresses", "age"]
    *shown, age = [answer.rows[0][column] for column in answer.columns]
    assert age >= 0
    assert shown == ["a", "web1", "active", "debian-12", "tiny", ["198.18.0.2"]]
    assert answer.exit_code == 0
    assert answer.notes == []


def test_a_record_of_an_earlier_version_lacks_what_was_not_known_then(config):
    with Inventory() as inventory:
        old = {"cloud": "a", "name": "old", "cloud_id": "i-1", "state": "odd", "refreshed": 0.0}
        inventory.database.add("machine", old)
        inventory.replace("b", [], 0.0)
        inventory.database.add("refresh", {"cloud": "a", "refreshed": 0.0})
    (row,) = list_machines(config, [], None, cached=True, options={"--columns": "*"}).rows
    told = {
        key: row[key]
        for key in ("name", "state", "image", "addresses", "address", "port", "created", "metadata")
    }
    assert told.pop("metadata") == {} and told.pop("addresses") == [] and told.pop("port") == 22
    assert told == {"name": "old", "state": "unknown", "image": "", "address": "", "created": ""}


def test_a_machine_that_vanished_is_told_once_and_then_forgotten(three, config, behind):
    behind("a", "delete", "web1")
    told = list_machines(config, [], None, refresh=True)
    shown = {row["name"]: row["state"] for row in told.rows}
    assert shown == {"web2": "active", "web1": "deleted", "db1": "active"}
    assert told.notes[0] == ("note: a:web1 is no longer on the cloud, not deleted by cms; this is shown once")
    assert told.exit_code == 0
    assert names(list_machines(config, [], None, refresh=True)) == ["a:web2", "b:db1"]


def test_names_for_other_commands_hold_no_machine_that_vanished_and_keep_it_to_be_told(
    three, config, spy, behind
):
    behind("a", "delete", "web1")
    assert words(list_machines(config, [], None, True, "names")) == ["web2", "db1"]
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")], "each is asked once"
    assert names(list_machines(config, ["web*"], None, refresh=False)) == ["a:web2"]
    assert "a:web1" in names(list_machines(config, [], None, refresh=False))


def test_a_list_needs_no_room_in_the_store_and_tells_what_vanished_again_later(
    three, config, behind, monkeypatch
):
    behind("a", "delete", "web1")
    with Cloud("a", config) as cloud:
        cloud.machines()

    def full(*args, **values):
        raise StoreError("no room on the disk")

    with monkeypatch.context() as filled:
        filled.setattr(Database, "upsert_many", full)
        for _ in range(2):
            told = list_machines(config, [], None, refresh=False)
            assert names(told) == ["a:web2", "a:web1", "b:db1"] and "a:web1 is no longer" in told.notes[0]
    assert "a:web1" in names(list_machines(config, [], None, refresh=False))
    assert "a:web1" not in names(list_machines(config, [], None, refresh=False))


def test_an_address_that_outlived_its_machine_is_named_with_the_command_that_gives_it_back(config, behind):
    with Machines("web1", "a") as machines:
        machines.boot(public=True, wait=True).raise_for_failures()
    behind("a", "delete", "web1")
    told = list_machines(config, [], "a", refresh=True)
    assert told.notes[1].startswith(
        "note: 203.0.113.1 was created for such a machine and is still allocated; "
    )
    assert told.notes[1].endswith("cms ip delete 203.0.113.1 --cloud=a")


def test_an_address_that_a_machine_which_vanished_may_have_had_is_told(config, behind, boot):
    boot("web1", "a")
    with Cloud("a") as cloud:
        (machine,) = cloud.machines()
        cloud.inventory.expect_address(machine, "t1")
    behind("a", "delete", "web1")
    told = list_machines(config, [], "a", refresh=True)
    assert told.notes[1].startswith("note: an address may have been created for such a machine; ")
    assert "cms ip list --cloud=a" in told.notes[1]


def test_what_was_deleted_here_has_not_vanished_and_what_somebody_else_made_appears(three, config):
    with Machines("web1") as machines:
        machines.delete(wait=True)
    with SimulatedProvider("b", config.settings("b")) as cloud:
        cloud.boot(BootRequest("other", cloud.images()[0], cloud.flavors()[0]))
    assert names(list_machines(config, [], None, refresh=True)) == ["a:web2", "b:db1", "b:other"]


def test_the_clouds_are_asked_side_by_side(three, config, spy):
    both = threading.Barrier(2, timeout=20)
    spy.trouble["a", "machines"] = spy.trouble["b", "machines"] = lambda _: both.wait()
    answer = list_machines(config, [], None, refresh=True)
    assert names(answer) == ["a:web1", "a:web2", "b:db1"], "each waited until the other was asked too"
    assert answer.exit_code == 0


def test_a_cloud_that_hangs_is_given_up(three, config, spy, monkeypatch):
    monkeypatch.setattr("cloudmesh.cloud.fanout.query.CALL_TIMEOUT", 0.5)
    monkeypatch.setattr("cloudmesh.cloud.provider.retry.ReadRetry.ceiling", 0.0)
    ended = threading.Event()
    spy.trouble["a", "machines"] = lambda _: ended.wait(30)
    answer = list_machines(config, [], None, refresh=True)
    ended.set()
    assert names(answer) == ["a:web1", "a:web2", "b:db1"] and answer.exit_code == 4
    assert "cloud a did not answer within 0.5 seconds" in answer.notes[0]


def test_the_first_list_of_a_cloud_asks_it(config, spy):
    assert names(list_machines(config, [], None, refresh=False)) == []
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")]
    assert names(list_machines(config, [], None, refresh=False)) == []
    assert spy.taken() == [], "an empty cloud is not asked each time"


@pytest.mark.parametrize("error", [Unreachable("a is away"), CredentialsError("who are you")])
def test_a_refresh_that_fails_keeps_the_rows_and_says_how_old_they_are(three, config, spy, home, error):
    with Inventory() as inventory:
        for each in inventory.known("a"):
            where = {"cloud": "a", "cloud_id": each.machine.cloud_id}
            inventory.database.update("machine", {"refreshed": each.refreshed - 7200}, where)
    spy.trouble["a", "machines"] = error
    answer = list_machines(config, [], None, refresh=True)
    assert names(answer) == ["a:web1", "a:web2", "b:db1"]
    assert [row["age"] > 7000 for row in answer.rows] == [True, True, False]
    assert answer.notes[0] == f"error: a: {error}; its rows are cached, 2h old"
    assert answer.exit_code == error.exit_code


def test_a_cloud_of_which_nothing_is_known_is_not_shown_as_empty(config, spy):
    spy.trouble["a", "machines"] = spy.trouble["b", "machines"] = Unreachable("away")
    answer = list_machines(config, [], None, refresh=False)
    assert (answer.text, answer.exit_code) == ("", 4), "no list at all, in no format"
    assert answer.notes == ["error: a: away", "error: b: away"]


def test_it_is_said_of_which_cloud_nothing_is_known(boot, config, spy):
    boot("db1", "b")
    spy.trouble["a", "machines"] = Unreachable("away")
    answer = list_machines(config, [], None, refresh=False)
    assert names(answer) == ["b:db1"]
    assert answer.notes[0] == "error: a: away; no cached machines"
    assert answer.exit_code == 4


@pytest.mark.parametrize(
    ("wanted", "cloud", "found"),
    [
        (["web*"], None, ["a:web1", "a:web2"]),
        (["db1,web2"], None, ["b:db1", "a:web2"]),
        (["a:*"], None, ["a:web1", "a:web2"]),
        (["b:db1", "web1"], None, ["b:db1", "a:web1"]),
        (["b:db1"], "a", ["b:db1"]),
        (["x*"], None, []),
        (["d*", "b:x*"], "a", []),
        ([], "b", ["b:db1"]),
        ([], "b,a", ["b:db1", "a:web1", "a:web2"]),
    ],
)
def test_names_and_clouds_filter_in_the_order_written(three, config, wanted, cloud, found):
    assert names(list_machines(config, wanted, cloud, refresh=False)) == found


@pytest.mark.parametrize(
    ("wanted", "error", "words"),
    [
        (["web3"], UnknownName, "there is no machine 'web3' in the cached list .*; did you mean 'web"),
        (["b:web1"], UnknownName, "there is no machine 'b:web1'"),
        (["x:web1"], UnknownName, "there is no cloud 'x'"),
        (["c:web1"], ConfigError, "'c' is not active"),
        (["web[1-"], UsageError, "web"),
    ],
)
def test_wrong_names_are_told(three, config, wanted, error, words):
    with pytest.raises(error, match=words.replace("[", r"\[")):
        list_machines(config, wanted, None, refresh=False)


def test_a_name_with_its_cloud_needs_no_default(configure, spy):
    config = configure({"a": {}, "b": {}}, active=["a", "b"])
    assert names(list_machines(config, ["a:*"], None, refresh=False)) == []
    with pytest.raises(ConfigError, match="--cloud=NAME"):
        list_machines(config, [], None, refresh=False)


def test_names_for_other_commands_mean_the_same_machines_there(three, boot, config):
    def shown(*names, cloud=None):
        return words(list_machines(config, names, cloud, False, "names"))

    assert shown() == ["web1", "web2", "db1"]
    assert shown(cloud="b") == shown("b:db1") == ["b:db1"]
    boot("db1", "a")
    assert shown() == ["a:db1", "web1", "web2", "b:db1"]


def test_a_name_is_not_unknown_while_its_cloud_does_not_answer(three, config, spy):
    spy.trouble["b", "machines"] = Unreachable("b is away")
    with pytest.raises(Unreachable, match="b is away"):
        list_machines(config, ["db2"], None, refresh=True)
    with pytest.raises(UnknownName):
        list_machines(config, ["a:db2"], None, refresh=True)


def test_what_is_known_is_shown_beside_a_name_that_is_not(three, config):
    answer = list_machines(config, ["db1", "db2"], None, refresh=False)
    assert names(answer) == ["b:db1"]
    assert answer.exit_code == 2
    assert answer.notes[0].startswith("error: there is no machine 'db2' in the cached list")


def test_a_cloud_that_was_never_listed_and_does_not_answer_is_named_meanwhile(config, cms, monkeypatch):
    """As by a person at a terminal, who would else wait a minute without a word."""
    told = []
    monkeypatch.setattr(Progress, "update", lambda self, what, clouds: told.append((what, *clouds)))
    monkeypatch.setattr(SimulatedProvider, "machines", lambda self: time.sleep(0.5) or iter(()))
    assert cms("list --cloud=a")[0] == 0
    assert told[0] == ("list", CloudProgress("a", 1, 0, 0, 1)) and len(told) >= 2
    told.clear()
    assert cms("list --cloud=a")[0] == 0 and told == [], "what is known needs no cloud"

"""Lists that ask their clouds by themselves when their rows are old, also clouds that do not answer."""

import re
import threading

import pytest

from cloudmesh.cloud.cli.lists import list_catalog
from cloudmesh.cloud.errors import CredentialsError, Unreachable
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, ConfigError
from cloudmesh.vm.cli.listing import list_machines


@pytest.fixture
def old(boot, config):
    """Machines on both clouds, whose last listing is an hour old."""
    boot("web[1-2]", "a")
    boot("db1", "b")
    age("refresh", 3600)
    age("machine", 3600)


def age(table, seconds, **where):
    """Make rows of the store older."""
    column = "tried" if table == "attempt" else "refreshed"
    with Inventory() as inventory:
        for each in inventory.database.find(table, **where):
            inventory.database.update(table, {column: each[column] - seconds}, {"id": each.id})


def names(answer):
    return [row["name"] for row in answer.rows]


def listed(config, **options):
    return list_machines(config, [], options.pop("cloud", None), **options)


def test_a_list_with_old_rows_asks_and_one_with_new_rows_does_not(old, config, spy, behind):
    behind("a", "delete", "web1")
    answer = listed(config)
    assert sorted(spy.taken()) == [("a", "machines", ""), ("b", "machines", "")]
    assert names(answer) == ["web2", "web1", "db1"] and answer.rows[1]["state"] == "deleted"
    assert max(row["age"] for row in answer.rows if row["state"] == "active") < 60
    assert listed(config).exit_code == 0 and spy.taken() == []


@pytest.mark.parametrize(
    ("own", "common", "asked"),
    [(None, None, True), ("2h", None, False), (None, "2h", False), ("never", 0, False), (60, "never", True)],
)
def test_how_old_is_old_is_said_for_all_clouds_and_for_one(configure, spy, own, common, asked):
    section = {"default": "a"} | ({} if common is None else {"refresh_after": common})
    config = configure({"a": {} if own is None else {"refresh_after": own}}, **section)
    listed(config)
    age("refresh", 3600)
    spy.taken()
    listed(config)
    assert spy.called("machines") == [""] * asked


def test_zero_is_always(configure, spy):
    config = configure({"a": {"refresh_after": 0}})
    listed(config), listed(config)
    assert spy.called("machines") == ["", ""]


@pytest.mark.parametrize("value", ["soon", -1, True, [5]])
def test_what_is_no_age_is_a_mistake_of_the_configuration(configure, value):
    config = configure({"a": {"refresh_after": value}})
    listed(config)
    with pytest.raises(ConfigError, match=r"clouds\.a\.refresh_after must be a number of seconds"):
        listed(config)


@pytest.mark.parametrize("error", [Unreachable("a is away"), CredentialsError("who are you")])
def test_a_cloud_that_fails_does_not_make_a_list_fail_and_is_left_alone_for_a_while(old, config, spy, error):
    spy.trouble["a", "machines"] = error
    answer = listed(config)
    assert (answer.exit_code, answer.errors, names(answer)) == (0, [], ["web1", "web2", "db1"])
    assert answer.notes == [f"note: a: its rows are cached, 1h old, and could not be refreshed: {error}"]
    assert [row["age"] > 3500 for row in answer.rows] == [True, True, False]
    spy.taken()
    assert f"could not be refreshed: {error} (0s ago)" in listed(config).notes[0]
    age("attempt", 65)
    listed(config)
    again = [("a", "machines", "")] if isinstance(error, Unreachable) else []
    assert spy.taken() == again, "an account is not locked by lists"
    age("attempt", 1000)
    del spy.trouble["a", "machines"]
    assert listed(config).notes == [] and spy.called("machines") == [""]


def test_an_empty_list_that_is_old_says_so(config, spy):
    listed(config)
    age("refresh", 3600)
    spy.trouble["a", "machines"] = Unreachable("a is away")
    answer = listed(config)
    assert answer.rows == [] and answer.exit_code == 0
    assert answer.notes[0] == "note: a: its rows are cached, 1h old, and could not be refreshed: a is away"


def test_a_refresh_that_is_asked_for_fails_as_ever(old, config, spy):
    spy.trouble["a", "machines"] = Unreachable("a is away")
    answer = listed(config, refresh=True)
    assert answer.exit_code == 4 and answer.notes == ["error: a: a is away; its rows are cached, 1h old"]


def test_a_cloud_that_hangs_is_waited_for_briefly(old, config, spy, monkeypatch):
    monkeypatch.setattr("cloudmesh.cloud.client.freshness.PATIENCE", 0.3)
    ended = threading.Event()
    spy.trouble["a", "machines"] = lambda _: ended.wait(30)
    answer = listed(config)
    ended.set()
    assert answer.exit_code == 0 and names(answer) == ["web1", "web2", "db1"]
    assert re.search(r"refreshed: cloud a did not answer within 0\.\d+ seconds$", answer.notes[0])


def test_cached_asks_nobody_and_is_no_empty_list_of_a_cloud_that_was_never_asked(old, config, spy):
    assert names(listed(config, cached=True)) == ["web1", "web2", "db1"] and spy.taken() == []
    with Inventory() as inventory:
        inventory.database.delete("refresh", cloud="b")
        inventory.database.delete("machine", cloud="b")
    answer = listed(config, cached=True)
    assert names(answer) == ["web1", "web2"] and answer.exit_code == 1
    assert answer.notes[0].startswith("error: b: it was never listed, and --cached asks no cloud; ")
    with pytest.raises(CloudmeshError, match="it was never listed"):
        listed(config, cloud="b", cached=True)
    assert spy.taken() == []


class Typist:
    """Answers each question, and counts them."""

    def __init__(self):
        self.questions, self.answers = [], {}

    def ask(self, question, *, hidden, reason, remedy):
        self.questions.append(question)
        return "secret"

    def once(self, slot, get):
        if slot not in self.answers:
            self.answers[slot] = get()
        return self.answers[slot]

    def forget(self, slot):
        self.answers.pop(slot, None)


def test_nobody_is_asked_for_a_password_by_a_list_that_refreshes_itself(configure, spy):
    configure({"a": {"credentials": {"password": "TBD"}}})
    first, second = Typist(), Typist()
    list_machines(Config.load(prompter=first), [], None)
    assert len(first.questions) == 1 and spy.called("machines") == [""], "there is nothing to show without"
    age("refresh", 3600)
    answer = list_machines(Config.load(prompter=second), [], None)
    assert second.questions == [] and spy.taken() == [] and answer.exit_code == 0
    list_machines(Config.load(prompter=first), [], None)
    assert len(first.questions) == 1 and spy.called("machines") == [""], "what was typed before is known"


def test_one_of_several_lists_asks(old, config, spy):
    with Inventory() as inventory, inventory.database.hold("refresh machine a"):
        answer = listed(config, cloud="a")
    assert spy.taken() == [] and names(answer) == ["web1", "web2"]
    assert answer.notes[0].endswith("could not be refreshed: another process is asking the cloud")


@pytest.mark.parametrize("kind", ["image", "flavor"])
def test_images_and_flavors_are_refreshed_alike(config, spy, kind):
    list_catalog(config, ["a"], kind)
    age("catalog", 3600)
    spy.taken()
    assert list_catalog(config, ["a"], kind, cached=True).rows[0]["age"] > 3500 and spy.taken() == []
    spy.trouble["a", f"{kind}s"] = Unreachable("a is away")
    answer = list_catalog(config, ["a"], kind)
    assert answer.exit_code == 0 and answer.rows
    assert f"its {kind}s are cached, 1h old, and could not be refreshed: a is away" in answer.notes[0]
    age("attempt", 100)
    del spy.trouble["a", f"{kind}s"]
    assert list_catalog(config, ["a"], kind).rows[0]["age"] < 60
    with pytest.raises(CloudmeshError, match=f"never listed, .* cms {kind} list --refresh"):
        list_catalog(config, ["b"], kind, cached=True)


def test_a_greatest_age_takes_the_place_of_what_is_configured(old, config, spy):
    from cloudmesh.vm.queries import known_machines

    def asked(max_age):
        spy.taken()
        with Inventory() as inventory:
            known_machines(config, inventory, [], ["a", "b"], max_age=max_age, reader=None)
        return sorted(cloud for cloud, _, _ in spy.taken())

    assert asked(float("inf")) == asked(7200) == []
    assert asked(60) == ["a", "b"] and asked(60) == []
    assert asked(0) == ["a", "b"]

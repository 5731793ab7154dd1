"""``with Cloud(...)``: what it asks the cloud, what it writes down, and what it raises."""

import pytest

from cloudmesh.cloud import Cloud, State
from cloudmesh.cloud.errors import Conflict, NotFound, Refused, Unreachable
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import VERBS, find_verb
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, StoreError, UnknownName

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh me"


@pytest.fixture
def config(configure):
    return configure({"uc": {}, "tacc": {}, "off": {}}, active=["uc", "tacc"], default="uc")


@pytest.fixture
def behind(config):
    """The same cloud as another user sees it, past the store."""
    with SimulatedProvider("uc", config.cloud("uc")) as provider:
        yield provider


def known(cloud):
    return {each.machine.name: each.machine.state.value for each in cloud.inventory.known(cloud.name)}


def test_the_example_of_the_documentation(config):
    with Cloud("uc") as c:
        c.boot("vm1")
        c.machine("vm1", "stop")
        vm = c.machine("vm1", "start")
        assert (vm.name, vm.cloud, vm.state) == ("vm1", "uc", State.STARTING)
        assert c.machine("vm1").state is State.ACTIVE
        assert [each.name for each in c.machines()] == ["vm1"]
        assert c.provider.simulated


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda cloud: cloud.machines(), "is not open; use 'with Cloud"),
        (lambda cloud: cloud.inventory, "is not open; use 'with Cloud"),
        (lambda cloud: cloud.check(), "is not open; use 'with Cloud"),
    ],
)
def test_a_cloud_that_is_not_open_says_so_before_and_after(config, use, words):
    cloud = Cloud("uc")
    with pytest.raises(CloudmeshError, match=words):
        use(cloud)
    with cloud:
        use(cloud)
    with pytest.raises(CloudmeshError, match=words):
        use(cloud)


def test_a_cloud_is_opened_once_at_a_time_and_again_later(config):
    cloud = Cloud("uc")
    with cloud, pytest.raises(CloudmeshError, match="cloud uc is already open"):
        cloud.__enter__()
    with cloud:
        assert cloud.machines() == []


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("ucc", UnknownName, r"there is no cloud 'ucc'; did you mean 'uc'.*uc, tacc, off"),
        ("off", ConfigError, "'off' is not active"),
        ("tacc", ConfigError, "cloud tacc has no type; cms config set"),
    ],
)
def test_a_cloud_that_cannot_be_used_is_told_and_not_called(configure, monkeypatch, name, kind, words):
    calls = []
    monkeypatch.setattr(SimulatedProvider, "open", calls.append)
    configure({"uc": {}, "tacc": {"type": None}, "off": {}}, active=["uc", "tacc"])
    with pytest.raises(kind, match=words):
        Cloud(name).open()
    assert calls == []


def test_wrong_defaults_leave_nothing_open(configure, monkeypatch):
    opened = []
    monkeypatch.setattr(SimulatedProvider, "open", opened.append)
    configure({"uc": {"default": "tiny"}})
    cloud = Cloud("uc")
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"clouds\.uc\.default in .* must be a section"):
            cloud.__enter__()
    assert opened == []


def test_a_store_that_is_shared_stays_open(config):
    with Inventory() as inventory:
        with Cloud("uc", config, inventory) as cloud:
            cloud.boot("vm1")
        assert [each.machine.name for each in inventory.known("uc")] == ["vm1"]


@pytest.mark.parametrize(
    ("verb", "first"),
    [
        ("stop", None),
        ("suspend", None),
        ("reboot", None),
        ("delete", None),
        ("start", "stop"),
        ("resume", "suspend"),
    ],
)
def test_a_verb_on_a_known_machine_is_one_call(uc, spy, verb, first):
    if first:
        uc.machine("vm1", first)
        uc.machine("vm1")
    spy.taken()
    machine = uc.machine("vm1", verb)
    assert spy.taken() == [verb]
    assert machine.state is VERBS[verb].passing
    assert known(uc) == {"vm1": VERBS[verb].passing.value}


def test_a_name_that_is_not_known_costs_one_listing(config, spy, behind):
    with Cloud("tacc") as cloud:
        cloud.boot("vm1")
    with Cloud("tacc") as cloud:
        cloud.machine("vm1")
        with Inventory() as inventory:
            inventory.forget(inventory.known("tacc")[0].machine)
        spy.taken()
        cloud.machine("vm1", "stop")
        assert spy.taken() == ["machines", "stop"]


def test_a_verb_that_is_already_true_changes_nothing(uc, spy):
    done = uc.act(uc.find("vm1"), find_verb("start"))
    assert (done.changed, done.machine.state) == (False, State.ACTIVE)
    assert spy.taken() == ["machine"]


def test_already_in_the_store_but_no_longer_at_the_cloud(uc, spy, behind):
    """The store says active, the machine was stopped by somebody else: start has to start it."""
    behind.stop(uc.find("vm1").cloud_id)
    assert known(uc) == {"vm1": "active"}
    spy.taken()
    done = uc.act(uc.find("vm1"), find_verb("start"))
    assert (done.changed, done.machine.state) == (True, State.STARTING)
    assert spy.taken() == ["machine", "start"]


def test_possible_in_the_store_but_already_true_at_the_cloud(uc, spy, behind):
    """The store says active, the machine is stopped: stop finds it done."""
    behind.stop(uc.find("vm1").cloud_id)
    spy.taken()
    done = uc.act(uc.find("vm1"), find_verb("stop"))
    assert (done.changed, done.machine.state) == (False, State.STOPPED)
    assert spy.taken() == ["stop", "machine"]
    assert known(uc) == {"vm1": "stopped"}


def test_impossible_in_the_store_but_possible_at_the_cloud(uc, spy, behind):
    uc.machine("vm1", "stop")
    assert uc.machine("vm1").state is State.STOPPED
    behind.start(uc.find("vm1").cloud_id)
    spy.taken()
    assert uc.machine("vm1", "suspend").state is State.SUSPENDING
    assert spy.taken() == ["machine", "suspend"]


@pytest.mark.parametrize("is_known", [True, False])
def test_impossible_at_the_cloud_names_what_is_possible(uc, spy, behind, is_known):
    stopped = uc.machine("vm1", "stop") if is_known else behind.stop(uc.find("vm1").cloud_id)
    assert (stopped is not None) is is_known and spy.taken() == ["stop"] * is_known
    with pytest.raises(
        Conflict, match="cannot suspend uc:vm1 while it is stopped; possible now: start, .*delete"
    ):
        uc.machine("vm1", "suspend")
    assert is_known is (spy.taken() == ["machine"]), "known to be impossible, no verb is called"
    assert known(uc) == {"vm1": "stopped"}, "what was learned is written down"


@pytest.mark.parametrize(
    ("error", "calls"),
    [(Conflict("locked by its owner"), ["stop", "machine"]), (Refused("on Sundays"), ["stop"])],
)
def test_the_error_that_a_cloud_insists_on_is_handed_on_and_nothing_is_written(uc, spy, error, calls):
    spy.trouble["uc", "stop"] = error
    with pytest.raises(type(error), match=str(error)):
        uc.machine("vm1", "stop")
    assert known(uc) == {"vm1": "active"}
    assert spy.taken() == calls


@pytest.mark.parametrize("verb", ["start", "stop", "suspend", "resume", "reboot", None])
def test_a_vanished_machine_is_not_found_and_forgotten(uc, behind, verb):
    behind.delete(uc.find("vm1").cloud_id)
    assert known(uc) == {"vm1": "active"}
    with pytest.raises(NotFound, match="sim-000001"):
        uc.machine("vm1", verb)
    assert known(uc) == {}


def test_deleting_a_vanished_machine_is_done(uc, behind):
    machine = uc.find("vm1")
    behind.delete(machine.cloud_id)
    done = uc.act(machine, find_verb("delete"))
    assert (done.changed, done.machine.state) == (False, State.DELETED)
    assert known(uc) == {}


def test_what_was_deleted_from_here_has_not_vanished_though_a_listing_came_first(uc, behind):
    """As where a job is resumed whose call was made before it was killed."""
    machine = uc.find("vm1")
    behind.delete(machine.cloud_id)
    assert uc.machines() == []
    uc.act(machine, find_verb("delete"), maybe_done=True)
    assert uc.vanished() == []


def test_an_unknown_action_calls_nobody(uc, spy):
    with pytest.raises(UnknownName, match="there is no action 'strat'; did you mean 'start'"):
        uc.machine("vm1", "strat")
    assert spy.taken() == []


def test_an_unknown_machine_is_told_with_the_nearest(uc):
    with pytest.raises(UnknownName, match=r"there is no machine 'vm2' on cloud uc; did you mean 'vm1'\?"):
        uc.machine("vm2", "start")


def test_a_listing_that_fails_is_no_empty_list_and_keeps_what_is_known(uc, spy):
    spy.trouble["uc", "machines"] = Unreachable("gone fishing")
    with pytest.raises(Unreachable):
        uc.machines()
    assert known(uc) == {"vm1": "active"}


def test_a_machine_that_was_deleted_and_booted_again_is_one(uc):
    uc.machine("vm1", "delete")
    uc.machines()
    uc.boot("vm1")
    uc.machine("vm1", "delete")
    uc.boot("vm1")
    assert uc.machine("vm1", "stop").cloud_id == "sim-000003"


def test_two_machines_of_one_name_are_an_error_that_gives_their_ids(uc, spy, monkeypatch):
    twins = [MachineRecord("uc", "twin", f"id{number}", State.ACTIVE) for number in (1, 2)]
    monkeypatch.setattr(type(uc.provider), "machines", lambda provider: twins)
    with pytest.raises(Conflict, match=r"has 2 machines named twin \(id1, id2\)"):
        uc.machine("twin", "stop")


def test_boot_takes_what_is_not_given_from_the_defaults(uc, spy):
    spy.taken()
    machine = uc.boot("vm2")
    assert (machine.image, machine.flavor, machine.key) == ("debian-12", "tiny", "")
    assert spy.taken() == ["images", "flavors", "boot"]
    other = uc.boot("vm3", image="rocky-9", flavor="flavor-large")
    assert (other.image, other.flavor) == ("rocky-9", "large")
    assert set(known(uc)) == {"vm1", "vm2", "vm3"}


@pytest.mark.parametrize("missing", ["image", "flavor"])
def test_boot_without_a_default_says_how_to_give_one(configure, spy, missing):
    both = {"image": "debian-12", "flavor": "tiny"}
    configure({"uc": {"default": {key: value for key, value in both.items() if key != missing}}})
    with Cloud("uc") as cloud:
        with pytest.raises(ConfigError) as caught:
            cloud.boot("vm1")
        assert f"cms config set clouds.uc.default.{missing}=NAME" in str(caught.value)
        assert "boot" not in spy.taken()
        assert cloud.boot("vm1", **{missing: both[missing]}).name == "vm1"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"image": "debian-13"}, "there is no image 'debian-13' on cloud uc; did you mean 'debian-12'?"),
        ({"flavor": "tinny"}, "there is no flavor 'tinny' on cloud uc; did you mean 'tiny'?"),
        ({"key": "mee"}, "there is no key 'mee' on cloud uc; did you mean 'me'?"),
    ],
)
def test_boot_of_what_is_not_on_offer_names_the_nearest(uc, spy, given, words):
    uc.provider.add_key("me", KEY)
    spy.taken()
    with pytest.raises(UnknownName) as caught:
        uc.boot("vm2", **given)
    assert str(caught.value).startswith(words)
    assert "boot" not in spy.taken()


def test_a_default_key_is_placed_and_must_be_there(configure):
    both = {"image": "debian-12", "flavor": "tiny", "key": "me"}
    configure({"uc": {"default": both}})
    with Cloud("uc") as cloud:
        with pytest.raises(UnknownName, match="there is no key 'me' on cloud uc; none is known"):
            cloud.boot("vm1")
        cloud.provider.add_key("me", KEY)
        assert cloud.boot("vm1").key == "me"


def test_what_was_done_is_told_although_it_cannot_be_written_down(uc, spy, monkeypatch):
    def full(machine):
        raise StoreError("the disk is full")

    known = uc.find("vm1")
    monkeypatch.setattr(uc.inventory, "save", full)
    with pytest.raises(StoreError, match=r"stop was accepted for uc:vm1, but .* the disk is full"):
        uc.act(known, find_verb("stop"))
    with pytest.raises(StoreError, match=r"uc:vm9 \(sim-\d+\) was booted, but .* the disk is full"):
        uc.boot("vm9")

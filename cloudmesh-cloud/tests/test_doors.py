"""What was opened for others: waiting in Python, limits of size, more to say of a boot, images, addresses."""

import itertools
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudmesh.cloud import BootParameter, Cloud, MachineRecord, State
from cloudmesh.cloud.cli.changes import change_all
from cloudmesh.cloud.cli.checking import check_clouds
from cloudmesh.cloud.cli.lists import list_catalog, list_things
from cloudmesh.cloud.cli.overview import cloud_info
from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.errors import BadAnswer, CloudTimeout, Conflict, NotFound, RateLimited, Unsupported
from cloudmesh.cloud.fanout import query as limits
from cloudmesh.cloud.model.awaited import AwaitedMachine
from cloudmesh.cloud.model.records import Image
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.retry import ReadRetry
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.cloud.store.known import machine_of
from cloudmesh.plugin.errors import CloudmeshError, UsageError


@pytest.fixture
def uc(configure, spy, clock, monkeypatch):
    """An open cloud where booting takes 5 seconds and an action 2; it sleeps on a clock of its own."""
    monkeypatch.setattr(Connection, "sleep", staticmethod(clock.forward))
    times = SimpleNamespace(monotonic=clock, time=time.time)
    monkeypatch.setattr("cloudmesh.cloud.client.waiting.time", times)
    configure({"uc": {"boot_seconds": 5, "action_seconds": 2}})
    with Cloud("uc") as cloud:
        yield cloud


def test_a_cloud_can_be_opened_and_closed_without_a_block(uc, configure):
    cloud = Cloud("uc")
    assert repr(cloud) == "<Cloud 'uc': closed>"
    assert cloud.open() is cloud and repr(cloud) == "<Cloud 'uc': SpiedProvider>"
    cloud.close()
    cloud.close()
    with pytest.raises(CloudmeshError, match="is not open"):
        cloud.machines()


def test_boot_and_actions_are_waited_for_on_demand(uc, clock):
    began = clock.now
    vm = uc.boot("vm1", wait=True)
    assert vm.state is State.ACTIVE and 5 <= clock.now - began < 9
    assert uc.machine("vm1", "stop").state is State.STOPPING
    assert uc.machine("vm1", "stop", wait=True).state is State.STOPPED
    assert uc.machine("vm1", "start", wait=True, timeout=10).state is State.ACTIVE
    assert uc.inventory.find(vm).machine.state is State.ACTIVE, "written down"
    assert uc.machine("vm1", "delete", wait=True).state is State.DELETED
    assert uc.machines() == [] and uc.inventory.known("uc") == []


def test_trouble_while_waiting_passes_or_is_told_when_the_time_is_over(uc, spy, clock):
    uc.boot("vm1", wait=True)
    spy.taken()
    spy.trouble["uc", "machine"] = RateLimited("slowly", retry_after=3.0)
    began = clock.now
    with pytest.raises(CloudTimeout, match="uc:vm1 is still stopping after 7 seconds; .* failed: slowly"):
        uc.machine("vm1", "stop", wait=True, timeout=7)
    assert clock.now - began == 7 and spy.taken() == ["stop", *["machine"] * 4]
    spy.trouble["uc", "machine"] = Unsupported("no")
    with pytest.raises(Unsupported):
        uc.machine("vm1", "start", wait=True)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ({"wait": True}, "requires an action"),
        ({"action": "stop", "timeout": 0}, "not a number of seconds"),
        ({"action": "resize"}, "resize requires the flavor"),
    ],
)
def test_what_is_not_enough_to_act_or_wait_is_wrong_usage(uc, spy, words, error):
    with pytest.raises(UsageError, match=error):
        uc.machine("vm1", **words)
    assert spy.taken() == []


def test_a_machine_that_ends_in_error_or_vanishes_is_waited_for_no_longer(uc, spy):
    uc.provider.machine = lambda cloud_id: vm(State.ERROR, fault="no host")
    with pytest.raises(Conflict, match="uc:vm1: it went to state error: no host"):
        uc.boot("vm1", wait=True)
    del uc.provider.machine
    spy.trouble["uc", "machine"] = NotFound("who?")
    with pytest.raises(NotFound, match="uc:vm2: it no longer exists on cloud uc"):
        uc.boot("vm2", wait=True)
    assert "vm2" not in {each.machine.name for each in uc.inventory.known("uc")}


@pytest.mark.parametrize(
    "command",
    [
        lambda config: list_catalog(config, ["uc", "tacc"], "image", refresh=True),
        *(
            lambda config, kind=kind: list_things(config, ["uc", "tacc"], kind)
            for kind in ("key", "network", "group", "address")
        ),
        lambda config: check_clouds(config, ["uc", "tacc"]),
        lambda config: cloud_info(config, "uc", refresh=True),
        lambda config: change_all(config, ["uc", "tacc"], "delete", ["default"], Cloud.delete_key),
    ],
)
def test_no_command_waits_for_ever_for_a_cloud_that_hangs(configure, monkeypatch, hang, command):
    monkeypatch.setattr(ReadRetry, "ceiling", -0.7)
    config = configure({"uc": {"call_timeout": 1}, "tacc": {}})
    for method in ("check", "images", "key_pairs", "networks", "security_groups", "floating_ips", "quotas"):
        hang(method)
    answer = command(config)
    told = [error for error in answer.errors if isinstance(error, CloudTimeout)]
    unsure = (
        "; outcome unknown: the request may have been carried out; check before repeating it"
        if told[0].outcome_unknown
        else ""
    )
    assert str(told[0]) == f"cloud uc did not answer within 0.3 seconds{unsure}"
    assert len(told) == 1 and answer.exit_code in (1, 4)


@pytest.fixture
def hang(monkeypatch):
    """Lets a call of the cloud uc take as long as the test."""
    free = threading.Event()

    def make(method):
        original = getattr(SimulatedProvider, method)

        def call(self, *words):
            return free.wait(60) and [] if self.name == "uc" else original(self, *words)

        monkeypatch.setattr(SimulatedProvider, method, call)

    yield make
    free.set()


def vm(state, **more):
    return MachineRecord("uc", "a", "1", state, **more)


@pytest.mark.parametrize(
    ("wanted", "shown", "set_going", "waited", "outcome"),
    [
        (State.ACTIVE, State.ACTIVE, False, 0, True),
        (State.ACTIVE, State.STARTING, False, 0, False),
        (State.ACTIVE, State.STOPPED, True, 0, False),
        (State.ACTIVE, State.STOPPED, False, 0, "it is stopped, and does not change to active"),
        (State.ACTIVE, State.ERROR, True, 0, "it went to state error"),
        (State.ACTIVE, State.DELETING, True, 0, "it is deleting"),
        (State.BUILDING, State.ACTIVE, True, 0, "cannot return to state building"),
        (State.DELETED, State.ERROR, True, 0, False),
        (State.DELETED, None, False, 0, True),
        (State.ACTIVE, None, True, 9, False),
        (State.ACTIVE, None, True, 30, "it no longer exists on cloud uc"),
        (State.ACTIVE, None, False, 0, "it no longer exists on cloud uc"),
    ],
)
def test_what_a_cloud_shows_is_judged_in_one_place(wanted, shown, set_going, waited, outcome):
    awaited = AwaitedMachine(vm(State.BUILDING), wanted, set_going, settling=20)
    look = None if shown is None else vm(shown)
    if isinstance(outcome, bool):
        assert awaited.has_reached(look, waited) is outcome
    else:
        with pytest.raises((Conflict, NotFound), match=outcome):
            awaited.has_reached(look, waited)


def test_one_that_stays_at_rest_is_given_up_after_a_while_and_one_that_was_shown_is_not_late():
    awaited = AwaitedMachine(vm(State.STARTING), State.ACTIVE, True)
    assert not awaited.has_reached(vm(State.STOPPED), 1) and not awaited.has_reached(vm(State.STOPPED), 10.9)
    with pytest.raises(Conflict):
        awaited.has_reached(vm(State.STOPPED), 11)
    with pytest.raises(NotFound):
        awaited.has_reached(None, 1)


@pytest.mark.parametrize("kind", ["machines", "images", "floating_ips"])
def test_a_listing_without_end_is_no_answer(uc, monkeypatch, kind):
    monkeypatch.setattr(limits, "MOST_MACHINES", 300)
    monkeypatch.setattr(limits, "MOST_ENTRIES", 300)
    told = itertools.count()
    endless = (MachineRecord("uc", f"vm{n}", str(n), State.ACTIVE) for n in told)
    monkeypatch.setattr(SimulatedProvider, kind, lambda _: endless)
    monkeypatch.setattr(type(uc.provider), kind, lambda _: endless)
    with pytest.raises(
        BadAnswer, match=f"lists more than 300 {kind.replace('_', ' ')}, which is not plausible"
    ):
        getattr(uc, kind)()
    assert next(told) == 301


PARAMETERS = {
    each.name: each
    for each in (
        BootParameter("disk", int, "GiB"),
        BootParameter("load", float, "of a core"),
        BootParameter("lease", str, "a name"),
        BootParameter("nested", bool, "machines within it"),
    )
}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"disk": 5}, {"disk": 5}),
        ({"disk": "5", "lease": "a", "nested": "True"}, {"disk": 5, "lease": "a", "nested": True}),
        ({"load": 1, "nested": False}, {"load": 1.0, "nested": False}),
        ({"disk": "much"}, r"disk='much' must be a whole number \(GiB\)"),
        ({"disk": True}, "disk=True must be a whole number"),
        ({"nested": "perhaps"}, "nested='perhaps' must be true or false"),
        ({"cpus": 2}, "cloud uc has no boot option cpus; known: disk, load, lease, nested"),
    ],
)
def test_a_provider_may_declare_more_to_say_of_a_boot(uc, monkeypatch, given, kept):
    monkeypatch.setattr(type(uc.provider), "boot_parameters", PARAMETERS)
    requests = []
    monkeypatch.setattr(
        type(uc.provider), "boot", lambda _, request: requests.append(request) or vm(State.BUILDING)
    )
    if isinstance(kept, dict):
        uc.boot("vm1", extra=given)
        assert requests[0].extra == kept
    else:
        with pytest.raises(UsageError, match=kept):
            uc.boot("vm1", extra=given)


def test_what_no_provider_declares_is_refused(uc, spy):
    with pytest.raises(UsageError, match="cloud uc has no boot option disk$"):
        uc.boot("vm1", extra={"disk": 1})
    assert spy.taken() == []


def test_images_are_added_and_deleted_where_a_cloud_can(uc, monkeypatch):
    with pytest.raises(Unsupported, match="cannot add images"):
        uc.add_image("mine", Path("disk.qcow2"))
    with pytest.raises(Unsupported, match="cannot delete images"):
        uc.delete_image("debian-12")
    able = type(uc.provider)
    monkeypatch.setattr(
        able, "capabilities", able.capabilities | {Capability.ADD_IMAGE, Capability.DELETE_IMAGE}
    )
    monkeypatch.setattr(able, "add_image", lambda _, name, file: Image("uc", name, str(file)), raising=False)
    deleted = []
    monkeypatch.setattr(able, "delete_image", lambda _, cloud_id: deleted.append(cloud_id), raising=False)
    assert uc.add_image("mine", Path("disk.qcow2")) == Image("uc", "mine", "disk.qcow2")
    assert uc.delete_image("debian-12").cloud_id == deleted[0]


@pytest.mark.parametrize(
    ("public", "private", "address"),
    [
        (["2001:4860::1", "203.0.113.7"], ["10.0.0.1"], "203.0.113.7"),
        (["2001:4860::1"], ["10.0.0.1"], "2001:4860::1"),
        ([], ["10.0.0.1", "fd00::1", "2001:4860::2"], "2001:4860::2"),
        ([], ["10.0.0.1", "fe80::1"], "10.0.0.1"),
        ([], [], ""),
    ],
)
def test_the_address_to_connect_to(public, private, address):
    assert vm(State.ACTIVE, public_ips=public, private_ips=private).ssh_address == address


def test_a_machine_says_who_to_sign_in_as_and_old_records_do_not(uc):
    new = vm(State.ACTIVE, login_user="debian", ssh_port=2222)
    assert machine_of(new.to_record()) == new
    old = {key: value for key, value in new.to_record().items() if key not in ("login_user", "ssh_port")}
    uc.inventory.database.upsert(
        "machine", {**old, "metadata": [], "refreshed": 1.0}, key=["cloud", "cloud_id"]
    )
    (known,) = uc.inventory.known("uc")
    assert (known.machine.login_user, known.machine.ssh_port) == ("", 22)
    uc.inventory.save(MachineRecord("uc", "b", "2", State.ACTIVE, login_user="x"))
    assert [each.machine.ssh_port for each in uc.inventory.known("uc")] == [22, 22]

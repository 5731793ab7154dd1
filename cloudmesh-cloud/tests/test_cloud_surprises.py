"""What ``Cloud`` does when a machine was replaced meanwhile, or when its provider is at fault."""

from dataclasses import replace

import pytest

from cloudmesh.cloud import State
from cloudmesh.cloud.errors import Conflict, Gone, NotFound, ProviderDefect, Unsupported
from cloudmesh.cloud.model.verbs import find_verb
from cloudmesh.cloud.provider.interface import Capability
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider


@pytest.fixture
def replaced(uc):
    """vm1 as the store knows it; at the cloud another machine has its name by now."""
    old = uc.find("vm1")
    with SimulatedProvider("uc", uc.provider.settings) as other:
        other.delete(old.cloud_id)
        other.boot(uc.boot_request("vm1"))
    return old


def test_nothing_is_rebuilt_that_nobody_meant(uc, replaced):
    image = uc.image("tiny-linux")
    before = uc.provider.machine("sim-000002").image
    with pytest.raises(Conflict, match="has its name now; repeat the command to rebuild that one"):
        uc.act(replaced, find_verb("rebuild"), image)
    assert uc.provider.machine("sim-000002").image == before != "tiny-linux"


def test_a_shared_listing_from_before_shows_no_other_machine(uc):
    old = uc.find("vm1")
    uc.connection.shared_listing = lambda ask: [old]
    uc.provider.delete(old.cloud_id)
    assert uc.act(old, find_verb("delete")).changed is False


def test_a_machine_that_was_replaced_is_not_said_to_be_deleted(uc, replaced):
    with pytest.raises(
        Conflict, match=r"another machine \(sim-000002\) has its name now; repeat the command"
    ):
        uc.act(replaced, find_verb("delete"))
    assert uc.machine("vm1").cloud_id == "sim-000002"
    assert uc.act(uc.find("vm1"), find_verb("delete")).changed


@pytest.mark.parametrize("verb", ["delete", "stop"])
def test_a_machine_that_is_listed_is_not_taken_for_deleted(uc, monkeypatch, verb):
    """As where a gateway answers 404 in place of the cloud."""

    def lie(provider, cloud_id):
        raise NotFound("no Route matched")

    vm = uc.find("vm1")
    monkeypatch.setattr(type(uc.provider), verb, lie)
    for maybe_done in (False, verb == "delete"):
        with pytest.raises(Conflict, match=r"vm1 \(sim-000001\) as not found but lists it"):
            uc.act(vm, find_verb(verb), maybe_done=maybe_done)
    assert [each.machine.cloud_id for each in uc.inventory.known("uc")] == ["sim-000001"]


def test_other_verbs_mean_the_machine_that_has_the_name_now(uc, replaced):
    done = uc.act(replaced, find_verb("stop"))
    assert (done.changed, done.machine.cloud_id, done.machine.state) == (True, "sim-000002", State.STOPPING)
    assert [each.machine.cloud_id for each in uc.inventory.known("uc")] == ["sim-000002"]


def test_what_vanished_for_good_is_told_with_its_name_and_id(uc):
    old = uc.find("vm1")
    uc.provider.delete(old.cloud_id)
    with pytest.raises(NotFound, match=r"uc:vm1 \(sim-000001\) no longer exists on its cloud"):
        uc.act(old, find_verb("stop"))


@pytest.fixture
def hiding(uc, monkeypatch):
    """A cloud that knows nothing of its machines for so many calls: ``hiding(3)``. Gives the new machine."""
    kind, slept = type(uc.provider), []
    monkeypatch.setattr(kind, "hides_new", 60.0)
    monkeypatch.setattr(kind, "settling", 2.0)
    monkeypatch.setattr(type(uc.connection), "sleep", staticmethod(slept.append))

    def hide(times, error=NotFound):
        machine, left = uc.boot("new"), [times]

        def hidden(original):
            def call(self, cloud_id):
                left[0] -= 1
                if left[0] >= 0:
                    raise error(f"there is no {cloud_id}")
                return original(self, cloud_id)

            return call

        for name in ("machine", "delete", "stop"):
            monkeypatch.setattr(kind, name, hidden(getattr(kind, name)))
        listed = kind.machines
        monkeypatch.setattr(kind, "machines", lambda self: [] if left[0] > 0 else listed(self))
        return machine, slept

    return hide


def there(cloud):
    with SimulatedProvider("uc", cloud.provider.settings) as behind:
        return sorted(machine.name for machine in behind.machines())


def test_a_new_machine_that_its_cloud_does_not_know_yet_is_waited_for_and_deleted(uc, hiding):
    machine, slept = hiding(2)
    assert uc.act(machine, find_verb("delete")).changed
    assert slept == [1.0, 1.0]
    assert there(uc) == ["vm1"]


@pytest.mark.parametrize("verb", ["delete", "stop"])
@pytest.mark.parametrize("again", [True, False])
def test_a_new_machine_that_its_cloud_does_not_know_is_neither_said_to_be_deleted_nor_forgotten(
    uc, hiding, verb, again
):
    machine, _ = hiding(99)
    with pytest.raises(
        NotFound, match=r"uc:new \(sim-000002\) was booted just now, and its cloud does not list it"
    ):
        uc.act(machine, find_verb(verb), maybe_done=again)
    with pytest.raises(NotFound, match="booted just now"):
        uc.refresh(machine)
    assert there(uc) == ["new", "vm1"]
    assert [each.machine.name for each in uc.inventory.known("uc")] == ["vm1", "new"]


def test_what_the_cloud_remembers_to_be_deleted_is_deleted(uc, hiding):
    machine, slept = hiding(99, Gone)
    done = uc.act(machine, find_verb("delete"))
    assert (done.changed, done.machine.state, slept) == (False, State.DELETED, [])


def test_an_older_machine_that_is_not_found_is_deleted(uc, hiding):
    machine, slept = hiding(99)
    old = replace(machine, created=machine.created - 61)
    assert uc.act(old, find_verb("delete")).machine.state is State.DELETED
    assert slept == []


def test_a_cloud_that_knows_what_it_made_is_believed_whatever_its_clock_says(uc, hiding, monkeypatch):
    machine, slept = hiding(99)
    monkeypatch.setattr(type(uc.provider), "hides_new", 0.0)
    ahead = replace(machine, created=machine.created + 3600)
    assert uc.act(ahead, find_verb("delete")).machine.state is State.DELETED
    assert slept == []


@pytest.mark.parametrize(
    ("method", "use"),
    [
        ("machines", lambda cloud: cloud.machines()),
        ("images", lambda cloud: cloud.boot("vm2")),
        ("boot", lambda cloud: cloud.boot("vm2")),
        ("check", lambda cloud: cloud.check()),
        ("machine", lambda cloud: cloud.machine("vm1")),
        ("stop", lambda cloud: cloud.machine("vm1", "stop")),
        ("key_pairs", lambda cloud: cloud.key_pairs()),
    ],
)
def test_a_defect_of_a_provider_is_an_error_of_its_cloud(uc, spy, method, use):
    spy.trouble["uc", method] = RuntimeError("hunter2")
    with pytest.raises(ProviderDefect, match="error in its provider .RuntimeError") as caught:
        use(uc)
    assert "hunter2" not in str(caught.value), "nobody knows what such a text holds"


def test_a_verb_that_the_cloud_cannot_do_is_neither_called_nor_recommended(uc, spy, monkeypatch):
    monkeypatch.setattr(uc.provider, "capabilities", {Capability.STOP})
    with pytest.raises(Unsupported, match="cannot suspend"):
        uc.machine("vm1", "suspend")
    assert spy.taken() == []
    uc.machine("vm1", "stop")
    uc.machine("vm1")
    monkeypatch.setattr(uc.provider, "capabilities", {Capability.REBOOT})
    with pytest.raises(Conflict, match="possible now: delete$"):
        uc.machine("vm1", "reboot")


def test_what_is_foreseen_is_the_truth_and_changes_nothing(uc, spy):
    known = uc.find("vm1")
    uc.provider.stop(known.cloud_id)
    spy.taken()
    assert uc.foresee(known, find_verb("stop")).changed, "the known state allows it, so nobody is asked"
    assert spy.taken() == []
    foreseen = uc.foresee(known, find_verb("start"))
    assert (foreseen.changed, foreseen.machine.state) == (True, State.STOPPED)
    assert spy.taken() == ["machine"]

"""Machines on leases, which are made before the boot, waited for, and deleted with their last machine."""

import time
from contextlib import nullcontext

import pytest

from cloudmesh.cloud import Cloud
from cloudmesh.cloud.cli.leases import delete_leases
from cloudmesh.cloud.client.leases import Leases
from cloudmesh.cloud.errors import CloudTimeout, NoCapacity, Refused, Unreachable, Unsupported
from cloudmesh.cloud.model.leases import LeaseRequest
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError, StoreError, UsageError
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.model.outcome import Status

pytestmark = pytest.mark.usefixtures("config")


@pytest.fixture
def leases(config):
    """The leases of a cloud by their status: ``leases("a")``."""

    def listed(cloud):
        with Cloud(cloud) as opened:
            return [(lease.status.value, lease.reservations[0].amount) for lease in opened.leasing.all()]

    return listed


def boot(names, cloud="a", **options):
    with Machines(names, cloud) as machines:
        return machines.boot(**options)


def delete(names, cloud="a"):
    with Machines(names, cloud) as machines:
        return machines.delete()


def test_one_lease_is_for_all_machines_and_goes_with_the_last(leases):
    result = boot("n[1-3]", lease="3h")
    assert len(result.succeeded) == 3 and leases("a") == [("active", 3)]
    assert {each.machine.lease for each in result} == {result[0].machine.lease} != {""}
    assert not delete("n[1-2]").notes and leases("a") == [("active", 3)]
    (note,) = delete("n3").notes
    assert note.endswith("was deleted: its last machine is deleted") and leases("a") == []


def test_a_lease_goes_with_a_machine_that_cloud_deletes(leases):
    boot("n[1-2]", lease="3h")
    with Cloud("a") as cloud:
        cloud.machine("n1", "delete")
        assert len(cloud.leasing.all()) == 1
        cloud.machine("n2", "delete")
        assert leases("a") == []
        with pytest.raises(UsageError, match="cloudmesh.vm.Machines"):
            cloud.boot("n3", lease="3h")


def test_each_cloud_has_a_lease_of_its_own(leases):
    assert len(boot("n[1-2]", ["a", "b"], lease="1h", host="vcpus>=2").succeeded) == 4
    assert leases("a") == leases("b") == [("active", 2)]
    delete("a:n[1-2],b:n[1-2]")
    assert leases("a") == leases("b") == []


def test_a_lease_that_another_job_boots_on_is_not_deleted_with_its_last_machine(spy, leases):
    (name,) = {each.machine.lease for each in boot("n[1-2]", lease="1h")}
    notes = []
    spy.trouble["a", "boot"] = lambda called: notes.extend(delete("n[1-2]").notes)
    assert boot("m1", lease=name)[0].succeeded
    assert notes == [f"lease {name} of cloud a was not deleted: job 2 boots a machine on it"]
    assert leases("a") == [("active", 2)]
    del spy.trouble["a", "boot"]
    assert delete("m1").notes and leases("a") == []


def test_a_lease_of_the_users_own_stays(spy, leases):
    boot("n[1-2]", lease="1h")
    (name,) = {each.machine.lease for each in boot("m1", lease="1h")}
    delete("m1")
    with Cloud("a") as cloud:
        cloud.leasing.create(LeaseRequest("mine", 2, 3600.0))
    assert boot("m2", lease="mine")[0].machine.lease == "mine" != name
    delete("m2")
    assert leases("a") == [("active", 2), ("active", 2)]
    spy.trouble["a", "boot"] = Refused("no")
    assert "lease mine of cloud a stays, and costs" in boot("m3", lease="mine").notes[-1]


def test_a_lease_with_a_locked_machine_stays(config, leases):
    boot("n[1-2]", lease="1h")
    with Cloud("a") as cloud:
        cloud.machine("n1", "lock")
    with pytest.raises(CloudmeshError, match="unlock first: cms vm unlock a:n1$"):
        delete_leases(config, ["a"], ["n1-2-cms-*"], sure=True)
    assert leases("a") == [("active", 2)]


def test_a_lease_with_a_machine_of_another_user_stays_where_only_ours_are_meant(configure, leases):
    boot("n1", lease="1h")
    for settings, stays in (({"mine": True, "user": "bob"}, True), ({"user": "bob"}, False)):
        config = configure({"a": settings}, default="a") or Config.load()
        with (
            pytest.raises(CloudmeshError, match="other users on it as well: a:n1;")
            if stays
            else nullcontext()
        ):
            delete_leases(config, ["a"], ["n1-cms-*"], sure=True)
        assert bool(leases("a")) is stays


def test_machines_that_go_with_their_lease_are_known_to_go():
    boot("n[1-2]", lease="1h")
    with Cloud("a") as cloud:
        cloud.leasing.delete(cloud.leasing.find("n1-2-cms-*"))
        assert {str(each.machine.state) for each in cloud.inventory.known("a")} == {"deleting"}
        assert cloud.machines() == [] and cloud.vanished() == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lease": "3"}, "a minute at least"),
        ({"lease": "3h", "lease_start": "tomorrow"}, "not a time"),
        ({"lease": "3h", "host": "fast"}, "not a condition"),
        ({"host": "any"}, "use them with --lease=3h"),
        ({"lease": " "}, "--lease= is empty"),
        ({"lease": "3h", "lease_start": "2020-01-01"}, "has passed"),
        ({"lease": "mine", "lease_start": "+1h"}, "name of a lease"),
        ({"lease": "mine"}, "no lease 'mine'"),
        ({"lease": "3h", "hint": {"reservation": "r1"}}, "use one of them"),
    ],
)
def test_what_is_said_of_a_lease_is_checked_before_anything_is_done(options, said, spy, leases):
    with pytest.raises(UsageError, match=said):
        boot("n1", **options)
    assert spy.called("boot") == [] and leases("a") == []


def test_a_cloud_without_leases_boots_nothing(monkeypatch, spy):
    monkeypatch.setattr(
        SimulatedProvider, "capabilities", SimulatedProvider.capabilities - {Capability.LEASES}
    )
    with pytest.raises(Unsupported, match="cloud a cannot lease hosts"):
        boot("n1", lease="3h")
    assert spy.called("boot") == []


def test_too_few_hosts_are_told_and_leave_nothing(leases):
    result = boot("n[1-99]", lease="1h")
    assert {each.status for each in result} == {Status.FAILED}
    assert isinstance(result[0].error, NoCapacity) and "not enough hosts" in str(result[0].error)
    assert leases("a") == [] and Jobs().interrupted() == []


def test_a_lease_on_which_nothing_was_booted_is_deleted(spy, leases):
    spy.trouble["a", "boot"] = Refused("no")
    result = boot("n[1-2]", lease="1h")
    assert len(result.failed) == 2 and "no machine was booted on it" in result.notes[-1]
    assert leases("a") == []


def test_a_lease_stays_for_the_machines_that_were_booted(spy, leases):
    spy.refuse("a", "boot", "n1", Refused("no"))
    assert len(boot("n[1-2]", lease="1h").succeeded) == 1
    assert leases("a") == [("active", 2)]
    del spy.trouble["a", "boot"]
    assert Jobs().resume(1, failed=True)[0].succeeded and leases("a") == [("active", 2)]


def lost(monkeypatch, method, after):
    """The answers of a call are lost, after it was carried out or before."""
    original = getattr(SimulatedProvider, method)

    def call(self, *words):
        if after:
            original(self, *words)
        error = CloudTimeout("lost")
        error.outcome_unknown = True
        raise error

    monkeypatch.setattr(SimulatedProvider, method, call)
    return lambda: monkeypatch.setattr(SimulatedProvider, method, original)


def test_a_lost_answer_makes_no_second_lease(monkeypatch, leases):
    lost(monkeypatch, "create_lease", after=True)
    assert boot("n1", lease="1h")[0].succeeded and leases("a") == [("active", 1)]


def test_an_answer_that_never_came_leaves_no_lease(monkeypatch, leases):
    back = lost(monkeypatch, "create_lease", after=False)
    result = boot("n1", lease="1h")
    assert not result[0].succeeded and leases("a") == [] and "may be made yet" in str(result.error)
    back()
    assert Jobs().resume(1, failed=True)[0].succeeded and leases("a") == [("active", 1)]


def test_a_lease_that_is_listed_only_after_the_job_is_found_and_deleted_by_resume(monkeypatch, leases):
    asked, create = [], SimulatedProvider.create_lease
    monkeypatch.setattr(
        SimulatedProvider, "create_lease", lambda self, request: asked.append(request) or _slow()
    )
    boot("n1", lease="1h")
    assert leases("a") == [] and [job.number for job in Jobs().interrupted()] == [1]
    with Cloud("a") as cloud:
        create(cloud.connection.provider, asked[0])
    assert Jobs().resume(1).error is None and leases("a") == [] and Jobs().interrupted() == []


def test_a_lease_that_is_never_listed_is_looked_for_once_more(monkeypatch, leases):
    monkeypatch.setattr(SimulatedProvider, "create_lease", lambda self, request: _slow())
    boot("n1", lease="1h")
    result = Jobs().resume(1)
    assert (result.error, result.notes, Jobs().interrupted()) == (None, (), [])


@pytest.mark.parametrize("trouble", [StoreError("no room"), Unreachable("down")])
def test_what_fails_beside_the_creation_loses_no_lease_that_was_made(monkeypatch, leases, trouble):
    """The first job cannot tell whether it made the lease, nor the second, which looks for it."""
    lost(monkeypatch, "create_lease", after=True)
    listed, create, down = SimulatedProvider.leases, Leases.create, []

    def fail(self):
        if down:
            raise trouble
        return listed(self)

    monkeypatch.setattr(SimulatedProvider, "leases", fail)
    monkeypatch.setattr(Leases, "create", lambda *words, **named: down.append(1) or create(*words, **named))
    assert not boot("n1", lease="1h")[0].succeeded
    assert not Jobs().resume(1, failed=True)[0].succeeded
    assert [job.number for job in Jobs().interrupted()] == [1]
    down.clear()
    assert leases("a") == [("active", 1)]
    assert Jobs().resume(1).error is None and leases("a") == []


def _slow():
    error = CloudTimeout("no answer yet")
    error.outcome_unknown = True
    raise error


def test_who_takes_each_outcome_is_told_of_a_lease_that_is_left(monkeypatch, leases):
    boot("n1", lease="1h")
    monkeypatch.setattr(SimulatedProvider, "delete_lease", _down)
    with Machines("n1", "a") as machines, pytest.raises(Unreachable, match="could not be deleted"):
        assert [each.succeeded for each in machines.act_each("delete")] == [True]
    assert leases("a") == [("active", 1)] and [job.number for job in Jobs().interrupted()] == [2]


def test_a_lease_that_could_not_be_deleted_is_told_until_it_is(monkeypatch, cms, leases):
    boot("n1", lease="1h")
    monkeypatch.setattr(SimulatedProvider, "delete_lease", _down)
    result = delete("n1")
    assert result[0].succeeded and result.exit_code == 1 and "could not be deleted" in str(result.error)
    for _ in range(2):
        assert "job 2 has not deleted its lease a:n1-cms-" in cms("vm list --cached")[2]


def _down(self, cloud_id):
    raise Unreachable("down")


def test_a_job_is_resumed_until_its_lease_is_deleted(monkeypatch, leases):
    boot("n1", lease="1h")
    with monkeypatch.context() as patched:
        patched.setattr(SimulatedProvider, "delete_lease", _down)
        delete("n1")
    assert leases("a") == [("active", 1)]
    assert Jobs().resume(2).error is None and leases("a") == [] and Jobs().interrupted() == []


def test_time_that_is_over_before_the_start_leaves_the_job_to_be_resumed(leases, config):
    with Machines("n1", "a") as machines:
        result = machines.boot(lease="1h", lease_start="+2m", timeout=0.5)
    assert result[0].status is Status.NOT_STARTED and "before lease n1-cms-" in str(result[0].error)
    assert leases("a") == [("pending", 1)] and [job.number for job in Jobs().interrupted()] == [1]
    assert f"cms job resume {result.job}" in result.notes[0]


@pytest.mark.parametrize("left", [["n1"], []])
def test_a_lease_whose_machines_were_deleted_elsewhere_is_told_once(cms, behind, leases, left):
    boot("n[1-2]", lease="3h")
    cms("list --cloud=a --refresh")
    for name in {"n1", "n2"} - set(left):
        behind("a", "delete", name)
    told = [cms("list --cloud=a --refresh")[2] for _ in range(2)]
    assert ["cms lease delete n1-2-cms-" in each for each in told] == [not left, False]
    assert leases("a") == [("active", 2)]


def test_the_end_of_a_lease_is_listed_and_warned_of(cms):
    assert "ends in 3 hours" in cms("boot n1 --cloud=a --lease=3h")[2]
    code, out, err = cms("list --cloud=a --refresh")
    assert "lease_ends" in out and "extend it" not in err and code == 0
    boot("n2", lease="30m")
    out, err = cms("list --cloud=a --refresh")[1:]
    assert (
        "note: lease n2-cms-" in err
        and "its machines are deleted then: n2; extend it: cms lease extend" in err
    )
    assert "lease_ends" in cms("info n1 --cloud=a")[1]
    boot("n3")
    assert "lease_ends" not in cms("list --cloud=b --refresh")[1]


def test_a_dry_run_tells_of_the_lease_and_makes_none(cms, leases):
    err = cms("boot n[1-2] --cloud=a --lease=3h --host=any --lease-start=+1h --dryrun")[2]
    assert "would lease on cloud a: 2 whole hosts for 3 hours from " in err and leases("a") == []


def test_machines_on_a_lease_are_gone_when_it_ends():
    boot("n1", lease="1h")
    with Cloud("a") as cloud:
        (lease,) = cloud.leasing.all()
        assert [each.name for each in cloud.machines()] == ["n1"]
        cloud.leasing.extend(lease, time.time() + 0.2)
        time.sleep(0.3)
        assert cloud.machines() == []

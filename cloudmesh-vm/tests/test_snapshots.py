"""Snapshots and clones: in the shell, in Python, and when a job with them was interrupted."""

import json

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Unreachable, Unsupported
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError
from cloudmesh.vm import Machine, Machines
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.model.limits import SLOW_CALL_TIMEOUT, JobLimits, call_timeout


def names(cloud="a"):
    with Cloud(cloud) as opened:
        return sorted(each.name for each in opened.machines())


@pytest.fixture
def losing(monkeypatch):
    """The answer to a call is lost after its work, once: ``losing("clone")``; gives the calls."""

    def lose(method):
        original, calls = getattr(SimulatedProvider, method), []

        def call(self, *args):
            made = original(self, *args)
            calls.append(args)
            if len(calls) == 1:
                error = Unreachable("the connection was closed without an answer")
                error.outcome_unknown = True
                raise error
            return made

        monkeypatch.setattr(SimulatedProvider, method, call)
        return calls

    return lose


def test_a_machine_comes_back_to_what_it_was(boot):
    boot("web1", "a")
    with Machine("web1", "a") as machine:
        machine.snapshot("before")
        machine.stop(wait=True)
        assert machine.restore("before", wait=True).state is State.ACTIVE, "what ran goes on"
        machine.rebuild("tiny-linux", wait=True)
        machine.stop(wait=True)
        machine.snapshot(name="off")
        back = machine.restore("before", wait=True)
        assert (back.state, machine.info().image) == (State.ACTIVE, "debian-12")
        assert machine.restore("off", wait=True).state is State.STOPPED
        kept = {each.name: each.memory for each in machine.snapshots()}
        assert kept == {"before": True, "off": False}
        machine.delete_snapshot("before")
        assert [each.name for each in machine.snapshots()] == ["off"]
        with pytest.raises(UnknownName, match="no snapshot 'before' of a:web1"):
            machine.restore("before")


def test_a_clone_is_a_machine_of_its_own(boot, home):
    boot("web1", "a")
    with Machine("web1", "a") as machine:
        machine.metadata({"role": "web"})
        made = machine.clone("web2", wait=True)
        assert (made.name, made.state, made.metadata) == ("web2", State.ACTIVE, {"role": "web"})
        assert machine.name == "web1" and machine.info().cloud_id != made.cloud_id
        machine.delete(wait=True)
    assert names() == ["web2"]
    with Machines("web*") as machines:
        assert [each.cloud_id for each in machines] == [made.cloud_id]


@pytest.mark.parametrize(
    ("verb", "told"), [("clone", "signing in to its machines is imp"), ("snapshot", "in which signing in is")]
)
def test_a_clone_can_be_waited_for_until_it_is_ready(boot, verb, told):
    """Where there is somebody to sign in to, which a simulated cloud has not."""
    boot("web1", "a")
    with Machine("web1", "a") as machine, pytest.raises(UsageError, match=told):
        getattr(machine, verb)("x", wait="ready")
    assert names() == ["web1"]


@pytest.mark.parametrize("verb", ["snapshot", "restore", "delete_snapshot", "clone"])
def test_what_copies_a_disk_may_take_its_time(verb):
    assert (
        call_timeout(JobLimits(), None, verb) == SLOW_CALL_TIMEOUT > call_timeout(JobLimits(), None, "stop")
    )


@pytest.mark.parametrize("name", ["web1", "web2", "web 9", "-x", ""])
def test_a_clone_with_a_name_that_is_taken_or_is_none_is_refused(boot, name):
    boot("web[1-2]", "a")
    told = r"name of a machine|already has a machine"
    with Machine("web1", "a") as machine, pytest.raises(CloudmeshError, match=told):
        machine.clone(name)
    assert names() == ["web1", "web2"]


def test_several_machines_are_not_cloned_to_one_name(boot, cms):
    boot("web[1-2]", "a")
    assert cms("clone web[1-2] web9 --cloud=a")[0] == 2
    assert names() == ["web1", "web2"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 64, "ä"])
def test_what_cannot_be_the_name_of_a_snapshot_is_told_before_a_cloud_is_called(boot, name):
    boot("web1", "a")
    with (
        Machines("web1", "a") as machines,
        pytest.raises(UsageError, match="be the name of a snapshot"),
    ):
        machines.snapshot(name)


def test_the_shell_does_the_same(boot, config, cms):
    boot("web[1-2]", "a")
    for line, result in [
        ("snapshot web[1-2] --name=before --dryrun", "would snapshot"),
        ("snapshot web[1-2] --name=before", "done"),
        ("snapshot web[1-2] --name=before --dryrun", "would fail"),
        ("snapshot web1 --name=before", "failed"),
        ("restore web1 --name=before --dryrun", "would restore"),
        ("restore web1 --name=befor --dryrun", "would fail"),
        ("restore web1 --name=before --yes --wait", "done"),
        ("delete-snapshot web2 --name=before --dryrun", "would delete-snapshot"),
        ("delete-snapshot web2 --name=before --yes", "done"),
        ("clone web1 web3 --dryrun", "would clone"),
        ("clone web1 web3 --wait", "done"),
        ("clone web1 web3", None),
    ]:
        code, out, err = cms(f"{line} --cloud=a --output=json")
        if result is None:
            assert (code, "already has a machine web3" in err) == (1, True)
            continue
        assert code == int("fail" in result), err
        assert {row["result"] for row in json.loads(out)} == {result}, line
    code, out, _ = cms("snapshots --all --cloud=a --output=json")
    (row,) = json.loads(out)
    assert code == 0 and row.pop("created")
    assert row == {"cloud": "a", "name": "web1", "snapshot": "before", "memory": True}
    assert cms("snapshots web1 --output=names")[1] == "before\n"
    assert names() == ["web1", "web2", "web3"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("restore web1 --name=before", "refusing to restore 1 machine: no terminal"),
        ("delete-snapshot web1 --name=before", "refusing to delete-snapshot 1 machine: no terminal"),
        ("snapshot web1", "--name"),
        ("clone web1", "NEWNAME"),
    ],
)
def test_what_is_said_wrongly_is_told(boot, cms, line, told):
    boot("web1", "a")
    code, _, err = cms(f"{line} --cloud=a")
    assert code == 2 and told in err


def test_the_question_names_the_snapshot(boot, cms, monkeypatch):
    boot("web1", "a")
    cms("snapshot web1 --name=before")
    asked = []
    monkeypatch.setattr("cloudmesh.vm.cli.question.require_terminal", lambda what: None)
    monkeypatch.setattr("cloudmesh.vm.cli.question.agrees", lambda question, *how: asked.append(question))
    assert cms("restore web1 --name=before")[0] == 1
    assert cms("delete-snapshot web1 --name=before")[0] == 1
    assert asked == [
        "Restore 1 machine web1 on a to snapshot before, erasing what is on the disks since then",
        "Delete snapshot before of 1 machine web1 on a",
    ]


def test_a_locked_machine_loses_nothing(boot, cms):
    boot("web1", "a")
    for line, code in [
        ("lock web1", 0),
        ("snapshot web1 --name=before", 0),
        ("restore web1 --name=before --yes", 1),
        ("delete-snapshot web1 --name=before --yes", 1),
        ("clone web1 web2", 0),
    ]:
        assert cms(line)[0] == code, line
    assert cms("snapshots web1 --output=names")[1] == "before\n"


def test_a_cloud_that_cannot_says_so(boot, cms, monkeypatch):
    boot("web1", "a")
    lacking = SimulatedProvider.capabilities - {"snapshot", "restore", "delete_snapshot", "clone"}
    monkeypatch.setattr(SimulatedProvider, "capabilities", lacking)
    with Machine("web1", "a") as machine:
        for call in (
            machine.snapshots,
            lambda: machine.snapshot("x"),
            lambda: machine.restore("x"),
            lambda: machine.clone("x"),
        ):
            with pytest.raises(Unsupported, match="not supported by this type of cloud"):
                call()
    code, _, err = cms("snapshots web1")
    assert code == 4 and "cloud a cannot take a snapshot of a machine" in err


@pytest.mark.parametrize(("verb", "argument"), [("clone", "web2"), ("snapshot", "before")])
def test_a_lost_answer_is_looked_for_and_the_work_is_not_done_twice(boot, losing, verb, argument):
    boot("web1", "a")
    calls = losing(verb)
    with Machine("web1", "a") as machine:
        machine.act(verb, argument=argument)
        assert len(calls) == 1
        assert [each.name for each in machine.snapshots()] == ["before"] * (verb == "snapshot")
    assert names() == ["web1"] + ["web2"] * (verb == "clone")


@pytest.fixture
def die(monkeypatch):
    """The process that runs a job dies when the cloud has done a call, or before it: gives the job."""

    class Died(BaseException):
        """As if the process had been killed."""

    def act(verb, argument, after):
        original = getattr(SimulatedProvider, verb)

        def call(self, *args):
            if after:
                original(self, *args)
            raise Died

        with monkeypatch.context() as patch:
            patch.setattr(SimulatedProvider, verb, call)
            with pytest.raises(Died), Machines("web1", "a") as machines:
                machines.act(verb, argument=argument)
        (job,) = Jobs().interrupted()
        return job

    return act


@pytest.mark.parametrize("after", [True, False])
@pytest.mark.parametrize(("verb", "argument"), [("clone", "web2"), ("snapshot", "before")])
def test_a_job_that_died_is_resumed_and_nothing_is_there_twice(boot, die, after, verb, argument):
    boot("web1", "a")
    job = die(verb, argument, after)
    result = Jobs().resume(job.number)
    assert result.exit_code == 0, result
    assert Jobs().interrupted() == []
    assert names() == ["web1"] + ["web2"] * (verb == "clone")
    with Machine("web1", "a") as machine:
        assert [each.name for each in machine.snapshots()] == ["before"] * (verb == "snapshot")


@pytest.mark.parametrize("after", [True, False])
def test_restoring_is_not_repeated_by_resuming(boot, die, after):
    """What came onto the disks since the first time would be lost."""
    boot("web1", "a")
    with Machine("web1", "a") as machine:
        machine.snapshot("before")
    job = die("restore", "before", after)
    with Machines("web1", "a") as machines:
        machines.wait("active", 5)
    (outcome,) = Jobs().resume(job.number)
    assert "outcome unknown" in str(outcome.error) and "not repeated" in str(outcome.error)

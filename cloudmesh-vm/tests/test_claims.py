"""Two who boot the same names at the same time: each machine is booted by one of them only."""

import pytest

from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.vm import Machines, Status
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.jobs.runner import JobRunner
from cloudmesh.vm.jobs.store import JobStore

BOOTING = "cloud a: job 1 is booting a machine web1 now; cms job show 1 shows its progress"
TAKEN = "cloud a already has a machine web1; use another name"


def told(outcomes):
    return [(each.name, str(each.error) if each.error else each.status.value) for each in outcomes]


def booted(spy):
    return [(cloud, name) for cloud, method, name in spy.taken() if method == "boot"]


@pytest.fixture
def elsewhere(config):
    """A job of somebody else that is about to boot web1 on cloud a."""
    with Machines("web1", "a") as machines:
        plan = machines.boot_plan().plan(BootOptions())
        store = JobStore.create(machines.session.inventory, plan)
        assert store.refused == []
        yield store


@pytest.fixture
def planned(config):
    """Machines web1 and web2 on cloud a, which are to be booted and were not there when it was asked."""
    with Machines("web[1-2]", "a") as machines:
        plan = machines.boot_plan().plan(BootOptions())
        with JobRunner(machines.session) as work:
            yield lambda: work.run(plan)


@pytest.fixture
def others():
    """Does something with web1 in another session."""

    def act(action, *words):
        with Machines("web1", "a") as machines:
            getattr(machines, action)(*words).raise_for_failures()

    return act


def test_what_another_job_is_booting_fails_and_the_rest_goes_on(elsewhere, spy):
    with Machines("web1,b:web1,web2", "a") as machines:
        result = machines.boot(wait=True, timeout=5)
    assert told(result) == [("web1", BOOTING), ("web1", "done"), ("web2", "done")]
    assert result.exit_code == 1
    assert sorted(booted(spy)) == [("a", "web2"), ("b", "web1")]
    job, _ = Jobs().show(result.job)
    assert (job.status, job.machines, job.done, job.failed) == ("failed", 3, 2, 1)


def test_nothing_may_be_left_to_do(elsewhere, spy):
    with Machines("web1", "a") as machines:
        result = machines.boot()
    assert told(result) == [("web1", BOOTING)]
    job, tasks = Jobs().show(result.job)
    assert (result.exit_code, job.status, booted(spy)) == (1, "failed", [])
    assert [task["error"] for task in tasks] == [BOOTING]


def test_so_it_is_told_one_by_one(elsewhere, spy):
    with Machines("web[1-2]", "a") as machines:
        outcomes = list(machines.boot_each())
    assert told(outcomes) == [("web1", BOOTING), ("web2", "done")]
    assert booted(spy) == [("a", "web2")]


def test_a_job_that_was_interrupted_boots_nothing(elsewhere, spy):
    elsewhere.close(over=False)
    with Machines("web1", "a") as machines:
        assert told(machines.boot()) == [("web1", "done")]


def test_what_was_booted_since_it_was_planned_is_not_booted_again(planned, others, spy):
    others("boot")
    spy.taken()
    result = planned()
    assert sorted(told(result)) == [("web1", TAKEN), ("web2", "done")]
    assert booted(spy) == [("a", "web2")]


@pytest.mark.parametrize("then", [("delete",), ("rename", "db1")])
def test_a_name_is_free_again_when_its_machine_was_deleted_or_renamed(planned, others, then):
    others("boot")
    others(*then)
    assert [each.status for each in planned()] == [Status.DONE, Status.DONE]


def test_a_job_is_not_gone_on_with_where_another_one_boots_the_same(config, spy):
    with Machines("web[1-2]", "a") as machines:
        plan = machines.boot_plan().plan(BootOptions())
        left = JobStore.create(machines.session.inventory, plan)
        left.close(over=False)
    with Machines("web1", "a") as machines:
        plan = machines.boot_plan().plan(BootOptions())
        JobStore.create(machines.session.inventory, plan)
        result = Jobs().resume(1)
    assert sorted(told(result)) == [
        ("web1", BOOTING.replace("job 1", "job 2").replace("show 1", "show 2")),
        ("web2", "done"),
    ]
    assert booted(spy) == [("a", "web2")]

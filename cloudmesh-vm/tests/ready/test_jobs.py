"""Jobs that wait until machines are ready: interrupted, killed and resumed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from cloudmesh.db import open_store
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs import rows
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.model.limits import RunOptions

RUNNING = '{"status": "running", "extended_status": "running", "errors": []}'
DONE = '{"status": "done", "extended_status": "done", "errors": []}'
WAITS = """
from cloudmesh.vm import Machines
with Machines("vm[1-2]") as machines:
    machines.boot(wait="ready", timeout=100)
"""


@pytest.fixture
def busy(guests, cloud):
    """Two machines, of which one is ready and the other is still busy."""
    first, second = guests(2)
    second.says(RUNNING)
    # Booted one after the other: the machines are given the guests in the order in which they are booted.
    return cloud([first, second], parallel=1), first, second


def counts(config, **conditions):
    with open_store(config) as store:
        return store.count(rows.EVENTS, kind=rows.REACHED) if store.has(rows.EVENTS) else 0


def killed(config):
    """A process that waits for both, killed when it has seen one of them."""
    process = subprocess.Popen([sys.executable, "-c", WAITS], start_new_session=True)
    for _ in range(600):
        with open_store(config) as store:
            seen = store.has(rows.EVENTS) and store.count(rows.EVENTS, kind=rows.WAITING)
        if seen:
            break
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_job_that_was_killed_while_it_waited_goes_on_waiting(busy):
    config, _, second = busy
    killed(config)
    jobs = Jobs(config)
    (job,) = jobs.list()
    assert (job.status, job.waits) == ("interrupted", True)
    steps = []

    def watch(what, clouds):
        steps.extend(step for cloud in clouds for step in cloud.steps)
        if "cloud-init runs" in steps:
            second.says(DONE)

    result = jobs.resume(job.number, timeout=60, options=RunOptions(watch=watch))
    assert [each.status for each in result] == ["done", "done"]
    assert "cloud-init runs" in steps
    assert jobs.list()[0].status == "done"


def test_a_job_whose_time_was_over_can_be_resumed(busy):
    config, _, second = busy
    with Machines("vm[1-2]") as machines:
        result = machines.boot(wait="ready", timeout=8)
    assert [each.status for each in result] == ["done", "failed"]
    jobs = Jobs(config)
    assert jobs.list()[0].status == "interrupted"
    second.says(DONE)
    assert jobs.resume(result.job, timeout=60).exit_code == 0
    assert jobs.list()[0].status == "done"


def test_one_whose_cloud_init_failed_is_at_its_end(busy):
    config, _, second = busy
    second.says('{"status": "error", "errors": ["x"]}', 1)
    with Machines("vm[1-2]") as machines:
        result = machines.boot(wait="ready", timeout=60)
    assert [each.status for each in result] == ["done", "failed"]
    assert Jobs(config).list()[0].status == "failed"


def test_ctrl_c_ends_the_wait_and_the_job_can_be_resumed(busy):
    config, _, second = busy
    sent = []

    def watch(what, clouds):
        if not sent and any("cloud-init runs" in cloud.steps for cloud in clouds):
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    with Machines("vm[1-2]", watch=watch) as machines, suppress(KeyboardInterrupt):
        result = machines.boot(wait="ready", timeout=100)
    assert result.exit_code == 130
    assert "interrupted while it was active: cloud-init runs" in str(result[1].error)
    second.says(DONE)
    assert Jobs(config).resume(result.job, timeout=60).exit_code == 0


def test_jobs_of_earlier_versions_are_read(busy, config=None):
    config, *_ = busy
    with Machines("vm1") as machines:
        number = machines.boot(wait=True).job
    with open_store(config) as store:
        (job,) = store.find(rows.JOBS, id=number)
        assert rows.stored_wait(job) is True
        older = {key: value for key, value in job.items() if key != "until"}
        assert rows.stored_wait(older) is True
        assert rows.stored_wait({**older, "wait": False}) is False
    json.dumps(older, default=str)

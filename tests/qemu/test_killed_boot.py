"""A program that is killed while it boots machines leaves each of them whole, or not there at all."""

import os
import signal

import pytest

from .conftest import wait_until

pytestmark = pytest.mark.qemu
NAMES = ["k1", "k2", "k3"]


@pytest.fixture
def killed(local):
    """The user, whose program was killed in the midst of a boot, as soon as the first machine ran."""
    process = local.home.start("vm", "boot", "k[1-3]", "--key=me", "--parallel=1", "--wait")
    wait_until(local.guests)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    yield local
    local.home.cms("vm", "delete", "--all", "--yes", "--wait", code=None)


def test_its_job_is_finished_by_resume_and_no_machine_is_made_twice(killed):
    assert killed.home.states().keys() < set(NAMES), "it was killed too late"
    assert [each for each in killed.guests() if each.cwd().split("/")[-1] not in NAMES] == []
    (job,) = killed.home.json("job", "list")
    killed.home.cms("job", "resume", str(job["job"]))
    assert killed.home.states() == dict.fromkeys(NAMES, "active")
    assert sorted(each.cwd().split("/")[-1] for each in killed.guests()) == NAMES
    killed.home.cms("vm", "delete", "--all", "--yes", "--wait")
    assert killed.guests() == []

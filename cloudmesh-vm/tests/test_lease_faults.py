"""Whatever goes wrong at any call about leases and their machines, no lease is left that no job knows."""

import random
from contextlib import suppress

import pytest

from cloudmesh.cloud import Cloud
from cloudmesh.cloud.errors import CloudTimeout, Refused
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.jobs import Jobs

CALLS = ("create_lease", "delete_lease", "leases", "machines", "boot", "delete")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def weather(configure, monkeypatch):
    """A cloud whose calls fail as a seed wants it, and can be made to work again."""
    configure({"a": {}})

    def make(seed):
        chance = random.Random(seed)
        with monkeypatch.context() as patched:
            for name in CALLS:
                patched.setattr(SimulatedProvider, name, failing(getattr(SimulatedProvider, name), chance))
            yield
        yield

    return make


def failing(original, chance):
    """The call that does its work or not, and then answers, is lost, or ends the process."""

    def call(self, *words):
        done, end = chance.choice([*[(True, None)] * 5, (True, "lost"), (False, "lost"), *killed])
        if chance.random() < 0.05:
            raise Refused("no")
        result = original(self, *words) if done else None
        if end == "killed":
            raise Killed
        if end == "lost":
            error = CloudTimeout("no answer")
            error.outcome_unknown = True
            raise error
        return result

    # A boot or delete that ends its process is what the tests of whole processes do.
    threaded = original.__name__ in ("boot", "delete")
    killed = [] if threaded else [(True, "killed"), (False, "killed")]
    return call


def resume_all(chance):
    for job in Jobs().interrupted():
        with suppress(CloudmeshError, Killed):
            Jobs().resume(job.number, failed=chance.random() < 0.5)


def leases():
    """The leases of the cloud, each with how many machines are on it."""
    with Cloud("a") as cloud:
        listed = cloud.leasing.all()
        assert len({each.name for each in listed}) == len(listed), "none is made twice"
        return {each.name: len(cloud.leasing.machines_on(each)) for each in listed}


@pytest.mark.parametrize("seed", range(12, 24))
def test_a_lease_has_machines_or_a_job_that_knows_it(weather, seed):
    chance = random.Random(seed)
    for verb in ("boot", "delete"):
        stormy = weather(f"{seed} {verb}")
        next(stormy)
        with suppress(CloudmeshError, Killed), Machines("n[1-2]", "a") as machines:
            machines.boot(lease="1h") if verb == "boot" else machines.delete()
        resume_all(chance)
        next(stormy)
        known = {lease.partition(":")[2] for job in Jobs().interrupted() for lease in job.leases}
        assert {name for name, count in leases().items() if not count} <= known
        resume_all(chance)
        assert all(leases().values()) and not any(job.leases for job in Jobs().interrupted())

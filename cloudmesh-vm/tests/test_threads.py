"""Many threads on one store and one cloud: each answer is about the machine that was asked for.

The interpreter changes threads a hundred times as often as usual, which shows what is shared and must not be.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.vm import Machines, Status

THREADS = 32
NAMES = [f"t{number:03d}" for number in range(2 * THREADS)]


@pytest.fixture
def hurried():
    """The interpreter changes threads every 1e-5 seconds."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture
def config(configure):
    return configure({"uc": {}, "tacc": {}}, default=["uc", "tacc"])


def about(outcomes, cloud):
    """Whether each outcome is about the machine in its place, by name and by what the machine says."""
    return [(each.cloud, each.name, each.machine.name, each.machine.metadata) for each in outcomes] == [
        (cloud, name, name, {"own": name}) for name in NAMES
    ]


@pytest.mark.slow
def test_no_answer_is_about_the_wrong_machine(config, hurried):
    with Cloud("uc", config) as cloud:
        request = cloud.boot_request("none")
        ids = {}
        for name in NAMES:
            booted = cloud.boot_as(type(request)(name, request.image, request.flavor, metadata={"own": name}))
            ids[name] = booted.cloud_id
    with ThreadPoolExecutor(THREADS) as pool, Machines("t[000-063]", "uc", config, executor=pool) as machines:
        machines.wait("active")
        for action in ("stop", "start", "suspend", "resume", "pause", "unpause", "reboot"):
            result = machines.act(action, wait=True)
            assert {each.status for each in result} == {Status.DONE}, [
                str(each.error) for each in result.failed
            ]
            assert about(result, "uc"), action
            assert [each.machine.cloud_id for each in result] == list(ids.values())
        deleted = machines.delete()
        assert about(deleted, "uc")


@pytest.mark.slow
def test_clouds_of_their_own_in_32_threads_see_their_own_machine(config, hurried):
    with Machines(NAMES, "tacc", config) as machines:
        machines.boot(wait=True).raise_for_failures()

    def work(name):
        seen = []
        with Cloud("tacc", config) as cloud:
            seen.append(cloud.machine(name, "stop"))
            seen.append(cloud.machine(name))
            seen += [each for each in cloud.machines() if each.name == name]
            seen.append(cloud.machine(name, "start"))
        return {(each.name, each.cloud) for each in seen}, len({each.cloud_id for each in seen})

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(work, NAMES))
    assert found == [({(name, "tacc")}, 1) for name in NAMES]

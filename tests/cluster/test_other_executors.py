"""Any executor of concurrent.futures makes the calls: here one of processes that share nothing with us."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from cloudmesh.config import Config
from cloudmesh.vm import Machines, Status

pytestmark = pytest.mark.slow


@pytest.fixture
def config(home, cloud_settings, monkeypatch):
    home.configure(left=cloud_settings(), right=cloud_settings())
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(home.directory))
    return Config.load()


def test_processes(config):
    with (
        ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool,
        Machines("left:p[1-8],right:p[1-8]", config=config, executor=pool) as machines,
    ):
        assert {each.status for each in machines.boot(wait=True)} == {Status.DONE}
        stopped = machines.stop(wait=True)
        assert [(each.status, each.state.value) for each in stopped] == [(Status.DONE, "stopped")] * 16
        assert {each.status for each in machines.stop()} == {Status.ALREADY}
        conflict = machines.suspend()
        assert {type(each.error).__name__ for each in conflict} == {"Conflict"}
        assert {each.status for each in machines.delete(wait=True)} == {Status.DONE}


def test_a_process_of_the_pool_is_killed(config, home):
    """Then the pool takes no more calls: every machine is told, and none exists twice."""
    with (
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool,
        Machines("left:p[1-8],right:p[1-8]", config=config, executor=pool) as machines,
    ):
        pool.submit(os.getpid).result()
        os.kill(next(iter(pool._processes)), signal.SIGKILL)
        result = machines.boot()
        assert len(result) == 16 and result.failed
        assert all(each.error for each in result.failed)
    rows = home.json("vm", "list", "--cloud=left,right", "--refresh")
    there = {(row["cloud"], row["name"]) for row in rows}
    assert len(there) == len(rows)
    assert there == {(each.cloud, each.name) for each in result.succeeded}

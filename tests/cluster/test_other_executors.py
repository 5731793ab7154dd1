"""Any executor of concurrent.futures makes the calls: processes that share nothing with us, Parsl, MPI."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from cloudmesh.config import Config
from cloudmesh.vm import Machines, Status

pytestmark = pytest.mark.slow

PROGRAM = str(Path(__file__).parent / "there" / "own_executor.py")
PATIENCE = 120
HOW = {
    "parsl": ["python", PROGRAM],
    # Unlike the usual mpiexec this one waits for nobody on the network.
    "mpi": ["mpiexec.gforker", "-n", "3", "python", "-m", "mpi4py.futures", PROGRAM],
}
# For UCX, by which MPI's processes find each other. Parsl is told by its configuration.
ON_LOOPBACK = {"UCX_NET_DEVICES": "lo"}
# Both look for their own programs there, too.
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


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


@pytest.mark.parametrize("kind", HOW)
def test_executors_of_others(kind, home, make_stack, tmp_path):
    """Each verb on each machine as by our threads, and the password nowhere in what the executor writes."""
    stack = make_stack(password="hunter2-marker")
    home.configure(fake=stack.section())
    home.cms("cloud", "activate", "fake")
    folder = tmp_path / "written"
    env = {**os.environ, **ON_LOOPBACK, "CLOUDMESH_CONFIG_DIR": str(home.directory), "PATH": PATH}
    words = [*HOW[kind], kind, str(folder)]
    options = {"env": env, "cwd": tmp_path, "timeout": PATIENCE}
    done = subprocess.run(words, check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    ended = [{tuple(each) for each in step} for step in json.loads(done.stdout)]
    assert ended == [
        {("done", "NoneType")},
        {("already", "NoneType")},
        {("done", "NoneType")},
        {("failed", "Conflict")},
        {("done", "NoneType")},
    ]
    assert stack.report()["states"] == {}
    logs = "".join(file.read_text(errors="replace") for file in folder.rglob("*.log"))
    assert ("Access('fake', ***)" in logs) == (kind == "parsl"), "Parsl writes down what it is asked for"
    assert "hunter2-marker" not in logs + done.stdout + done.stderr

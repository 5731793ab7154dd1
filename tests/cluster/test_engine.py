"""The executors behind the engine: threads, a real Dask cluster, and what is told when there is none."""

import os
import socketserver
import subprocess
import sys
import threading
import time
from concurrent.futures import wait
from dataclasses import replace

import pytest

from cloudmesh.dask.connect import _compare
from cloudmesh.dask.worker import HERE
from cloudmesh.plugin.errors import CloudError, ConfigError
from cloudmesh.vm.executors.registry import open_executor
from cloudmesh.vm.model.call import CallLost

pytestmark = pytest.mark.slow

PATIENCE = 60


@pytest.fixture
def refused(configured):
    """Checks that no executor can be had by a configuration, and why."""

    def check(kind, match, **section):
        config = configured(engine="dask", **section)
        with pytest.raises(kind, match=match), open_executor(config, 4):
            pass

    return check


def test_calls_on_two_workers(cluster, configured, tmp_path):
    with open_executor(configured(engine="dask", scheduler=cluster.address), 32) as executor:
        assert executor.max_workers == 8, "four threads on each of two workers"
        futures = [executor.submit(divmod, number, 7) for number in range(200)]
        assert [each.result(PATIENCE) for each in futures] == [divmod(number, 7) for number in range(200)]
        pids = [executor.submit(os.getpid) for _ in range(40)]
        slow = [executor.submit(time.sleep, 0.5) for _ in range(8)]
        assert {each.result(PATIENCE) for each in pids} == {
            cluster.processes[name].pid for name in ("worker0", "worker1")
        }
        wait(slow, PATIENCE)
        with pytest.raises(ZeroDivisionError):
            executor.submit(divmod, 1, 0).result(PATIENCE)
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(os.getpid)


def test_a_worker_gets_no_more_calls_than_it_has_threads(cluster, configured):
    with open_executor(configured(engine="dask", scheduler=cluster.address), 32) as executor:
        futures = [executor.submit(time.sleep, 1) for _ in range(24)]
        while not any(each.done() for each in futures):
            assert sum(each.running() for each in futures) <= 8
            time.sleep(0.01)
        assert futures[-1].cancel(), "what waits here can be taken back"
        wait(futures, PATIENCE)


def test_the_block_ends_though_calls_run(cluster, configured):
    with open_executor(configured(engine="dask", scheduler=cluster.address), 32) as executor:
        running = [executor.submit(time.sleep, 3) for _ in range(8)]
        waiting = [executor.submit(time.sleep, 3) for _ in range(3)]
        while not all(each.running() for each in running):
            time.sleep(0.01)
        executor.abandon(waiting[0])
        executor.abandon(running[0])
        assert waiting[0].cancelled() and not running[0].done()
    _, left = wait([*running, *waiting], PATIENCE)
    assert not left
    assert all(each.cancelled() for each in waiting)
    assert all(
        isinstance(each.exception(), CallLost) and each.exception().outcome_unknown for each in running
    )


def test_no_scheduler(refused):
    address = "tcp://127.0.0.1:1"
    refused(CloudError, rf"no answer from a Dask scheduler at {address} .*dask scheduler", scheduler=address)
    refused(ConfigError, "scheduler is not set")


def test_something_else_answers(refused):
    class Web(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 3)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        refused(CloudError, "no answer from a Dask scheduler", scheduler=address)
        server.shutdown()


def test_a_scheduler_without_workers(refused, new_cluster, monkeypatch):
    monkeypatch.setattr("cloudmesh.dask.connect._MEET", 1.0)
    address = new_cluster.start(workers=0).address
    remedy = f"has no free workers; start one with 'dask worker {address}'"
    refused(CloudError, remedy, scheduler=address)


def test_a_worker_without_cloudmesh(refused, new_cluster):
    new_cluster.start(workers=0)
    new_cluster.add("bare", begin="import sys; sys.modules['cloudmesh.vm'] = None")
    told = r"the Dask worker tcp://.* cannot be used: it cannot load cloudmesh-vm"
    refused(ConfigError, told, scheduler=new_cluster.address)


def test_another_version_of_cloudmesh(refused, cluster, monkeypatch):
    monkeypatch.setattr("cloudmesh.dask.executor.HERE", replace(HERE, cloudmesh="9.9"))
    told = r"cannot be used: cloudmesh is 5\.0\.0 there and 9\.9 here"
    refused(ConfigError, told, scheduler=cluster.address)


def test_no_certificates_for_tls(refused, cluster):
    address = cluster.address.replace("tcp", "tls")
    refused(ConfigError, "requires TLS certificates in distributed.comm.tls", scheduler=address)


def test_other_versions_of_dask_or_python():
    mine = {"packages": {"python": "3.11.7.final.0", "distributed": "2026.8.0", "dask": "2026.8.0"}}
    patched = {"packages": {**mine["packages"], "python": "3.11.2.final.0"}}
    _compare({"client": mine, "scheduler": patched, "workers": {"tcp://w:1": mine}}, "tcp://s:1")
    for name, other in (("python", "3.12.1.final.0"), ("distributed", "2025.1.0")):
        worse = {"packages": {**mine["packages"], name: other}}
        with pytest.raises(ConfigError, match=rf"{name} is .* at tcp://w:1 and .* here; install the same"):
            _compare({"client": mine, "scheduler": mine, "workers": {"tcp://w:1": worse}}, "tcp://s:1")


def output(code):
    """What a process prints that runs some code."""
    words = [sys.executable, "-c", f"from pathlib import Path\nfrom cloudmesh.config import Config\n{code}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def test_dask_is_not_installed(configured):
    config = configured(engine="dask", scheduler="tcp://127.0.0.1:1")
    told = output(f"""
import sys
sys.modules["distributed"] = None
from cloudmesh.vm.executors.registry import open_executor
try:
    with open_executor(Config.load(Path({str(config.path)!r})), 4):
        pass
except Exception as error:
    print(type(error).__name__, error)
""")
    assert "class.yaml:1: the executor dask requires a library that is not installed" in told
    assert "use: pip install ./cloudmesh-dask" in told


def test_threads_load_nothing_of_dask(configured):
    told = output(f"""
import sys
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.runner import JobRunner
config = Config.load(Path({str(configured().path)!r}))
with CloudSession(config=config) as session, JobRunner(session) as runner:
    runner._executor().submit(int).result()
print([name for name in ("dask", "distributed", "tornado") if name in sys.modules])
""")
    assert told == "[]\n"

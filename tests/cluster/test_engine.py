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


def note(file, *words, seconds=0.0):
    """A call that leaves a trace: which process began it."""
    with open(file, "a") as log:  # noqa: PTH123 appended in one write by several processes
        log.write(f"{os.getpid()} {' '.join(map(str, words))}\n")
    time.sleep(seconds)
    return words


def lines(file):
    return file.read_text().splitlines() if file.exists() else []


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


def test_no_scheduler(configured, new_cluster):
    with (
        pytest.raises(
            CloudError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 .*dask scheduler"
        ),
        open_executor(configured(engine="dask", scheduler="tcp://127.0.0.1:1"), 4),
    ):
        pass


def test_something_else_answers(configured):
    class Web(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 3)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"tcp://127.0.0.1:{server.server_address[1]}"
        with (
            pytest.raises(CloudError, match="no Dask scheduler answers"),
            open_executor(configured(engine="dask", scheduler=address), 4),
        ):
            pass
        server.shutdown()


def test_a_scheduler_without_workers(configured, new_cluster, monkeypatch):
    monkeypatch.setattr("cloudmesh.dask.connect._MEET", 1.0)
    address = new_cluster.start(workers=0).address
    with (
        pytest.raises(
            CloudError, match=f"has no workers that are free; start one with 'dask worker {address}'"
        ),
        open_executor(configured(engine="dask", scheduler=address), 4),
    ):
        pass


def test_a_worker_without_cloudmesh(configured, new_cluster):
    new_cluster.start(workers=0)
    new_cluster.add("bare", begin="import sys; sys.modules['cloudmesh.vm'] = None")
    with (
        pytest.raises(
            ConfigError, match=r"the Dask worker tcp://.* cannot be used: it cannot load cloudmesh-vm"
        ),
        open_executor(configured(engine="dask", scheduler=new_cluster.address), 4),
    ):
        pass


def test_another_version_of_cloudmesh(configured, cluster, monkeypatch):
    monkeypatch.setattr("cloudmesh.dask.executor.HERE", replace(HERE, cloudmesh="9.9"))
    with (
        pytest.raises(ConfigError, match=r"cannot be used: cloudmesh is 5\.0\.0 there and 9\.9 here"),
        open_executor(configured(engine="dask", scheduler=cluster.address), 4),
    ):
        pass


def test_other_versions_of_dask_or_python():
    mine = {"packages": {"python": "3.11.7.final.0", "distributed": "2026.8.0", "dask": "2026.8.0"}}
    patched = {"packages": {**mine["packages"], "python": "3.11.2.final.0"}}
    _compare({"client": mine, "scheduler": patched, "workers": {"tcp://w:1": mine}}, "tcp://s:1")
    for name, other in (("python", "3.12.1.final.0"), ("distributed", "2025.1.0")):
        worse = {"packages": {**mine["packages"], name: other}}
        with pytest.raises(ConfigError, match=rf"{name} is .* at tcp://w:1 and .* here; install the same"):
            _compare({"client": mine, "scheduler": mine, "workers": {"tcp://w:1": worse}}, "tcp://s:1")


def test_no_certificates_for_tls(configured, cluster):
    address = cluster.address.replace("tcp", "tls")
    with (
        pytest.raises(ConfigError, match="needs certificates, by distributed.comm.tls"),
        open_executor(configured(engine="dask", scheduler=address), 4),
    ):
        pass


def test_the_configuration_names_no_scheduler(configured):
    with (
        pytest.raises(ConfigError, match="scheduler does not say where"),
        open_executor(configured(engine="dask"), 4),
    ):
        pass


def test_dask_is_not_installed(configured):
    config = configured(engine="dask", scheduler="tcp://127.0.0.1:1")
    code = f"""
import sys
sys.modules["distributed"] = None
from pathlib import Path
from cloudmesh.config import Config
from cloudmesh.vm.executors.registry import open_executor
try:
    with open_executor(Config.load(Path({str(config.path)!r})), 4):
        pass
except Exception as error:
    print(type(error).__name__, error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout.startswith("ConfigError cloudmesh.engine is dask, which needs a library")
    assert "use: pip install ./cloudmesh-dask" in ended.stdout


def test_threads_load_nothing_of_dask(configured):
    code = f"""
import sys
from pathlib import Path
from cloudmesh.config import Config
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.runner import JobRunner
config = Config.load(Path({str(configured().path)!r}))
with CloudSession(config=config) as session, JobRunner(session) as runner:
    runner._executor().submit(int).result()
print([name for name in ("dask", "distributed", "tornado") if name in sys.modules])
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout == "[]\n"

"""Nobody but the worker that makes a call can tell what is in it: no log, page, event, dump or task name."""

import re
import subprocess
import sys
import time
import urllib.request

import pytest

from cloudmesh.vm.executors.perform import perform
from cloudmesh.vm.executors.registry import open_executor
from cloudmesh.vm.model.call import Access, Call

pytestmark = pytest.mark.slow

SECRET = "hunter2-marker"
PATIENCE = 60
PAGES = ("info/main/workers.html", "info/logs.html", "info/main/events.html", "json/counts.json", "metrics")


def pages(cluster):
    """All that the scheduler's web server shows, with the pages that those lead to."""
    base = f"http://127.0.0.1:{cluster.dashboard}/"
    found, waiting = {}, [*PAGES]
    while waiting:
        path = waiting.pop()
        try:
            with urllib.request.urlopen(base + path, timeout=PATIENCE) as answer:
                found[path] = answer.read().decode()
        except OSError:
            found[path] = ""
        links = re.findall(
            r'href="(?:\.\./)*((?:info/)?(?:main/)?(?:task|call-stack|worker|logs|call-stacks)/[^"#]+)"',
            found[path],
        )
        waiting += [f"info/{link.removeprefix('info/')}" for link in links if f"info/{link}" not in found]
    return found


def told(client, cluster, folder, keys):
    """All that Dask tells of its tasks, by where it was told."""
    client.dump_cluster_state(str(folder / "dump"), format="yaml")
    return {
        "call stack": repr(client.call_stack()),
        "story": repr(client.story(*keys)),
        "events": repr(client.get_events()),
        "processing": repr(client.processing()),
        "profile": repr(client.profile()),
        "scheduler's logs": repr(client.get_scheduler_logs()),
        "workers' logs": repr(client.get_worker_logs()),
        "dump": (folder / "dump.yaml").read_text(),
        **{log.name: log.read_text() for log in cluster.folder.glob("*.log")},
        **{f"page {path}": text for path, text in pages(cluster).items()},
    }


def leaks(found):
    return [place for place, text in found.items() if SECRET in text or "OS_PASSWORD" in text]


def call():
    access = Access("uc", {"type": "nothing", "credentials": {"OS_PASSWORD": SECRET}})
    return Call(access, "start", (None,), (None,))


def test_calls_that_run_end_and_fail(own_cluster, configured, traced, tmp_path, until):
    from distributed import Client

    config = configured(engine="dask", scheduler=own_cluster.address)
    with open_executor(config, 8) as executor, Client(own_cluster.address, set_as_default=False) as client:
        reply = executor.submit(perform, call()).result(PATIENCE)
        assert SECRET not in repr(reply)
        for kind in ("plain", "odd", "lambda"):
            assert executor.submit(traced.fail, kind, SECRET).exception(PATIENCE) is not None
        file = tmp_path / "trace"
        running = executor.submit(traced.trace, str(file), SECRET, 5.0)
        until(file.exists)
        keys = [key for names in client.processing().values() for key in names]
        assert keys and all(re.fullmatch("cloudmesh-[0-9a-f]{32}", key) for key in keys)
        found = told(client, own_cluster, tmp_path, keys)
        assert "run_here" in found["call stack"] and keys[0] in found["dump"]
        assert any(keys[0] in text for place, text in found.items() if place.startswith("page"))
        assert leaks(found) == []
        assert running.result(PATIENCE) == SECRET
        assert leaks(told(client, own_cluster, tmp_path, keys)) == []


def test_calls_that_are_lost(own_cluster, configured, traced, tmp_path, until):
    from distributed import Client

    config = configured(engine="dask", scheduler=own_cluster.address)
    with open_executor(config, 8) as executor, Client(own_cluster.address, set_as_default=False) as client:
        file = tmp_path / "trace"
        futures = [executor.submit(traced.trace, str(file), SECRET, 3.0) for _ in range(8)]
        until(lambda: file.exists() and len(file.read_text().splitlines()) == 8)
        own_cluster.kill("worker0")
        until(lambda: any(each.done() for each in futures))
        left = [key for names in client.processing().values() for key in names]
        assert leaks(told(client, own_cluster, tmp_path, left)) == []


def test_the_scheduler_needs_nothing_of_ours(configured, new_cluster, traced, tmp_path):
    """It may be anybody's: what it cannot load, Dask would write into its log."""
    new_cluster.start(workers=1, begin="import sys; sys.modules['cloudmesh.vm'] = None")
    with open_executor(configured(engine="dask", scheduler=new_cluster.address), 8) as executor:
        file = tmp_path / "trace"
        assert executor.submit(traced.trace, str(file), SECRET).result(PATIENCE) == SECRET
    logs = {log.name: log.read_text() for log in new_cluster.folder.glob("*.log")}
    assert leaks(logs) == []


def test_the_search_can_find(own_cluster, tmp_path):
    """The same looks find what is handed to Dask without care."""
    from distributed import Client

    with Client(own_cluster.address, set_as_default=False) as client:
        running = client.submit(time.sleep, 3, key=f"sleep-{SECRET}")
        failed = client.submit(int, SECRET, pure=False)
        failed.exception(timeout=PATIENCE)
        found = leaks(told(client, own_cluster, tmp_path, [running.key, failed.key]))
    assert any(place.startswith("worker") for place in found), "Compute Failed, in a log"
    assert {"story", "dump"} <= set(found) and any(place.startswith("page") for place in found)


CAUSED = f"""
import pickle
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.dask.connect import keep_own_pickling
import distributed
error = CloudmeshError("no answer")
error.__cause__ = OSError({SECRET!r})
before = {SECRET!r}.encode() in pickle.dumps(error)
keep_own_pickling()
print(before, {SECRET!r}.encode() in pickle.dumps(error))
"""


def test_dask_does_not_make_errors_travel_with_their_causes():
    told = subprocess.run([sys.executable, "-c", CAUSED], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["True", "False"], "which it would do, once it is loaded"

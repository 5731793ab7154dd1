"""Executors that other packages bring by the entry-point group cloudmesh.executors."""

import importlib.metadata
import json
import re
from concurrent.futures import Future
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import pytest

from cloudmesh.plugin.errors import ConfigError
from cloudmesh.vm import Machines
from cloudmesh.vm.executors.registry import GROUP, open_executor
from cloudmesh.vm.executors.threads import DaemonThreads
from cloudmesh.vm.scheduler.results import RetryPolicy

OPENED = []


# What goes wrong with the executor: nothing, or what it does when it is opened, called or closed.
TROUBLE = {}


class Ours(DaemonThreads):
    """An executor as somebody's package may bring it."""

    def submit(self, fn, /, call):
        if error := TROUBLE.get("submit"):
            raise error
        future = super().submit(fn, call)
        if error := TROUBLE.get("result"):
            future = Future()
            future.set_exception(error)
        return future


@contextmanager
def open_ours(config, parallel):
    OPENED.append(parallel)
    if error := TROUBLE.get("open"):
        raise error
    with Ours(parallel) as executor:
        yield TROUBLE.get("gives", executor)
    if error := TROUBLE.get("close"):
        raise error


@pytest.fixture(autouse=True)
def no_trouble():
    TROUBLE.clear()


@pytest.fixture
def installed(monkeypatch):
    """Pretends that packages bring ``ours`` at these places, and nothing else."""

    def load(point):
        if point.module == "broken_module":
            raise SyntaxError("half-written")
        return __import__(point.module) and open_ours

    def install(*places):
        points = [EntryPoint("ours", place, GROUP) for place in places]

        def found(*, group, name="ours"):
            return [each for each in points if (each.group, each.name) == (group, name)]

        monkeypatch.setattr(importlib.metadata, "entry_points", found)
        monkeypatch.setattr(EntryPoint, "load", load)

    return install


def test_the_executor_of_another_package_makes_the_calls(configure, spy, installed):
    configure({"a": {}}, default="a", engine="ours", parallel=3)
    installed("json:whatever")
    OPENED.clear()
    with Machines("web[1-4]") as machines:
        assert machines.boot().exit_code == 0
        assert machines.stop().exit_code == 0
    assert OPENED == [3], "it stays open between two jobs"


@pytest.mark.parametrize(
    ("engine", "places", "sentence"),
    [
        ("other", ["json:x"], "is not provided by any installed package; known: ours, threads"),
        ("dask", [], "is not provided by any installed package; use: pip install ./cloudmesh-dask"),
        (
            "ours",
            ["json:x", "csv:y"],
            "is provided by several packages; uninstall all but one of json:x, csv:y",
        ),
        (
            "ours",
            ["no_such_module:x"],
            r"requires a library that is not installed \(No module named 'no_such_module'\)",
        ),
        ("ours", ["broken_module:x"], r"cannot be loaded \(broken_module:x\): .*half-written"),
    ],
)
def test_an_executor_that_cannot_be_had_is_told_before_there_is_a_job(
    configure, spy, installed, engine, places, sentence
):
    config = configure({"a": {}}, default="a", engine=engine)
    installed(*places)
    told = rf"class\.yaml:1: the executor {engine} .*{sentence}"
    with pytest.raises(ConfigError, match=told), open_executor(config, 4):
        pass
    with Machines("web1") as machines, pytest.raises(ConfigError, match=told):
        machines.boot()
    assert "boot" not in {method for _, method, _ in spy.taken()}


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ({"open": ValueError("no pool today")}, r"\(json:x\) cannot be opened: ValueError: no pool today"),
        ({"gives": None}, "gives NoneType, which is not an executor"),
    ],
)
def test_an_executor_that_cannot_be_opened_is_named_with_its_reason(
    configure, spy, cms, installed, trouble, sentence
):
    configure({"a": {}}, default="a", engine="ours")
    installed("json:x")
    TROUBLE.update(trouble)
    code, _, err = cms("boot web1")
    assert code == 3 and re.search(rf"class\.yaml:1: the executor ours .*{sentence}", err)
    assert err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize("where", ["submit", "result"])
@pytest.mark.parametrize("error", [ValueError("lost it; password=hunter2"), RuntimeError("is shut down")])
def test_an_executor_that_fails_at_a_call_is_named_and_each_machine_is_told(
    boot, configure, spy, cms, installed, where, error, monkeypatch
):
    boot("web[1-2]", "a")
    configure({"a": {}}, default="a", engine="ours")
    installed("json:x")
    monkeypatch.setattr(RetryPolicy, "pause", lambda *_: None)
    TROUBLE[where] = error
    code, out, err = cms("stop web[1-2] --output=json")
    reasons = [row["reason"] for row in json.loads(out)]
    assert code == 1 and len(reasons) == 2, err
    assert all("executor Ours" in each and str(error).partition(";")[0] in each for each in reasons), reasons
    assert "hunter2" not in out + err


def test_an_executor_that_fails_while_it_is_closed_changes_no_outcome(configure, spy, installed):
    configure({"a": {}}, default="a", engine="ours")
    installed("json:x")
    TROUBLE["close"] = ValueError("would not go")
    told = r"the executor ours \(json:x\) failed on close: ValueError: would not go"
    with pytest.warns(RuntimeWarning, match=told), Machines("web1") as machines:
        result = machines.boot()
    assert result.exit_code == 0

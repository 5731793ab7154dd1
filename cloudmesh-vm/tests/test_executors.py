"""Executors that other packages bring by the entry-point group cloudmesh.executors."""

import importlib.metadata
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import pytest

from cloudmesh.plugin.errors import ConfigError
from cloudmesh.vm import Machines
from cloudmesh.vm.executors.registry import GROUP, open_executor
from cloudmesh.vm.executors.threads import DaemonThreads

OPENED = []


@contextmanager
def open_ours(config, parallel):
    """An executor as somebody's package may bring it."""
    OPENED.append(parallel)
    with DaemonThreads(parallel) as executor:
        yield executor


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
        ("other", ["json:x"], "which no installed package brings; known: ours, threads"),
        ("dask", [], "which no installed package brings; use: pip install ./cloudmesh-dask"),
        (
            "ours",
            ["json:x", "csv:y"],
            "is brought by several packages; uninstall all but one of json:x, csv:y",
        ),
        (
            "ours",
            ["no_such_module:x"],
            r"needs a library that is not there \(No module named 'no_such_module'\)",
        ),
        ("ours", ["broken_module:x"], r"whose package cannot be loaded \(broken_module:x\): .*half-written"),
    ],
)
def test_an_executor_that_cannot_be_had_is_told_before_there_is_a_job(
    configure, spy, installed, engine, places, sentence
):
    config = configure({"a": {}}, default="a", engine=engine)
    installed(*places)
    with pytest.raises(ConfigError, match=sentence):
        open_executor(config, 4)
    with Machines("web1") as machines, pytest.raises(ConfigError, match=sentence):
        machines.boot()
    assert "boot" not in {method for _, method, _ in spy.taken()}

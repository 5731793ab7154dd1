"""Less often is garbage looked for during jobs, and as before after them."""

import gc

import pytest

from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.collector import collecting_less


@pytest.fixture(autouse=True)
def usual():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_it_is_as_before_after_the_last_of_several_jobs():
    with collecting_less():
        assert gc.get_threshold()[0] > 700
        with pytest.raises(LookupError), collecting_less():
            raise LookupError
        assert gc.get_threshold()[0] > 700
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("wanted", [(0, 10, 10), (50_000, 10, 10)])
def test_what_the_user_has_set_stays(wanted):
    gc.set_threshold(*wanted)
    with collecting_less():
        assert gc.get_threshold() == wanted
    assert gc.get_threshold() == wanted
    gc.set_threshold(700, 10, 10)
    with collecting_less():
        gc.set_threshold(*wanted)
    assert gc.get_threshold() == wanted


def test_a_python_that_tells_less_than_it_was_told(monkeypatch):
    """As those do that collect in small steps."""
    told = gc.get_threshold
    monkeypatch.setattr("cloudmesh.vm.jobs.collector.gc.get_threshold", lambda: (*told()[:2], 0))
    with collecting_less():
        assert told()[0] > 700
    assert told()[:2] == (700, 10)


def test_jobs_let_it_be_looked_for_less_often(config, spy):
    seen = []
    spy.trouble["a", "stop"] = lambda name: seen.append(gc.get_threshold()[0])
    with Machines("web[1-2]", "a") as machines:
        machines.boot()
        machines.stop()
        machines.start()
        for _ in machines.act_each("stop"):
            seen.append(gc.get_threshold()[0])
    assert len(seen) == 6 and min(seen) > 700
    assert gc.get_threshold() == (700, 10, 10)

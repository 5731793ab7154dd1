"""Many calls of a cloud begin at once where it has answered a moment ago; else one finds out if it does."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudmesh.cloud.errors import Refused, Unreachable
from cloudmesh.cloud.store.inventory import REFRESHES
from cloudmesh.db import Database
from cloudmesh.vm import Machines
from cloudmesh.vm.ssh.errors import MachineUnreachable

# Seconds in which a second call begins, if it may.
SOON = 2.0


class Calls:
    """Notes for each call of a machine whether another one was running at the same time."""

    def __init__(self):
        self._pair = threading.Barrier(2)
        self.together = []

    def __call__(self, name):
        try:
            self._pair.wait(SOON)
            self.together.append(True)
        except threading.BrokenBarrierError:
            self.together.append(False)
            self._pair.reset()


@pytest.fixture
def calls(boot, spy):
    """Two machines on cloud a, listed just now; notes how they are started."""
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines:
        machines.stop(wait=True).raise_for_failures()
        machines.session.cloud("a").machines()
    spy.trouble["a", "start"] = calls = Calls()
    return calls


@pytest.fixture
def signs_in_often(spy, monkeypatch):
    """Calls of the clouds sign in each for itself."""
    from cloudmesh.cloud.client import cloud

    monkeypatch.setattr(cloud.provider_class("simulated", "a"), "signs_in_once", False)


def listed(home, seconds):
    """Let the last listing have been so long ago."""
    with Database(home / "cloudmesh.db") as database:
        database.update(REFRESHES, {"refreshed": time.time() - seconds}, cloud="a")


def start(names="web[1-2]"):
    with Machines(names, "a") as machines:
        assert len(machines.start().succeeded) == 2


def test_after_a_listing_all_begin_at_once(calls):
    start()
    assert calls.together == [True, True]


@pytest.mark.parametrize("ago", [61.0, -3600.0], ids=["long ago", "in the future"])
def test_a_listing_that_tells_nothing_of_now_lets_one_go_first(calls, home, ago):
    listed(home, ago)
    start()
    assert calls.together == [False, False]


def test_what_another_process_was_told_is_not_enough_where_each_call_signs_in(calls, signs_in_often):
    start()
    assert calls.together == [False, False]


def test_workers_elsewhere_may_sign_in_each_for_itself(calls):
    with ThreadPoolExecutor(2) as executor, Machines("web[1-2]", "a", executor=executor) as machines:
        assert len(machines.start().succeeded) == 2
    assert calls.together == [False, False]


def test_a_configuration_that_was_changed_since_a_listing_lets_one_go_first(calls, configure):
    time.sleep(0.01)
    configure({"a": {}, "b": {}}, default=["a", "b"])
    start()
    assert calls.together == [False, False]


def test_a_cloud_that_did_not_answer_this_command_lets_one_go_first(calls, spy):
    spy.trouble["a", "machines"] = Unreachable("gone")
    with Machines("web[1-2],web*", "a") as machines:
        machines.start()
    assert calls.together == [False, False]


def test_commands_in_machines_tell_nothing_of_their_cloud(configure, spy, signs_in_often):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    reach = {"addresses": ["127.0.0.1", "127.0.0.2"], "port": port}
    configure({"a": {"reach": reach, "boot_seconds": 0}}, active=["a"], default=["a"])
    with Machines("web[1-2]", "a") as machines:
        machines.boot(wait=True).raise_for_failures()
    with Machines("web[1-2]", "a") as machines:
        assert {type(each.error) for each in machines.run("true")} == {MachineUnreachable}
        assert not machines.session.is_answering("a")


def test_a_job_that_is_told_step_by_step_speaks_for_the_next_one(calls, signs_in_often, spy):
    with Machines("web[1-2]", "a", call_timeout=0.1) as machines:
        spy.trouble["a", "start"] = None
        assert len(list(machines.start_each())) == 2
        assert machines.session.is_answering("a")
        spy.trouble["a", "stop"] = lambda name: time.sleep(1)
        list(machines.stop_each())
        assert not machines.session.is_answering("a")


def test_an_answer_long_before_the_end_of_a_job_is_not_taken_for_a_new_one(calls, signs_in_often, spy):
    spy.trouble["a", "start"] = lambda name: time.sleep(3) if name == "web2" else None
    with Machines("web[1-2]", "a") as machines:
        result = machines.start(timeout=1)
        assert len(result.succeeded) == 1
        assert not machines.session.is_answering("a")


def test_what_the_same_command_was_told_is_enough_for_all(calls, signs_in_often):
    start("web*")
    assert calls.together == [True, True]


def test_the_calls_of_a_job_speak_for_the_next_job(calls, signs_in_often):
    with Machines("web[1-2]", "a") as machines:
        machines.start()
        machines.stop(wait=True).raise_for_failures()
        machines.start()
    assert calls.together == [False, False, True, True]


def test_an_error_is_an_answer_and_silence_is_none(calls, home, spy):
    with Machines("web[1-2]", "a") as machines:
        spy.trouble["a", "start"] = Refused("no")
        machines.start()
        assert machines.session.is_answering("a")
    listed(home, 61.0)
    with Machines("web[1-2]", "a", call_timeout=0.1) as machines:
        spy.trouble["a", "start"] = lambda name: time.sleep(1)
        machines.start()
        assert not machines.session.is_answering("a")

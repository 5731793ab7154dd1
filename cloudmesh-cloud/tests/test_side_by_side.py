"""Several clouds at once."""

import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from cloudmesh.cloud.errors import CloudTimeout, Unreachable
from cloudmesh.cloud.fanout.ask_all import ask_all
from cloudmesh.plugin.errors import CloudmeshError

CLOUDS = [f"cloud{number}" for number in range(100)]


def test_each_answer_stands_at_its_cloud_and_errors_beside_them():
    def ask(cloud):
        if cloud.endswith("7"):
            raise Unreachable(cloud)
        return cloud.upper()

    answers = ask_all(CLOUDS, ask)
    assert list(answers) == CLOUDS
    assert [str(answer) for answer in answers.values()] == [
        cloud if cloud.endswith("7") else cloud.upper() for cloud in CLOUDS
    ]


def test_they_are_asked_at_the_same_time():
    both = threading.Barrier(2, timeout=20)
    assert set(ask_all(["a", "b"], lambda _: both.wait())) == {"a", "b"}


@pytest.mark.parametrize("clouds", [["a"], ["a", "b"]])
def test_what_nobody_foresaw_is_raised(clouds):
    with pytest.raises(ZeroDivisionError):
        ask_all(clouds, lambda _: 1 // 0)


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_clouds_that_hang():
    script = """
import os, signal, threading, time
from cloudmesh.cloud.fanout.ask_all import ask_all
from cloudmesh.plugin.errors import CloudmeshError
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    ask_all(["a", "b"], lambda _: time.sleep(600))
except KeyboardInterrupt:
    print("interrupted")
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "interrupted\n"


@pytest.fixture
def hanging():
    """Waits until the test is over, and says then that it is free."""
    free = threading.Event()
    yield lambda: free.wait(60) and "free"
    free.set()


@pytest.mark.parametrize("clouds", [["a"], ["a", "b"], ["b", "a", "c"]])
def test_a_cloud_that_hangs_is_given_up_and_the_others_are_told(clouds, hanging):
    answers = ask_all(clouds, lambda cloud: hanging() if cloud == "a" else cloud, lambda _: 0.2)
    assert list(answers) == clouds
    assert isinstance(answers["a"], CloudTimeout)
    assert str(answers["a"]) == "cloud a did not answer within 0.2 seconds"
    assert all(answers[cloud] == cloud for cloud in clouds if cloud != "a")


def test_clouds_that_hang_keep_no_other_from_its_turn(hanging):
    answers = ask_all(CLOUDS, lambda cloud: hanging() if cloud < "cloud80" else cloud, lambda _: 0.3)
    assert [cloud for cloud in CLOUDS if answers[cloud] == cloud] == [c for c in CLOUDS if c >= "cloud80"]


def test_an_answer_in_time_is_no_timeout_though_another_took_long():
    slow = {"a": 0.3, "b": 0.0}
    assert ask_all(["a", "b"], lambda cloud: time.sleep(slow[cloud]) or cloud, lambda _: 60) == {
        "a": "a",
        "b": "b",
    }


def test_it_is_told_who_has_answered(hanging):
    told = []

    def ask(cloud):
        if cloud == "c":
            raise Unreachable("away")
        return hanging() if cloud == "b" else cloud

    ask_all(["a", "b", "c"], ask, lambda _: 0.5, lambda answers: told.append(dict(answers)))
    assert told[0] == {}
    assert told[-1].keys() == {"a", "b", "c"}
    assert {"a", "c"} in [each.keys() for each in told]
    assert all(set(first) <= set(second) for first, second in pairwise(told))


@pytest.mark.parametrize("room", [0, 3])
def test_fewer_are_asked_at_once_where_the_system_has_no_room_for_more_threads(monkeypatch, room):
    running, most = [], []
    start = threading.Thread.start

    def scarce(thread):
        if len(running) >= room:
            raise RuntimeError("can't start new thread")
        running.append(thread)
        start(thread)

    def ask(cloud):
        time.sleep(0.01)
        most.append(len(running))
        running.pop()
        return cloud

    monkeypatch.setattr(threading.Thread, "start", scarce)
    if room:
        assert ask_all(CLOUDS[:20], ask) == {cloud: cloud for cloud in CLOUDS[:20]} and max(most) <= room
    else:
        with pytest.raises(CloudmeshError, match="no more threads"):
            ask_all(CLOUDS, ask)


def test_fewer_are_asked_at_once_where_files_are_scarce():
    script = """
import resource, threading
from cloudmesh.cloud.fanout.ask_all import ask_all
from cloudmesh.plugin.errors import CloudmeshError
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
gate, seen = threading.Lock(), []
def ask(cloud):
    with gate:
        seen.append(threading.active_count() - 1)
    with open("/dev/null"), open("/dev/null"), open("/dev/null"), open("/dev/null"), open("/dev/null"):
        threading.Event().wait(0.02)
ask_all([str(number) for number in range(30)], ask)
print(1 <= max(seen) <= 4)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True\n"

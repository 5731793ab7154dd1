"""Several clouds at once."""

import subprocess
import sys
import threading

import pytest

from cloudmesh.cloud.errors import Unreachable
from cloudmesh.cloud.side_by_side import ask_all

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


def test_one_is_asked_in_the_thread_that_asks():
    assert ask_all(["a"], lambda _: threading.current_thread()) == {"a": threading.current_thread()}
    assert ask_all([], lambda _: 1) == {}


@pytest.mark.parametrize("clouds", [["a"], ["a", "b"]])
def test_what_nobody_foresaw_is_raised(clouds):
    with pytest.raises(ZeroDivisionError):
        ask_all(clouds, lambda _: 1 // 0)


@pytest.mark.slow
def test_ctrl_c_does_not_wait_for_clouds_that_hang():
    script = """
import os, signal, threading, time
from cloudmesh.cloud.side_by_side import ask_all
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

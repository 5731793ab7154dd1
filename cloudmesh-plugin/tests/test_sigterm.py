"""SIGTERM as a second Ctrl-C, in this process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from cloudmesh.plugin.signals import as_ctrl_c


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_it_interrupts_and_ends_the_process_again_afterwards() -> None:
    with pytest.raises(KeyboardInterrupt), as_ctrl_c():
        terminate()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_what_comes_together_interrupts_once() -> None:
    with as_ctrl_c():
        with pytest.raises(KeyboardInterrupt):
            terminate()
        # As timeout(1) does it: such a second one may not break what tells of the first.
        terminate()


def test_a_handler_of_the_programs_own_stays() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    with as_ctrl_c():
        terminate()
    assert heard == [signal.SIGTERM]


def test_what_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with as_ctrl_c():
        terminate()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN


def test_another_thread_changes_nothing() -> None:
    seen = []

    @as_ctrl_c()
    def work() -> None:
        seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]

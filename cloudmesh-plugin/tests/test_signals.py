"""Real signals to real processes: the first asks to stop, the second ends at once."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from cloudmesh.plugin.signals import StopRequest, as_ctrl_c, stopping

PATIENCE = 30
# More than what makes two signals one, in seconds.
APART = 0.3
BEGIN = """
import signal, sys, time
from queue import SimpleQueue
from cloudmesh.plugin.signals import StopRequest, stopping

def say(*words):
    print(*words, flush=True)

queue = SimpleQueue()
"""
# Waits until it is woken, tells what was asked, and waits again.
WORK = """
with stopping(StopRequest(), lambda: queue.put("woken")) as stop:
    say("ready", stop.requested)
    try:
        say(queue.get(), stop.requested, stop.first.name)
        queue.get()
    except KeyboardInterrupt:
        say("at once", stop.requested)
"""
USUAL = """
say(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGTERM).name)
"""


class Program:
    """A process that tells in lines what happens to it."""

    def __init__(self, code, prefix=(), **options):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
        words = [*prefix, sys.executable, "-c", BEGIN + code]
        self.process = subprocess.Popen(words, text=True, start_new_session=True, **pipes, **options)

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def send(self, number):
        self.process.send_signal(number)

    def end(self):
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.splitlines(), errors


@pytest.fixture
def run():
    programs = []

    def start(code, *prefix, **options):
        programs.append(Program(code, prefix, **options))
        return programs[-1]

    yield start
    for each in programs:
        each.process.kill()
        each.process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_and_the_second_ends(run, first, second):
    program = run(WORK + USUAL)
    assert program.line() == "ready 0"
    program.send(first)
    assert program.line() == f"woken 1 {first.name}"
    time.sleep(APART)
    program.send(second)
    assert program.end() == (0, ["at once 2", "True SIG_DFL"], "")


@pytest.mark.slow
def test_a_burst_of_signals_is_one_request(run):
    program = run(WORK)
    program.line()
    for _ in range(3):
        program.send(signal.SIGTERM)
        program.send(signal.SIGINT)
    assert program.line().startswith("woken 1 ")
    time.sleep(APART)
    assert program.process.poll() is None, "none of them counted as a second one"
    program.send(signal.SIGINT)
    assert program.end()[:2] == (0, ["at once 2"])


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("timeout"), reason="timeout(1) is not installed")
def test_timeout_signals_twice_and_asks_once(run):
    code = """
with stopping(StopRequest(), lambda: queue.put("woken")) as stop:
    say(queue.get())
    time.sleep(0.05)
    say("ended in peace", stop.requested)
"""
    program = run(code, "timeout", "--preserve-status", "1")
    assert program.end() == (0, ["woken", "ended in peace 1"], "")


@pytest.mark.slow
def test_one_block_after_another_begins_anew(run):
    code = """
for _ in range(2):
    with stopping(StopRequest(), lambda: queue.put("woken")) as stop:
        say("ready", stop.requested)
        say(queue.get())
try:
    say("idle")
    time.sleep(30)
except KeyboardInterrupt:
    say("as ever")
"""
    program = run(code)
    for _ in range(2):
        assert program.line() == "ready 0"
        program.send(signal.SIGINT)
        assert program.line() == "woken"
        time.sleep(APART)
    assert program.line() == "idle"
    program.send(signal.SIGINT)
    assert program.end() == (0, ["as ever"], "")


@pytest.mark.slow
def test_a_block_within_another_hears_of_the_same_request(run):
    code = """
with stopping(StopRequest(), lambda: queue.put("outer")) as outer:
    with stopping(StopRequest(), lambda: queue.put("inner")) as inner:
        say("ready", inner.requested)
        say(queue.get(), queue.get())
    say(outer.requested)
    with stopping(StopRequest(), lambda: queue.put("later")) as later:
        say(later.requested)
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        say("at once", queue.empty())
"""
    program = run(code + USUAL)
    assert program.line() == "ready 0"
    program.send(signal.SIGTERM)
    assert [program.line() for _ in range(3)] == ["outer inner", "1", "1"]
    time.sleep(APART)
    program.send(signal.SIGINT)
    assert program.end() == (0, ["at once True", "True SIG_DFL"], "")


@pytest.mark.slow
def test_what_the_user_ignores_stays_ignored(run):
    code = """
with stopping(StopRequest(), lambda: queue.put("woken")) as stop:
    say("ready", signal.getsignal(signal.SIGINT).name)
    say(queue.get(), stop.requested, stop.first.name)
"""
    program = run(code, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert program.line() == "ready SIG_IGN"
    program.send(signal.SIGINT)
    time.sleep(APART)
    program.send(signal.SIGTERM)
    assert program.end() == (0, ["woken 1 SIGTERM"], "")


@pytest.mark.slow
def test_a_handler_of_the_programs_own_hears_of_it_afterwards(run):
    code = """
def own(number, frame):
    say("own", number == signal.SIGTERM)
    sys.exit(9)

signal.signal(signal.SIGTERM, own)
with stopping(StopRequest(), lambda: queue.put("woken")) as stop:
    say("ready")
    say(queue.get())
say("not reached")
"""
    program = run(code)
    program.line()
    program.send(signal.SIGTERM)
    assert program.end() == (9, ["woken", "own True"], "")


@pytest.mark.slow
def test_signals_at_any_moment_leave_the_handlers_as_they_were(run):
    code = """
heard = []

def own(number, frame):
    heard.append(number)

signal.signal(signal.SIGINT, own)
say("ready")
asked = ended = 0
end = time.monotonic() + 4
while time.monotonic() < end:
    try:
        with stopping(StopRequest(), int) as stop:
            time.sleep(0.001)
        asked += stop.requested
    except KeyboardInterrupt:
        ended += 1
    assert signal.getsignal(signal.SIGINT) is own, signal.getsignal(signal.SIGINT)
say(asked <= len(heard), len(heard) + 2 * ended >= 30)
"""
    program = run(code)
    program.line()
    for number in range(60):
        program.send(signal.SIGINT)
        time.sleep(0.003 * (number % 20))
    assert program.end() == (0, ["True True"], "")


@pytest.mark.slow
def test_where_sigterm_is_as_ctrl_c_the_first_still_only_asks(run):
    code = """
from cloudmesh.plugin.signals import as_ctrl_c

with as_ctrl_c():
    with stopping(StopRequest(), lambda: queue.put("woken")) as stop:
        say("ready")
        say(queue.get(), stop.requested)
    try:
        say("between")
        time.sleep(30)
    except KeyboardInterrupt:
        say("interrupted")
"""
    program = run(code + USUAL)
    program.line()
    program.send(signal.SIGTERM)
    assert [program.line(), program.line()] == ["woken 1", "between"]
    time.sleep(APART)
    program.send(signal.SIGTERM)
    assert program.end() == (0, ["interrupted", "True SIG_DFL"], "")


@pytest.mark.parametrize("block", [as_ctrl_c, lambda: stopping(StopRequest(), int)])
def test_another_thread_changes_nothing(block):
    seen = []

    def work():
        before = handlers()
        with block():
            seen.append(before == handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_an_error_in_the_block_is_raised_and_the_handlers_are_restored():
    before = handlers()
    with pytest.raises(ZeroDivisionError), stopping(StopRequest(), int):
        terminate()
        assert divmod(1, 0)
    assert handlers() == before


def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def set_handler():
    """Sets a handler of SIGTERM, at first the usual one; afterwards all is as it was."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield lambda handler: signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGTERM, before)


def test_sigterm_interrupts_a_command_once(set_handler):
    with as_ctrl_c():
        with pytest.raises(KeyboardInterrupt):
            terminate()
        # As timeout(1) does it: such a second one may not break what tells of the first.
        terminate()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "it ends the process again"


def test_a_handler_of_the_programs_own_hears_of_sigterm(set_handler):
    heard = []
    set_handler(lambda number, _: heard.append(number))
    with as_ctrl_c():
        terminate()
    assert heard == [signal.SIGTERM]
    set_handler(signal.SIG_IGN)
    with as_ctrl_c():
        terminate()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN

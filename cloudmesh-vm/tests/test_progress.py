"""The picture of work under way: when it is drawn, what it shows, and that nothing of it stays."""

import io
import os
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import pexpect
import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.fanout.query import CloudProgress
from cloudmesh.vm.cli.progress import Progress
from cloudmesh.vm.cli.progress_bars import summed_up


class Terminal(io.StringIO):
    """A screen of 24 lines that remembers what was drawn."""

    def isatty(self):
        return True

    def screen(self, columns=80):
        return screen(self.getvalue().replace("\n", "\r\n"), columns)


def screen(text, columns=80, lines=24):
    """The lines that a terminal shows after this was written to it."""
    shown = pyte.Screen(columns, lines)
    pyte.Stream(shown).feed(text)
    return [line.rstrip() for line in shown.display if line.strip()]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    monkeypatch.delenv("NO_COLOR", raising=False)


@contextmanager
def drawing(*steps, terminal=None, quiet=False):
    """The terminal, while work is drawn on it that told one step after another: seconds, what, tallies."""
    terminal, clock = terminal or Terminal(), Clock()
    with Progress(quiet, terminal, clock) as progress:
        for seconds, what, *tallies in steps:
            clock.now = seconds
            progress.update(what, tallies)
        yield terminal


def tally(cloud="uc", total=100, done=0, failed=0, running=0):
    return CloudProgress(cloud, total, done, failed, running)


def test_what_ends_within_a_second_draws_nothing_and_loads_nothing():
    steps = (0, "start", tally()), (0.5, "start", tally(done=50)), (0.99, "start", tally(done=99))
    with drawing(*steps) as terminal:
        pass
    assert terminal.getvalue() == ""
    code = (
        "import sys; from cloudmesh.vm.cli.progress import Progress\n"
        "with Progress() as p: p.update('start', [])\n"
        "sys.exit('rich' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_after_a_second_each_cloud_has_its_line_and_in_the_end_none():
    before = (0, "start", tally("uc"), tally("tacc"))
    with drawing(before, (2, "start", tally("uc", done=18, failed=2, running=8), tally("tacc"))) as terminal:
        first, second = terminal.screen()
        assert first.startswith("start uc ")
        assert first.endswith(" 20/100, 2 failed, 8 running, 10/s, 8s left")
        assert second.startswith("start tacc ")
        assert second.endswith(" 0/100")
    assert terminal.screen() == []


def test_a_rate_is_that_of_its_own_phase():
    start = (0, "start", tally()), (10, "start", tally(done=100))
    with drawing(*start, (10, "wait", tally(done=40)), (20, "wait", tally(done=60))) as terminal:
        (line,) = terminal.screen()
        assert line.startswith("wait uc")
        assert line.endswith(" 60/100, 2/s, 20s left")


def test_it_is_not_drawn_more_often_than_an_eye_sees():
    steps = [(2 + step / 1000, "start", tally(done=step % 100)) for step in range(1000)]
    with drawing(*steps) as terminal:
        assert 5 <= terminal.getvalue().count("start uc") <= 11


TWICE = (0, "start", tally()), (5, "start", tally())


@pytest.mark.parametrize(
    ("variable", "value", "is_drawn"),
    [
        *(("NO_COLOR", value, value == "") for value in ("1", "0", "")),
        *(("TERM", value, False) for value in ("dumb", "", "unknown")),
        ("COLUMNS", "80", True),
    ],
)
def test_the_environment_can_forbid_it(monkeypatch, variable, value, is_drawn):
    monkeypatch.setenv(variable, value)
    with drawing(*TWICE) as terminal:
        assert bool(terminal.getvalue()) is is_drawn


@pytest.mark.parametrize(("terminal", "quiet"), [(Terminal(), True), (io.StringIO(), False)])
def test_nothing_is_drawn_when_quiet_or_where_nobody_looks(monkeypatch, terminal, quiet):
    with drawing(*TWICE, terminal=terminal, quiet=quiet):
        assert terminal.getvalue() == ""
    monkeypatch.delenv("TERM")
    with drawing(*TWICE) as unknown:
        assert unknown.getvalue() == ""


class Fragile(Terminal):
    broken = False

    def write(self, text):
        if self.broken:
            raise OSError(5, "Input/output error")
        return super().write(text)


@pytest.mark.parametrize("broken_before", [True, False])
def test_a_terminal_that_closes_ends_the_picture_and_not_the_work(broken_before):
    streams, terminal = (sys.stdout, sys.stderr), Fragile()
    terminal.broken = broken_before
    with drawing(*[(second, "start", tally()) for second in range(5)], terminal=terminal):
        assert (sys.stderr is streams[1]) is broken_before, "what is printed goes above the lines"
        terminal.broken = True
    assert (sys.stdout, sys.stderr) == streams
    terminal.close()
    assert Progress(stream=terminal).update("start", []) is None


@pytest.mark.parametrize("columns", [1, 2, 5, 12, 30, 50, 80, 300])
def test_any_width_will_do(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    many = [tally("a-cloud-with-a-long-name", 10**6, 10**5, 10**3, 64), tally("uc", 0)]
    with drawing((0, "start", *many), (3, "start", *many)) as terminal:
        assert len(terminal.screen(columns)) == (2 if columns > 2 else 0)
    assert terminal.screen(columns) == []


def test_the_name_of_a_cloud_cannot_drive_the_terminal():
    with drawing((2, "start", tally("[red]\x1b[2Jx"))) as terminal:
        assert terminal.screen()[0].startswith(r"start [red]\x1b[2Jx")


def test_more_clouds_than_lines_are_summed_up():
    with drawing((2, "start", *[tally(f"c{number}", done=number % 50) for number in range(100)])) as terminal:
        lines = terminal.screen()
    assert len(lines) == 22
    assert lines[-1].startswith("start 79 more clouds")


@given(
    st.lists(
        st.builds(
            CloudProgress, st.uuids().map(str), st.just(9), st.integers(0, 4), st.integers(0, 4), st.just(1)
        )
    ),
    st.integers(1, 30),
)
def test_summing_up_keeps_every_machine(tallies, lines):
    shown = [each for each, _ in summed_up(tallies, {}, lines)]
    assert len(shown) <= max(lines, 1)
    for key in ("total", "done", "failed", "running"):
        assert sum(getattr(each, key) for each in shown) == sum(getattr(each, key) for each in tallies)


SCRIPT = """
    import sys, time
    from cloudmesh.vm.cli.progress import Progress
    from cloudmesh.cloud.fanout.query import CloudProgress

    with Progress() as progress:
        for step in range(16):
            time.sleep(0.1)
            progress.update("start", [CloudProgress(cloud, 20, step, 1, 3) for cloud in ("uc", "tacc")])
            if step == 12:
                print("note: something happened", file=sys.stderr)
    print("the table")
"""


def child(monkeypatch, columns=100):
    monkeypatch.delenv("COLUMNS")
    monkeypatch.delenv("LINES")
    code = textwrap.dedent(SCRIPT)
    return pexpect.spawn(sys.executable, ["-c", code], encoding="utf-8", dimensions=(24, columns), timeout=30)


def test_on_a_real_terminal_the_table_is_the_last_word(monkeypatch):
    process = child(monkeypatch)
    process.expect("13/20")
    process.expect(pexpect.EOF)
    assert screen(process.before, 100)[-2:] == ["note: something happened", "the table"]


def test_a_real_terminal_may_be_resized(monkeypatch):
    process = child(monkeypatch)
    process.expect("11/20")
    process.setwinsize(10, 20)
    process.expect("note:")
    process.setwinsize(40, 150)
    process.expect("the table")
    process.expect(pexpect.EOF)
    process.close()
    assert process.exitstatus == 0


def test_a_real_terminal_may_be_closed(monkeypatch, tmp_path):
    ended = tmp_path / "ended"
    # As under nohup: the hang-up itself does not end the process.
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + textwrap.dedent(SCRIPT)
    code = code.replace('print("the table")', f"open({str(ended)!r}, 'w').close()")
    code = code.replace('print("note: something happened", file=sys.stderr)', "pass")
    process = pexpect.spawn(sys.executable, ["-c", code], encoding="utf-8", timeout=30)
    process.expect("11/20")
    os.close(process.child_fd)
    deadline = time.monotonic() + 15
    while not ended.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("what", "tallies", "line"),
    [
        (
            "wait",
            [tally(total=5, done=2, failed=1, running=2)._replace(left=1080.0)],
            "waiting for 2 of 5 machines on uc for 2 minutes, at most 18 minutes more",
        ),
        ("list", [tally(total=1, running=1), tally("b", 1, 1)], "asking cloud uc for 2 minutes"),
        ("start", [tally(total=9, done=1)], "start: 8 of 9 machines on uc to be done, for 2 minutes"),
        ("list", [tally(str(at), 1, running=1) for at in range(8)], "... and 3 more clouds"),
    ],
)
def test_where_nothing_can_be_drawn_a_line_each_minute_says_what_is_waited_for(what, tallies, line):
    steps = [(seconds, what, *tallies) for seconds in (0, 30, 59.9, 60, 61, 120, 121)]
    with drawing(*steps, terminal=io.StringIO()) as file:
        told = file.getvalue().splitlines()
    assert told[-1] == line and len(told) in (2, 12)
    with drawing(*steps, terminal=io.StringIO(), quiet=True) as file:
        assert file.getvalue() == ""
    closed = io.StringIO()
    closed.close()
    with drawing(*steps, terminal=closed):
        pass

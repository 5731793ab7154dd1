"""What a person sees at a terminal while many machines are worked on, and what stays of it."""

import pexpect
import pyte
import pytest

from .conftest import COLUMNS, LINES

pytestmark = pytest.mark.slow

WORDS = ["vm", "stop", "web[01-03]", "--parallel=1"]


@pytest.fixture
def slow(machines):
    """Three machines on a cloud that takes more than two seconds for them, one at a time."""
    machines.change("local", latency_seconds=0.8)
    machines.extra["TERM"] = "xterm-256color"
    return machines


def seen(home, words, *expected, program=(), **env):
    """All that went to the terminal, after what is expected came one after another; and the exit code."""
    child = home.terminal(*words, program=program, **env)
    told = ""
    for each in expected:
        if isinstance(each, str):
            child.expect_exact(each)
            told += child.before + child.after
        else:
            each(child)
    child.expect(pexpect.EOF)
    child.close()
    return told + child.before, child.exitstatus


def screen(text):
    """The lines that are on the screen in the end."""
    shown = pyte.Screen(COLUMNS, LINES)
    pyte.Stream(shown).feed(text)
    return [line.rstrip() for line in shown.display if line.strip()]


def test_work_that_takes_long_is_drawn_and_only_the_table_stays(slow):
    text, code = seen(slow, WORDS, "stop local", "/3, ")
    lines = screen(text)
    assert code == 0
    assert lines[0].split() == ["cloud", "name", "action", "result", "state", "seconds", "reason"]
    assert lines[2].split()[:4] == ["local", "web[01-03]", "stop", "done"]
    assert not any("stop local" in line for line in lines)


def test_clouds_that_are_asked_before_are_drawn_and_gone_before_a_question(slow):
    slow.change("local", latency_seconds=1.6)
    words = ["vm", "delete", "web*", "--cloud=local"]
    question = "Delete 3 machines web[01-03] on local? Type 3 to confirm: "
    text, code = seen(slow, words, "asking local", "0/1", question, lambda child: child.sendline("3"))
    assert code == 0
    lines = screen(text)
    assert lines[0].startswith(question)
    assert not any("asking local" in line for line in lines)


def test_ctrl_c_leaves_a_table_and_a_job_to_resume(slow):
    text, code = seen(slow, WORDS, "stop local", lambda child: child.sendintr(), "not started")
    lines = screen(text)
    assert code == 130
    assert any("not started" in line for line in lines)
    assert "note: job 2 was interrupted: " in lines[-1]
    text, code = seen(slow, ["job", "resume", "2"])
    assert code == 0
    assert screen(text)[-1] == "note: job 2 (stop web[01-03]) is done: 3 of 3 done"
    assert slow.states() == {"web01": "stopped", "web02": "stopped", "web03": "stopped"}


@pytest.mark.parametrize(
    ("more", "env"), [(["--quiet"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"})], ids=str
)
def test_whoever_wants_none_of_it_gets_none(slow, more, env):
    text, code = seen(slow, [*WORDS, *more], **env)
    assert code == 0
    assert "stop local" not in text and "\x1b" not in text


def test_pipes_get_data_alone(slow):
    ended = slow.cms(*WORDS, "--output=csv")
    assert "\x1b" not in ended.stdout + ended.stderr
    assert len(ended.stdout.splitlines()) == 4


def test_data_goes_into_its_pipe_while_progress_goes_to_the_terminal(slow):
    line = f"{slow.program[0]} {' '.join(WORDS)} --output=json > out.json"
    _, code = seen(slow, ["-c", line], "stop local", program=["/bin/sh"])
    assert code == 0
    told = (slow.path / "out.json").read_text()
    assert told.startswith("[") and "\x1b" not in told

"""Commands run from the prompt: interrupted, with questions and progress, pasted, and at odd terminals."""

import os
import re
import signal
import subprocess
from contextlib import suppress

import pytest

PASTE = "\x1b[200~{}\x1b[201~"


@pytest.mark.slow
def test_ctrl_c_ends_what_was_begun_and_comes_back_to_the_prompt(machines, shell):
    machines.change("local", latency_seconds=1.0)
    person = shell(machines)
    person.type("vm stop web[01-03] --parallel=1\r")
    person.see("stop local")
    person.type("\x03")
    person.see("not started(.*\n)+note: job 2 was interrupted(.*\n)+cms>$")
    person.type("job resume 2\r")
    person.see("^note: job 2 .* is done: 3 of 3 done\ncms>$")
    person.type("exit\r")
    assert person.ended() == 0


@pytest.mark.slow
def test_ctrl_c_twice_ends_a_command_at_once(machines, shell):
    machines.change("local", latency_seconds=30)
    person = shell(machines)
    person.type("vm stop web01\r")
    person.see("stop local")
    person.type("\x03")
    with pytest.raises(AssertionError, match="stop local"):
        person.see("interrupted", seconds=1)
    person.type("\x03")
    person.see("interrupted(.*\n)+cms>$")
    assert "cloudmesh-cms" in person.say("version")


def test_ctrl_c_ends_a_program_and_not_the_shell(home, shell):
    person = shell(home)
    person.type("!echo begun; sleep 60\r")
    person.see("^begun$")
    person.type("\x03")
    person.see("cms shell: interrupted\ncms>$")
    assert "cloudmesh-cms" in person.say("version")


def test_a_question_is_answered_at_the_terminal(machines, shell):
    person = shell(machines)
    for answer, end in (("y", "nothing was deleted"), ("3", "deleted")):
        person.type("vm delete web* --wait\r")
        person.see(r"Delete 3 machines .* Type 3 to confirm:$")
        person.type(f"{answer}\r")
        person.see(rf"{end}(.*\n)+cms>$")
    assert machines.states() == {}


@pytest.mark.slow
def test_a_password_is_asked_for_once_in_a_shell_and_kept_nowhere(home, shell, make_stack):
    cloud = make_stack().section()
    password, cloud["credentials"]["OS_PASSWORD"] = cloud["credentials"]["OS_PASSWORD"], "TBD"
    home.configure(c1=cloud)
    home.cms("cloud", "activate", "c1")
    home.extra["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    person = shell(home)
    for typed, end in (("wrong", "sign-in +failed"), (password, "sign-in +ok")):
        person.type("cloud check c1\r")
        person.until(lambda: person.has("cloud c1: OS_PASSWORD: "))
        assert not person.child.getecho(), "what is typed now is not shown"
        person.type(f"{typed}\r")
        person.see(rf"{end}(.*\n)+cms>$")
    assert "OS_PASSWORD" not in person.say("cloud check c1")
    person.type("exit\r")
    assert person.ended() == 0
    assert password not in person.raw and home.holding([password]) == []


@pytest.mark.slow
def test_progress_is_drawn_and_gone_at_the_next_prompt(machines, shell):
    machines.change("local", latency_seconds=0.8)
    person = shell(machines)
    person.type("vm stop web[01-03] --parallel=1\r")
    person.see("stop local .*/3")
    person.see("done(.*\n)+cms>$")
    assert "stop local" not in person.text


def test_pasted_lines_are_run_one_after_the_other(home, shell):
    person = shell(home)
    person.type(
        PASTE.format(
            "vm boot a --wait \\\n  --output=names\nvm stop nosuch\n# no command\nvm list --output=names\n"
        )
    )
    person.see("^> vm list --output=names\n>$")
    person.type("\r")
    person.see(
        "^cms> vm boot a --wait +--output=names\na\n(note.*\n)*cms> vm stop nosuch\n.*nosuch(.*\n)*"
        "cms> # no command\ncms> vm list --output=names\na\n(note.*\n)*cms>$"
    )
    history = (home.directory / "history").read_text().splitlines()
    assert [line.split()[:2] for line in history] == [
        *(["vm", "boot"], ["vm", "stop"], ["#", "no"], ["vm", "list"])
    ]


def test_an_interruption_drops_the_pasted_lines_that_are_left(home, shell):
    person = shell(home)
    person.type(PASTE.format("!echo begun; sleep 60\nvm boot a") + "\r")
    person.see("^begun$")
    person.type("\x03")
    person.see("cms shell: interrupted\ncms>$")
    assert home.states() == {}


def test_pasted_bytes_that_are_no_text_are_refused(home, shell):
    person = shell(home)
    os.write(person.child.child_fd, b"\x1b[200~version\n!echo \xff\xfe\x1b[201~\r")
    person.see("^cms: .*'pasted lines' is not a text in UTF-8")
    assert "cloudmesh-cms" in person.say("version")


def test_exit_among_pasted_lines_ends_the_shell(home, shell):
    person = shell(home)
    person.type(PASTE.format("exit\nvm boot a") + "\r")
    assert person.ended() == 0 and home.states() == {}


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_backslash_continues_a_line(home, shell, term):
    person = shell(home, TERM=term)
    person.type("help \\\r")
    person.see(r"^cms> help \\\n>$")
    person.type("version\r")
    person.see("^Usage:\n +version")


COLOURS = re.compile(r"\x1b\[[\d;]*?(3[0-9]|4[0-9]|9[0-7])[\d;]*m")


@pytest.mark.parametrize(
    ("env", "colours", "draws"),
    [
        ({}, True, True),
        ({"NO_COLOR": "1"}, False, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": ""}, False, False),
        ({"PYTHONIOENCODING": "latin-1"}, False, False),
    ],
    ids=["usual", "no-color", "dumb", "no-term", "latin-1"],
)
def test_terminals_that_can_less_get_less(home, shell, env, colours, draws):
    person = shell(home, **env)
    if draws:
        person.until(lambda: "cloud: local" in person.text)
    person.type("help vm list\r")
    person.see("^Usage:\n +vm list(.*\n)+cms>$")
    assert bool(COLOURS.search(person.raw)) == colours and ("\x1b" in person.raw) == draws
    person.type("exit\r")
    assert person.ended() == 0


@pytest.mark.parametrize(("rows", "columns"), [(24, 12), (2, 40), (1, 80)])
def test_a_small_terminal(home, shell, rows, columns):
    person = shell(home, "--nosplash", rows=rows, columns=columns)
    person.type("!echo x$((20 + 3))y\r")
    person.until(lambda: "x23y" in person.raw)
    person.type("exit\r")
    assert person.ended() == 0


def test_characters_beyond_ascii(home, shell):
    person = shell(home)
    person.type("!echo grüße-日本\r")
    person.see("^grüße-日 ?本")
    person.type("exit\r")
    assert person.ended() == 0
    assert "!echo grüße-日本\n" in (home.directory / "history").read_text(encoding="utf-8")


def test_without_a_terminal_nothing_is_drawn_or_kept(home):
    broken = home.path / "site"
    broken.mkdir()
    (broken / "prompt_toolkit.py").write_text("raise RuntimeError('it is imported')")
    ended = home.cms("-i", stdin="version\nvm stop nosuch\nversion\n", PYTHONPATH=str(broken))
    assert ended.stdout.count("cloudmesh-cms") == 2 and "nosuch" in ended.stderr
    assert "\x1b" not in ended.stdout and not (home.directory / "history").exists()
    home.cms("vm", "list", PYTHONPATH=str(broken))


@pytest.mark.parametrize("words", [[], ["batch", "-"]], ids=["cms", "batch"])
def test_a_script_from_a_pipe_ends_at_its_first_failing_line(home, words):
    ended = home.cms(*words, stdin="vm boot a --wait\nvm stop nosuch\nvm delete a --yes\n", code=2)
    assert ended.stderr.splitlines()[-1] == "-:2: vm stop nosuch" and "cms>" not in ended.stdout
    assert home.states() == {"a": "active"}


def test_the_reader_of_a_shell_without_a_terminal_is_interrupted_with_130(home):
    process = home.start("-i", stdin=-1)
    process.stdin.write("!echo ready\n")
    process.stdin.flush()
    while "ready" not in (line := process.stdout.readline()):
        assert line
    # The first one may come before the line is over, and end that alone.
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
    process.communicate()
    assert process.returncode == 130

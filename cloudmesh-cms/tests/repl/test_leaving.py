"""How the shell begins and ends: its banner, Ctrl-C, Ctrl-D, exit, signals, and the state of the terminal."""

import os
import signal

import pytest

BANNER = "cms 5.0.0: virtual machines on all your clouds"


@pytest.mark.parametrize("how", ["exit\r", "quit\r", "\x04"], ids=["exit", "quit", "ctrl-d"])
def test_the_shell_is_left_with_0(home, shell, how):
    person = shell(home)
    assert BANNER in person.text
    person.say("vm stop nosuch")
    person.type(how)
    assert person.ended() == 0


def test_without_its_banner(home, shell):
    assert shell(home, "--nosplash").text.splitlines()[0].startswith("cms>")


def test_ctrl_c_drops_the_line_and_keeps_the_prompt(home, shell):
    person = shell(home)
    person.type("vm delete --all")
    person.see("^cms> vm delete --all$")
    person.type("\x03")
    person.see("^cms> vm delete --all\ncms>$")
    assert "Traceback" not in person.say("version") and "cloudmesh-cms" in person.text
    person.type("half a line\x04")
    person.see("^cms> half a line$")
    person.type("\x03\x04")
    assert person.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_signal_at_the_prompt_ends_the_shell_in_good_order(home, shell, number, term):
    person = shell(home, TERM=term)
    person.type("vm li")
    person.see("^cms> vm li")
    person.child.kill(number)
    assert person.ended() == 130
    assert "Traceback" not in person.text


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_the_shell_ends_with_its_terminal(home, shell, term):
    person = shell(home, TERM=term)
    child = person.child
    child.ptyproc.fileobj.close()
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 130
    child.ptyproc.terminated = child.closed = True


@pytest.mark.slow
def test_ctrl_z_suspends_the_shell_until_it_is_continued(home, shell):
    person = shell(home, "--norc", "-i", program=["bash"], prompt="bash$ ", PS1="bash$ ")
    person.type(f"{home.program[0]}\r")
    person.until(lambda: person.has("cms> "))
    person.type("vers\x1a")
    person.until(lambda: person.has("bash$ "))
    person.type("stty -a\r")
    person.see("isig icanon iexten echo ")
    person.type("fg\r")
    person.until(lambda: person.has("cms> vers"))
    person.type("ion\r")
    # What is typed before the prompt is there again belongs to the program that runs.
    person.see(r"^python .*\ncms>$")
    person.type("\x04")
    person.until(lambda: person.has("bash$ "))
    person.type("exit $?\r")
    assert person.ended() == 0


def test_sigterm_interrupts_a_command_of_others_and_the_shell_stays(home, shell):
    person = shell(home)
    person.type("py [__import__('os').kill(__import__('os').getpid(), 15), __import__('time').sleep(60)]\r")
    person.see("^cms py: interrupted\ncms>$")
    assert "cloudmesh-cms" in person.say("version")


@pytest.mark.parametrize("program", ["stty -echo raw", "stty -echo; kill -9 $$"])
def test_a_program_cannot_spoil_the_terminal(home, shell, program):
    person = shell(home)
    person.say(f"!{program}")
    shown = person.say("!stty -a")
    assert {"echo", "icanon", "opost"} < set(shown.split())
    person.type(f"!{program}\r")
    person.see(r"kill -9 \$\$\ncms>$|raw\ncms>$")
    person.type("exit\r")
    assert person.ended() == 0


def test_a_program_that_ends_without_a_line_end_keeps_its_last_line(home, shell):
    person = shell(home)
    person.say("!printf half")
    person.see(r"printf half\nhalf\ncms>")


def test_after_a_command_with_i_the_shell_stays(home, shell):
    person = shell(home, "-i", "version")
    assert "cloudmesh-cms" in person.text and BANNER not in person.text
    person.type("exit\r")
    assert person.ended() == 0

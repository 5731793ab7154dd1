"""The line at the bottom of the shell, and what is told of jobs that end while it waits at its prompt."""

import signal
import subprocess
import time

import pytest
import yaml

BROKEN = "configuration: error, see cms config check"


def bottom(person):
    """The line under the prompt."""
    return person.text.splitlines()[-1]


def shows(person, line):
    person.until(lambda: bottom(person) == line)


def test_the_line_shows_clouds_jobs_and_modes(home, shell, cloud_settings):
    home.configure(**{name: cloud_settings() for name in ("uc", "tacc")})
    person = shell(home)
    shows(person, "cloud: uc | no jobs running")
    for line, shown in (
        ("set cloud=uc,tacc", "cloud: uc, tacc | no jobs running"),
        ("dryrun on", "dryrun on | cloud: uc, tacc | no jobs running"),
        ("dryrun off", "cloud: uc, tacc | no jobs running"),
        ("set cloud=nosuch", "variable cloud: error, see cms set | no jobs running"),
        ("set delete cloud", "cloud: uc | no jobs running"),
        ("debug on", "debug on | cloud: uc | no jobs running"),
    ):
        person.say(line)
        shows(person, shown)


def test_debug_of_the_program_is_shown(home, shell):
    shows(shell(home, "--debug"), "debug on | cloud: local | no jobs running")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("clouds: [", BROKEN),
        ("cloudmesh: {default: nosuch}\nclouds: {}", BROKEN),
        ("clouds: 7", BROKEN),
        (None, "no configuration, see cms config init"),
    ],
)
def test_a_broken_configuration_does_not_fail_the_shell(home, shell, text, shown):
    before = home.config.read_text()
    if text is None:
        home.config.unlink()
    else:
        home.config.write_text(text)
    person = shell(home)
    person.until(lambda: bottom(person).startswith(shown))
    person.type("versi")
    home.config.touch(0o600)
    home.config.write_text(before)
    person.until(lambda: bottom(person).startswith("cloud: local"))
    assert person.line == "cms> versi"


def store_in(home, place):
    data = yaml.safe_load(home.config.read_text())
    home.config.write_text(yaml.safe_dump({**data, "database": place}))


@pytest.mark.parametrize("place", ["postgresql://nobody@127.0.0.1:1/x", "TBD", "!env NOSUCH", 7])
def test_a_store_that_cannot_be_opened_is_left_out_and_nobody_is_asked(home, shell, place):
    store_in(home, place)
    person = shell(home)
    shows(person, "cloud: local")
    assert "cloudmesh-cms" in person.say("version")


def start(home, *words):
    """Run a command in another process, meanwhile."""
    return home.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def slow(machines):
    """Three machines on a cloud that takes a second for each call."""
    machines.change("local", latency_seconds=1.0)
    return machines


@pytest.mark.slow
def test_a_job_of_another_process_is_counted_and_told_of_above_the_prompt(slow, shell):
    person = shell(slow)
    person.type("vm lis")
    other = start(slow, "vm", "stop", "web[01-03]", "--parallel=1")
    shows(person, "cloud: local | 1 job running")
    person.see(r"^job 2 done \(stop web\[01-03\]\)$")
    assert other.wait() == 0
    shows(person, "cloud: local | no jobs running")
    lines = person.text.splitlines()
    assert lines[-2:] == ["cms> vm lis", "cloud: local | no jobs running"]
    assert lines[-3].startswith("job 2 done")
    person.type("t --output=names\r")
    person.see("^web01\nweb02\nweb03")
    assert person.text.count("job 2") == 1


@pytest.mark.slow
def test_failed_interrupted_and_killed_jobs_are_told_of(slow, shell):
    slow.change("local", fail={"verb": "start", "error": "refused"})
    person = shell(slow)
    slow.cms("vm", "stop", "web01,web02", "--quiet")
    slow.cms("vm", "start", "web01,web09", code=None)
    person.see(r"^job 3: \d of 2 failed \(start web01,web09\)$")
    for number, end in (
        (signal.SIGTERM, r"^job 4 was interrupted: \d of 3 done; continue with job resume 4"),
        (signal.SIGKILL, r"^job 5 was interrupted: 0 of 2 done; continue with job resume 5"),
    ):
        names = "web[01-03]" if number == signal.SIGTERM else "web[01-02]"
        other = start(slow, "vm", "reboot" if "03" in names else "stop", names, "--parallel=1")
        shows(person, "cloud: local | 1 job running")
        other.send_signal(number)
        person.see(end)
        other.wait()


@pytest.mark.slow
def test_jobs_in_a_database_on_a_server_are_told_of(machines, shell, postgresql):
    store_in(machines, postgresql.new_place())
    person = shell(machines)
    shows(person, "cloud: local | no jobs running")
    machines.cms("vm", "stop", "web01")
    person.see(r"^job 1 done \(stop web01\)$")


@pytest.mark.slow
def test_own_jobs_are_not_told_of_again(machines, shell):
    person = shell(machines)
    person.say("vm stop web01")
    machines.cms("vm", "stop", "web02")
    person.see("^job 3 done")
    assert "job 2 " not in person.text


@pytest.mark.slow
def test_at_a_dumb_terminal_it_is_told_before_the_next_prompt(machines, shell):
    person = shell(machines, TERM="dumb")
    person.type("\r")
    person.until(lambda: person.text.count("cms>") == 2)
    machines.cms("vm", "stop", "web02")
    for count in range(3, 40):
        person.type("\r")
        person.until(lambda count=count: person.text.count("cms>") >= count)
        if "job 2 done" in person.text:
            break
        time.sleep(0.2)
    assert "\njob 2 done (stop web02)\ncms>" in person.text and " | " not in person.text

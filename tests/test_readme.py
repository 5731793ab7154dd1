"""What the README shows is typed as it stands there, and does what it says."""

from __future__ import annotations

import re
import subprocess
import sys

import pexpect
import pytest

pytestmark = pytest.mark.slow

LIFE = ["boot", "suspend", "resume", "stop", "start", "reboot", "delete"]
PROMPT = "cms> "
QUESTION = "Type 3 to delete: "


def block(root, heading, language):
    """The lines of the one block in this language under a heading."""
    text = (root / "README.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {heading}\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found.splitlines()


def typed(lines, prompt):
    """What a user types after the prompt, as it stands."""
    return [line.removeprefix(prompt) for line in lines if line.startswith(prompt)]


def bash(home, line):
    """Run a line as a user's own shell does; at a question, type what is asked for."""
    shell = pexpect.spawn(
        "bash", ["--norc", "-c", line], env=home.env, cwd=str(home.path), encoding="utf-8", timeout=60
    )
    told = ""
    while shell.expect_exact([QUESTION, pexpect.EOF]) == 0:
        told += shell.before
        shell.sendline("3")
    told += shell.before
    shell.close()
    assert shell.exitstatus == 0, f"{line}: exit {shell.exitstatus}\n{told}"
    return told


@pytest.fixture
def newcomer(tmp_path, make_home):
    """The home of somebody who has done nothing yet."""
    home = make_home(tmp_path / "newcomer")
    home.path.mkdir()
    return home


@pytest.fixture
def starter(newcomer):
    """A home with the starter configuration, and a quick cloud."""
    newcomer.cms("config", "init")
    newcomer.cms("config", "set", "clouds.local.boot_seconds=0.1")
    newcomer.cms("config", "set", "clouds.local.action_seconds=0.02")
    return newcomer


def assert_lived(home):
    """Whether three machines went through the whole life, all of it well, and are gone."""
    tasks = home.json("db", "list", "task")
    assert {task["status"] for task in tasks} <= {"done", "already"}, tasks
    assert list(dict.fromkeys(task["verb"] for task in tasks if task["status"] == "done")) == LIFE
    for verb in ("boot", "delete"):
        names = [task["name"] for task in tasks if task["verb"] == verb]
        assert sorted(names) == ["web01", "web02", "web03"]
    assert home.states() == {}


def test_the_first_use_works_with_the_starter_configuration(root, newcomer):
    lines = typed(block(root, "Use it", "console"), "$ ")
    assert lines[0].startswith("source ") and lines[1].startswith("cms config init")
    told = {line.split("#")[0].strip(): bash(newcomer, line) for line in lines[1:]}
    assert told["cms vm list"].count("active") == 3
    assert "web[01-03]" in told["cms vm stop 'web*' --dryrun"]
    assert newcomer.states() == {}


def test_the_life_one_shot(root, starter):
    lines = typed(block(root, "The life of three machines", "console"), "$ ")
    told = {line: bash(starter, line) for line in lines}
    assert [line.split()[2] for line in lines if line != "cms vm list"] == LIFE
    assert told["cms vm list"].count("active") == 3
    assert_lived(starter)


def test_the_life_in_the_shell(root, starter):
    lines = block(root, "The life of three machines", "text")
    shell = pexpect.spawn(
        "cms", env=starter.env, cwd=str(starter.path), encoding="utf-8", timeout=30, dimensions=(40, 200)
    )
    shell.expect_exact(PROMPT)
    for place, line in enumerate(lines[:-1]):
        prompt = PROMPT if line.startswith(PROMPT) else QUESTION
        assert line.startswith(prompt), line
        shell.sendline(line.removeprefix(prompt))
        shell.expect_exact(PROMPT if lines[place + 1].startswith(PROMPT) else QUESTION)
        if line == "cms> vm list":
            assert shell.before.count("active") == 3, shell.before
    assert lines[-1] == "cms> quit"
    shell.sendline("quit")
    shell.expect(pexpect.EOF)
    shell.close()
    assert_lived(starter)


def test_the_life_from_python(root, starter):
    source = "\n".join(block(root, "The life of three machines", "python"))
    ended = subprocess.run(
        [sys.executable, "-c", source],
        env=starter.env, cwd=starter.path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    names = [line.split()[0] for line in ended.stdout.splitlines()]
    assert sorted(names) == ["web01", "web02", "web03"], "no failure is told, and each machine once"
    assert_lived(starter)

"""The history of the shell: what is kept, what is not, and who else may write it at the same time."""

import subprocess
import sys

import pytest

UP, RIGHT = "\x1b[A", "\x1b[C"
SECRETS = [
    "config set clouds.local.credentials.OS_PASSWORD=hunter2",
    "!curl -u me:hunter2 https://host/",
    "!psql postgresql://me:hunter2@host/db",
    "!login --password hunter2",
    "!export TOKEN=hunter2",
    " version --output=hunter2",
]


@pytest.fixture
def history(home):
    """The lines of the file of the history."""
    file = home.directory / "history"
    return lambda: file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_lines_are_kept_for_the_next_shell_and_for_nobody_else(home, shell, history):
    person = shell(home)
    for line in ("version", "help version", "help version", "vm stop nosuch"):
        person.say(line)
    person.type("exit\r")
    assert person.ended() == 0
    assert history() == ["version", "help version", "vm stop nosuch", "exit"]
    assert (home.directory / "history").stat().st_mode & 0o777 == 0o600
    person = shell(home)
    for shown in ("exit", "vm stop nosuch", "help version"):
        person.type(UP)
        person.until(lambda shown=shown: person.line == f"cms> {shown}")
    person.type("\x03")
    person.see("help version\ncms>$")
    person.type("ver" + UP)
    person.until(lambda: person.line == "cms> version")


def test_no_line_with_a_secret_is_kept_or_suggested(home, shell, history):
    person = shell(home)
    for line in SECRETS:
        person.say(line)
    person.say("version")
    assert history() == ["version"]
    person.type(UP + UP + UP)
    person.until(lambda: person.line == "cms> version")
    person.type("\x03")
    person.see("cms> version\ncms>$")
    person.type("config s")
    person.see("^cms> config s$")
    assert home.holding(["hunter2"]) == []


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_what_is_typed_at_a_hidden_prompt_is_not_kept(home, shell, history, term):
    home.extra["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    person = shell(home, TERM=term)
    person.type("config set clouds.local.credentials.OS_PASSWORD\r")
    person.see("OS_PASSWORD:$")
    person.type("hunter2\r")
    person.see("OS_PASSWORD:\n(.*\n)*cms>")
    assert "hunter2" not in person.text
    person.type("exit\r")
    assert person.ended() == 0
    assert history() == ["config set clouds.local.credentials.OS_PASSWORD", "exit"]


def test_suggestions_and_a_search_find_former_lines(home, shell):
    person = shell(home)
    person.say("help version")
    person.say("version")
    person.type("hel")
    person.until(lambda: person.line == "cms> help version")
    person.type(RIGHT)
    person.until(lambda: person.column == len("cms> help version"))
    person.type("\x03")
    person.see("cms> help version\ncms>$")
    person.type("\x12help v")
    person.see("reverse-i-search.*help version")
    person.type("\r")
    person.see("^Usage:\n +version")


def test_two_shells_do_not_lose_lines_of_each_other(home, shell, history):
    one, other = shell(home), shell(home)
    for number in range(3):
        one.say(f"# one {number}")
        other.say(f"# other {number}")
    assert history() == [f"# {who} {number}" for number in range(3) for who in ("one", "other")]


WRITER = """
import sys
from pathlib import Path
from cloudmesh.cms.repl import history
history.MOST = 40_000
kept = history.History(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    kept.add(f"line {sys.argv[2]} {number}")
"""


def write(file, who, count):
    return subprocess.Popen([sys.executable, "-c", WRITER, str(file), str(who), str(count)])


def test_many_processes_write_it_at_once(tmp_path):
    file = tmp_path / "history"
    writers = [write(file, who, 300) for who in range(4)]
    assert [each.wait() for each in writers] == [0] * 4
    lines = file.read_text().splitlines()
    assert sorted(lines) == sorted(f"line {who} {number}" for who in range(4) for number in range(300))


def test_its_size_is_bounded_and_the_newest_lines_stay(tmp_path):
    file = tmp_path / "history"
    writers = [write(file, who, 3000) for who in range(2)]
    assert [each.wait() for each in writers] == [0] * 2
    lines = file.read_text().splitlines()
    assert 10_000 < file.stat().st_size <= 40_000
    assert all(line.startswith("line ") and len(line.split()) == 3 for line in lines)
    for who in "01":
        own = [int(line.split()[2]) for line in lines if line.split()[1] == who]
        assert own == list(range(3000 - len(own), 3000)) and (own or lines[0].split()[1] != who)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("what", ["folder", "link", "half"])
def test_a_file_that_is_not_as_it_should_be(home, shell, history, what):
    file = home.directory / "history"
    if what == "half":
        file.write_bytes(b"version\nhelp clo\x1b[2J\nvm sta")
        file.chmod(0o644)
        person = shell(home)
        person.say("help")
        assert history()[-2:] == ["vm sta", "help"] and file.stat().st_mode & 0o777 == 0o600
        person.type(UP + UP + UP)
        person.until(lambda: person.line == "cms> version")
        return
    if what == "folder":
        file.mkdir()
    else:
        (home.path / "elsewhere").write_text("")
        file.symlink_to(home.path / "elsewhere")
    person = shell(home)
    person.say("version")
    person.say("help version")
    assert person.text.count("the history of this shell is not kept") == 1
    person.type(UP)
    person.until(lambda: person.line == "cms> help version")

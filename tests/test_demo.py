"""``make demo``, the first thing that a newcomer sees, shows the main job and leaves nothing behind."""

import re
from pathlib import Path

import pytest

from cloudmesh.plugin.names import expand


@pytest.mark.slow
def test_the_demo_shows_the_main_job_and_leaves_nothing_behind(root, home):
    before = sorted(home.path.rglob("*"))
    folder = home.path.parent / "temporary"
    folder.mkdir()
    ended = home.run(root / "docs" / "demo.sh", Path(home.program[0]).parent, TMPDIR=str(folder))
    assert "Traceback" not in ended.stdout + ended.stderr
    answers = by_command(ended.stdout)
    assert states(answers["cms vm boot 'web[01-03]' --wait"]) == dict.fromkeys(NAMES, "active")
    assert states(answers["cms vm list"]) == dict.fromkeys(NAMES, "active")
    assert states(answers["cms vm suspend web01 --wait"]) == {"web01": "suspended"}
    assert states(answers["cms vm stop web02 --wait"]) == {"web02": "stopped"}
    assert "exit code 1" in next(told for line, told in answers.items() if "vm resume web02" in line)
    assert states(answers["cms vm resume web01 --wait"]) == {"web01": "active"}
    assert states(answers["cms vm start web02 --wait"]) == {"web02": "active"}
    assert "vm list --refresh --output=json" in answers["cat who.txt"]
    told = next(told for line, told in answers.items() if line.startswith("cms batch who.txt"))
    assert "['active', 'active', 'stopped']" in told
    assert states(answers["cms vm delete --all --yes --wait"]) == dict.fromkeys(NAMES, "deleted")
    assert states(answers["cms vm list --refresh"]) == {}
    assert list(folder.iterdir()) == [], "its directory is removed"
    assert sorted(home.path.rglob("*")) == before, "the user's own is not touched"


NAMES = ("web01", "web02", "web03")


def by_command(text):
    """The answer to each command that was shown."""
    parts = re.split(r"^\$ (.+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def states(table):
    """The state of each machine in a table of the shell."""
    rows = [re.split(r"[\s|]+", line.strip("| ")) for line in table.splitlines()]
    known = {"active", "suspended", "stopped", "deleted"}
    named = [
        (name.name, row) for row in rows for word in row if word.startswith("web") for name in expand(word)
    ]
    return {name: word for name, row in named if name in NAMES for word in row if word in known}

"""Trouble while the file is written: kills, full disks, several writers, open umasks."""

from __future__ import annotations

import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.editing import edit, starter
from cloudmesh.config.yaml import config_file, reader
from cloudmesh.plugin.errors import ConfigError

Write = Callable[..., Path]

EDIT_FOR_EVER = """
import sys
from pathlib import Path
from cloudmesh.config.editing import edit
path, number = Path(sys.argv[1]), int(sys.argv[2])
while True:
    number += 1
    edit.set_value(path, "clouds.uc.host", f"host-{number}-" + "x" * (number % 5000))
    edit.set_value(path, f"clouds.uc.extra.k{number % 20}", str(number))
    print(number, flush=True)
"""

SET_ONE = """
import sys
from pathlib import Path
from cloudmesh.config.editing import edit
edit.set_value(Path(sys.argv[1]), "a", "2")
"""

SET_MANY = """
import sys
from pathlib import Path
from cloudmesh.config.editing import edit
for number in range(10):
    edit.set_value(Path(sys.argv[1]), f"clouds.{sys.argv[2]}.k{number}", f"v{number}")
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def _killed_after(path: Path, first: int, seconds: float) -> None:
    """Edit without end in another process, and kill it at some moment after its first change."""
    command = [sys.executable, "-c", EDIT_FOR_EVER, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


@pytest.mark.slow
def test_a_killed_writer_leaves_a_whole_and_private_file(write: Write, sample: str, home: Path) -> None:
    path = write("# head\n" + sample + "# tail\n")
    chance = random.Random(7)
    hosts = set()
    for number in range(30):
        _killed_after(path, 100 * number, chance.uniform(0.0, 0.06))
        text = path.read_text()
        assert text.startswith("# head\n")
        assert "\n# tail\n" in text
        data = reader.load(path)
        assert list(data["clouds"]) == ["uc", "tacc"]
        assert [mode(entry) for entry in home.iterdir()] == [0o600] * len(names(home))
        hosts.add(data["clouds"]["uc"]["host"])
    assert len(hosts) == 30, "each round has changed the file before its kill"
    edit.set_value(path, "clouds.uc.host", "h")
    assert names(home) == [".class.yaml.lock", "class.yaml"]


def test_what_a_killed_writer_left_is_cleaned_away(write: Write, home: Path) -> None:
    path = write("a: 1\n")
    (home / ".class.yaml.0123456789ab.tmp").write_text("half")
    (home / ".other.yaml.0123456789ab.tmp").write_text("not ours")
    edit.set_value(path, "a", "2")
    assert names(home) == [".class.yaml.lock", ".other.yaml.0123456789ab.tmp", "class.yaml"]


def test_four_writers_at_once_lose_nothing(write: Write) -> None:
    path = write("# head\nclouds:\n  uc: {type: x}\n")
    commands = [[sys.executable, "-c", SET_MANY, str(path), name] for name in "pqrs"]
    processes = [subprocess.Popen(command) for command in commands]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    clouds = reader.load(path)["clouds"]
    expected = {f"k{number}": f"v{number}" for number in range(10)}
    assert {name: clouds[name] for name in "pqrs"} == dict.fromkeys("pqrs", expected)
    assert path.read_text().startswith("# head\n")


def test_a_file_too_large_to_write_leaves_the_old_one(write: Write, sample: str, home: Path) -> None:
    path = write(sample)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(ConfigError, match="could not be written .*was not changed"):
            edit.set_value(path, "clouds.uc.host", "h")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == sample
    assert names(home) == [".class.yaml.lock", "class.yaml"]


@pytest.mark.parametrize("call", ["open", "fsync", "fchmod"])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(28, "No space left on device"), ConfigError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
def test_a_full_disk_or_an_interrupt_leaves_the_old_file(
    write: Write,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: BaseException,
    raised: type[BaseException],
) -> None:
    path = write("a: 1\n")
    real = getattr(os, call)

    def fail(*arguments: object, **options: object) -> object:
        if call == "open" and not str(arguments[0]).endswith(".tmp"):
            return real(*arguments, **options)
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(raised) as caught:
        edit.set_value(path, "a", "2")
    monkeypatch.undo()
    assert str(error.args[-1] if error.args else "") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_text() == "a: 1\n"
    assert names(home) == [".class.yaml.lock", "class.yaml"]


def test_no_umask_opens_the_file(write: Write, home: Path) -> None:
    for mask in (0o000, 0o777):
        path = write("a: 1\n")
        old = os.umask(mask)
        try:
            edit.set_value(path, "a", str(mask + 2))
            new = home / f"new-{mask}" / "class.yaml"
            if mask == 0:
                starter.write(new)
        finally:
            os.umask(old)
        assert mode(path) == 0o600
    assert mode(home / ".class.yaml.lock") == 0o600
    assert (mode(home / "new-0"), mode(home / "new-0" / "class.yaml")) == (0o700, 0o600)


def test_the_lock_is_the_same_through_a_symlink(write: Write, tmp_path: Path) -> None:
    path = write("a: 1\n")
    link = tmp_path / "link.yaml"
    link.symlink_to(path)
    with config_file.locked(path):
        process = subprocess.Popen([sys.executable, "-c", SET_ONE, str(link)])
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.7)
        assert path.read_text() == "a: 1\n"
    assert process.wait(10) == 0
    assert link.is_symlink() and names(tmp_path) == ["home", "link.yaml"]
    assert (path.read_text(), mode(path)) == ("a: 2\n", 0o600)


def test_a_lock_that_cannot_be_made_is_one_sentence(write: Write, home: Path) -> None:
    path = write("a: 1\n")
    (home / ".class.yaml.lock").symlink_to(home / "elsewhere")
    with pytest.raises(ConfigError, match="could not be written"):
        edit.set_value(path, "a", "2")
    assert not (home / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_the_file_of_a_user_stays_theirs_when_root_edits_it(write: Write) -> None:
    path = write("a: 1\n")
    os.chown(path, 12345, 12345)
    edit.set_value(path, "a", "2")
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (12345, 12345, 0o600)

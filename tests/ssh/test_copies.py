"""Files and folders to machines and from them, by rsync and by sftp: whole, under their names, or not."""

import hashlib
import os
import signal
import stat
import subprocess

import pytest

from .conftest import only_connections
from .sshbed import bed as beds
from .sshbed.bed import wait_until

# A machine for each way; rsync is used where both sides have it.
WAYS = {"rsync": "m01", "sftp": "sftp1"}
HOSTILE = [
    *("a b", " blank ", "-rf", "--rsh=touch x", "it's", 'say "so"', "$(touch pwned)", "`touch pwned`"),
    *(
        ";touch pwned;",
        "a:b",
        "host:path",
        "*",
        "[ab]?",
        "back\\slash",
        "tüte",
        "~",
        "~root",
        "#x",
        "%h",
        "{a,b}",
    ),
]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _empty(bed):
    """The machines have no files when a test begins."""
    for name in (*WAYS.values(), "own1", "m01", "m02", "neither1"):
        subprocess.run(["find", bed.home(name), "-mindepth", "1", "-delete"], check=True)


@pytest.fixture(params=WAYS)
def machine(request):
    """A machine that knows only one way."""
    return WAYS[request.param]


def tree(folder):
    """What is in a folder: modes and contents by path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"to {path.readlink()}"
        else:
            mode = stat.S_IMODE(path.stat().st_mode)
            found[name] = (mode, path.read_bytes() if path.is_file() else None)
    return found


@pytest.fixture
def project(home):
    """A folder with all that folders hold."""
    folder = home.path / "project"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "deep" / "er" / "text").write_text("text\n")
    (folder / "nothing").touch()
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "bytes").write_bytes(bytes(range(256)) * 40)
    (folder / ".hidden").write_text("x")
    (folder / "a b").write_text("blank")
    return folder


def test_a_file_keeps_its_name_whatever_that_is(home, bed, machine):
    (home.path / "from").mkdir()
    (bed.home(machine) / "into").mkdir()
    for name in HOSTILE:
        (home.path / "from" / name).write_text(f"of {name}")
    home.python(
        """
        import sys
        from cloudmesh.vm import Machine
        machine, *names = sys.argv[1:]
        with Machine(machine) as m:
            for name in names:
                m.put(f"from/{name}", "into/")
                m.get(f"into/{name}", "back")
        """,
        machine,
        *HOSTILE,
    )
    assert tree(home.path / "from") == tree(bed.home(machine) / "into") == tree(home.path / "back" / machine)
    assert not list(home.path.rglob("pwned")) and not list(bed.folder.rglob("pwned"))
    # Those who write a command have the shell's own signs to mind, and ours.
    home.cms("vm", "put", machine, "from/\\$(touch pwned)", "other name;$$HOME", code=None)
    assert not list(home.path.rglob("pwned")) and not list(bed.folder.rglob("pwned"))


def test_a_folder_of_such_names_is_copied_at_once(home, bed, machine):
    (home.path / "from").mkdir()
    for name in HOSTILE:
        (home.path / "from" / name).write_text(f"of {name}")
    home.cms("vm", "put", machine, "from", "copy")
    home.cms("vm", "get", machine, "copy", "back")
    assert tree(home.path / "from") == tree(bed.home(machine) / "copy")
    assert tree(home.path / "from") == tree(home.path / "back" / machine / "copy")


def test_a_folder_goes_there_and_comes_back_as_it_was(home, bed, machine, project):
    home.cms("vm", "put", machine, "project", "copy")
    assert tree(bed.home(machine) / "copy") == tree(project)
    home.cms("vm", "get", machine, "copy", "back/")
    assert tree(home.path / "back" / machine / "copy") == tree(project)


def test_a_folder_of_each_machine_for_what_is_fetched(home, bed):
    for name in ("m01", "m02"):
        (bed.home(name) / "log").write_text(f"log of {name}")
    ended = home.cms("vm", "get", "m01,m02,m34", "log", "logs/", code=1)
    assert {path.name for path in (home.path / "logs").iterdir()} >= {"m01", "m02"}
    assert [(home.path / "logs" / name / "log").read_text() for name in ("m01", "m02")] == [
        "log of m01",
        "log of m02",
    ]
    assert "Connection refused" in ended.stdout + ended.stderr


def test_what_is_not_there_is_told_and_leaves_nothing(home, bed, machine):
    ended = home.cms("vm", "get", machine, "no such file", "back/", code=1)
    assert "no such file" in (ended.stdout + ended.stderr).lower()
    assert not [path for path in (home.path / "back").rglob("*") if path.is_file()]
    ended = home.cms("vm", "put", machine, "cloudmesh/class.yaml", "no/such/folder/x", code=1)
    assert "no/such/folder" in ended.stdout + ended.stderr or "No such file" in ended.stdout + ended.stderr
    assert tree(bed.home(machine)) == {}


def test_a_machine_with_neither_says_so(home):
    ended = home.cms("vm", "put", "neither1", "cloudmesh/class.yaml", "x", code=1)
    assert "has no sftp" in ended.stdout and "lost" not in ended.stdout


def test_a_large_file_arrives_whole(home, bed, machine):
    block, digest = os.urandom(1 << 20), hashlib.sha256()
    with (home.path / "large").open("wb") as file:
        for number in range(100):
            part = number.to_bytes(4, "big") + block[4:]
            digest.update(part)
            file.write(part)
    home.cms("vm", "put", machine, "large", "large")
    with (bed.home(machine) / "large").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest.hexdigest()
    home.cms("vm", "get", machine, "large", "back/")
    with (home.path / "back" / machine / "large").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest.hexdigest()


@pytest.mark.parametrize("way", ["rsync", "sftp"])
def test_the_machine_loses_its_power_in_the_middle(home, bed, way):
    """What was there before stays, and nothing looks whole that is not."""
    bed.set_door("own1", "" if way == "rsync" else beds.NO_RSYNC)
    try:
        (bed.home("own1") / "large").write_text("old")
        with (home.path / "large").open("wb") as file:
            file.truncate(1 << 30)
        process = home.start("vm", "put", "own1", "large", "large")
        wait_until(lambda: sum(path.stat().st_size for path in files(bed.home("own1"))) > 1 << 22)
        bed.stop("own1")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 1 and "own1" in out + err
        assert (bed.home("own1") / "large").read_text() == "old"
        assert [path.name for path in files(bed.home("own1")) if path.name == "large"] == ["large"]
    finally:
        bed.restart("own1", new_key=False)
        bed.set_door("own1", "")


@pytest.mark.parametrize("end", ["SIGINT", "SIGKILL"])
def test_cms_ends_in_the_middle_of_fetching(home, bed, machine, end):
    with (bed.home(machine) / "large").open("wb") as file:
        file.truncate(1 << 30)
    process = home.start("vm", "get", machine, "large", "back/")
    back = home.path / "back"
    wait_until(lambda: back.exists() and sum(path.stat().st_size for path in files(back)) > 1 << 22)
    process.send_signal(getattr(signal, end))
    process.communicate(timeout=30)
    assert not (back / machine / "large").exists()
    only_connections(home)
    if end == "SIGINT":
        assert process.returncode == 130 and files(back) == []
    (bed.home(machine) / "large").write_text("small now")
    home.cms("job", "resume", "2", code=None)
    assert (back / machine / "large").read_text() == "small now"


def files(folder):
    """All files below a folder, as far as they stay while one looks."""
    return [path for path in folder.rglob("*") if path.is_file()]

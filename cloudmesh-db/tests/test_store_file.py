"""Who may write a store, a store that vanishes while it is open, and reading where nothing can be written."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database
from cloudmesh.plugin.errors import StoreError

NOBODY, TEAM = 65534, 65500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a record, in a directory of its own."""
    path = tmp_path / "home" / "x.db"
    with Database(path) as db:
        db.add("vm", {"n": 1})
    return path


def removed(path: Path) -> None:
    shutil.rmtree(path.parent)


def replaced(path: Path) -> None:
    path.rename(path.with_name("y.db"))
    with Database(path) as db:
        db.add("vm", {"n": 5})


def moved(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.mkdir()


WRITES: list[Callable[[Database], Any]] = [
    lambda db: db.add("vm", {"n": 2}),
    lambda db: db.add("vm", {"new": 2}),
    lambda db: db.update("vm", {"n": 2}, id=1),
    lambda db: db.upsert_many("vm", [{"n": 1, "m": 2}], key=["n"]),
    lambda db: db.delete("vm", id=1),
    lambda db: db.hold("job"),
]


@pytest.mark.parametrize("happens", [removed, replaced, moved])
def test_what_is_written_into_a_store_that_vanished_is_an_error(
    path: Path, happens: Callable[[Path], None]
) -> None:
    with Database(path) as db:
        assert db.find("vm") == [{"n": 1}]
        happens(path)
        for write in [*WRITES, *WRITES]:
            with pytest.raises(StoreError, match=r"x\.db was removed or replaced"):
                write(db)
        assert db.find("vm") == [{"n": 1}], "who shows what was known still can"
    with suppress(FileNotFoundError):
        assert not path.parent.joinpath("x.db-locks").exists()


def test_a_store_that_vanishes_during_a_transaction_is_an_error(path: Path) -> None:
    with Database(path) as db, pytest.raises(StoreError, match="was removed"), db.atomic():
        db.add("vm", {"n": 2})
        removed(path)
    with Database(path) as db:
        assert db.tables() == []
        assert db.add("vm", {"n": 3}) == 1


@pytest.mark.parametrize("name", ["", "x.db", "x.db-wal", "x.db-shm", "x.db-journal", "x.db-locks"])
def test_what_anybody_may_write_is_no_store(path: Path, name: str) -> None:
    open_to_all = path.parent / name if name else path.parent
    if not open_to_all.exists():
        open_to_all.touch()
    before = stat.S_IMODE(open_to_all.stat().st_mode)
    open_to_all.chmod(before | 0o022)
    for use in (lambda db: db.find("vm"), lambda db: db.add("vm", {"n": 2}), lambda db: db.tables()):
        with Database(path) as db, pytest.raises(StoreError, match="everybody can write") as error:
            use(db)
        assert f"chmod o-w {open_to_all}" in str(error.value)
    subprocess.run(str(error.value).rpartition(": ")[2], shell=True, check=True)
    with Database(path) as db:
        assert db.find("vm") == [{"n": 1}]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
def test_a_team_may_share_a_store(path: Path, children: Any) -> None:
    for each, mode in ((path.parent, 0o2770), (path, 0o660)):
        os.chown(each, NOBODY, TEAM)
        each.chmod(mode)
    for above in path.parent.parents:
        if not above.stat().st_mode & stat.S_IXOTH:
            above.chmod(above.stat().st_mode | stat.S_IXOTH)

    def work(user: int) -> list[Any]:
        os.chdir("/")
        os.umask(0o022)
        os.setgroups([TEAM])
        os.setgid(user)
        os.setuid(user)
        with Database(path) as db:
            ids = [db.add("vm", {"n": user}), *db.add_many("vm", [{"n": 1, f"by{user}": 1}])]
            hold = db.hold("job")
            assert hold is not None and db.is_held("job")
            with db.hold(f"of {user}") as own:  # type: ignore[union-attr]
                assert own.is_valid()
            return ids

    assert children.answer(lambda: work(NOBODY - 1)) == [2, 3]
    assert children.answer(lambda: work(NOBODY - 2)) == [4, 5]
    assert children.answer(lambda: work(NOBODY - 1)) == [6, 7]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can give files away")
@pytest.mark.parametrize("name", ["x.db", "x.db-wal", "link.db"])
def test_what_another_user_put_into_a_common_directory_is_no_store(path: Path, name: str) -> None:
    path.parent.chmod(0o1777)
    place = path.with_name(name)
    if name == "link.db":
        place.symlink_to("x.db")
    elif not place.exists():
        place.touch()
    used = place if name == "link.db" else path
    with Database(used) as db:
        assert db.find("vm") == [{"n": 1}]
    place.touch()
    os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
    with Database(used) as db, pytest.raises(StoreError, match="belongs to another user"):
        db.find("vm")


def test_a_link_that_leads_nowhere_yet_is_followed_with_the_mode_of_a_store(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to("new.db")
    with Database(link) as db:
        assert db.tables() == []
        db.add("vm", {"n": 1})
    assert stat.S_IMODE(path.with_name("new.db").stat().st_mode) == 0o600


def full(path: Path) -> None:
    """Leave no byte on the disk of a store."""
    with suppress(OSError), path.with_name("rest").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def read_only(path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", path.parent], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    """A small disk with a store, which can be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "none", folder]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only the superuser may mount a disk")
    with Database(folder / "x.db") as db:
        db.add_many("vm", [{"n": n, "tags": ["a"]} for n in range(20)])
    yield folder / "x.db"
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("crashed", [False, True])
@pytest.mark.parametrize(
    ("happens", "words"),
    [(full, "no space left on device"), (read_only, "is read-only|cannot be opened|read-only file system")],
)
def test_reading_needs_no_room(
    disk: Path, children: Any, happens: Callable[[Path], None], words: str, crashed: bool
) -> None:
    if crashed:
        children.answer(lambda: Database(disk).add("vm", {"n": 20}))
    happens(disk)
    with Database(disk) as db:
        for _ in range(2):
            assert [record["n"] for record in db.find("vm")] == list(range(20 + crashed))
            assert db.find("vm", n=7) == [{"n": 7, "tags": ["a"]}]
            assert db.count("vm") == 20 + crashed
            for write in WRITES[:3]:
                with pytest.raises(StoreError, match=words):
                    write(db)
        if happens is full:
            disk.with_name("rest").unlink()
            db.add("vm", {"n": 21})
            assert db.find("vm", n=21) == [{"n": 21}]


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become somebody else")
@pytest.mark.parametrize(
    ("modes", "found", "words"),
    [
        ((0o444, 0o555), "1", "is read-only; check the permissions"),
        ((0o000, 0o555), "cannot be opened", "cannot be opened; check the permissions"),
        ((0o444, 0o000), "cannot be opened", "cannot be opened; check the permissions"),
    ],
)
def test_a_store_is_read_where_it_may_only_be_read_and_else_an_error(
    path: Path, children: Any, modes: tuple[int, int], found: str, words: str
) -> None:
    path.chmod(modes[0])
    path.parent.chmod(modes[1])
    for above in path.parent.parents:
        if not above.stat().st_mode & stat.S_IXOTH:
            above.chmod(above.stat().st_mode | stat.S_IXOTH)

    def tried(use: Callable[[Database], Any]) -> str:
        with Database(path) as db:
            try:
                return str(use(db))
            except StoreError as error:
                return str(error)

    def look() -> list[str]:
        os.chdir("/")
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        return [tried(lambda db: db.count("vm")), tried(lambda db: db.add("vm", {"n": 2}))]

    read, written = children.answer(look)
    assert found in read
    assert words in written

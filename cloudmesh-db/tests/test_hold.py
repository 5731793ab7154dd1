"""Names that at most one holder of a store has, freed by the system when its process dies."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.db import Database, Hold, locks
from cloudmesh.plugin.errors import StoreError


@pytest.fixture
def other(place: str) -> Iterator[Database]:
    with Database(place) as database:
        yield database


def taken(database: Database, name: str) -> Hold:
    hold = database.hold(name)
    assert hold is not None
    return hold


def becomes_free(database: Database, name: str) -> bool:
    """PostgreSQL needs a moment to see that a process has died."""
    end = time.monotonic() + 10
    while (held := database.is_held(name)) and time.monotonic() < end:
        time.sleep(0.005)
    return not held


def test_a_name_has_one_holder_until_it_is_released(db: Database, other: Database) -> None:
    assert not db.is_held("job 1")
    hold = taken(db, "job 1")
    assert hold.name == "job 1" and hold.is_valid()
    for database in (db, other):
        assert database.is_held("job 1")
        assert database.hold("job 1") is None
        assert not database.is_held("job 2")
    second = taken(other, "job 2")
    hold.release()
    hold.release()
    assert not hold.is_valid()
    assert second.is_valid() and db.is_held("job 2")
    assert not other.is_held("job 1")
    assert taken(other, "job 1").is_valid()
    hold.release()
    assert db.is_held("job 1")


def test_the_end_of_with_releases_although_it_raises(db: Database, other: Database) -> None:
    with pytest.raises(ZeroDivisionError), taken(db, "x"):
        assert other.hold("x") is None
        raise ZeroDivisionError
    assert taken(other, "x").is_valid()


def test_closing_the_database_frees_what_it_held_and_nothing_else(place: str, db: Database) -> None:
    theirs = taken(db, "theirs")
    with Database(place) as short:
        hold = taken(short, "ours")
        with taken(short, "another"):
            pass
    assert not hold.is_valid()
    assert not db.is_held("ours")
    assert theirs.is_valid()
    with pytest.raises(StoreError, match="closed"):
        short.hold("ours")


@pytest.mark.parametrize(
    "name", ["../x", "/", ".", "a/b", "x" * 5000, "é\0\ud800%s", "guard", "guard.lock", "A", "a"]
)
def test_any_text_is_a_name(db: Database, other: Database, name: str) -> None:
    with taken(db, name), taken(other, f"{name} "):
        assert other.hold(name) is None
        assert other.is_held(name)
    assert not other.is_held(name)


@pytest.mark.parametrize("name", ["", None, 5, b"x"])
def test_what_is_no_name_is_refused(db: Database, name: Any) -> None:
    for method in (db.hold, db.is_held):
        with pytest.raises(StoreError, match="cannot be the name"):
            method(name)


def test_a_transaction_of_another_program_is_not_waited_for(db: Database, other: Database) -> None:
    with other.atomic():
        other.add("vm", {"a": 1})
        with taken(db, "x"):
            assert other.is_held("x")
            assert other.hold("x") is None


def test_threads_take_a_name_one_after_the_other(place: str) -> None:
    inside, most, had = 0, 0, 0

    def work(number: int) -> None:
        nonlocal inside, most, had
        with Database(place) as db:
            for _ in range(40):
                hold = db.hold("x")
                if hold is None:
                    # Who only looks must not stand in the way of others.
                    db.is_held("x")
                    continue
                with hold:
                    inside += 1
                    most, had = max(most, inside), had + 1
                    time.sleep(0.0005)
                    inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert most == 1
    assert had >= 6


def test_looking_never_keeps_anybody_from_taking(place: str) -> None:
    done = threading.Event()

    def look() -> None:
        with Database(place) as db:
            while not done.is_set():
                db.is_held("x")

    with ThreadPoolExecutor(3) as pool, Database(place) as db:
        lookers = [pool.submit(look) for _ in range(3)]
        try:
            for _ in range(100):
                taken(db, "x").release()
        finally:
            done.set()
        assert [looker.result() for looker in lookers] == [None] * 3


def test_a_forked_child_does_not_keep_the_name_of_its_killed_parent(
    place: str, db: Database, children: Any
) -> None:
    reader, writer = os.pipe()
    done_reader, done_writer = os.pipe()

    def work() -> None:
        os.close(done_writer)
        mine = Database(place)
        hold = mine.hold("x")
        assert hold is not None
        if os.fork() == 0:
            # What a child does with its copy is nothing to the parent.
            valid = hold.is_valid()
            hold.release()
            mine.close()
            os.write(writer, b"v" if valid else b"-")
            os.read(done_reader, 1)
            os._exit(0)
        time.sleep(60)

    child = children.start(work)
    os.close(writer)
    assert os.read(reader, 1) == b"-"
    assert db.is_held("x") and db.hold("x") is None
    children.kill(child)
    # The grandchild lives until the pipe is closed.
    assert becomes_free(db, "x")
    assert taken(db, "x").is_valid()
    os.close(done_writer)
    assert os.read(reader, 1) == b""
    for descriptor in (reader, done_reader):
        os.close(descriptor)


def test_a_program_that_was_started_does_not_keep_the_name(place: str, db: Database, children: Any) -> None:
    reader, writer = os.pipe()

    def work() -> None:
        mine = Database(place)
        assert mine.hold("x")
        sleeper = subprocess.Popen(["sleep", "60"], close_fds=False)
        os.write(writer, b"%d\n" % sleeper.pid)
        time.sleep(60)

    child = children.start(work)
    os.close(writer)
    with open(reader, "rb") as stream:  # noqa: PTH123 a descriptor
        sleeper = int(stream.readline())
        assert db.is_held("x") and db.hold("x") is None
        children.kill(child)
        try:
            assert becomes_free(db, "x")
            assert taken(db, "x").is_valid()
        finally:
            os.kill(sleeper, 15)


def test_processes_that_take_and_die_never_hold_a_name_together(
    place: str, db: Database, children: Any
) -> None:
    with Database(place) as first:
        first.add("counter", {"n": 0})

    def work() -> None:
        with Database(place) as mine:
            done = 0
            while done < 15:
                hold = mine.hold("x")
                if hold is None:
                    time.sleep(0.0005)
                    continue
                with hold:
                    # Read and written in two steps, which the name alone keeps together.
                    n = mine.find("counter")[0]["n"]
                    time.sleep(0.0005)
                    mine.update("counter", {"n": n + 1}, id=1)
                done += 1

    assert children.succeeded([children.start(work) for _ in range(4)])
    assert db.find("counter") == [{"n": 60}]


def test_the_files_are_the_owners_and_vanish(tmp_path: Path, no_umask: None) -> None:
    path = tmp_path / "new" / "x.db"
    with Database(path) as db:
        assert not db.is_held("x")
        assert not path.parent.exists()
        with taken(db, "x"):
            (folder,) = path.parent.iterdir()
            modes = {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
            assert modes == {0o600}
            assert [stat.S_IMODE(each.stat().st_mode) for each in (folder, path.parent)] == [0o700] * 2
        assert [each.name for each in folder.iterdir()] == ["guard"]


def test_what_a_killed_process_left_is_no_lock_and_is_removed(tmp_path: Path, children: Any) -> None:
    path = tmp_path / "x.db"

    def work() -> None:
        assert Database(path).hold("x")
        os._exit(0)

    children.succeeded([children.start(work)])
    folder = tmp_path / "x.db-locks"
    assert len(list(folder.iterdir())) == 2
    with Database(path) as db:
        assert not db.is_held("x")
    assert [each.name for each in folder.iterdir()] == ["guard"]


def test_the_same_file_by_another_path_is_the_same_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with Database(tmp_path / "real" / "x.db") as one, Database(tmp_path / "link" / "x.db") as two:
        with taken(one, "x"):
            assert two.hold("x") is None
        assert taken(two, "x").is_valid()


def test_a_hold_whose_file_was_removed_says_that_it_is_lost(tmp_path: Path) -> None:
    with Database(tmp_path / "x.db") as one, Database(tmp_path / "x.db") as two:
        hold, lost = taken(one, "x"), taken(one, "lost")
        folder = tmp_path / "x.db-locks"
        shutil.rmtree(folder)
        assert not hold.is_valid()
        folder.write_text("no folder")
        assert not lost.is_valid()
        lost.release()
        folder.unlink()
        theirs = taken(two, "x")
        hold.release()
        assert theirs.is_valid()
        assert one.hold("x") is None


def test_a_place_where_nothing_can_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.db", tmp_path / "y.db"):
        (tmp_path / "y.db-locks").touch()
        with Database(path) as db, pytest.raises(StoreError, match=str(path)):
            db.hold("x")


def test_a_guard_that_somebody_keeps_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr(locks, "BUSY_SECONDS", 0.02)
    with Database(tmp_path / "x.db") as db:
        hold = taken(db, "x")
        with (tmp_path / "x.db-locks" / "guard").open() as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            for use in (db.hold, db.is_held):
                with pytest.raises(StoreError, match="in use by another program"):
                    use("x")
            hold.release()
        assert not db.is_held("x")


def test_memory_is_a_world_of_its_own() -> None:
    with Database(":memory:") as one, Database(":memory:") as two:
        hold = taken(one, "x")
        assert one.hold("x") is None and one.is_held("x") and hold.is_valid()
        assert not two.is_held("x")
        with taken(two, "x"):
            hold.release()
            assert two.is_held("x")
        assert not one.is_held("x") and not hold.is_valid()
        taken(one, "y")
    assert not hold.is_valid()


def test_holding_brings_nothing_heavy_to_the_start() -> None:
    script = (
        "import sys, cloudmesh.db.database; from cloudmesh.db import Database; Database(':memory:').tables();"
        "print({'cloudmesh.db.locks.hold', 'hashlib'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize("noticed", [True, False])
def test_a_lost_connection_loses_the_holds_and_they_say_so(
    url: str, end_sessions: Any, noticed: bool
) -> None:
    with Database(url) as one, Database(url) as two:
        hold, second = taken(one, "x"), taken(one, "y")
        end_sessions()
        if not noticed:
            with pytest.raises(StoreError, match="lost its connection|cannot do this"):
                one.hold("z")
        assert not hold.is_valid()
        assert not second.is_valid()
        again = taken(one, "x")
        assert again.is_valid() and not hold.is_valid()
        hold.release()
        assert again.is_valid()
        assert two.is_held("x") and two.hold("x") is None


def test_stores_of_one_database_do_not_share_names(postgresql: Any, url: str) -> None:
    theirs: Callable[[], str] = postgresql.new_place
    with Database(url) as one, Database(theirs()) as two, taken(one, "x"):
        assert not two.is_held("x")
        assert taken(two, "x").is_valid()


def test_a_session_that_holds_is_not_ended_for_its_silence(url: str) -> None:
    with Database(url) as db:
        taken(db, "x")
        session = db.engine.dialect._session.connection  # type: ignore[attr-defined]
        assert session.execute("SHOW idle_session_timeout").fetchone()[0] == "0"
        assert session.execute("SHOW tcp_keepalives_idle").fetchone()[0] in ("30", "30s")

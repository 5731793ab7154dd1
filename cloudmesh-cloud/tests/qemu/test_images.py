"""The store of images: whole or not there, shared by content, and kept as long as a machine stands on one."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import Conflict, NoCapacity, NotFound, Refused
from cloudmesh.cloud.providers.qemu.images import ImageStore

MIB = 1 << 20


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images", "qemu")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return raw(tmp_path / "disk.raw", b"one")


def raw(path: Path, text: bytes, size: int = 3 * MIB) -> Path:
    content = bytearray(size)
    content[510:512] = b"\x55\xaa"
    content[1024 : 1024 + len(text)] = text
    content[-len(text) :] = text
    path.write_bytes(content)
    return path


def left(store: ImageStore, tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "images").iterdir() if path.name != ".lock")


def test_an_image_is_kept_privately_by_its_digest(store: ImageStore, file: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    made = store.add("mine", file, digest.upper(), user="me")
    assert store.list() == [made]
    assert (made.cloud, made.name) == ("qemu", "mine")
    assert store.path_of(made.cloud_id) == (tmp_path / "images" / digest, "raw")
    known = store.get(made.cloud_id)
    assert (known.user, known.size, known.source) == ("me", 3 * MIB, str(file))
    path, _ = store.path_of(made.cloud_id)
    assert path.read_bytes() == file.read_bytes()
    assert path.stat().st_blocks * 512 < MIB
    assert (tmp_path / "images").stat().st_mode & 0o777 == 0o700
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "images").iterdir()} == {0o600}


def test_an_empty_store_has_none_and_knows_none(store: ImageStore) -> None:
    assert store.list() == []
    with pytest.raises(NotFound):
        store.path_of("none")
    with pytest.raises(NotFound):
        store.delete("none")


def test_the_same_again_changes_nothing_but_the_login_user(
    store: ImageStore, file: Path, tmp_path: Path
) -> None:
    first = store.add("mine", file, user="me")
    assert store.add("mine", file) == first
    assert store.get(first.cloud_id).user == "me"
    assert store.add("mine", file, user="you") == first
    assert store.get(first.cloud_id).user == "you"
    assert len(left(store, tmp_path)) == 2


def test_a_name_is_never_given_to_other_content(store: ImageStore, file: Path, tmp_path: Path) -> None:
    first = store.add("mine", file)
    with pytest.raises(Conflict, match="another image mine"):
        store.add("mine", raw(tmp_path / "other", b"two"))
    assert store.list() == [first]
    assert len(left(store, tmp_path)) == 2


def test_two_names_share_one_content_until_the_last_is_deleted(
    store: ImageStore, file: Path, tmp_path: Path
) -> None:
    one, two = store.add("one", file), store.add("two", file)
    assert store.path_of(one.cloud_id) == store.path_of(two.cloud_id)
    store.delete(one.cloud_id)
    assert store.path_of(two.cloud_id)[0].exists()
    store.delete(two.cloud_id)
    assert left(store, tmp_path) == []


def test_what_a_machine_stands_on_is_not_deleted(store: ImageStore, file: Path) -> None:
    made = store.add("mine", file)
    with pytest.raises(Conflict, match=r"mine .*web\[1-2\] stand on it; delete them first"):
        store.delete(made.cloud_id, ["web1", "web2"])
    assert store.path_of(made.cloud_id)[0].exists()
    store.delete(made.cloud_id, iter(()))


def test_another_digest_leaves_nothing(store: ImageStore, file: Path, tmp_path: Path) -> None:
    for wanted in ("0" * 64, "0" * 128):
        with pytest.raises(Refused, match="was expected"):
            store.add("mine", file, wanted)
    assert left(store, tmp_path) == []
    assert store.add("mine", file, hashlib.sha512(file.read_bytes()).hexdigest())


def test_a_full_file_system_leaves_nothing(store: ImageStore, file: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, before[1]))
    try:
        with pytest.raises(NoCapacity, match="is full"):
            store.add("mine", file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(store, tmp_path) == []


def test_a_really_full_disk_leaves_nothing(file: Path, small: Path) -> None:
    file.write_bytes(os.urandom(510) + b"\x55\xaa" + os.urandom(MIB))
    with pytest.raises(NoCapacity, match="is full"):
        ImageStore(small / "images").add("mine", file)
    assert [path.name for path in (small / "images").iterdir()] == [".lock"]


def test_a_killed_add_leaves_no_image_and_is_swept_by_the_next(
    store: ImageStore, file: Path, tmp_path: Path
) -> None:
    # A pipe as its source, so that it hangs in the middle of the copy.
    code = """
import sys, pathlib
from cloudmesh.cloud.providers.qemu import formats, images
formats.format_of = lambda file: "raw"
formats.require_alone = lambda file, format: None
images.ImageStore(pathlib.Path(sys.argv[1])).add("mine", pathlib.Path(sys.argv[2]))
"""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with (
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "images", pipe]) as writer,
        pipe.open("wb") as given,
    ):
        given.write(file.read_bytes())
        given.flush()
        while not [name for name in left(store, tmp_path) if name.startswith(".draft")]:
            time.sleep(0.01)
        # One that lives is left alone by another process.
        store.add("other", file)
        assert [name for name in left(store, tmp_path) if name.startswith(".draft")]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert [each.name for each in store.list()] == ["other"]
    store.add("third", file)
    assert not [name for name in left(store, tmp_path) if name.startswith(".draft")]


def test_a_description_that_is_damaged_is_told(store: ImageStore, file: Path, tmp_path: Path) -> None:
    made = store.add("mine", file)
    (tmp_path / "images" / f"{made.cloud_id}.json").write_text('{"name": 1')
    with pytest.raises(Refused, match="does not describe an image"):
        store.list()


def test_a_file_that_cannot_be_read_is_told(store: ImageStore, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file"):
        store.add("mine", tmp_path / "none")
    with pytest.raises(Refused, match="Is a directory"):
        store.add("mine", tmp_path)

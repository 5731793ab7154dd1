"""A process is known as a machine's from its first moment to its last."""

import threading

import pytest

from cloudmesh.cloud.providers.qemu import process

UUID = "4cc4b6ff-e2ec-4e1e-b452-18050303f001"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """What the kernel tells of a process that has no words at this moment."""
    monkeypatch.setattr(process, "_PROC", tmp_path)
    (tmp_path / "self").mkdir()
    place = tmp_path / "77"
    place.mkdir()
    (place / "cmdline").touch()
    return place


def test_a_qemu_that_the_kernel_is_just_loading_is_no_machine_that_ended(place):
    (place / "exe").symlink_to("/usr/bin/qemu-system-x86_64")
    words = threading.Timer(0.2, (place / "cmdline").write_bytes, [f"qemu\0-uuid\0{UUID}\0".encode()])
    words.start()
    assert process.is_machine(77, UUID)
    words.join()


def test_a_dead_process_without_words_or_a_program_is_none(place):
    assert not process.is_machine(77, UUID)

"""Disks, with the real qemu-img: what is refused of files from elsewhere, overlays, growing, full disks."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import FlavorTooSmall, NoCapacity, Refused
from cloudmesh.cloud.providers.qemu import disks, formats
from cloudmesh.plugin.errors import ConfigError


def qemu_img(*words: object) -> None:
    subprocess.run(["qemu-img", *map(str, words)], check=True, capture_output=True)


def boot_sector(path: Path, size: int = 1 << 20) -> Path:
    path.write_bytes(b"\0" * 510 + b"\x55\xaa" + b"\0" * (size - 512))
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    made = tmp_path / "base.qcow2"
    qemu_img("create", "-f", "qcow2", made, "64M")
    return made


def test_formats_are_told_by_the_first_bytes(tmp_path: Path, base: Path) -> None:
    assert formats.format_of(base) == "qcow2"
    assert formats.format_of(boot_sector(tmp_path / "disk")) == "raw"


@pytest.mark.parametrize("format", ["vmdk", "vdi", "vhdx", "qed", "parallels"])
def test_other_formats_are_refused_with_how_to_convert_them(tmp_path: Path, format: str) -> None:
    qemu_img("create", "-f", format, tmp_path / "disk", "64M")
    with pytest.raises(Refused, match="convert it first"):
        formats.format_of(tmp_path / "disk")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\x1f\x8b\x08", "gzip -d"),
        (b"\xfd7zXZ\0", "xz -d"),
        (b"<!DOCTYPE html><p>Sign in", "web page"),
        (b"\0" * 4096, "--format=raw"),
        (b"", "--format=raw"),
    ],
)
def test_what_is_no_disk_is_refused_with_what_to_do(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Refused, match=told):
        formats.format_of(tmp_path / "file")


def test_an_image_with_a_backing_file_would_read_files_of_this_computer(tmp_path: Path, base: Path) -> None:
    secret = boot_sector(tmp_path / "secret")
    evil = tmp_path / "evil.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", secret, "-F", "raw", evil)
    with pytest.raises(Refused, match="backing file"):
        disks.check_base(evil, "qcow2")
    with pytest.raises(Refused, match="backing file"):
        disks.create_overlay(evil, "qcow2", tmp_path / "disk")
    assert not (tmp_path / "disk").exists()


def test_an_image_with_its_data_elsewhere_is_refused(tmp_path: Path) -> None:
    evil = tmp_path / "evil.qcow2"
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path / 'data'},data_file_raw=on", evil, "1M")
    with pytest.raises(Refused, match="data in another file"):
        disks.check_base(evil, "qcow2")
    # Also where only the name is left in the header.
    content = bytearray(evil.read_bytes())
    content[72:80] = struct.pack(">Q", 0)
    evil.write_bytes(content)
    with pytest.raises(Refused, match="data in another file"):
        formats.require_alone(evil, "qcow2")


def test_a_raw_disk_that_looks_like_qcow2_inside_is_never_guessed(tmp_path: Path) -> None:
    secret = boot_sector(tmp_path / "secret")
    evil = tmp_path / "evil.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", secret, "-F", "raw", evil)
    # As raw it is a disk of its own length, whose content happens to be a header.
    disks.create_overlay(evil, "raw", tmp_path / "disk")
    told = subprocess.run(
        ["qemu-img", "info", "--output=json", "-f", "qcow2", tmp_path / "disk"],
        check=True,
        capture_output=True,
    )
    assert json.loads(told.stdout)["backing-filename-format"] == "raw"
    assert disks.info(tmp_path / "disk").virtual_size == -(-evil.stat().st_size // 512) * 512


def test_encrypted_and_cut_images_are_refused(tmp_path: Path, base: Path) -> None:
    secret = [
        "--object",
        "secret,id=s,data=x",
        "-o",
        "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10",
    ]
    for _ in range(30):
        # On some computers every third one fails: it cannot tell how long its rounds of hashing take.
        with suppress(subprocess.CalledProcessError):
            qemu_img("create", "-f", "qcow2", *secret, tmp_path / "closed", "1M")
            break
    with pytest.raises(Refused, match="encrypted"):
        disks.check_base(tmp_path / "closed", "qcow2")
    (tmp_path / "cut").write_bytes(base.read_bytes()[:70_000])
    with pytest.raises(Refused, match=r"cut"):
        disks.check_base(tmp_path / "cut", "qcow2")


def test_a_damaged_image_is_told(tmp_path: Path, base: Path) -> None:
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write 0 1M", base], check=True, capture_output=True)
    content = bytearray(base.read_bytes())
    table = struct.unpack_from(">Q", content, 40)[0]
    content[table : table + 8] = struct.pack(">Q", 1 << 63 | 0x10200)
    base.write_bytes(content)
    with pytest.raises(Refused, match=r"base.qcow2 is damaged"):
        disks.check_base(base, "qcow2")


def test_an_overlay_finds_its_base_when_both_have_moved(tmp_path: Path) -> None:
    (tmp_path / "cloud" / ".images").mkdir(parents=True)
    (tmp_path / "cloud" / "a:b").mkdir()
    base = tmp_path / "cloud" / ".images" / "abc"
    qemu_img("create", "-f", "qcow2", base, "64M")
    disk = tmp_path / "cloud" / "a:b" / "disk.qcow2"
    disks.create_overlay(base, "qcow2", disk, 1)
    assert disks.info(disk).virtual_size == disks.GIB
    assert disk.stat().st_mode & 0o777 == 0o600
    moved = (tmp_path / "cloud").rename(tmp_path / "elsewhere")
    assert Path(disks.info(moved / "a:b" / "disk.qcow2").backing_file).resolve() == moved / ".images" / "abc"
    disks.copy(moved / "a:b" / "disk.qcow2", moved / "clone.qcow2")
    assert Path(disks.info(moved / "clone.qcow2").backing_file).resolve() == moved / ".images" / "abc"


def test_a_disk_is_never_made_smaller_nor_written_over(tmp_path: Path) -> None:
    base = tmp_path / "base"
    qemu_img("create", "-f", "qcow2", base, "2G")
    with pytest.raises(FlavorTooSmall, match="2 GiB and the flavor has 1"):
        disks.create_overlay(base, "qcow2", tmp_path / "disk", 1)
    disks.create_overlay(base, "qcow2", tmp_path / "disk", 3)
    with pytest.raises(Refused, match="already exists"):
        disks.create_overlay(base, "qcow2", tmp_path / "disk", 3)
    disks.grow(tmp_path / "disk", 5)
    disks.grow(tmp_path / "disk", 5)
    assert disks.info(tmp_path / "disk").virtual_size == 5 * disks.GIB
    with pytest.raises(FlavorTooSmall, match="cannot shrink"):
        disks.grow(tmp_path / "disk", 4)


def test_a_full_file_system_is_told_and_nothing_is_left(small: Path, base: Path) -> None:
    (small / "filling").write_bytes(b"x" * 200_000)
    with pytest.raises(NoCapacity, match="is full"):
        disks.create_overlay(base, "qcow2", small / "disk")
    assert not (small / "disk").exists()
    (small / "filling").unlink()
    disks.create_overlay(base, "qcow2", small / "disk")
    (small / "filling").write_bytes(b"x" * (os.statvfs(small).f_bavail * 4096))
    with pytest.raises(NoCapacity, match="is full"):
        disks.grow(small / "disk", 10_000)
    assert disks.info(small / "disk").virtual_size == 64 << 20


def test_without_qemu_img_the_line_that_installs_it_is_told(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"qemu-img is not on PATH; install it: .*install|add|-S"):
        disks.info(base)

"""The disk of the guest: a partition that boots with syslinux, and one with the root."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from packages import CDROM, LDLINUX, MBR, MODULES, GuestError, Modules, contents

OVERLAY = Path(__file__).parent / "root"
MIB = 1 << 20
SECTOR = 512
BOOT_MIB, ROOT_MIB = 32, 160
BOOT_AT = 1
ROOT_AT = BOOT_AT + BOOT_MIB
# Folders that are empty in the image.
FOLDERS = [
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "root",
    "home",
    "mnt",
    "var/lib/cloud",
    "var/log",
    "var/tmp",
    "seed",
]
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
SYSLINUX = """\
SERIAL 0
DEFAULT linux
PROMPT 0
LABEL linux
  KERNEL vmlinuz
  INITRD initrd
  APPEND console=ttyS0 loglevel=4 net.ifnames=0 cryptomgr.notests no_timer_check rw
"""
INIT = """\
#!/bin/busybox sh
mount() {{ busybox mount "$@"; }}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
busybox modprobe -a {modules}
tries=0
until mount -t ext4 /dev/vda2 /root 2> /dev/null; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || {{ echo "there is no root on /dev/vda2"; exec busybox sh; }}
    busybox usleep 50000
done
for place in proc sys dev; do mount --move /$place /root/$place; done
exec busybox switch_root /root /sbin/init
"""


def build(package: Path, image: Path) -> None:
    """Make a bootable disk, qcow2, out of a kernel's package and of files of this system.

    Raises:
        GuestError: a program failed; the text is what it said.
    """
    with tempfile.TemporaryDirectory(dir=image.parent, prefix="build-") as name:
        folder = Path(name)
        _run("dpkg-deb", "-x", str(package), str(folder / "kernel"))
        vmlinuz = next((folder / "kernel/boot").glob("vmlinuz-*"))
        initrd = folder / "initrd"
        modules = Modules(folder / "kernel")
        initrd.write_bytes(_initrd(modules))
        disk = folder / "disk"
        _write_boot(folder, disk, vmlinuz, initrd)
        _write_root(folder, disk, modules.files(CDROM))
        made = folder / "image"
        _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(disk), str(made))
        made.replace(image)


def _write_boot(folder: Path, disk: Path, vmlinuz: Path, initrd: Path) -> None:
    """The first partition, and the sector that starts it."""
    boot, settings = folder / "boot", folder / "syslinux.cfg"
    settings.write_text(SYSLINUX)
    with boot.open("wb") as file:
        file.truncate(BOOT_MIB * MIB)
    size = BOOT_MIB * MIB // SECTOR
    _run(
        "mformat",
        "-i",
        str(boot),
        "-T",
        str(size),
        "-h",
        "16",
        "-s",
        "63",
        "-H",
        str(BOOT_AT * MIB // SECTOR),
        "-v",
        "BOOT",
        "::",
    )
    for source, target in (
        (settings, "syslinux.cfg"),
        (vmlinuz, "vmlinuz"),
        (initrd, "initrd"),
        (LDLINUX, "ldlinux.c32"),
    ):
        _run("mcopy", "-o", "-i", str(boot), str(source), f"::{target}")
    _run("syslinux", "--install", str(boot))
    first = _partition(0x80, 0x0E, BOOT_AT, BOOT_MIB)
    # The kernel cuts this partition at the end of the disk: a disk that grows gives it more room.
    second = _partition(0, 0x83, ROOT_AT, 1 << 20)
    with disk.open("wb") as file:
        file.write(Path(MBR).read_bytes()[:440].ljust(446, b"\0") + first + second + bytes(32) + b"\x55\xaa")
        file.seek(BOOT_AT * MIB)
        file.write(boot.read_bytes())
        file.truncate((ROOT_AT + ROOT_MIB) * MIB)


def _partition(flag: int, kind: int, start: int, size: int) -> bytes:
    """An entry of the table of partitions; start and size in MiB."""
    far = b"\xfe\xff\xff"
    unit = MIB // SECTOR
    return bytes([flag]) + far + bytes([kind]) + far + struct.pack("<II", start * unit, size * unit)


def _write_root(folder: Path, disk: Path, more: dict[str, bytes]) -> None:
    """The second partition: the programs, their libraries, and what stands in ``root`` beside this file."""
    tree = folder / "tree"
    for name in [*FOLDERS, *MERGED.values()]:
        (tree / name).mkdir(parents=True, exist_ok=True)
    for name, target in MERGED.items():
        (tree / name).symlink_to(target)
    for file in contents():
        place = tree / file.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)
    for name, data in more.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(data)
    applets = subprocess.run([tree / "usr/bin/busybox", "--list"], capture_output=True, text=True, check=True)
    for name in [*applets.stdout.split(), "init", "poweroff", "reboot"]:
        for place in (tree / "usr/bin", tree / "usr/sbin"):
            if not (place / name).exists() and not (place / name).is_symlink():
                (place / name).symlink_to("/usr/bin/busybox")
    shutil.copytree(OVERLAY, tree, dirs_exist_ok=True, symlinks=True)
    _set_modes(tree)
    _run(
        "mke2fs",
        "-q",
        "-t",
        "ext4",
        "-b",
        "4096",
        "-m",
        "0",
        "-L",
        "root",
        "-E",
        f"root_owner=0:0,offset={ROOT_AT * MIB}",
        "-d",
        str(tree),
        str(disk),
        f"{ROOT_MIB}M",
    )


def _set_modes(tree: Path) -> None:
    """Modes that no checkout keeps."""
    for file in tree.rglob("*"):
        if file.is_symlink():
            continue
        runs = file.is_dir() or bool(file.stat().st_mode & stat.S_IXUSR)
        file.chmod(0o755 if runs else 0o644)
    (tree / "tmp").chmod(0o1777)
    (tree / "root").chmod(0o700)
    (tree / "etc/shadow").chmod(0o600)
    (tree / "etc/sudoers").chmod(0o440)
    (tree / "usr/bin/sudo").chmod(0o4755)


def _initrd(modules: Modules) -> bytes:
    """A cpio archive with busybox, the modules, and a program that mounts the root."""
    files = modules.files(MODULES)
    folders = ["bin", "proc", "sys", "dev", "root", "lib", "lib/modules", modules.folder]
    entries = [(name, stat.S_IFDIR | 0o755, b"") for name in folders]
    entries.append(("init", stat.S_IFREG | 0o755, INIT.format(modules=" ".join(MODULES)).encode()))
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, Path("/usr/bin/busybox").read_bytes()))
    entries += [(name, stat.S_IFREG | 0o644, data) for name, data in files.items()]
    return gzip.compress(_cpio(entries), compresslevel=1)


def _cpio(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """An archive of these names, modes and contents in the form "newc", everything owned by root."""
    written = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        written += b"070701" + "".join(f"{value:08x}" for value in fields).encode() + name.encode() + b"\0"
        written += bytes(-len(written) % 4) + data
        written += bytes(-len(written) % 4)
    return bytes(written)


def _run(*words: str) -> None:
    ended = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "MTOOLS_SKIP_CHECK": "1"},
    )
    if ended.returncode:
        raise GuestError(f"{words[0]}: {(ended.stderr or ended.stdout).strip()}")

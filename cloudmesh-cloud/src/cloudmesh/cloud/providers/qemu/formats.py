"""What a disk image is, told by its first bytes, and whether it stands alone.

QEMU's tools guess the format of a file from its content and follow what a qcow2 header names: a backing file
or an external data file, which may be any file of this computer. So an image that comes from elsewhere is
looked at here before any of these tools sees it, and its format is named in each call.
"""

from __future__ import annotations

import struct
from pathlib import Path

from cloudmesh.cloud.errors import Refused

QCOW2, RAW = "qcow2", "raw"
FORMATS = (QCOW2, RAW)

_QCOW_MAGIC = b"QFI\xfb"
# Offset and bytes of what is a disk image of no format that QEMU writes to, or no disk image at all.
_REFUSED = (
    (0, b"\x1f\x8b", "compressed by gzip; unpack it first: gzip -d FILE"),
    (0, b"\xfd7zXZ\0", "compressed by xz; unpack it first: xz -d FILE"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first: zstd -d FILE"),
    (0, b"BZh", "compressed by bzip2; unpack it first: bzip2 -d FILE"),
    (0, b"PK\x03\x04", "a zip archive; unpack it first"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"KDMV", "of the format vmdk; convert it first: qemu-img convert -f vmdk -O qcow2 FILE NEW"),
    (0, b"# Disk DescriptorFile", "the description of a vmdk; convert it first with qemu-img"),
    (
        64,
        b"\x7f\x10\xda\xbe",
        "of the format vdi; convert it first: qemu-img convert -f vdi -O qcow2 FILE NEW",
    ),
    (0, b"vhdxfile", "of the format vhdx; convert it first: qemu-img convert -f vhdx -O qcow2 FILE NEW"),
    (0, b"conectix", "of the format vhd; convert it first: qemu-img convert -f vpc -O qcow2 FILE NEW"),
    (0, b"QED\0", "of the format qed; convert it first: qemu-img convert -f qed -O qcow2 FILE NEW"),
    (0, b"WithoutFreeSpace", "of the format parallels; convert it first with qemu-img"),
    (0, b"WithouFreSpacExt", "of the format parallels; convert it first with qemu-img"),
    (0, b"LUKS\xba\xbe", "encrypted by LUKS; decrypt it first"),
    (0, b"<!DOCTYPE", "a web page; give the address of the image itself"),
    (0, b"<!doctype", "a web page; give the address of the image itself"),
    (0, b"<html", "a web page; give the address of the image itself"),
)
# What shows that a file is a raw disk: a boot sector, a partition table, a file system.
_DISKS = ((510, b"\x55\xaa"), (512, b"EFI PART"), (1080, b"\x53\xef"), (0, b"XFSB"), (65600, b"_BHRfS_M"))
_LOOKED_AT = 66_000
_SMALLEST = 512

# The header of a qcow2 file, big-endian: version, backing file, size, encryption; from version 3 on features.
_START = struct.Struct(">4sIQIIQI")
_EXTERNAL_DATA = 1 << 2
_FEATURES_AT, _HEADER_LENGTH_AT, _OLD_HEADER = 72, 100, 72
_DATA_FILE_NAME = 0x44415441
_MOST_EXTENSIONS = 64


def format_of(file: Path) -> str:
    """The format of a disk image: ``qcow2`` or ``raw``.

    Raises Refused if it is neither, such as a compressed file, and if the file cannot be read.
    """
    head = _head(file)
    if head.startswith(_QCOW_MAGIC):
        return QCOW2
    for offset, magic, what in _REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise Refused(f"{file} is {what}")
    if any(head[offset : offset + len(magic)] == magic for offset, magic in _DISKS):
        return RAW
    raise Refused(
        f"{file} is no disk image that is known: it is not qcow2, and has neither a partition table nor a "
        "file system; if it is a raw disk all the same, use --format=raw"
    )


def require_alone(file: Path, format: str) -> None:
    """Raise Refused unless an image is what it is said to be, and needs no other file.

    A qcow2 file that names another one would let whoever made it read files of this computer.
    """
    if format not in FORMATS:
        raise Refused(f"{file} cannot be used as {format}; the formats are {' and '.join(FORMATS)}")
    head = _head(file)
    if format == RAW:
        if len(head) < _SMALLEST:
            raise Refused(f"{file} is too short for a disk image: {len(head)} bytes")
        return
    if not head.startswith(_QCOW_MAGIC) or len(head) < _OLD_HEADER:
        raise Refused(f"{file} is no qcow2 image: its first bytes are of something else")
    _, version, backing, _, _, _, encryption = _START.unpack_from(head)
    if version not in (2, 3):
        raise Refused(f"{file} is qcow2 of version {version}; 2 and 3 are known, convert it with qemu-img")
    if encryption:
        raise Refused(f"{file} is encrypted, which is not supported; decrypt it with qemu-img first")
    if backing:
        raise Refused(
            f"{file} is only the difference to another file, its backing file; make a whole image of it "
            "first: qemu-img convert -O qcow2 FILE NEW"
        )
    if _has_data_file(head, version):
        raise Refused(
            f"{file} keeps its data in another file; make a whole image of it first: "
            "qemu-img convert -O qcow2 FILE NEW"
        )


def _has_data_file(head: bytes, version: int) -> bool:
    """Whether a qcow2 header tells of an external data file, by its features or by a header extension."""
    at = _OLD_HEADER
    if version > 2:
        (features,) = struct.unpack_from(">Q", head, _FEATURES_AT)
        if features & _EXTERNAL_DATA:
            return True
        (at,) = struct.unpack_from(">I", head, _HEADER_LENGTH_AT)
    for _ in range(_MOST_EXTENSIONS):
        if at + 8 > len(head):
            return False
        kind, length = struct.unpack_from(">II", head, at)
        if kind == _DATA_FILE_NAME:
            return True
        if kind == 0:
            return False
        at += 8 + (length + 7) // 8 * 8
    return True


def _head(file: Path) -> bytes:
    """The first bytes of a regular file. Raises Refused."""
    try:
        with file.open("rb") as opened:
            return opened.read(_LOOKED_AT)
    except OSError as error:
        raise Refused(f"the image {file} cannot be read: {error.strerror}") from error

"""The line that installs what this kind of cloud needs, for the system that we run on."""

from __future__ import annotations

import platform
import sys

_DEBIAN = "sudo apt install qemu-system-x86 qemu-utils"
# By the names that /etc/os-release has for a system and for what it is like.
_LINES = {
    "debian": _DEBIAN,
    "ubuntu": _DEBIAN,
    "fedora": "sudo dnf install qemu-system-x86-core qemu-img",
    "rhel": "sudo dnf install qemu-kvm qemu-img",
    "suse": "sudo zypper install qemu-x86 qemu-tools",
    "opensuse": "sudo zypper install qemu-x86 qemu-tools",
    "arch": "sudo pacman -S qemu-system-x86 qemu-img",
    "alpine": "sudo apk add qemu-system-x86_64 qemu-img",
}


def install_line() -> str:
    """The command that installs QEMU and its tools; Debian's where the system is not known."""
    if sys.platform == "darwin":
        return "brew install qemu"
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return _DEBIAN
    names = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    return next((_LINES[each] for each in names if each in _LINES), _DEBIAN)

"""QEMU on this computer: which program, which version, and how its machines are accelerated."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.providers.qemu.install import install_line
from cloudmesh.cloud.providers.qemu.settings import AUTO, KVM, TCG, QemuSettings
from cloudmesh.plugin.plain import harmless

_CPU_INFO, _KVM = Path("/proc/cpuinfo"), Path("/dev/kvm")
# Both can be migrated to the next version of QEMU; the first has what distributions of x86-64-v2 need.
_CPUS = {TCG: "Nehalem", KVM: "host"}


def find(cloud: str, settings: QemuSettings) -> str:
    """The path of QEMU. Raises Refused with the line that installs it."""
    found = shutil.which(settings.program)
    if found is None:
        raise Refused(
            f"cloud {cloud}: the program {settings.program} is not on PATH; install it with: {install_line()}"
        )
    return found


def require_tools(cloud: str, settings: QemuSettings) -> str:
    """The path of QEMU, once qemu-img is there too. Raises Refused."""
    found = find(cloud, settings)
    if shutil.which("qemu-img") is None:
        raise Refused(
            f"cloud {cloud}: the program qemu-img is not on PATH; install it with: {install_line()}"
        )
    return found


def version(cloud: str, program: str) -> str:
    """What QEMU says of its version: ``7.2.22``. Raises Refused if it cannot be run."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Refused(f"cloud {cloud}: {program} cannot be run: {harmless(str(error))}") from error
    words = told.stdout.split()
    return harmless(words[words.index("version") + 1] if "version" in words[:-1] else "of unknown version")


def accelerator(settings: QemuSettings) -> str:
    """``kvm`` or ``tcg``: what is set, else KVM where the processor has what it needs."""
    if settings.accel != AUTO:
        return settings.accel
    return KVM if _has_kvm() else TCG


def cpu(settings: QemuSettings) -> str:
    """The processor that new machines see."""
    return settings.cpu or _CPUS[accelerator(settings)]


@lru_cache(maxsize=1)
def _has_kvm() -> bool:
    """Whether KVM can be used. /dev/kvm alone may open on a processor whose guests never begin."""
    try:
        flags = next(line for line in _CPU_INFO.read_text().splitlines() if line.startswith("flags")).split()
        if not {"vmx", "svm"} & set(flags):
            return False
        os.close(os.open(_KVM, os.O_RDWR | os.O_CLOEXEC))
    except (OSError, StopIteration):
        return False
    return True

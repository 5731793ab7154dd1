"""What the guest is made of: files of installed Debian packages, and a kernel that is downloaded."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

KERNEL = "linux-image-cloud-amd64"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"
MBR = "/usr/lib/syslinux/mbr/mbr.bin"
LDLINUX = "/usr/lib/syslinux/modules/bios/ldlinux.c32"
LYAML = [f"/usr/share/lua/5.4/lyaml/{name}.lua" for name in ("init", "explicit", "implicit", "functional")]

# Of each package the files that go into the guest.
PARTS = {
    "busybox-static": ["/usr/bin/busybox"],
    "openssh-client": ["/usr/bin/ssh-keygen"],
    "openssh-server": ["/usr/sbin/sshd"],
    "openssh-sftp-server": ["/usr/lib/openssh/sftp-server"],
    "rsync": ["/usr/bin/rsync"],
    "sudo": ["/usr/bin/sudo", "/usr/libexec/sudo/sudoers.so"],
    "libpam-modules": [f"{LIBRARIES}/security/pam_permit.so"],
    "lua5.4": ["/usr/bin/lua5.4"],
    "lua-yaml": [f"{LIBRARIES}/lua/5.4/yaml.so", *LYAML],
    "e2fsprogs": ["/usr/sbin/resize2fs"],
}
# What a user must be able to start, wherever it is installed.
PROGRAMS = {"qemu-system-x86": "qemu-system-x86_64", "qemu-utils": "qemu-img"}
# What makes the disk, and what runs it.
TOOLS = {
    "dpkg": ["/usr/bin/dpkg-deb"],
    "mtools": ["/usr/bin/mformat"],
    "seabios": ["/usr/share/seabios/bios-256k.bin"],
    "ipxe-qemu": ["/usr/lib/ipxe/qemu/efi-virtio.rom"],
    "syslinux": ["/usr/bin/syslinux"],
    "syslinux-common": [MBR, LDLINUX],
}
# The modules that are loaded at boot.
MODULES = ["virtio_pci", "virtio_blk", "virtio_net", "virtio-rng", "isofs", "button", "evdev"]
# Those for a seed on a CD drive; the guest loads them where no seed was found on a disk.
CDROM = ["ata_piix", "sr_mod"]


class GuestError(Exception):
    """The guest cannot be built; the text says why."""


def missing() -> list[str]:
    """The Debian packages that are needed and not installed."""
    wanted = {**PARTS, **TOOLS}
    absent = {name for name, files in wanted.items() if not all(Path(file).exists() for file in files)}
    return sorted(absent | {name for name, program in PROGRAMS.items() if not shutil.which(program)})


def contents() -> list[str]:
    """Every file of this system that the guest holds: the parts, and the libraries that they load."""
    parts = [file for files in PARTS.values() for file in files]
    loaded = [library for part in parts if not part.endswith(".lua") for library in _libraries(part)]
    return sorted({*parts, *loaded})


def _libraries(program: str) -> Iterator[str]:
    """The shared libraries that a program loads, and the loader itself."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    for found in re.finditer(r"(?:=> )?(/\S+) \(0x", told):
        path = found[1]
        # On Debian /lib and /lib64 are links into /usr.
        yield path if path.startswith("/usr/") else f"/usr{path}"


def kernel(cache: Path) -> Path:
    """The kernel's package in the cache, downloaded with apt if it is not there.

    Raises:
        GuestError: apt does not know the package, or cannot download it.
    """
    shown = subprocess.run(
        ["apt-cache", "show", "--no-all-versions", KERNEL], capture_output=True, text=True, check=False
    )
    found = re.search(r"^Depends: (linux-image-\S+)", shown.stdout, re.MULTILINE)
    if found is None:
        raise GuestError(f"apt does not know the package {KERNEL}: run apt-get update")
    name = found[1]
    if not list(cache.glob(f"{name}_*.deb")):
        folder = cache / "download"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        got = subprocess.run(
            ["apt-get", "-qq", "download", name], cwd=folder, capture_output=True, text=True, check=False
        )
        packages = list(folder.glob("*.deb"))
        if got.returncode or not packages:
            raise GuestError(f"apt-get download {name}: {got.stderr.strip()}")
        for package in packages:
            package.replace(cache / package.name)
        folder.rmdir()
    return max(cache.glob(f"{name}_*.deb"))


class Modules:
    """The modules of an unpacked kernel package."""

    def __init__(self, kernel: Path) -> None:
        self._files = {
            re.sub(r"\.ko.*", "", file.name).replace("-", "_"): file for file in kernel.rglob("*.ko*")
        }
        # Where the kernel's own programs look for modules.
        self.folder = f"lib/modules/{next(kernel.glob('boot/vmlinuz-*')).name.removeprefix('vmlinuz-')}"

    def files(self, names: list[str]) -> dict[str, bytes]:
        """These modules and all that they need, with the list that modprobe reads, by the path of each."""
        ordered = self._ordered(names)
        # modprobe begins with the last.
        needs = {name: reversed(self._ordered([name])[:-1]) for name in ordered}
        lines = [f"{name}.ko: {' '.join(f'{need}.ko' for need in needs[name])}\n" for name in ordered]
        found = {f"{self.folder}/{name}.ko": self._read(name) for name in ordered}
        return {**found, f"{self.folder}/modules.dep": "".join(lines).encode()}

    def _read(self, name: str) -> bytes:
        """The module as the kernel takes it."""
        file = self._files[name]
        return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()

    def _ordered(self, names: list[str], done: Sequence[str] = ()) -> list[str]:
        """These modules and all that they need, in the order in which they can be loaded."""
        order = list(done)
        for name in (name.replace("-", "_") for name in names):
            # A module that is not there is built in.
            if name in order or name not in self._files:
                continue
            needed = re.search(rb"\0depends=([^\0]*)\0", self._read(name))
            before = needed[1].decode().split(",") if needed else []
            # virtio's own note leaves this out.
            order = self._ordered(["virtio_ring", *before] if name == "virtio" else before, order)
            order.append(name)
        return order

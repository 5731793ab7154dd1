"""A small file system to fill, and what a machine needs, for tests that use the real QEMU."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.qemu.provider import QemuProvider

from .web import Server

_NEED_QEMU_IMG = ["test_disks.py", "test_images.py", "test_image_command.py"]
collect_ignore = [] if shutil.which("qemu-img") else _NEED_QEMU_IMG


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A directory on a file system of 256 KiB of its own."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def qemu() -> str:
    """QEMU; the test is skipped where there is none, but never in CI."""
    found = shutil.which("qemu-system-x86_64")
    if found is None or shutil.which("qemu-img") is None:
        if os.environ.get("CI"):
            pytest.fail("QEMU is not installed; .ci/run should have done so")
        pytest.skip("QEMU is not installed (apt-get install qemu-system-x86 qemu-utils)")
    return found


@pytest.fixture
def empty_disk(tmp_path: Path, qemu: str) -> Path:
    """An image without a system: a machine of it says that there is nothing to boot, and stays on."""
    file = tmp_path / "empty.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", file, "16M"], check=True)
    return file


SETTINGS: dict[str, Any] = {
    # No system is there to notice the power button.
    "grace": 0.1,
    "flavors": {"tiny": {"vcpus": 1, "ram": 32, "disk": 1}, "small": {"vcpus": 2, "ram": 48, "disk": 2}},
}


@pytest.fixture
def settings() -> dict[str, Any]:
    """Those of a cloud with small machines."""
    return dict(SETTINGS)


@pytest.fixture
def make_cloud(home: Path, qemu: str, empty_disk: Path) -> Iterator[Callable[..., QemuProvider]]:
    """Makes a connection to one cloud with one image, an empty disk; its machines are deleted afterwards."""

    def make(**more: Any) -> QemuProvider:
        return QemuProvider("mine", {**SETTINGS, **more})

    make().add_image("empty", empty_disk)
    yield make
    with make() as cloud:
        for machine in cloud.machines():
            cloud.unlock(machine.cloud_id)
            cloud.delete(machine.cloud_id)


@pytest.fixture
def cloud(make_cloud: Callable[..., QemuProvider]) -> Iterator[QemuProvider]:
    """A connection to that cloud."""
    with make_cloud() as cloud:
        yield cloud


@pytest.fixture
def request_for(make_cloud: Callable[..., QemuProvider]) -> Callable[..., BootRequest]:
    """Makes the request of a machine of this name, of the first image and flavor."""
    cloud = make_cloud()
    image, flavor = cloud.images()[0], cloud.flavors()[0]
    return lambda name, **more: BootRequest(name, **{"image": image, "flavor": flavor, **more})


@pytest.fixture
def boot(cloud: QemuProvider, request_for: Callable[..., BootRequest]) -> Callable[..., MachineRecord]:
    """Boots a machine of this name."""
    return lambda name, **more: cloud.boot(request_for(name, **more))


@pytest.fixture
def folder_of(home: Path) -> Callable[[str], Path]:
    """Where the files of a machine of that cloud are."""
    return lambda name: home / "machines" / "mine" / name


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "downloads"


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-days",
        "2",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*words, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    made = Server()
    made.start(context)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    yield made
    made.stop()

"""``cms vm boot --wait=ready`` beside a shell script that does the same with the same QEMU and image.

The script is ``boot_by_hand.sh``: an overlay, a seed, QEMU, and ssh again and again until it signs in. Both
machines have the same memory, processor and devices, and end before the next one begins.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
GUEST = ROOT / "tests" / "qemu" / "guest"
USER = "debian"
ROUNDS = 7
Figure = tuple[str, list[float], list[float], float]


def figures() -> Iterator[Figure]:
    """Name, seconds of ours and of the script, and how many times as much it may be; none without QEMU."""
    if missing := _missing():
        print("NOT MEASURED: the boot of real machines, which needs the Debian packages", *missing)
        return
    words = [sys.executable, GUEST, "build"]
    image = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    ours, theirs = [], []
    with tempfile.TemporaryDirectory(prefix="cm-") as folder:
        place = Place(Path(folder), Path(image))
        for number in range(ROUNDS):
            theirs.append(place.by_hand(number))
            ours.append(place.by_cms(number))
    # The best of each: what else the computer does is nobody's merit.
    yield "cms vm boot x --wait=ready / a shell script, same QEMU", [min(ours)], [min(theirs)], 1.10


def _missing() -> list[str]:
    """The Debian packages that are needed and not installed."""
    told = subprocess.run([sys.executable, GUEST, "missing"], capture_output=True, text=True, check=False)
    if told.returncode and not told.stdout.strip():
        raise SystemExit(told.stderr)
    # The script writes its seed with either.
    has_iso = shutil.which("genisoimage") or shutil.which("xorriso")
    return [*told.stdout.split(), *([] if has_iso else ["genisoimage"])]


class Place:
    """A folder with an image and a key pair, in which machines are booted one after the other."""

    def __init__(self, folder: Path, image: Path) -> None:
        self._folder, self._image = folder, image
        home = folder / "home"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        self._key = home / ".ssh" / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._key], check=True)
        self._env = {**os.environ, "HOME": str(home), "CLOUDMESH_CONFIG_DIR": str(home / "cloudmesh")}
        self._configure(home / "cloudmesh" / "class.yaml")
        self._cms("image", "add", "guest", str(image))
        self._cms("key", "add", "mine", f"{self._key}.pub")

    def by_cms(self, number: int) -> float:
        """Seconds until a machine of ours is ready."""
        name = f"m{number}"
        began = time.perf_counter()
        self._cms("vm", "boot", name, "--wait=ready", "--timeout=5m")
        taken = time.perf_counter() - began
        self._cms("vm", "delete", name, "--yes", "--wait")
        return taken

    def by_hand(self, number: int) -> float:
        """Seconds until that of the script is."""
        folder = self._folder / f"by-hand-{number}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        words = [ROOT / "benchmarks" / "boot_by_hand.sh", folder, self._image, self._key, USER, port]
        began = time.perf_counter()
        try:
            subprocess.run(words, check=True, env=self._env, timeout=300)
            return time.perf_counter() - began
        finally:
            if (folder / "pid").exists():
                os.kill(int((folder / "pid").read_text()), signal.SIGKILL)

    def _configure(self, file: Path) -> None:
        default = {"image": "guest", "flavor": "tiny", "key": "mine"}
        cloud: dict[str, Any] = {"type": "qemu", "default": default, "ssh": {"user": USER}}
        file.parent.mkdir(mode=0o700)
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump({"cloudmesh": {"default": "here"}, "clouds": {"here": cloud}}))

    def _cms(self, *words: str) -> None:
        pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        ended = subprocess.run([BIN / "cms", *words], env=self._env, check=False, **pipes)
        if ended.returncode:
            raise SystemExit(f"cms {words} ended with {ended.returncode}: {ended.stdout}{ended.stderr}")

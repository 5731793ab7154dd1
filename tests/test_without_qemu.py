"""Where QEMU is not installed the tests with real machines are not run, and say so; there CI fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# Every Debian has it.
ALWAYS = {"dpkg"}


@pytest.fixture
def without_qemu(tmp_path):
    """A PATH on which make finds all that it needs, and nobody QEMU."""
    for name in ("make", "sh"):
        (tmp_path / name).symlink_to(shutil.which(name))
    return str(tmp_path)


def missing(root, path):
    """Which packages the guest of these tests lacks, and the exit code."""
    words = [sys.executable, str(root / "tests" / "qemu" / "guest"), "missing"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": path})
    return ended.stdout.split(), ended.returncode


@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 2)])
def test_the_tests_with_real_machines_say_that_they_are_not_run(root, without_qemu, ci, code):
    real = Path(sys.executable).parent.parent
    # All that is not asked here counts as done, also where make calls itself.
    targets = ("quick", "slow", "openstack", "qemu", "browser", "alone")
    done = [f"test-{each}" for each in targets] + [f"{real}/{each}/installed" for each in ("moto", "clients")]
    itself = ["make", *(word for each in done for word in ("-o", each))]
    words = [*itself, "test", "BED=true", f"MAKE={' '.join(itself)}", f"VENV={real}"]
    env = {**os.environ, "CI": ci, "PATH": without_qemu, "LC_ALL": "C"}
    ended = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False, env=env)
    assert ended.returncode == code, ended.stderr
    assert "qemu-system-x86 qemu-utils" in (ended.stderr if ci else ended.stdout)
    assert ("NOT RUN: the tests with real machines" in ended.stdout) == (not ci)


def test_qemu_is_missing_where_a_user_could_not_start_it(root, without_qemu):
    absent, code = missing(root, without_qemu)
    assert {"qemu-system-x86", "qemu-utils"} <= set(absent) and code == 1


def test_continuous_integration_installs_what_the_guest_is_made_of(root):
    source = "import packages; print(*packages.PARTS, *packages.TOOLS, *packages.PROGRAMS)"
    folder = root / "tests" / "qemu" / "guest"
    told = subprocess.run(
        [sys.executable, "-c", source], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    installed = (root / ".ci" / "run").read_text(encoding="utf-8").replace("(", " ").replace(")", " ").split()
    assert set(told.split()) - ALWAYS - set(installed) == set()

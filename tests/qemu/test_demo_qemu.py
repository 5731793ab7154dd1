"""``make demo-qemu`` shows the main job with real machines and leaves nothing behind."""

import signal
from pathlib import Path

import pytest

from .conftest import PATIENCE, guests_of, processes_of, wait_until

pytestmark = pytest.mark.qemu


@pytest.fixture
def temporary(tmp_path):
    """Where the demo makes its directory."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_the_demo_with_real_machines_shows_the_main_job_and_leaves_nothing_behind(
    root, make_home, guest, temporary
):
    home = make_home(temporary.parent, patience=3 * PATIENCE, extra={"TMPDIR": str(temporary)})
    ended = home.run(root / "docs" / "demo-qemu.sh", Path(home.program[0]).parent)
    assert "Traceback" not in ended.stdout + ended.stderr
    assert ended.stdout.count("hello from this computer") == 3
    assert "web[1-3] (3)" in ended.stdout and "Linux x86_64" in ended.stdout
    assert list(temporary.iterdir()) == [] and processes_of(temporary) == []


def test_a_demo_that_is_interrupted_leaves_no_machine_behind(root, make_home, guest, temporary):
    home = make_home(temporary.parent, extra={"TMPDIR": str(temporary)})
    home.program = [str(root / "docs" / "demo-qemu.sh")]
    process = home.start(str(Path(make_home(temporary).program[0]).parent))
    wait_until(lambda: guests_of(temporary))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    assert list(temporary.iterdir()) == [] and processes_of(temporary) == []

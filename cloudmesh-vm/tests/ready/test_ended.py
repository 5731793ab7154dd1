"""Machines where cloud-init has left its files: those tell of a good end, and the program of any other."""

import json

import pytest

from cloudmesh.vm import Machines
from cloudmesh.vm.ready import cloud_init
from cloudmesh.vm.ready.errors import CloudInitFailed

WELL = {"errors": [], "finished": 1.5, "recoverable_errors": {}, "start": 1.0}
STAGES = {"datasource": "DataSourceNoCloud", "init": WELL, "modules-final": WELL, "stage": None}
GOT_OVER = {"WARNING": ["a module was skipped"]}
DONE = {"status": "done", "extended_status": "done", "errors": [], "recoverable_errors": {}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The folder where cloud-init leaves its files, in place of the one of this computer."""
    folder = tmp_path / "run"
    folder.mkdir()
    moved = cloud_init._SCRIPT.replace("/run/cloud-init", str(folder))
    assert moved != cloud_init._SCRIPT
    monkeypatch.setattr(cloud_init, "_SCRIPT", moved)
    return folder


def write(run, stages=STAGES, errors=()):
    if stages is not None:
        (run / "status.json").write_text(json.dumps({"v1": stages}, indent=1))
    # It ends without the end of a line.
    (run / "result.json").write_text(json.dumps({"v1": {"datasource": "x", "errors": list(errors)}}))


def asked(guest, told, code=0):
    """Let the program tell this; the file that says how often it was asked."""
    record = guest.folder / "asked"
    guest.program("cloud-init", f"echo >> {record}\ncat <<'END'\n{json.dumps(told)}\nEND\nexit {code}")
    return record


def boot():
    with Machines("vm1") as machines:
        return machines.boot(wait="ready", timeout=60)


@pytest.mark.parametrize("stages", [STAGES, None])
def test_a_good_end_is_seen_without_asking_the_program(guests, cloud, run, stages):
    (guest,) = guests()
    record = asked(guest, DONE)
    write(run, stages)
    cloud([guest])
    result = boot()
    assert (result.exit_code, result.notes) == (0, ())
    assert not record.exists()


@pytest.mark.parametrize(
    "stages",
    [
        {**STAGES, "init": {**WELL, "recoverable_errors": GOT_OVER}},
        {**STAGES, "init": {**WELL, "errors": ["x"]}},
        {**STAGES, "stage": "modules-final"},
        {},
        # More than is read of it.
        {**STAGES, "init": {**WELL, "finished": "9" * 30_000}},
    ],
)
def test_where_the_files_leave_a_doubt_the_program_decides(guests, cloud, run, stages):
    (guest,) = guests()
    told = {**DONE, "extended_status": "degraded done", "recoverable_errors": GOT_OVER}
    record = asked(guest, told, 2)
    write(run, stages)
    cloud([guest])
    result = boot()
    assert result.exit_code == 0
    assert result.notes == ("cloud-init on lab:vm1 got over errors: a module was skipped",)
    assert record.read_text() == "\n"


@pytest.mark.parametrize("has_program", [True, False])
def test_errors_in_the_file_of_the_end_are_told(guests, cloud, run, has_program):
    """By the program, and without it by the file alone."""
    (guest,) = guests()
    if has_program:
        asked(guest, {"status": "error", "errors": ["no such package"]}, 1)
    guest.program("tail", "echo last words")
    write(run, errors=["no such package"])
    cloud([guest])
    (outcome,) = boot()
    assert isinstance(outcome.error, CloudInitFailed)
    assert "no such package" in str(outcome.error)
    assert outcome.error.lines == ("last words",)


def test_one_that_was_turned_off_leaves_no_file_of_its_end(guests, cloud, run):
    (guest,) = guests()
    record = asked(guest, {"status": "disabled", "errors": []})
    cloud([guest])
    assert boot().exit_code == 0
    assert record.read_text() == "\n"

"""Openrc files, sourced by bash and used by openstacksdk, and imported and used by us: what is sent."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudmesh.config.command.config import ConfigCommand
from cloudmesh.config.yaml import reader

sys.path.append(str(Path(__file__).parent))
SHAPES = importlib.import_module("openrc_shapes").SHAPES
sys.path.remove(str(Path(__file__).parent))
TYPED = "ty ped$1"
# What is told by a note, or by the error of the first command.
TOLD = {
    "not exported": "exports nothing",
    "lines of windows": "editor of Windows",
    "old names": "OS_DEFAULT_DOMAIN is taken as the command openstack does",
    "no domains": "its user has no domain, which openstacksdk needs; the domain 'default' is used",
    "horizon, no region": "has several regions (RegionOne, RegionTwo)",
}
DIFFERENT = ("old names", "no domains", "horizon, no region")
pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="needs bash to compare with")


def environment(file: Path, text: str) -> dict[str, str]:
    """What bash has after the file, begun without an environment."""
    # What a note tells is given to bash as it was taken.
    file.write_text(text.replace("\r\n", "\n"))
    allexport = "" if "export" in text or "declare" in text else "set -a; "
    words = [
        "bash",
        "--norc",
        "--noprofile",
        "-c",
        allexport + '. "$0" >/dev/null 2>&1; exec /usr/bin/env -0',
        str(file),
    ]
    done = subprocess.run(words, input=f"{TYPED}\n", env={}, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.split("\0") if line.startswith("OS_"))


def imported(file: Path, text: str, configuration: Path) -> tuple[dict[str, Any], str]:
    """The section of the cloud after ``cms config import``, with what would be asked for; and the notes."""
    file.write_text(text, newline="")
    out, err, shell = io.StringIO(), io.StringIO(), SimpleNamespace()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        ConfigCommand.do_config(shell, f"import '{file}' --name=uc")
    assert shell.last_exit_code == 0, err.getvalue()
    section = reader.load(configuration)["clouds"]["uc"]
    credentials = {key: TYPED if value == "TBD" else value for key, value in section["credentials"].items()}
    return {**section, "credentials": credentials}, err.getvalue()


@pytest.mark.parametrize("shape", SHAPES)
def test_we_sign_in_as_openstacksdk_does(
    shape: str,
    make_recorder: Callable[..., Any],
    by_us: Callable[..., str],
    by_openstacksdk: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CLOUDMESH_CONFIG", str(tmp_path / "cloudmesh.yaml"))
    recorder = make_recorder()
    text = re.sub("(?<![_a-z])URL", recorder.url, SHAPES[shape].lstrip("\n"))
    section, notes = imported(tmp_path / "theirs.sh", text, tmp_path / "cloudmesh.yaml")
    error = by_us(section)
    ours = recorder.told()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(tmp_path / "theirs.sh", text).items():
            patch.setenv(name, value)
        assert "OS_CLOUD" not in os.environ
        their_error = by_openstacksdk(None)
    theirs = recorder.told()
    if "OS_COMPUTE_API_VERSION" not in text:
        # Without one, ours is the one that we need.
        ours["microversions"] = theirs["microversions"]
    same = (error == "") == (their_error == "") and ours == theirs
    assert same is (shape not in DIFFERENT), (ours, theirs, error, their_error, notes)
    assert TOLD.get(shape, "") in notes + error


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("", ""),
        ("OS_CACERT=FOLDER/server.pem", ""),
        ("OS_CACERT='FOLDER/nosuch.pem'", ""),
        ("OS_INSECURE=True", ""),
        ("OS_INSECURE=1", ""),
        ("OS_INSECURE=false OS_CACERT=FOLDER/server.pem", ""),
        ("OS_INSECURE=true OS_CACERT=FOLDER/server.pem", "not taken over, as certificates are not verified"),
        ("OS_VERIFY=false", "OS_VERIFY was left out"),
        ("OS_CACERT=FOLDER/server.pem OS_CERT=FOLDER/client.pem OS_KEY=FOLDER/client.key", ""),
    ],
)
def test_certificates_are_verified_as_openstacksdk_does(
    lines: str,
    told: str,
    make_recorder: Callable[..., Any],
    by_us: Callable[..., str],
    by_openstacksdk: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CLOUDMESH_CONFIG", str(tmp_path / "cloudmesh.yaml"))
    recorder = make_recorder(folder=tmp_path / "tls")
    text = SHAPES["plain"].replace("=URL", f"={recorder.url}")
    text += f"export A=1 {lines}\n".replace("FOLDER", str(tmp_path / "tls"))
    section, notes = imported(tmp_path / "theirs.sh", text, tmp_path / "cloudmesh.yaml")
    error = by_us(section)
    ours = recorder.told()
    for name, value in environment(tmp_path / "theirs.sh", text).items():
        monkeypatch.setenv(name, value)
    their_error = by_openstacksdk(None)
    assert (error == "") == (their_error == ""), (error, their_error)
    assert {**ours, "microversions": []} == recorder.told()
    assert told in notes

"""Installed by pip, pipx and uv, on each Python of this machine, the program starts and warns of nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

OLDEST, NEWEST = 10, 14
HERE = Path(sys.executable).parent


def interpreters() -> dict[str, Path]:
    """The interpreters of this machine that can run us, by version: those in PATH, and those of pyenv."""
    found = {}
    for minor in range(OLDEST, NEWEST + 1):
        version = f"3.{minor}"
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
        if program := shutil.which(f"python{version}") if not installed else installed[-1]:
            found[version] = Path(program)
    if not found:
        found[f"3.{sys.version_info.minor}"] = Path(sys.executable)
    return found


PYTHONS = interpreters()
# What works with the oldest and the newest one works with those between.
VERSIONS = [
    pytest.param(version, marks=pytest.mark.long) if version in list(PYTHONS)[1:-1] else version
    for version in PYTHONS
]


@pytest.fixture
def dist(wheels_of_make):
    """The wheels of all packages."""
    return wheels_of_make


def run(folder, *words, code=0, **env):
    """Run a program in a folder; what it told on stdout and stderr."""
    everything = {**os.environ, "PATH": f"{HERE}:{os.environ['PATH']}", **env}
    ended = subprocess.run(words, cwd=folder, env=everything, capture_output=True, text=True, check=False)
    assert ended.returncode == code, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended


@pytest.fixture
def user(home, make_home):
    """A user without a configuration."""
    shutil.rmtree(home.directory)
    return home


def works(user, program):
    """The main job, and a command of cmd5, without a word on stderr that nobody needs."""
    user.program = [str(program)]
    user.cms("config", "init")
    user.cms("config", "set", "clouds.local.boot_seconds=0.1")
    user.cms("vm", "boot", "vm1", "--wait")
    for words in (["--version"], ["vm", "list"], ["banner", "x"], ["help"]):
        told = user.cms(*words, PYTHONDONTWRITEBYTECODE="1").stderr
        assert "arning" not in told and "Traceback" not in told, told
    user.cms("vm", "delete", "vm1", "--yes", "--wait")


@pytest.mark.parametrize("version", VERSIONS)
def test_uv_pip_into_a_bare_environment(version, user, dist, tmp_path):
    run(tmp_path, "uv", "venv", "--quiet", "--python", PYTHONS[version], "env")
    words = ["--python", "env/bin/python", "--find-links", dist, "--reinstall", "cloudmesh-cms"]
    told = run(tmp_path, "uv", "pip", "install", "--quiet", *words, UV_CACHE_DIR=str(tmp_path / "cache"))
    assert "warning" not in told.stderr.lower()
    works(user, tmp_path / "env" / "bin" / "cloudmesh")


def test_uv_tool(user, dist, tmp_path):
    env = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    env["UV_CACHE_DIR"] = str(tmp_path / "cache")
    env["PATH"] = f"{tmp_path / 'bin'}:{HERE}:{os.environ['PATH']}"
    run(tmp_path, "uv", "tool", "install", "--quiet", "--find-links", dist, "cloudmesh-cms", **env)
    assert sorted(file.name for file in (tmp_path / "bin").iterdir()) == ["cloudmesh", "cms"]
    works(user, tmp_path / "bin" / "cloudmesh")


@pytest.mark.parametrize("backend", [pytest.param("pip", marks=pytest.mark.long), "uv"])
def test_pipx(backend, user, dist, tmp_path):
    env = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    env["PATH"] = f"{tmp_path / 'bin'}:{HERE}:{os.environ['PATH']}"
    env["PIPX_DEFAULT_PYTHON"] = sys.executable
    env["UV_CACHE_DIR"] = str(tmp_path / "cache")
    words = ["--quiet", "--backend", backend]
    told = run(tmp_path, "pipx", "install", *words, f"--pip-args=--find-links {dist}", "cloudmesh-cms", **env)
    assert "arning" not in told.stderr
    # uv keeps one of the two scripts of this name, in no fixed order.
    names = ["cloudmesh", "cms"] if backend == "pip" else ["cloudmesh"]
    for name in names:
        assert "from cloudmesh.cms import main" in (tmp_path / "bin" / name).read_text(encoding="utf-8")
    works(user, tmp_path / "bin" / names[-1])


def test_pip(user, dist, tmp_path):
    run(tmp_path, sys.executable, "-m", "venv", "env")
    python = tmp_path / "env" / "bin" / "python"
    words = ["--disable-pip-version-check", "install", "--quiet", "--find-links", dist]
    run(tmp_path, python, "-m", "pip", *words, "cloudmesh-cms[keyring,postgresql]")
    run(tmp_path, python, "-m", "pip", "check")
    run(tmp_path, python, "-c", "import keyring, psycopg")
    assert "from cloudmesh.cms import main" in (tmp_path / "env" / "bin" / "cms").read_text(encoding="utf-8")
    works(user, tmp_path / "env" / "bin" / "cms")
    wrong_script(user, tmp_path / "env" / "bin")


def wrong_script(user, programs):
    """Where the script of cmd5 lies in place of ours, one line says so once, and how to mend it."""
    ours = programs / "cloudmesh"
    text = ours.read_text(encoding="utf-8").replace("cloudmesh.cms", "cloudmesh.shell.shell")
    (programs / "cms").write_text(text, encoding="utf-8")
    first, second = (user.cms("vm", "list").stderr for _ in range(2))
    assert first.startswith("note: this 'cms' is the script of cmd5") and "note: this 'cms'" not in second
    run(programs, "sh", "-c", first.split("'")[3])
    assert user.cms("--version").stdout.startswith("cms 5.0.0")

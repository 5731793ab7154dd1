"""The description of REST: programs that read it find it valid, true, and good for making clients."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent / "tries"
CLIENTS = Path(sys.prefix) / "clients" / "bin"
pytestmark = pytest.mark.slow


@pytest.fixture
def program(home):
    """Runs a program of the environment that the Makefile makes for them, in the home."""
    if not (CLIENTS / "st").exists():
        told = "the programs that try the description are not installed; 'make test-slow' does that"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)
    home.patience = 600

    def run(name, *words, **env):
        return home.run(CLIENTS / name, *words, code=None, PYTHONWARNINGS="ignore", **env)

    return run


@pytest.fixture
def description(home):
    """The file of the description."""
    file = home.path / "openapi.json"
    file.write_text(home.cms("rest", "openapi", "--output=json").stdout)
    return file


def test_it_is_valid(program, description):
    ended = program("openapi-spec-validator", "--errors", "all", description)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_what_it_says_is_true(program, machines, server):
    server.start()
    token = server.token("all", "destroy")
    # Its hooks and its settings are found in the folder where it runs.
    for file in HERE.iterdir():
        if file.is_file():
            shutil.copy(file, machines.path)
    ended = program(
        "st",
        "run",
        f"http://127.0.0.1:{server.port}/v1/openapi.json",
        f"--header=Authorization: Bearer {token}",
        *("--checks=all", "--seed=1", "--max-examples=3", "--phases=examples,coverage,fuzzing,stateful"),
        *("--generation-deterministic", "--no-shrink"),
        *("--continue-on-failure", "--no-color", "--request-timeout=60"),
        SCHEMATHESIS_HOOKS="hooks",
        PYTHONPATH=str(machines.path),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    log = (machines.directory / "rest" / "server.log").read_text()
    assert " 500 " not in log and "Traceback" not in log, log


def test_a_client_is_made_of_it(program, home, description, server):
    words = ("--path", description, "--meta", "none", "--output-path", home.path / "cms_client")
    made = program("openapi-python-client", "generate", *words)
    assert made.returncode == 0, made.stdout
    assert "will not be" not in made.stdout and "unable to" not in made.stdout.lower(), made.stdout
    server.start()
    token = server.token("all", "destroy")
    address = f"http://127.0.0.1:{server.port}"
    ended = program("python", HERE / "client.py", address, token, PYTHONPATH=str(home.path))
    assert ended.stdout == "all is done\n", ended.stderr

"""A real ``cms`` process in a home of its own, with a third-party command to try it on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cms = Callable[..., "subprocess.CompletedProcess[str]"]
Bash = Callable[[str], "subprocess.CompletedProcess[str]"]

PROBE = '''
"""A command of a third party, for tests."""
import json, os, signal, sys
from cloudmesh.plugin import Answer, CloudmeshError, UnknownName, UsageError, command, errors
from cloudmesh.shell.command import PluginCommand

class ProbeCommand(PluginCommand):
    @command(reads="words rows note")
    def do_probe(self, arguments):
        """
        ::

          Usage:
            probe words [WORD...]
            probe rows [COUNT] [--output=FORMAT]
            probe fail HOW
            probe note
            probe text
            probe change [--dryrun]

          Description:
            For tests.
        """
        if arguments["words"]:
            return Answer(text=json.dumps(arguments["WORD"]))
        if arguments["rows"]:
            return Answer([{"name": f"web{n}"} for n in range(int(arguments["COUNT"] or 2))])
        if arguments["fail"]:
            self._fail(arguments["HOW"])
        if arguments["note"]:
            return Answer(notes=["a note"], exit_code=1)
        if arguments["change"]:
            return Answer(text="would change" if arguments["--dryrun"] else "changed")
        return Answer(text="prose")

    def _fail(self, how):
        if how == "bug":
            raise RuntimeError("the password is hunter2")
        if how == "oserror":
            raise FileNotFoundError(2, "No such file or directory", "/nowhere")
        if how == "exit":
            sys.exit(3)
        if how == "exit256":
            sys.exit(256)
        if how == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
        if how == "unknown":
            raise UnknownName("machine", "web9", ["web1"])
        if how == "ansi":
            raise CloudmeshError("the cloud said " + chr(27) + "[2J")
        if how == "chain":
            word = "ge" + "heim"
            try:
                raise OSError(f"Authorization: Bearer {word}: password {word}" + chr(27) + chr(0x202E))
            except OSError as cause:
                raise CloudmeshError("it went wrong") from cause
        raise getattr(errors, how)("it went wrong")
'''

FOREIGN = '''
"""A command made with cmd5's own decorator."""
import os, signal, sys
from cloudmesh.shell.command import PluginCommand, command

class ForeignCommand(PluginCommand):
    @command
    def do_foreign(self, args, arguments):
        """
        ::

          Usage:
            foreign ok [TEXT]
            foreign fail
            foreign exit [CODE]
            foreign interrupt
        """
        if arguments.fail:
            raise RuntimeError("the password is hunter2")
        if arguments["exit"]:
            sys.exit(int(arguments.CODE) if arguments.CODE else None)
        if arguments.interrupt:
            os.kill(os.getpid(), signal.SIGINT)
        print("foreign", arguments.TEXT)

    def do_bare(self, args):
        print("bare", args)
'''


def add_command(root: Path, name: str, source: str) -> None:
    """Make a package with a command of this source."""
    folder = root / "cloudmesh" / name / "command"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (folder / f"{name}.py").write_text(source)


@pytest.fixture(name="add_command")
def adds_commands() -> Callable[[Path, str, str], None]:
    """The function of that name, for tests that make packages of their own."""
    return add_command


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A directory on the path of ``cms`` with the commands ``probe`` and ``foreign``."""
    root = tmp_path / "packages"
    add_command(root, "probe", PROBE)
    add_command(root, "foreign", FOREIGN)
    return root


@pytest.fixture
def environment(tmp_path: Path, packages: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("CLOUDMESH", "PYTHON"))}
    return kept | {
        "HOME": str(home),
        "CLOUDMESH_CONFIG_DIR": str(home / ".cloudmesh"),
        "PYTHONPATH": str(packages),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def program() -> str:
    return str(Path(sys.executable).parent / "cms")


@pytest.fixture
def cms(tmp_path: Path, environment: dict[str, str], program: str) -> Cms:
    """Run ``cms`` with these words in tmp_path; give what it printed and its exit code."""

    def run(*words: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words],
            input=stdin,
            capture_output=True,
            text=True,
            env=environment | variables,
            cwd=tmp_path,
            timeout=30,
            check=False,
        )

    return run


@pytest.fixture
def bash(tmp_path: Path, environment: dict[str, str], program: str) -> Bash:
    """Run a line of bash in tmp_path, in which ``cms`` is the program."""
    path = f"{Path(program).parent}:{os.environ['PATH']}"
    return lambda line: subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        env={**environment, "PATH": path},
        cwd=tmp_path,
        check=False,
    )

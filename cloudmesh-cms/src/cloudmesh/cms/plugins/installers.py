"""pip, uv and pipx: which of them keeps the environment that cms runs in, and how each is called.

``Pip`` and ``Uv`` find out what an installation needs, unpack it into a folder, where it is looked at,
install it and remove it. ``Pipx`` and ``UvTool`` are for environments that pipx and ``uv tool`` made: they
install by those, since these remove what they do not know of when they upgrade.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from cloudmesh.cms.plugins.installed import everything, normalized
from cloudmesh.cms.plugins.sources import Source
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text

# The lines of pip and uv that say why they fail, among many that do not; what they begin with is left out.
_LABEL = re.compile(r"(error|cause): *", re.IGNORECASE)
_SAYS_WHY = re.compile(rf"{_LABEL.pattern}|× |\w+Error: ", re.IGNORECASE)


class Installer(ABC):
    """What installs packages into this environment. Every method raises CloudmeshError if it cannot.

    Attributes:
        program: the words that it is called by.
    """

    def __init__(self, *program: str) -> None:
        self.program = program

    @abstractmethod
    def resolve(self, source: Source, *, upgrade: bool) -> list[str]:
        """What has to be installed for a source: itself and what it needs, as ``name==version`` or a path."""

    @abstractmethod
    def stage(self, pins: Sequence[str], folder: Path) -> None:
        """Unpack exactly these into a folder."""

    @abstractmethod
    def install(self, pins: Sequence[str], names: Sequence[str], source: Source) -> None:
        """Install exactly these, also where they are installed already.

        Args:
            names: the distributions that the pins are.
            source: what the user named, which is one of the pins.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a distribution."""

    def line(self, requirement: str) -> str:
        """The line by which a user installs a requirement into this environment."""
        return f"{sys.executable} -m pip install '{requirement}'"


class Pip(Installer):
    """pip, in the environment itself."""

    _OPTIONS = ("--disable-pip-version-check", "--no-input", "--quiet")

    def resolve(self, source: Source, *, upgrade: bool) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            options = ["--dry-run", f"--report={report}", *(["--upgrade"] if upgrade else [])]
            call([*self.program, "install", *self._OPTIONS, *options, source.requirement])
            found = json.loads(report.read_text(encoding="utf-8"))["install"]
        return [
            source.requirement
            if each.get("is_direct") and source.is_path
            else f"{each['metadata']['name']}=={each['metadata']['version']}"
            for each in found
        ]

    def stage(self, pins: Sequence[str], folder: Path) -> None:
        options = [*self._OPTIONS, "--no-deps", "--no-compile", f"--target={folder}"]
        call([*self.program, "install", *options, *pins])

    def install(self, pins: Sequence[str], names: Sequence[str], source: Source) -> None:
        call([*self.program, "install", *self._OPTIONS, "--no-deps", "--force-reinstall", *pins])

    def remove(self, name: str) -> None:
        call([*self.program, "uninstall", *self._OPTIONS, "--yes", name])


class Uv(Installer):
    """uv, beside the environment."""

    _PYTHON = f"--python={sys.executable}"

    def resolve(self, source: Source, *, upgrade: bool) -> list[str]:
        # A path is always looked at anew.
        newer = [f"--upgrade-package={source.name}"] if upgrade and not source.is_path else []
        options = ["--dry-run", "--color=never", *newer]
        told = call([*self.program, "pip", "install", self._PYTHON, *options, source.requirement])
        # The lines are: + name==version, + name @ URL, ~ name==version.
        lines = [line.split() for line in told.splitlines() if line.startswith((" + ", " ~ "))]
        pins = [words[1] for words in lines if "==" in words[1]]
        return [source.requirement, *pins] if source.is_path else pins

    def stage(self, pins: Sequence[str], folder: Path) -> None:
        # --reinstall: else a folder counts as unchanged, and is not built, while its pyproject.toml is.
        options = ["--quiet", "--no-deps", "--reinstall", f"--target={folder}"]
        call([*self.program, "pip", "install", self._PYTHON, *options, *pins])

    def install(self, pins: Sequence[str], names: Sequence[str], source: Source) -> None:
        again = [f"--reinstall-package={name}" for name in names]
        call([*self.program, "pip", "install", self._PYTHON, "--quiet", "--no-deps", *again, *pins])

    def remove(self, name: str) -> None:
        call([*self.program, "pip", "uninstall", self._PYTHON, "--quiet", name])

    def line(self, requirement: str) -> str:
        return f"uv pip install {self._PYTHON} '{requirement}'"


class Kept(Installer):
    """An environment that another tool keeps: what is needed is found out by pip or uv."""

    def __init__(self, within: Installer, *program: str) -> None:
        super().__init__(*program)
        self.within = within

    def resolve(self, source: Source, *, upgrade: bool) -> list[str]:
        return self.within.resolve(source, upgrade=upgrade)

    def stage(self, pins: Sequence[str], folder: Path) -> None:
        self.within.stage(pins, folder)


class Pipx(Kept):
    """An environment that pipx made."""

    def install(self, pins: Sequence[str], names: Sequence[str], source: Source) -> None:
        main = source.requirement if source.is_path else _pin_of(source.name, pins)
        # Forced, it would also look again for all that is installed.
        again = ["--force"] if _own_name(source, pins, names) in _installed() else []
        call([*self.program, "inject", *again, *self._options(), Path(sys.prefix).name, main])

    def remove(self, name: str) -> None:
        call([*self.program, "uninject", Path(sys.prefix).name, name])

    def _options(self) -> list[str]:
        """The options for pip that the environment was made with, unless they hold what is secret."""
        text = (Path(sys.prefix) / "pipx_metadata.json").read_text(encoding="utf-8")
        words = [str(each) for each in json.loads(text)["main_package"].get("pip_args", ())]
        line = shlex.join(words)
        return [f"--pip-args={line}"] if words and mask_text(line) == line else []

    def line(self, requirement: str) -> str:
        return f"pipx inject {Path(sys.prefix).name} '{requirement}'"


class UvTool(Kept):
    """An environment that ``uv tool install`` made: it is installed again, with one plug-in more or less."""

    def install(self, pins: Sequence[str], names: Sequence[str], source: Source) -> None:
        own = _own_name(source, pins, names)
        main = source.requirement if source.is_path else _pin_of(source.name, pins)
        self._again(own, ["--with", main, f"--reinstall-package={own}"])

    def remove(self, name: str) -> None:
        self._again(name, [])

    def line(self, requirement: str) -> str:
        return f"uv tool install {Path(sys.prefix).name} --with '{requirement}'"

    def _again(self, changed: str, words: Sequence[str]) -> None:
        from cloudmesh.cms.plugins.receipt import Receipt

        receipt = Receipt.of(Path(sys.prefix))
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as constraints:
            constraints.write("\n".join(receipt.constraints))
            constraints.flush()
            given = [*receipt.words(but=changed), *words, f"--constraints={constraints.name}"]
            call([*self.program, "tool", "install", "--force", "--quiet", *given], receipt.environment)


def current() -> Installer:
    """What keeps the environment of this process.

    Raises CloudmeshError if nothing may: it is the system's own, or its tool is not there.
    """
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").is_file():
        uv = _required(_uv(), "uv")
        return UvTool(Uv(uv), uv)
    if (prefix / "pipx_metadata.json").is_file():
        pipx = _required(shutil.which("pipx"), "pipx")
        return Pipx(_within(beside=pipx), pipx)
    managed = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"
    if sys.prefix == sys.base_prefix and managed.is_file():
        raise CloudmeshError(
            f"the Python in {sys.prefix} belongs to the operating system, which keeps its packages "
            "(PEP 668); install cloudmesh-cms into an environment of its own, with pipx, "
            "uv tool or python -m venv"
        )
    return _within()


def _within(beside: str = "") -> Installer:
    """uv where it made the environment, else pip, else uv."""
    uv, settings = _uv(beside), Path(sys.prefix) / "pyvenv.cfg"
    made_by_uv = settings.is_file() and "\nuv = " in settings.read_text(encoding="utf-8", errors="replace")
    if uv and (made_by_uv or find_spec("pip") is None):
        return Uv(uv)
    if find_spec("pip") is None:
        raise CloudmeshError(
            f"no pip or uv found to install into {sys.prefix}; "
            f"install uv, or add pip to it: {sys.executable} -m ensurepip"
        )
    return Pip(sys.executable, "-m", "pip")


def _uv(beside: str = "") -> str | None:
    """The program uv: on the path of programs, or beside a program that brought it along."""
    near = Path(beside).resolve().with_name("uv") if beside else None
    return shutil.which("uv") or (str(near) if near and near.is_file() else None)


def _required(program: str | None, name: str) -> str:
    if program is None:
        raise CloudmeshError(f"{sys.prefix} was made by {name}, which is not on PATH; add its folder to PATH")
    return program


def _names(pins: Sequence[str]) -> set[str]:
    return {normalized(pin.partition("==")[0]) for pin in pins if "==" in pin}


def _own_name(source: Source, pins: Sequence[str], names: Sequence[str]) -> str:
    """The distribution that a source is, which for a path only ``names`` tell."""
    return source.name or next(name for name in names if name not in _names(pins))


def _installed() -> set[str]:
    return {each.distribution for each in everything()}


def _pin_of(name: str, pins: Sequence[str]) -> str:
    return next((pin for pin in pins if normalized(pin.partition("==")[0]) == name), name)


def call(words: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run an installer; what it printed. Raises CloudmeshError with its own reason, without secrets."""
    env = {**os.environ, "NO_COLOR": "1", **(environment or {})}
    # A file in the current folder must not be taken for a module of the installer.
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            words, cwd=folder, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    told = ended.stderr + ended.stdout
    if ended.returncode:
        raise CloudmeshError(f"{_label(words)} failed: {_reason(told)}")
    return told


def _label(words: Sequence[str]) -> str:
    program = "pip" if "-m" in words else Path(words[0]).name
    verb = next((word for word in words if word in ("install", "uninstall", "inject", "uninject")), "")
    return f"{program} {verb}".strip()


def _reason(told: str) -> str:
    """What an installer says of its failure, in one line."""
    lines = [harmless(line.strip()) for line in mask_text(told).splitlines() if line.strip()]
    errors = [_LABEL.sub("", line) for line in lines if _SAYS_WHY.match(line)]
    text = "; ".join(dict.fromkeys((errors or lines[-3:])[:3])) or "no reason given"
    return " ".join(text.split())

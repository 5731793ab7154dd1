"""Imports run in one direction only: rest -> vm -> cloud -> db -> config -> plugin, and dask -> vm."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

# Each distribution, lowest first, with the packages of the namespace that it brings.
LAYERS = {
    "cloudmesh-plugin": {"plugin", "batch"},
    "cloudmesh-config": {"config"},
    "cloudmesh-db": {"db"},
    "cloudmesh-cloud": {"cloud", "image", "flavor", "key", "secgroup", "ip", "network"},
    "cloudmesh-vm": {"vm", "job"},
    "cloudmesh-dask": {"dask"},
    "cloudmesh-rest": {"rest"},
}
HEIGHT = {package: height for height, packages in enumerate(LAYERS.values()) for package in packages}
OWNER = {package: distribution for distribution, packages in LAYERS.items() for package in packages}
# What cmd5 and its library bring.
BELOW = {"shell", "common", "terminal", "set"}


def modules(tree: Path) -> list[Path]:
    return sorted(tree.glob("cloudmesh-*/src/**/*.py"))


def imported(file: Path) -> set[str]:
    """The dotted names that a module imports, wherever in it, by statement or by import_module."""
    package = file.parts[file.parts.index("src") + 1 : -1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call):
            found |= {argument.value for argument in node.args if _is_module_name(argument)}
    return found


def _is_module_name(node: ast.expr) -> bool:
    """Whether an argument is a text such as "cloudmesh.vm.machine", as import_module takes."""
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and bool(re.fullmatch(r"cloudmesh(\.\w+)+", node.value))
    )


def neighbours(file: Path) -> set[str]:
    """The packages of the namespace that a module imports from."""
    return {name.split(".")[1] for name in imported(file) if name.startswith("cloudmesh.")} - BELOW


def violations(tree: Path) -> list[str]:
    """A sentence on each import that runs upward or to nobody."""
    found = []
    for file in modules(tree):
        mine = HEIGHT.get(file.parts[file.parts.index("src") + 2], -1)
        for package in sorted(neighbours(file)):
            if HEIGHT.get(package, len(HEIGHT)) > mine:
                found.append(f"{file.relative_to(tree)} imports cloudmesh.{package}")
    return found


def strays(tree: Path) -> list[str]:
    """Packages that lie in another distribution than their own, and the module that must not be."""
    found = [f"{file.relative_to(tree)}" for file in tree.glob("*/src/cloudmesh/__init__.py")]
    for folder in sorted(tree.glob("cloudmesh-*/src/cloudmesh/*/")):
        if folder.name != "__pycache__" and OWNER.get(folder.name) != folder.relative_to(tree).parts[0]:
            found.append(f"{folder.relative_to(tree)} belongs to {OWNER.get(folder.name)}")
    return found


def test_no_import_runs_upward(root):
    assert len(modules(root)) > 40, "the sources are found"
    assert violations(root) == []


def test_every_package_lies_in_its_distribution(root):
    assert strays(root) == []
    there = {folder.parts[-1] for folder in root.glob("cloudmesh-*/src/cloudmesh/*/") if folder.is_dir()}
    lower = {"plugin", "batch", "config", "db"}
    assert there - {"__pycache__"} >= {
        *lower,
        *("cloud", "image", "flavor", "key", "secgroup", "ip", "network", "vm", "job", "dask"),
    }


@pytest.mark.parametrize("distribution", [name for name in LAYERS if name != "cloudmesh-rest"])
def test_what_is_imported_is_declared_as_a_dependency(root, distribution):
    declared = (root / distribution / "pyproject.toml").read_text(encoding="utf-8")
    files = (root / distribution / "src").rglob("*.py")
    needed = {OWNER[package] for file in files for package in neighbours(file)} - {distribution}
    missing = [name for name in needed if f'"{name}>=' not in declared]
    assert missing == []


UPWARD = {
    "statement": "from cloudmesh.vm import Machines",
    "plain": "import cloudmesh.vm.machine",
    "of the namespace": "from cloudmesh import vm",
    "inside": "def f():\n    from cloudmesh.vm.machine import Machine",
    "by name": "import importlib\nimportlib.import_module('cloudmesh.vm')",
    "relative": "from ..vm import machine",
    "for types": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cloudmesh.vm import Machine",
    "to nobody": "import cloudmesh.mystery",
}


@pytest.mark.parametrize("kind", UPWARD)
def test_the_check_finds(tmp_path, kind):
    package = tmp_path / "cloudmesh-db/src/cloudmesh/db"
    package.mkdir(parents=True)
    (package / "good.py").write_text("import cloudmesh.config\nfrom cloudmesh.plugin import Answer\n")
    assert violations(tmp_path) == [] and strays(tmp_path) == []
    (package / "bad.py").write_text(UPWARD[kind])
    (violation,) = violations(tmp_path)
    assert violation.startswith("cloudmesh-db/src/cloudmesh/db/bad.py imports cloudmesh.")


def test_the_check_finds_strays(tmp_path):
    (tmp_path / "cloudmesh-db/src/cloudmesh/image").mkdir(parents=True)
    (tmp_path / "cloudmesh-db/src/cloudmesh/__init__.py").touch()
    assert len(strays(tmp_path)) == 2

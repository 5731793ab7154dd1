"""How large source and tests are, and which public names say nothing of themselves: ``make sizes``.

A file ``__init__.py`` without a line is no file here. The conformance suite is shipped, so it is source.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
# What the median file may have, the largest one at most, and lines of tests for each line of source at most.
MEDIAN = (110, 200)
LARGEST = 400
RATIO = 1.1
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Sizes:
    """What was counted.

    Attributes:
        source: the lines of each file of the packages, by its path.
        tests: the lines of each file of their tests.
        undocumented: public classes, functions and methods without a docstring.
    """

    source: dict[str, int]
    tests: dict[str, int]
    undocumented: list[str]

    @classmethod
    def of(cls, root: Path) -> Sizes:
        """Count in the repository that lies there."""
        source = [file for file in sorted(root.glob("cloudmesh-*/src/**/*.py")) if file.stat().st_size]
        patterns = ("conftest.py", "tests/**/*.py", "cloudmesh-*/tests/**/*.py")
        tests = [file for pattern in patterns for file in sorted(root.glob(pattern))]
        trees = {file: ast.parse(file.read_text("utf-8")) for file in source}
        own = {file: classes_of(tree) for file, tree in trees.items()}
        every = {name: node for classes in own.values() for name, node in classes.items()}
        silent = [
            f"{file.relative_to(root)}: {name}"
            for file, tree in trees.items()
            for name in undocumented(tree, {**every, **own[file]})
        ]
        return cls(lines(root, source), lines(root, tests), silent)

    @property
    def ratio(self) -> float:
        """Lines of tests for each line of source."""
        return sum(self.tests.values()) / sum(self.source.values())

    def faults(self) -> list[str]:
        """What is too large, or silent, in a line each."""
        found = [
            f"{file} has {count} lines, of at most {LARGEST}"
            for file, count in self.source.items()
            if count > LARGEST
        ]
        middle, (least, most) = median(self.source.values()), MEDIAN
        if not least <= middle <= most:
            found.append(f"the median file has {middle:g} lines; it should have {least} to {most}")
        if self.ratio > RATIO:
            found.append(
                f"there are {self.ratio:.2f} lines of tests for each line of source, of at most {RATIO}"
            )
        return found + [f"{name} has no docstring" for name in self.undocumented]

    def __str__(self) -> str:
        largest = max(self.source, key=lambda file: self.source[file])
        return "\n".join(
            [
                f"source    {sum(self.source.values()):6} lines in {len(self.source)} files",
                f"median    {median(self.source.values()):6g} lines a file",
                f"largest   {self.source[largest]:6} lines: {largest}",
                f"tests     {sum(self.tests.values()):6} lines, {self.ratio:.2f} for each of source",
                f"silent    {len(self.undocumented):6} public names without a docstring",
            ]
        )


def classes_of(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """The classes of a module by their names."""
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def lines(root: Path, files: list[Path]) -> dict[str, int]:
    """How many lines each file has, by its path from the root."""
    return {str(file.relative_to(root)): file.read_text("utf-8").count("\n") for file in files}


def undocumented(tree: ast.Module, classes: Mapping[str, ast.ClassDef]) -> list[str]:
    """The public classes, functions and methods of a module that have no docstring, nor inherit one.

    ``classes`` are those of all modules, by their names: a method that overrides a documented one says the
    same, and ``help`` shows the text of that one.
    """
    return [
        name
        for name, node in public(tree, "")
        if not ast.get_docstring(node) and not _inherited(*name.rpartition(".")[::2], classes)
    ]


def _inherited(owner: str, method: str, classes: Mapping[str, ast.ClassDef]) -> bool:
    """Whether a base of a class, or one of theirs, has a method of this name with a docstring."""
    if owner not in classes:
        return False
    for base in classes[owner].bases:
        name = ast.unparse(base).rpartition(".")[2]
        members = classes[name].body if name in classes else []
        known = [each for each in members if isinstance(each, Definition) and each.name == method]
        if any(ast.get_docstring(each) for each in known) or _inherited(name, method, classes):
            return True
    return False


def public(parent: ast.AST, prefix: str) -> Iterator[tuple[str, Definition]]:
    """The public definitions in a module or class; not tests, overloads, setters, nor what functions hold."""
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, ast.If | ast.Try):
            yield from public(node, prefix)
        if isinstance(node, Definition) and not node.name.startswith(("_", "test_")) and not _repeated(node):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{prefix}{node.name}.")


def _repeated(node: Definition) -> bool:
    """Whether the definition only adds to another one of the same name, which has the docstring."""
    decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
    return bool(decorators & {"overload", "setter", "deleter"})


if __name__ == "__main__":
    sizes = Sizes.of(ROOT)
    print(sizes)
    print(*sizes.faults(), sep="\n", file=sys.stderr)
    sys.exit(bool(sizes.faults()))

"""That the contracts of ``.importlinter`` can be broken, and what they cannot say themselves."""

import ast
import re
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

# Each distribution, lowest first, with the packages of the namespace that it brings.
DISTRIBUTIONS = {
    "cloudmesh-plugin": {"plugin", "batch"},
    "cloudmesh-config": {"config"},
    "cloudmesh-db": {"db"},
    "cloudmesh-cloud": {"cloud", "image", "flavor", "key", "secgroup", "ip", "network", "lease"},
    "cloudmesh-vm": {"vm", "job", "ssh_config"},
    "cloudmesh-dask": {"dask"},
    "cloudmesh-rest": {"rest"},
    "cloudmesh-cms": {"cms"},
}
OWNER = {package: distribution for distribution, packages in DISTRIBUTIONS.items() for package in packages}
# What cmd5 and its library bring.
BELOW = {"shell", "common", "terminal", "set"}
TYPES = {
    "layers": LayersContract,
    "acyclic_siblings": AcyclicSiblingsContract,
    "protected": ProtectedContract,
}


def by_statement(file):
    """The dotted names that a module imports by a statement, wherever in it."""
    package = file.parts[file.parts.index("src") + 1 : -1]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


def by_name(file):
    """Our modules that a call names by a text such as "cloudmesh.vm.machine", as import_module takes."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    arguments = [argument for node in nodes if isinstance(node, ast.Call) for argument in node.args]
    texts = {str(argument.value) for argument in arguments if isinstance(argument, ast.Constant)}
    names = {text for text in texts if re.fullmatch(r"cloudmesh(\.\w+)+", text)}
    # Other texts, such as "cloudmesh.engine", are keys of the configuration.
    return {name for name in names if name.split(".")[1] in OWNER}


def unseen(tree):
    """Modules that are imported by name where no statement, if only for types, shows it to import-linter."""
    files = sorted(tree.glob("cloudmesh-*/src/**/*.py"))
    return [
        f"{file.relative_to(tree)}: {name}" for file in files for name in by_name(file) - by_statement(file)
    ]


def strays(tree):
    """Packages that lie in another distribution than their own, and the module that must not be."""
    found = [f"{file.relative_to(tree)}" for file in tree.glob("*/src/cloudmesh/__init__.py")]
    for folder in sorted(tree.glob("cloudmesh-*/src/cloudmesh/*/")):
        if folder.name != "__pycache__" and OWNER.get(folder.name) != folder.relative_to(tree).parts[0]:
            found.append(f"{folder.relative_to(tree)} belongs to {OWNER.get(folder.name)}")
    return found


def circle(graph):
    """The modules of ours along one circle of imports, empty if there is none."""
    ours = {name for name in graph.modules if name.split(".")[1:2] and name.split(".")[1] in OWNER}
    try:
        TopologicalSorter(
            {name: graph.find_modules_directly_imported_by(name) & ours for name in ours}
        ).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def real():
    """Who imports whom, in all packages."""
    return grimp.build_graph("cloudmesh", cache_dir=None)


@pytest.fixture
def unlinked(real):
    """All modules, none of which imports another."""
    graph = grimp.ImportGraph()
    for name in real.modules:
        graph.add_module(name)
    return graph


@pytest.fixture
def kept(root):
    """Whether a graph keeps a contract, which is given by its id."""
    configuration = read_configuration(str(root / ".importlinter"))
    contracts = {options["id"]: options for options in configuration["contracts_options"]}

    def check(graph, contract):
        options = contracts[contract]
        made = TYPES[options["type"]](options["name"], configuration["session_options"], options)
        return made.check(graph, verbose=False).kept

    return check


def test_no_circle_of_modules(real):
    assert len(real.modules) > 40, "the sources are found"
    assert circle(real) == []


def test_every_package_lies_in_its_distribution(root):
    assert strays(root) == []
    there = {folder.parts[-1] for folder in root.glob("cloudmesh-*/src/cloudmesh/*/") if folder.is_dir()}
    brought = {
        name
        for distribution, names in DISTRIBUTIONS.items()
        if (root / distribution).is_dir()
        for name in names
    }
    assert there - {"__pycache__"} == brought and len(brought) >= 12


def test_what_is_imported_by_name_is_seen_by_the_contracts(root):
    assert unseen(root) == []


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_what_is_imported_is_declared_as_a_dependency(root, distribution):
    if not (root / distribution).is_dir():
        pytest.skip("it is not part of this tree")
    declared = (root / distribution / "pyproject.toml").read_text(encoding="utf-8")
    names = {
        name
        for file in (root / distribution / "src").rglob("*.py")
        for name in by_statement(file) | by_name(file)
    }
    packages = {name.split(".")[1] for name in names if name.startswith("cloudmesh.")} - BELOW
    needed = {OWNER[package] for package in packages} - {distribution}
    assert [name for name in needed if f'"{name}>=' not in declared] == []


BROKEN = [
    ("packages", "cloudmesh.db", "cloudmesh.vm"),
    ("packages", "cloudmesh.plugin.errors", "cloudmesh.config.yaml"),
    ("packages", "cloudmesh.key.command.key", "cloudmesh.image"),
    ("commands", "cloudmesh.vm.cli", "cloudmesh.image.command.image"),
    ("vm", "cloudmesh.vm.model", "cloudmesh.vm.cli"),
    ("vm", "cloudmesh.vm.scheduler", "cloudmesh.vm.machines"),
    ("cloud", "cloudmesh.cloud.errors", "cloudmesh.cloud.model"),
    ("cloud", "cloudmesh.cloud.client", "cloudmesh.cloud.providers.simulated"),
    ("config", "cloudmesh.config.yaml", "cloudmesh.config.secrets"),
    ("db", "cloudmesh.db.records", "cloudmesh.db.sql"),
    ("plugin", "cloudmesh.plugin.names", "cloudmesh.plugin.usage"),
]


@pytest.mark.parametrize(("contract", "importer", "imported"), BROKEN)
def test_a_contract_is_broken_by_an_import_that_runs_upward(unlinked, kept, contract, importer, imported):
    assert {importer, imported} <= unlinked.modules
    assert kept(unlinked, contract)
    unlinked.add_import(importer=importer, imported=imported)
    assert not kept(unlinked, contract)


def test_a_new_package_and_a_new_folder_have_to_be_placed(unlinked, kept):
    assert kept(unlinked, "packages") and kept(unlinked, "vm")
    unlinked.add_module("cloudmesh.mystery")
    unlinked.add_module("cloudmesh.vm.mystery")
    assert not kept(unlinked, "packages") and not kept(unlinked, "vm")


def test_circles_are_found_within_a_folder_and_through_a_package(unlinked, kept):
    unlinked.add_import(importer="cloudmesh.vm.machines", imported="cloudmesh.vm.machine")
    assert kept(unlinked, "circles") and circle(unlinked) == []
    unlinked.add_import(importer="cloudmesh.vm.machine", imported="cloudmesh.vm")
    unlinked.add_import(importer="cloudmesh.vm", imported="cloudmesh.vm.machines")
    assert set(circle(unlinked)) == {"cloudmesh.vm", "cloudmesh.vm.machine", "cloudmesh.vm.machines"}
    unlinked.add_import(importer="cloudmesh.vm.machine", imported="cloudmesh.vm.machines")
    assert not kept(unlinked, "circles")


def test_strays_and_names_are_found(tmp_path):
    (tmp_path / "cloudmesh-db/src/cloudmesh/image").mkdir(parents=True)
    (tmp_path / "cloudmesh-db/src/cloudmesh/__init__.py").touch()
    assert len(strays(tmp_path)) == 2
    named = tmp_path / "cloudmesh-db/src/cloudmesh/named.py"
    named.write_text("import importlib\nimportlib.import_module('cloudmesh.vm')\n")
    assert unseen(tmp_path) == ["cloudmesh-db/src/cloudmesh/named.py: cloudmesh.vm"]
    named.write_text("import importlib, cloudmesh.vm\nimportlib.import_module('cloudmesh.vm')\n")
    assert unseen(tmp_path) == []

"""The repository holds what its readers are promised."""

import importlib.util
import re
import subprocess
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = [folder.name.removeprefix("cloudmesh-") for folder in sorted(ROOT.glob("cloudmesh-*"))]
COMMANDS = {
    "batch",
    "config",
    "db",
    "cloud",
    "image",
    "flavor",
    "key",
    "secgroup",
    "ip",
    "network",
    "vm",
    "job",
    "help",
    "version",
}
TARGETS = {"help", "install", "demo", "test", "lint", "type", "sizes", "bench"}
# Written in pieces, so that this file is not found itself.
FORBIDDEN = ["../" + "shared", "/" + "work/"]


def tracked(root):
    """The files that belong to the repository, or will with the next commit."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    files = [root / name for name in listed.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


def commands(root):
    """The text of each command by its name, as the shell shows it."""
    found = {}
    for file in root.glob("cloudmesh-*/src/cloudmesh/*/command/*.py"):
        if file.stem != "__init__":
            module = import_module(f"cloudmesh.{file.parts[-3]}.command.{file.stem}")
            title = file.stem.title().replace("_", "")
            method = getattr(getattr(module, f"{title}Command"), f"do_{file.stem}")
            found[file.stem] = textwrap.dedent(method.__doc__).strip()
    return found


def test_the_first_command_of_the_readme_is_the_demo_and_the_second_the_tests(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\$ (.+)$", readme, re.MULTILINE)[:2] == ["make demo", "make test"]


def test_every_command_has_a_usage_and_a_description(root):
    found = commands(root)
    assert set(found) >= COMMANDS and {"plugin", "config", "db", "cloud", "vm"} <= set(PACKAGES)
    for name, usage in found.items():
        assert usage.startswith("::") and "Usage:" in usage and "Description:" in usage, name


def test_the_links_of_the_documentation_lead_somewhere(root):
    broken = []
    for file in tracked(root):
        if file.suffix == ".md":
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", file.read_text(encoding="utf-8")):
                if not (file.parent / target).exists():
                    broken.append(f"{file.relative_to(root)}: {target}")
    assert broken == []


def test_make_help_lists_the_targets(root):
    told = subprocess.run(["make", "help"], cwd=root, capture_output=True, text=True, check=True).stdout
    listed = {line.split()[0]: line.split()[1:] for line in told.splitlines()}
    assert set(listed) >= TARGETS
    assert all(listed[target] for target in TARGETS), "each with a sentence"


def test_continuous_integration_runs_what_the_readme_says(root):
    script = root / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    lines = [line.split("#")[0].split() for line in script.read_text(encoding="utf-8").splitlines()]
    assert any(words[:1] == ["make"] and "test" in words for words in lines)


@pytest.mark.parametrize(
    ("mark", "folder"),
    [("openstack", "tests/openstack"), ("qemu", "tests/qemu"), ("browser", "cloudmesh-rest/tests/page")],
)
def test_every_test_of_a_stage_is_where_make_looks_for_them(root, mark, folder):
    """To collect all tests takes longer than to boot a machine."""
    name = "mark." + mark
    marked = [file for file in tracked(root) if file.suffix == ".py" and name in file.read_text("utf-8")]
    assert marked and {file.parent for file in marked} == {root / folder}
    stages = re.findall(rf"-m \W?{mark}\b.*", (root / "Makefile").read_text(encoding="utf-8"))
    assert stages and all(each.rstrip("; \\").endswith(f" {folder}") for each in stages)


def test_the_repository_speaks_of_itself_alone(root):
    found = []
    for file in tracked(root):
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{file.relative_to(root)}: {word}" for word in FORBIDDEN if word in text]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_introduces_itself(root, package):
    folder = root / f"cloudmesh-{package}"
    project = (folder / "pyproject.toml").read_text(encoding="utf-8")
    for line in (f'name = "cloudmesh-{package}"', 'version = "5.0.0"', 'license = "Apache-2.0"'):
        assert line in project
    assert 'requires-python = ">=3.10"' in project
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert readme.startswith(f"# cloudmesh-{package}") and len(readme.splitlines()) > 5
    assert (folder / "src" / "cloudmesh" / package / "py.typed").exists()


def test_the_changelog_names_the_version(root):
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[?5\.0\.0\b", changelog, re.MULTILINE)


def test_what_is_installed_has_an_exact_version(root):
    text = (root / "constraints.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines and all(
        re.fullmatch(r"[\w.-]+==[\w.]+(; python_version >= \"3\.\d+\")?", line) for line in lines
    )


def test_the_page_of_commands_says_what_the_commands_say(root):
    spec = importlib.util.spec_from_file_location("make_commands", root / "docs" / "make_commands.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: make docs"

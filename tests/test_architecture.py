"""The page of the architecture shows the folders as they are, and names files that exist."""

import re
from pkgutil import resolve_name

import pytest

PACKAGES = ["plugin", "config", "db", "cloud", "vm", "rest"]
QUESTIONS = 15
MOST = 4


@pytest.fixture
def page(root):
    return (root / "docs" / "architecture.md").read_text(encoding="utf-8")


def tree(page):
    """What the page lists of each package: its folders and the files beside them, with their descriptions."""
    (text,) = re.findall(r"^```text\n(cloudmesh\.rest.*?)^```", page, re.MULTILINE | re.DOTALL)
    parts = re.split(r"^cloudmesh\.(\w+): .*\n", text, flags=re.MULTILINE)[1:]
    lines = [re.findall(r"^  (\S+)  +(\S.+)$", part, re.MULTILINE) for part in parts[1::2]]
    return dict(zip(parts[::2], map(dict, lines), strict=True))


def answers(page):
    """The files that answer each question."""
    section = page.split("## Where do I find ...")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.+\?) \| (.+) \|$", section, re.MULTILINE)
    return {question: re.findall(r"`([\w/.-]+\.\w+)`", told) for question, told in rows}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tree_lists_every_folder(root, page, package):
    source = root / f"cloudmesh-{package}" / "src" / "cloudmesh" / package
    listed = tree(page)[package]
    assert all((source / name).exists() and len(told) > 8 for name, told in listed.items())
    # Of a folder that was moved, Python leaves its cache behind.
    folders = {folder.name for folder in source.iterdir() if any(folder.glob("*.py"))} - {"command"}
    assert {name for name in listed if not name.endswith(".py")} == folders


def test_each_question_is_answered_by_few_files_that_exist(root, page):
    found = answers(page)
    assert len(found) >= QUESTIONS
    for question, files in found.items():
        assert 0 < len(files) <= MOST, question
        for file in files:
            assert (root / file).exists() or [*root.glob(f"cloudmesh-*/src/cloudmesh/{file}")], file


PAGES = ["README.md", "CONTRIBUTING.md", "docs/*.md", "cloudmesh-*/README.md"]
NAME = re.compile(r"`(cloudmesh\.(?:cloud|config|dask|db|plugin|rest|vm)(?:\.\w+)*)(?:\(.*?\))?`")


def test_the_names_that_the_pages_tell_are_there(root):
    told = {
        name for each in PAGES for page in root.glob(each) for name in NAME.findall(page.read_text("utf-8"))
    }
    assert len(told) > 20
    missing = []
    for name in sorted(told):
        try:
            resolve_name(name)
        except (ImportError, AttributeError):
            missing.append(name)
    assert missing == []

"""Messages and help use the words that people search for, and notes stand where they are of use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = [
    each for name in ("cloud", "vm", "db", "dask") for each in ROOT.glob(f"cloudmesh-{name}/src/**/*.py")
]
ODD = re.compile(
    r"\bin itself\b|\bparted by\b|\bnobody\b|\bsuperfluous\b|\bknowledge\b|\bsay --|\bmends?\b|\bcame about\b"
    r"|\bstand still\b|\bin circles\b|\blooks? (?:at|before)\b|\bas things are\b|\blets? us in\b"
    r"|\bgiven? back\b|\bas of \{|\bno room left\b|\btoo many calls\b"
)


def messages(source: Path) -> Iterator[str]:
    """The texts of a module that users may see: those in code, and the help of commands."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    places = (ast.Module, ast.ClassDef, ast.FunctionDef)
    own = {
        id(each.body[0].value)
        for each in ast.walk(tree)
        if isinstance(each, places) and each.body and isinstance(each.body[0], ast.Expr)
    }
    for each in ast.walk(tree):
        is_text = isinstance(each, ast.Constant) and isinstance(each.value, str)
        if is_text and (id(each) not in own or "Usage:" in each.value):
            yield each.value


def test_no_message_uses_words_that_nobody_searches_for():
    found = [(str(source), text) for source in SOURCES for text in messages(source) if ODD.search(text)]
    assert found == []


def test_the_simulated_cloud_is_told_at_boot_and_in_the_list_of_clouds_only(machines):
    note = "note: local is a simulated cloud"
    assert note in machines.cms("cloud", "list").stderr
    assert note in machines.cms("vm", "boot", "web04", "--wait").stderr
    for line in (
        *("vm list", "vm list --refresh", "vm info web01", "vm stop web01", "vm start web01 --dryrun"),
        *("vm metadata web01", "image list", "flavor list", "network list", "cloud info local", "ip create"),
        "vm delete web04 --yes",
    ):
        assert "simulated" not in machines.cms(*line.split(), code=None).stderr, line

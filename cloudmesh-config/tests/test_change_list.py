"""Changing a list of names from what it is, while others do the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config.editing import edit
from cloudmesh.config.yaml import reader
from cloudmesh.plugin.errors import ConfigError

Write = Callable[..., Path]


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("cloudmesh:\n  active: [x, 'y ', x]  # c\n", ["x", "y"]),
        ("cloudmesh:\n  active: x\n", ["x"]),
        ("cloudmesh:\n  active: []\n", []),
        ("cloudmesh:\n  active:\n", None),
        ("version: 5.0\n", None),
    ],
)
def test_the_change_gets_what_is_there_and_gives_what_will_be(
    write: Write, text: str, old: list[str] | None
) -> None:
    path = write(text)
    seen: list[list[str] | None] = []

    def change(names: list[str] | None) -> list[str]:
        seen.append(names)
        return [*(names or []), "new"]

    assert edit.change_list(path, "cloudmesh.active", change) == [*(old or []), "new"]
    assert seen == [old]
    assert reader.load(path)["cloudmesh"]["active"] == [*(old or []), "new"]


@pytest.mark.parametrize("value", ["5", "[x, 5]", "{x: 1}", "[[x]]"])
def test_what_is_no_list_of_names_is_refused_and_left(write: Write, value: str) -> None:
    text = f"cloudmesh:\n  active: {value}\n"
    path = write(text)
    with pytest.raises(ConfigError, match=r"cloudmesh\.active must be a name or a list of names"):
        edit.change_list(path, "cloudmesh.active", lambda names: names or [])
    assert path.read_text() == text


def test_a_change_that_raises_leaves_the_file_and_the_lock(write: Write) -> None:
    text = "cloudmesh:\n  active: [x]\n"
    path = write(text)

    def change(names: list[str] | None) -> list[str]:
        raise ConfigError("not so")

    with pytest.raises(ConfigError, match="not so"):
        edit.change_list(path, "cloudmesh.active", change)
    assert path.read_text() == text
    assert edit.change_list(path, "cloudmesh.active", lambda _: ["y"]) == ["y"]


def test_processes_that_add_and_remove_at_once_lose_nothing(write: Write) -> None:
    path = write("# top\ncloudmesh:\n  active: []  # c\n")

    def work(process: int) -> None:
        for number in range(10):
            name = f"p{process}n{number}"
            edit.change_list(path, "cloudmesh.active", lambda names, name=name: [*(names or []), name])
            if number % 2:
                edit.change_list(
                    path,
                    "cloudmesh.active",
                    lambda names, name=name: [each for each in names or [] if each != name],
                )

    children = [_start(work, process) for process in range(6)]
    assert {os.waitpid(child, 0)[1] for child in children} == {0}
    expected = {f"p{process}n{number}" for process in range(6) for number in range(0, 10, 2)}
    active = reader.load(path)["cloudmesh"]["active"]
    assert len(active) == len(expected) and set(active) == expected
    assert path.read_text().startswith("# top\n") and path.read_text().endswith("# c\n")


def _start(work: Callable[[int], None], process: int) -> int:
    """Run the work in a child process, which ends with 0 only if it raises nothing."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(process)
            code = 0
        finally:
            os._exit(code)
    return child

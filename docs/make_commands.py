"""Writes docs/commands.md from what the commands say of themselves: ``make docs``.

A test compares the file with this, so that the page and the program never differ.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

from cloudmesh.plugin import catalogue, commands
from cloudmesh.plugin.usage import help_text

COMMANDS = (
    *("config", "cloud", "image", "flavor", "key", "lease", "secgroup", "ip", "network"),
    *("vm", "job", "ssh-config", "rest", "db", "batch"),
    *("help", "version", "completion", "plugin"),
)
PAGE = Path(__file__).parent / "commands.md"
TOP = """\
# The commands

This page shows the help of each command, as `cms NAME -h` prints it. It is made by `make docs`.

Exit codes: 0 all done, 1 a machine failed, 2 wrong usage or
unknown name, 3 configuration or credentials, 4 a cloud could not be reached or refused, 130 interrupted; 141
means that the reader of a pipe ended first, as in `cms vm list | head -1`. With `CLOUDMESH_DEBUG=1` an error
shows its traceback.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([TOP, *(section(name) for name in COMMANDS)])


def section(name: str) -> str:
    """What one command says of itself."""
    place = catalogue.places()[name][0]
    method = getattr(commands.load(place), place.method)
    text = textwrap.dedent(help_text(method.__doc__)).strip()
    return f"## cms {name}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

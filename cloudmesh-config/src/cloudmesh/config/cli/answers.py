"""``cms config edit`` and ``cms config import``: from the words of the command to its answer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudmesh.config.check.findings import Finding
from cloudmesh.config.editing.in_editor import edit_file
from cloudmesh.config.importers.importing import ImportOptions, import_file
from cloudmesh.config.secrets import show
from cloudmesh.plugin import Answer
from cloudmesh.plugin.adapter import tell

Arguments = Mapping[str, Any]


def edit(path: Path, arguments: Arguments) -> Answer:
    """Let the user edit the file; what is still wrong with it is told by number."""
    edited = edit_file(path, _again)
    if not edited.changed:
        return Answer(notes=[f"nothing was changed in {path}"])
    count = len(edited.findings)
    rest = f"; 'cms config check' has {count} finding{'s' if count != 1 else ''} on it" if count else ""
    return Answer(notes=[f"{path} is changed{rest}"])


def _again(errors: list[Finding]) -> bool:
    """Tell the errors, and ask at a terminal whether to go on; without one there is nobody to go on."""
    for error in errors:
        tell(str(error))
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    print("edit again? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return answer.strip().lower() in ("", "y", "yes") and answer.endswith("\n")


def take(path: Path, arguments: Arguments) -> Answer:
    """Import the clouds of a file; a row a cloud."""
    wish = ImportOptions(
        form=arguments["--format"],
        kind=arguments["--type"],
        name=arguments["--name"],
        force=arguments["--force"],
        dryrun=arguments["--dryrun"],
    )
    done = import_file(Path(arguments["FILE"]).expanduser(), path, wish)
    if (arguments["--output"] or "table") in ("table", "csv"):
        columns = ("cloud", "type", "key", "value", "action")
        return Answer(
            rows=_flat(done.rows), columns=columns, formats={"value": show.scalar}, notes=done.notes
        )
    return Answer(rows=done.rows, names="cloud", notes=done.notes)


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row a key, where a row a cloud would be too wide."""
    return [
        {**row, "key": key, "value": value}
        for row in rows
        for key, value in (row["keys"] or {None: None}).items()
    ]

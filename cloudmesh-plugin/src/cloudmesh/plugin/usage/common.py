"""The options that all commands share: ``-o``, ``-y``, ``-q`` and ``-h``, added to the text of a command.

The author of a command writes ``--output=FORMAT`` and ``--yes`` where they are taken. What is added to the
text, and so to help, completion and parsing alike, is

- the short form of ``--output``, ``--yes`` and ``--quiet``,
- ``--quiet`` in each line of the usage, and its help,
- the help of ``--help``, which the adapter itself obeys.

With ``--quiet`` the output is that of ``--output=names`` if no other is asked for, without notes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.plugin.output import Answer

#: The short forms. A command that uses one of these letters otherwise keeps its own meaning.
SHORT: Mapping[str, str] = {"--output": "-o", "--yes": "-y", "--quiet": "-q", "--help": "-h"}
_HELP = {"--quiet": "print no notes", "--help": "show this help"}
_NAMES_ONLY = "print names only: no table, notes or progress"
_QUIET = "[--quiet]"
_WIDTH = 80
# How notes begin that are shown with --quiet; of a command that failed, all but "note: ..." are.
_TOLD = ("error", "warning", "dry run")
# Where the help of an option begins if no option of the command tells.
_COLUMN = 18
# The title, the rest of its row, and the rows until a blank one.
_SECTION = r"^([ \t]*){}:(.*(?:\n(?!\s*$).*)*)"
_ROW = re.compile(r"^([ \t]*)(-\S.*?)(?:( {2,})(\S.*))?$", re.MULTILINE)


def completed(doc: str, name: str) -> str:
    """The text of the command ``name`` with the options that all commands share.

    A text without a usage is given back as it is.
    """
    usage = re.search(_SECTION.format("Usage"), doc, re.MULTILINE)
    if usage is None:
        return doc
    options = "\n".join(row[2] for row in _ROW.finditer(doc))
    taken = {
        option
        for option, letter in SHORT.items()
        if re.search(rf"(?<![\w-]){letter}\b", f"{usage[2]}\n{options}")
    }
    missing = [option for option in _HELP if option not in options and option not in taken]
    if "--quiet" not in taken:
        doc = doc[: usage.start(2)] + _quiet_lines(usage[2], name) + doc[usage.end(2) :]
    doc = _with_rows(doc, usage[1], missing, names="--output" in usage[2])
    return _ROW.sub(lambda row: _shortened(row, taken), doc)


def with_format(arguments: dict[str, Any], doc: str, words: Sequence[str]) -> dict[str, Any]:
    """The arguments of a call with ``--quiet``, which chooses the output unless the words do."""
    if "--output" not in arguments:
        return arguments
    from cloudmesh.plugin.usage.grammar import Usage
    from cloudmesh.plugin.usage.words import scan

    chosen = "--output" in scan(words, Usage(doc)).option_names
    return arguments if chosen else {**arguments, "--output": "names"}


def quieted(answer: Answer, form: str) -> None:
    """Leave out of an answer what ``--quiet`` does not show: notes, and from the names those that failed.

    Errors, and the reasons of a failure, are always shown.
    """
    notes = [note for note in answer.notes if note.startswith(_TOLD) or answer.exit_code]
    notes = [note for note in notes if not note.startswith("note: ")]
    if form == "names":
        told = "\n".join(notes)
        notes += [f"error: {error}" for error in answer.errors if str(error) not in told]
        answer.rows = [row for row in answer.rows if row.get("result") != "failed"]
    answer.notes = notes


def _quiet_lines(lines: str, name: str) -> str:
    """The lines of the usage, each of which takes ``--quiet``; the name of the command begins a line."""
    rows = lines.split("\n")
    begins = [at for at, row in enumerate(rows) if row.split()[:1] == [name]]
    for begin, end in reversed([*zip(begins, [*begins[1:], len(rows)], strict=True)]):
        if "--quiet" in "".join(rows[begin:end]):
            continue
        row = rows[end - 1]
        if len(row) + 1 + len(_QUIET) <= _WIDTH:
            rows[end - 1] = f"{row} {_QUIET}"
        else:
            indent = len(rows[begin]) - len(rows[begin].lstrip())
            rows.insert(end, " " * (indent + 8) + _QUIET)
    return "\n".join(rows)


def _with_rows(doc: str, indent: str, missing: list[str], names: bool) -> str:
    """The text with the help of these options at the end of its section of options.

    ``names``: whether the command has names to print.
    """
    section = re.search(_SECTION.format("Options"), doc, re.MULTILINE)
    told = _ROW.search(section[2]) if section else None
    # No option that is added is longer than --quiet.
    column = max(len(told[2] + told[3]), len("-q, --quiet  ")) if told and told[3] else _COLUMN
    told_as = {**_HELP, **({"--quiet": _NAMES_ONLY} if names else {})}
    rows = [_row(f"{indent}  ", f"{SHORT[option]}, {option}", column, told_as[option]) for option in missing]
    if section:
        return doc[: section.end()] + "".join(f"\n{row}" for row in rows) + doc[section.end() :]
    if not rows:
        return doc
    block = "\n".join([f"{indent}Options:", *rows])
    later = re.search(r"^[ \t]*(Description|Examples?):", doc, re.MULTILINE)
    if later:
        return f"{doc[: later.start()]}{block}\n\n{doc[later.start() :]}"
    return f"{doc.rstrip()}\n\n{block}\n"


def _shortened(row: re.Match[str], taken: set[str]) -> str:
    """The row of an option with its short form before it; its help stays where it was."""
    indent, option, gap, help = row.groups()
    name = re.match(r"--[\w-]+", option)
    if name is None or name[0] not in SHORT or name[0] in taken:
        return row[0]
    short = f"{SHORT[name[0]]}, {option}"
    return _row(indent, short, len(option + gap), help) if gap else indent + short


def _row(indent: str, options: str, column: int, help: str) -> str:
    """The row of an option, in two where its help would not begin two blanks after it."""
    blank = " " * (column - len(options)) if len(options) + 2 <= column else f"\n{indent}{' ' * column}"
    return f"{indent}{options}{blank}{help}"

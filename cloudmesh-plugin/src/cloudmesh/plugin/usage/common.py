"""The options that all commands share: ``-o``, ``-y``, ``-q`` and ``-h``, added to the text of a command.

The author of a command writes ``--output=FORMAT`` and ``--yes`` where they are taken. What is added to the
text, and so to help, completion and parsing alike, is

- the short form of ``--output``, ``--yes`` and ``--quiet``,
- ``--quiet`` in each line of the usage, and its help,
- the help of ``--help``, which the adapter itself obeys.

With ``--quiet`` the output is that of ``--output=names`` if no other is asked for, without notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.plugin.output import Answer

#: The short forms. A command that uses one of these letters otherwise keeps its own meaning.
SHORT: Mapping[str, str] = {"--output": "-o", "--yes": "-y", "--quiet": "-q", "--help": "-h"}
_HELP = {"--quiet": "print no notes", "--help": "show this help"}
_NAMES_ONLY = "print names only: no table, notes or progress"
_QUIET = "[--quiet]"
_WIDTH = 80
# Where the help of an option begins if no option of the command tells.
_COLUMN = 18
# How notes begin that are shown with --quiet; of a command that failed, all but "note: ..." are.
_TOLD = ("error", "warning", "dry run")
# The row of an option: its indentation, what it is called, the blanks after that, and its help.
_Row = tuple[str, str, str, str]
_SIGNS = str.maketrans(dict.fromkeys("[](),|=.", " "))


def completed(doc: str, name: str) -> str:
    """The text of the command ``name`` with the options that all commands share.

    A text without a usage is given back as it is. Each call of a command comes through here: it is read by
    rows, since to compile patterns for it would take longer.
    """
    rows = doc.split("\n")
    begin = _title(rows, "Usage:")
    if begin is None:
        return doc
    end = _end(rows, begin)
    options = {at: _read(row) for at, row in enumerate(rows) if row.lstrip().startswith("-")}
    heads = " ".join(head for _, head, _, _ in options.values()).translate(_SIGNS).split()
    usage = " ".join(rows[begin:end]).translate(_SIGNS).split()
    taken = {option for option, letter in SHORT.items() if letter in heads or letter in usage}
    missing = [option for option in _HELP if option not in heads and option not in taken]
    for at, row in options.items():
        option = row[1].translate(_SIGNS).split()[0]
        if option in SHORT and option not in taken:
            rows[at] = _renamed(row, f"{SHORT[option]}, {row[1]}")
    if "--quiet" not in taken:
        _add_quiet(rows, begin, end, name)
    _add_rows(rows, options, missing, begin, names="--output" in usage)
    return "\n".join(rows)


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


def _read(row: str) -> _Row:
    """The parts of the row of an option."""
    text = row.lstrip()
    head, blanks, rest = text.partition("  ")
    help = rest.lstrip(" ")
    gap = blanks + " " * (len(rest) - len(help)) if help else ""
    return row[: len(row) - len(text)], head, gap, help


def _renamed(row: _Row, name: str) -> str:
    """The row with another name of the option; its help stays where it was, or moves to the next row."""
    indent, head, gap, help = row
    column = len(head + gap)
    if not gap:
        return indent + name
    blanks = " " * (column - len(name)) if len(name) + 2 <= column else f"\n{indent}{' ' * column}"
    return f"{indent}{name}{blanks}{help}"


def _title(rows: Sequence[str], title: str) -> int | None:
    """The row in which a section begins; None if there is none."""
    return next((at for at, row in enumerate(rows) if row.lstrip().startswith(title)), None)


def _end(rows: Sequence[str], begin: int) -> int:
    """The row after the last one of the section that begins there."""
    return next((at for at in range(begin + 1, len(rows)) if not rows[at].strip()), len(rows))


def _add_quiet(rows: list[str], begin: int, end: int, name: str) -> None:
    """Let each line of the usage in these rows take ``--quiet``; the name of the command begins a line."""
    begins = [at for at in range(begin, end) if rows[at].replace("Usage:", "").split()[:1] == [name]]
    for first, after in zip(begins, [*begins[1:], end], strict=True):
        if any("--quiet" in row for row in rows[first:after]):
            continue
        row = rows[after - 1]
        indent = " " * (len(rows[first]) - len(rows[first].lstrip()) + 8)
        fits = len(row) + 1 + len(_QUIET) <= _WIDTH
        rows[after - 1] = f"{row} {_QUIET}" if fits else f"{row}\n{indent}{_QUIET}"


def _add_rows(
    rows: list[str], options: Mapping[int, _Row], missing: list[str], usage: int, names: bool
) -> None:
    """Add the help of these options to the end of the section of options, which is made if there is none.

    ``usage`` is the row in which the usage begins; ``names``: whether the command has names to print.
    """
    if not missing:
        return
    indent = rows[usage][: len(rows[usage]) - len(rows[usage].lstrip())]
    _, head, gap, _ = next(iter(options.values()), ("", "", "", ""))
    # No option that is added is longer than --quiet.
    column = max(len(head + gap), len("-q, --quiet  ")) if gap else _COLUMN
    helps = {**_HELP, **({"--quiet": _NAMES_ONLY} if names else {})}
    added = [f"{indent}  {SHORT[each] + ', ' + each:{column}}{helps[each]}" for each in missing]
    section = _title(rows, "Options:")
    if section is not None:
        rows[_end(rows, section) - 1] += "\n" + "\n".join(added)
        return
    block = "\n".join([f"{indent}Options:", *added])
    later = _title(rows, "Description:") or _title(rows, "Example")
    if later is not None:
        rows[later] = f"{block}\n\n{rows[later]}"
        return
    while rows and not rows[-1].strip():
        rows.pop()
    rows.append(f"\n{block}\n")

"""``Table``: the words that commands take, as plain data, and as the file from which shells complete.

The file has a line for each thing, with fields between tabs. Its first line says for which program and for
which configuration it was made, and where the program for awk is that reads it. Each ``watch`` is a file or
folder that is not newer than the table while the table is right. ``scripts/match.awk`` reads the same lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cloudmesh.plugin.plain import harmless

FORMAT = "#cloudmesh-completion 1"
MATCHER = Path(__file__).with_name("scripts") / "match.awk"
# The command "" is the program itself, with its options before any command.
PROGRAM = ""
# Stands before the kind of a value that may be left out.
LEFT_OUT = "["


class KnownOption(NamedTuple):
    """An option of a command.

    Attributes:
        name: with its dashes.
        kind: what its value is, see ``kinds``; ``?`` for any text, empty for an option without a value; with
            a ``[`` before it if the value may be left out.
        description: what it is for.
        short: the same option with one dash, or empty.
    """

    name: str
    kind: str
    description: str
    short: str

    @property
    def waits(self) -> bool:
        """Whether the next word is its value where none follows ``=``."""
        return bool(self.kind) and not self.kind.startswith(LEFT_OUT)


class TableRow(NamedTuple):
    """A choice of a usage without brackets.

    Attributes:
        tokens: ``word``, ``<kind>`` for one value, ``<kind>+`` for one or more.
        options: names, with a ``+`` if the option may be given again.
        careful: whether it deletes or replaces something.
    """

    tokens: tuple[str, ...]
    options: tuple[str, ...]
    careful: bool


@dataclass
class Table:
    """What completion knows of commands and of the configuration.

    Attributes:
        key: the folder of the program that made it, and ``$CLOUDMESH_CONFIG`` at that time.
        matcher: the file of the program for awk.
        watched: the files and folders whose change makes it obsolete.
        commands: their names, with what they are for.
        verbs: what sub-commands are for, by their words: ``vm start``.
        options: the options of each command by their names; those of a sub-command (``vm list``) whose value
            is of another kind there.
        rows: the usage of each command.
        clouds: the active clouds, and whether each is used when none is named.
        settings: the dotted keys of the configuration.
    """

    key: tuple[str, str] = ("", "")
    matcher: str = ""
    watched: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)
    verbs: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, KnownOption]] = field(default_factory=dict)
    rows: dict[str, list[TableRow]] = field(default_factory=dict)
    clouds: dict[str, bool] = field(default_factory=dict)
    settings: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The lines of the file."""
        lines: list[Iterable[str]] = [[FORMAT, *self.key, self.matcher]]
        lines += [["watch", each] for each in self.watched]
        lines += [["command", *each] for each in self.commands.items()]
        lines += [["verb", *each] for each in self.verbs.items()]
        for command, options in self.options.items():
            lines += [["option", command, *each] for each in options.values()]
        for command, rows in self.rows.items():
            for row in rows:
                careful = "!" if row.careful else ""
                lines.append(["row", command, " ".join(row.tokens), " ".join(row.options), careful])
        lines += [["cloud", name, "1" if default else ""] for name, default in self.clouds.items()]
        lines += [["setting", key] for key in self.settings]
        lines.append(["end"])
        return "".join("\t".join(map(harmless, line)) + "\n" for line in lines)

    @classmethod
    def of(cls, text: str) -> Table:
        """The table that a file holds; what is not understood in it is left out."""
        table = cls()
        for line in text.split("\n"):
            match line.split("\t"):
                case [head, program, config, matcher] if head == FORMAT:
                    table.key, table.matcher = (program, config), matcher
                case ["watch", path]:
                    table.watched.append(path)
                case ["command", name, description]:
                    table.commands[name] = description
                case ["verb", words, description]:
                    table.verbs[words] = description
                case ["option", command, name, kind, description, short]:
                    known = KnownOption(name, kind, description, short)
                    table.options.setdefault(command, {})[name] = known
                case ["row", command, tokens, options, careful]:
                    row = TableRow(tuple(tokens.split()), tuple(options.split()), bool(careful))
                    table.rows.setdefault(command, []).append(row)
                case ["cloud", name, default]:
                    table.clouds[name] = bool(default)
                case ["setting", key]:
                    table.settings.append(key)
        return table

"""``complete``: what may stand in place of the word that is being typed.

``scripts/match.awk`` does the same without Python; ``tests/completion`` compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cloudmesh.cms.completion.table import LEFT_OUT, PROGRAM, KnownOption, Table, TableRow

Names = Mapping[tuple[str, str], Sequence[tuple[str, str]]]


class Candidate(NamedTuple):
    """A whole word in place of the typed one, without quotes; one that ends in ``=`` is continued.

    Attributes:
        text: the word.
        description: what it is, for a person; may be empty.
    """

    text: str
    description: str = ""


def complete(words: Sequence[str], current: str) -> list[Candidate]:
    """The candidates for a word; none where nothing is known. Never raises.

    Args:
        words: the words before it, as a command gets them: ``["vm", "stop"]``; none for the command itself.
        current: what has been typed of it, without quotes; empty for nothing.
    """
    from cloudmesh.cloud.store import names_file
    from cloudmesh.cms.completion import place
    from cloudmesh.plugin.variables import variable

    return Line(place.table(), names_file.read(), words, variable("cloud") or "").candidates(current)


@dataclass
class Line:
    """The words before the one that is completed, and what they leave open.

    Attributes:
        table: the usage of all commands.
        names: names of what clouds have, by kind and cloud.
        words: the words.
        clouds: the variable ``cloud`` of the shell.
    """

    table: Table
    names: Names
    words: Sequence[str]
    clouds: str = ""
    command: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.positionals: list[str] = []
        self.given: dict[str, list[str]] = {}
        self.waiting: str = ""
        self.options_end = False
        rest = list(self.words)
        while rest and self.command is None:
            rest = self._take(rest, PROGRAM)
            if self.positionals:
                self.command = self.positionals.pop()
                self.given = {}
        while rest:
            rest = self._take(rest, self.command or PROGRAM)
        # The help of a command takes its sub-commands, and nothing else that stands there.
        self.only_words = self.command == "help" and bool(self.positionals)
        if self.only_words:
            self.command = self.positionals.pop(0)

    def _take(self, rest: list[str], command: str) -> list[str]:
        """Read the first of these words, with the value of an option; give the others."""
        word, *rest = rest
        if self.options_end or not word.startswith("-") or word == "-":
            self.positionals.append(word)
            return rest
        if word == "--":
            self.options_end = True
            return rest
        typed, sign, value = word.partition("=")
        options = self.table.options.get(command, {})
        option = options.get(typed) or next((each for each in options.values() if each.short == typed), None)
        values = self.given.setdefault(option.name if option else typed, [])
        if sign:
            values.append(value)
        elif option and option.waits:
            if not rest:
                self.waiting = option.name
            values += rest[:1]
            return rest[1:]
        return rest

    def candidates(self, current: str) -> list[Candidate]:
        """What may stand in place of ``current``, each once."""
        command = self.command if self.command is not None else PROGRAM
        rows = [row for row in self.table.rows.get(command, ()) if self._fits(row)]
        options = self.table.options.get(command, {})
        name, sign, typed = current.partition("=")
        is_option = current.startswith("-") and not self.options_end
        found: Iterable[Candidate]
        if self.waiting:
            found = self._values([self._kind(self.waiting)], current)
        elif is_option and self.only_words:
            found = []
        elif is_option and sign:
            offered = {each.rstrip("+") for row in rows for each in row.options}
            kinds = [self._kind(name)] if name in offered and name in options else []
            found = (Candidate(f"{name}={text}", more) for text, more in self._values(kinds, typed))
        elif is_option:
            found = self._options(rows, options.values(), current)
        elif self.command is None:
            found = self._values(["command"], current)
        else:
            found = self._next(rows, current)
            if not current and not found and not self.only_words:
                found = list(self._options(rows, options.values(), ""))
        kept = {each.text: each for each in reversed(list(found))}
        result = list(reversed(kept.values()))
        if len(result) == 1 and current in ("", "-", "--") and self._is_careful(rows):
            # One machine, or --yes: what deletes is to be typed.
            return []
        return result

    def _kind(self, name: str) -> str:
        """The kind of the value of an option, which may be another one in the sub-command."""
        own = self.table.options.get(f"{self.command} {' '.join(self.positionals[:1])}", {}).get(name)
        return (own or self.table.options[self.command or PROGRAM][name]).kind.removeprefix(LEFT_OUT)

    def _is_careful(self, rows: Iterable[TableRow]) -> bool:
        return any(row.careful and (self.positionals or self.waiting) for row in rows)

    def _fits(self, row: TableRow) -> bool:
        """Whether the words may be those of a row."""
        allowed = {each.rstrip("+") for each in row.options}
        return allowed.issuperset(self.given) and self._expected(row) is not None

    def _expected(self, row: TableRow) -> list[str] | None:
        """The tokens that may come next; None if the words are others."""
        at, taken = 0, False
        for word in self.positionals:
            if taken and row.tokens[at + 1 : at + 2] == (word,):
                at, taken = at + 2, False
                continue
            if at >= len(row.tokens):
                return None
            token = row.tokens[at]
            if not token.startswith("<") and token != word:
                return None
            taken = token.endswith(">+")
            at += not taken
        return list(row.tokens[at : at + 1 + taken])

    def _next(self, rows: Sequence[TableRow], current: str) -> list[Candidate]:
        """Sub-commands and values for the place after the words."""
        expected = list(dict.fromkeys(token for row in rows for token in self._expected(row) or ()))
        told = " ".join([str(self.command), *self.positionals])
        found = [
            Candidate(token, self.table.verbs.get(f"{told} {token}", ""))
            for token in expected
            if not token.startswith("<") and token.startswith(current)
        ]
        kinds = [token.rstrip("+")[1:-1] for token in expected if token.startswith("<")]
        return [*found, *self._values([] if self.only_words else kinds, current)]

    def _options(
        self, rows: Iterable[TableRow], options: Iterable[KnownOption], current: str
    ) -> Iterator[Candidate]:
        """The options of these rows that are not given, or may be given again."""
        offered = {each for row in rows for each in row.options}
        for option in options:
            texts = [f"{option.name}=" if option.kind and option.name.startswith("--") else option.name]
            if option.kind and not option.waits:
                texts.insert(0, option.name)
            again = f"{option.name}+" in offered
            wanted = again or (option.name in offered and option.name not in self.given)
            if wanted:
                yield from (Candidate(text, option.description) for text in texts if text.startswith(current))

    def _values(self, kinds: Iterable[str], typed: str) -> Iterator[Candidate]:
        """The values of these kinds that begin as typed; of a list, those after its last comma."""
        for kind in kinds:
            head, item = "", typed
            if kind.endswith(",") and (comma := re.match(r".*,(?![^\[]*\])", typed)):
                head, item = comma[0], typed[comma.end() :]
            taken = {*head.split(","), *(word for each in self.positionals for word in each.split(","))}
            for text, description in self._of_kind(kind.rstrip(","), item):
                exact = head and text.startswith("=")
                if text.startswith(item) and text not in taken and not exact:
                    yield Candidate(head + text, description)

    def _of_kind(self, kind: str, item: str) -> Iterable[tuple[str, str]]:
        table = self.table
        if "|" in kind:
            return [(text, "") for text in kind.split("|") if text]
        if kind in ("file", "folder"):
            return _paths(item, kind == "folder")
        if kind == "command":
            return table.commands.items()
        if kind == "cloud":
            return [(name, "default" if default else "") for name, default in table.clouds.items()]
        if kind.startswith("setting"):
            return [(key + kind[len("setting") :], "") for key in table.settings]
        return self._named(kind, item)

    def _named(self, kind: str, item: str) -> Iterator[tuple[str, str]]:
        """Names on the clouds that are meant; a machine elsewhere has its cloud before its name."""
        given = ",".join(self.given.get("--cloud", ()))
        meant = given or self.clouds
        if meant and not set(meant) & set("*?["):
            usual = meant.split(",")
        else:
            default = [name for name, is_default in self.table.clouds.items() if is_default and not meant]
            usual = default or list(self.table.clouds)
        for (of_kind, cloud), entries in self.names.items():
            if of_kind != kind or (cloud and cloud not in self.table.clouds):
                continue
            here = not cloud or cloud in usual
            for word, description in entries:
                if here:
                    yield word, description or cloud
                if kind == "machine" and (item.startswith(f"{cloud}:") or not (here or given)):
                    yield f"{cloud}:{word}", cloud


def _paths(typed: str, only_folders: bool) -> Iterator[tuple[str, str]]:
    """Files and folders that begin as typed; hidden ones only after a dot."""
    before, slash, name = typed.rpartition("/")
    try:
        folder = Path(before + slash or ".").expanduser()
        found = sorted(folder.iterdir())
        for each in found:
            if each.name.startswith(".") and not name.startswith("."):
                continue
            if each.is_dir():
                yield f"{before}{slash}{each.name}/", ""
            elif not only_folders:
                yield f"{before}{slash}{each.name}", ""
    except (OSError, RuntimeError, ValueError):
        return

"""Makes the ``Table``: from the usage of all commands, and from the configuration."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from cloudmesh.cms.completion.kinds import is_careful, kind_of
from cloudmesh.cms.completion.rows import Row, rows_of
from cloudmesh.cms.completion.table import LEFT_OUT, MATCHER, PROGRAM, KnownOption, Table, TableRow
from cloudmesh.plugin import catalogue, commands
from cloudmesh.plugin.errors import CloudmeshError, UnknownName

# Of a description.
_LONGEST = 72
_MOST_SETTINGS = 5_000


def make(program: str, config: str) -> Table:
    """The table for the program in this folder, and for this ``$CLOUDMESH_CONFIG``. Never raises.

    A command that cannot be loaded is there without its words; a configuration that cannot be read has no
    clouds.
    """
    from cloudmesh.cms.overview import summary
    from cloudmesh.cms.usage import HELP

    table = Table(key=(program, config), matcher=str(MATCHER))
    _add_usage(table, PROGRAM, HELP)
    places = catalogue.places()
    for name, (place, *_) in places.items():
        table.commands[name] = ""
        # What others' modules do and print while they are imported is not for a line that is being typed.
        with contextlib.suppress(Exception, SystemExit), contextlib.redirect_stdout(io.StringIO()):
            try:
                method = getattr(commands.load(place), place.method)
            except UnknownName:
                # It only looked like one.
                del table.commands[name]
                continue
            table.commands[name] = _short(summary(name, method))
            _add_usage(table, name, method.__doc__ or "")
    with contextlib.suppress(CloudmeshError, OSError):
        _add_configuration(table)
    table.watched = list(_watched(places.values()))
    return table


def _add_usage(table: Table, command: str, doc: str) -> None:
    """Bring the usage of a command into the table; raises what docopt raises for one that it cannot read."""
    from cloudmesh.plugin.usage.grammar import Usage

    usage = Usage(doc)
    metavars = {option.name: usage.metavar(option.name) for option in usage.options}
    options = table.options.setdefault(command, {})
    rows = table.rows.setdefault(command, [])
    arguments = {option.name: option.argcount for option in usage.options}
    shorts = {option.name: option.short or "" for option in usage.options}
    for line in usage.lines:
        for row in rows_of(line.pattern, usage.docopt, usage.described):
            words = [token.name for token in row.tokens if token.is_word]
            for name, _ in row.options:
                help = usage.helps.get(name, "")
                kind = kind_of(command, words, name, metavars[name], help) if arguments[name] else ""
                kind = LEFT_OUT + kind if name in usage.optional else kind
                short = shorts[name] if shorts[name] != name else ""
                known = KnownOption(name, kind, _short(help), short)
                if options.setdefault(name, known).kind != kind and words:
                    table.options.setdefault(f"{command} {words[0]}", {})[name] = known
            rows.append(_table_row(command, words, row))
    for verb, text in _verb_helps(command, doc.replace(usage.text, ""), rows):
        table.verbs[verb] = _short(text)


def _table_row(command: str, words: list[str], row: Row) -> TableRow:
    tokens = (
        token.name
        if token.is_word
        else f"<{kind_of(command, words, '', token.name)}>{'+' if token.repeated else ''}"
        for token in row.tokens
    )
    options = (option.name + ("+" if option.repeated else "") for option in row.options)
    return TableRow(tuple(tokens), tuple(options), is_careful(words))


def _verb_helps(command: str, doc: str, rows: Iterable[TableRow]) -> Iterator[tuple[str, str]]:
    """What the help says of each sub-command, where a line begins with its words; with the indented rest."""
    for words in dict.fromkeys(_words(row) for row in rows):
        for end in range(1, len(words) + 1):
            told = " ".join([command, *words[:end]])
            started = rf"^(?P<indent>[ ]*){re.escape(told)}(?:[ ]{{2,}}|\n(?P=indent)[ ]+)(?P<text>\S.*"
            if found := re.search(rf"{started}(?:\n(?P=indent)[ ]+\S.*)*)", doc, re.MULTILINE):
                yield told, " ".join(found["text"].split())


def _words(row: TableRow) -> tuple[str, ...]:
    return tuple(token for token in row.tokens if not token.startswith("<"))


def _short(text: str) -> str:
    """The first clause of a description."""
    text = re.split(r";( |$)| \[default| {2,}", text, maxsplit=1)[0].strip().rstrip(":,")
    if text.count("(") > text.count(")"):
        # The clause ended within them.
        text = text.rpartition("(")[0].rstrip()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3].rstrip() + "..."


def _add_configuration(table: Table) -> None:
    """Bring the clouds and the keys of the configuration into the table, and no value of it."""
    from cloudmesh.config import Config
    from cloudmesh.config.secrets.prompt import RefusingPrompter
    from cloudmesh.config.yaml import keys

    config = Config.load(prompter=RefusingPrompter())
    for parts, _ in keys.flatten(config.data):
        if len(table.settings) < _MOST_SETTINGS:
            table.settings.append(keys.join(parts))
    table.clouds = dict.fromkeys(config.active_clouds(), False)
    table.clouds |= dict.fromkeys(config.default_clouds(), True)


def _watched(places: Iterable[Iterable[Any]]) -> Iterator[str]:
    """What is newer than the table once it is obsolete: packages, commands, and the configuration."""
    import cloudmesh
    from cloudmesh.config.settings import places as of_config

    site = [each for each in sys.path if Path(each).name in ("site-packages", "dist-packages")]
    files = [str(place.file) for each in places for place in each]
    own = [*site, *cloudmesh.__path__, *files, str(of_config.config_file())]
    yield from dict.fromkeys(map(os.path.abspath, own))

"""``cms config``: the configuration file from the shell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudmesh.plugin import Answer, CloudmeshError, UsageError, command
from cloudmesh.shell.command import PluginCommand

VERBS = ("check", "get", "init", "list", "path", "set")
Arguments = Mapping[str, Any]


class ConfigCommand(PluginCommand):  # type: ignore[misc]
    """The command ``config``."""

    @command
    def do_config(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            config init
            config path
            config list [--secrets] [--output=FORMAT]
            config get KEY [--secrets] [--output=FORMAT]
            config set ASSIGNMENT
            config check [--output=FORMAT]

          Arguments:
            KEY         parts joined by dots, such as clouds.uc.host; the items of
                        a list are counted from 0; a part that holds a dot is in
                        double quotes: 'clouds."my.cloud".host'
            ASSIGNMENT  KEY=VALUE, or KEY alone: then the value is asked for

          Options:
            --secrets        show passwords, tokens and keys, which are *** else
            --output=FORMAT  table, json, yaml, csv or names

          Description:
            config init
              writes a first class.yaml with one simulated cloud, never over an
              existing file

            config path
              prints which file is used: CLOUDMESH_CONFIG, else class.yaml in
              CLOUDMESH_CONFIG_DIR, else ~/.cloudmesh/class.yaml

            config list
              prints all keys and values in the order of the file

            config get
              prints one value as it is, or a section as rows

            config set
              changes one value and nothing else in the file: comments, order
              and quotes stay. A text stays a text (5.10, no), a list is written
              [a, b]. With KEY alone the value is asked for without showing it,
              or read as a line of stdin: so a secret is in no process list and
              in no history

            config check
              prints what is wrong, one finding a line; the exit code is 3 if
              there is an error, 0 if there are only warnings

          Examples:
            cms config get clouds.uc.host
            cms config set clouds.uc.default.flavor=m1.tiny
            cms config set clouds.uc.credentials.OS_PASSWORD
            cms config list --output=json
        """
        from cloudmesh.config.places import config_file

        verbs = {"init": _init, "path": _path, "list": _list, "get": _get, "set": _set, "check": _check}
        verb = next(verb for verb in VERBS if arguments[verb])
        return verbs[verb](config_file(), arguments)

    def complete_config(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """The sub-commands, and after get and set the keys of the file."""
        words = line[:begidx].split()
        if len(words) <= 1:
            return [verb for verb in VERBS if verb.startswith(text)]
        return _keys(text) if words[1] in ("get", "set") and len(words) == 2 else []


def _init(path: Path, arguments: Arguments) -> Answer:
    from cloudmesh.config import starter

    starter.write(path)
    return Answer(text=f"{path} is written, with one simulated cloud 'local', which runs no real machine")


def _path(path: Path, arguments: Arguments) -> Answer:
    return Answer(text=str(path))


def _list(path: Path, arguments: Arguments) -> Answer:
    from cloudmesh.config import reader

    return _rows(reader.load(path), (), arguments["--secrets"])


def _get(path: Path, arguments: Arguments) -> Answer:
    from cloudmesh.config import keys, show
    from cloudmesh.config.config import Config

    parts = tuple(keys.split(arguments["KEY"]))
    value = Config.load(path).get(arguments["KEY"])
    form = arguments["--output"] or "table"
    if form in ("json", "yaml"):
        return Answer(text=show.document(show.masked(parts, value, arguments["--secrets"]), form))
    if isinstance(value, dict | list):
        return _rows(value, parts, arguments["--secrets"])
    if form == "table":
        return Answer(text=show.scalar(show.masked(parts, value, arguments["--secrets"])))
    return _rows(value, parts, arguments["--secrets"])


def _rows(value: Any, parts: tuple[str, ...], secrets: bool) -> Answer:
    from cloudmesh.config import keys, show

    rows = [
        {"key": keys.join(below), "value": show.masked(below, item, secrets)}
        for below, item in keys.flatten(value, parts)
    ]
    return Answer(rows=rows, columns=("key", "value"), names="key", formats={"value": show.scalar})


def _set(path: Path, arguments: Arguments) -> Answer:
    import sys

    from cloudmesh.config import disk, edit, keys

    word = arguments["ASSIGNMENT"]
    key, value = keys.split_assignment(word)
    parts = keys.split(key)
    notes = []
    if value is None:
        disk.read(path)
        value = _ask(key)
    elif keys.hidden(parts) and word in sys.argv:
        notes.append(
            f"the value of {key} was visible in the process list and may be in your shell's history; "
            f"'cms config set {key}' asks for it instead"
        )
    edit.set_value(path, key, value)
    return Answer(notes=[f"{keys.join(parts)} is set in {path}", *notes])


def _ask(key: str) -> str:
    """The value from the terminal, not shown there, or else one line of stdin."""
    import getpass
    import sys

    if sys.stdin.isatty():
        try:
            return getpass.getpass(f"{key}: ")
        except EOFError:
            line = ""
    else:
        line = sys.stdin.readline()
    if not line:
        raise UsageError(f"no value for {key} came; type one, or give a line on stdin")
    return line.removesuffix("\n").removesuffix("\r")


def _check(path: Path, arguments: Arguments) -> Answer:
    from dataclasses import asdict

    from cloudmesh.config.check import check

    findings = check(path)
    code = 3 if any(finding.level == "error" for finding in findings) else 0
    if (arguments["--output"] or "table") == "table":
        text = "\n".join(str(finding) for finding in findings) or f"{path}: no findings"
        return Answer(text=text, exit_code=code)
    rows = [asdict(finding) for finding in findings]
    columns = ("level", "path", "line", "message", "remedy")
    return Answer(rows=rows, columns=columns, names="message", exit_code=code)


def _keys(text: str) -> list[str]:
    """The dotted keys of the file that begin with the text; none if there is no file to use."""
    from cloudmesh.config import keys, places, reader

    try:
        data = reader.load(places.config_file())
    except CloudmeshError:
        return []
    return [key for parts, _ in keys.flatten(data) if (key := keys.join(parts)).startswith(text)]

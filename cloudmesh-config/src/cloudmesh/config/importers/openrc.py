"""The shell file that OpenStack's dashboard gives out (``openrc.sh``): parsed, never run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cloudmesh.config.check.rules import TO_BE_DEFINED
from cloudmesh.config.importers.found import FoundCloud, ImportedClouds, harmless_value, openstack_section
from cloudmesh.config.importers.shell_words import OpenQuoteError, Word, commands
from cloudmesh.config.yaml.config_file import FileError

_ASSIGNMENT = re.compile(r"(OS_[A-Z0-9_]+)=(.*)", re.DOTALL)
_LOOKS_SO = re.compile(r"^\s*(export\s+)?OS_[A-Z0-9_]+=", re.MULTILINE)
_BEFORE_A_COMMAND = {"if", "then", "else", "elif", "do", "while", "until", "{", "!"}
_BEFORE_ASSIGNMENTS = {"export", "declare", "typeset", "local", "readonly"}
_TYPED = re.compile(r"\$\{?(\w+)\}?")


def recognises(text: str, data: Any) -> bool:
    """Whether this is such a file: a line sets a variable of OpenStack."""
    return bool(_LOOKS_SO.search(text))


def harvest(path: Path, text: str) -> ImportedClouds:
    """The one cloud of the file, named by its project; raises FileError if a quote is never closed."""
    script = _Script()
    try:
        for words in commands(text):
            script.take(words)
    except OpenQuoteError as error:
        raise FileError(path, error.line, "a quote is opened and never closed", "close it") from None
    values = {key: value for key, value in script.values.items() if value}
    values = {key: harmless_value(key, value, script.notes) for key, value in values.items()}
    if not values:
        return ImportedClouds([])
    name = next((values[key] for key in ("OS_PROJECT_NAME", "OS_TENANT_NAME") if key in values), "")
    section = openstack_section(values)
    return ImportedClouds([FoundCloud("" if name == TO_BE_DEFINED else name, section, notes=script.notes)])


class _Script:
    """The variables as the commands seen so far leave them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.notes: list[str] = []
        self.typed: set[str] = set()

    def take(self, words: list[Word]) -> None:
        """One command: an assignment, ``unset`` or ``read``; anything else means nothing here."""
        conditional = False
        while words and words[0].text in _BEFORE_A_COMMAND:
            words, conditional = words[1:], True
        first = words[0].text if words else ""
        if first == "read":
            self.typed.update(word.text for word in words[1:] if word.text.isidentifier())
        elif first == "unset" and not conditional:
            for word in words[1:]:
                self.values.pop(word.text, None)
        else:
            for word in words:
                if word.text in _BEFORE_ASSIGNMENTS or word.text.startswith("-"):
                    continue
                if not (match := _ASSIGNMENT.fullmatch(word.text)):
                    break
                # What is set only on a condition is taken where nothing else is known.
                if not (conditional and self.values.get(match[1])):
                    self.values[match[1]] = self._value(match[1], match[2], word.computed)

    def _value(self, key: str, text: str, computed: bool) -> str:
        if not computed:
            return text
        variable = _TYPED.fullmatch(text)
        if not (variable and variable[1] in self.typed):
            self.notes.append(f"{key} is computed by the shell, which is not run; it becomes {TO_BE_DEFINED}")
        return TO_BE_DEFINED

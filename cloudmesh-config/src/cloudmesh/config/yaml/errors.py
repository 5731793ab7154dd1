"""What is wrong with a YAML text, in our own sentences: the parser's quote the text, which holds secrets.

A sentence is chosen by the kind of the error and by the signs at the two places that the parser tells: where
it gave up, and where the thing began that it was reading. Its English is not looked at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml.composer import ComposerError, MaxDepthExceededError
from ruamel.yaml.constructor import ConstructorError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.parser import ParserError
from ruamel.yaml.reader import ReaderError

from cloudmesh.config.yaml import limits
from cloudmesh.config.yaml.config_file import FileError
from cloudmesh.config.yaml.limits import Sentence

_LONGEST_KEY = 1024
_QUOTE = "put the whole value in quotes"
# Signs that cannot begin a bare value.
_RESERVED = frozenset("@`%|>&*,]}?-")
_BACKSLASH = re.compile(r"\\.{0,8}\Z")

_ALIAS = (
    "a value begins with * (an alias), and no anchor (&) of that name is above it",
    f"{_QUOTE}, or define the anchor",
)
_SECOND = ("a second document begins", "keep one in the file, and no lines '---' or '...' but the first")
_MERGED = ("<< merges something that is not a section", "give it the alias of a section, such as <<: *name")
_TAG = (
    "a value begins with ! (a tag) that has no meaning here or promises another kind of value",
    "put the value in quotes, or remove the tag",
)
_TAB = ("a tab is used where only spaces are allowed", "indent with blanks")
_DIRECTIVE = ("this line begins with %, but is not a directive of YAML 1", "remove it")
_OPEN_QUOTE = ("a quote is opened here and never closed", "close it")
_ESCAPE = (
    "a backslash in double quotes begins an unknown escape sequence",
    "use single quotes, or write the backslash twice",
)
_OPEN_BRACKET = (
    "a bracket or brace is opened here and not closed, or a comma is missing inside it",
    "close it, and put values that hold brackets, braces or colons in quotes",
)
_MORE = (
    "there is unexpected text after the end of a value",
    f'{_QUOTE}, and write each double quote inside as \\", or fix its indentation',
)
_NO_COLON = (
    "this line has no colon",
    "write it as 'key: value', or indent it if it continues the value above",
)
_MISFIT = (
    "this line does not belong to the section or list above it",
    "write 'key: value' or '- item' lines, and indent those that belong together alike, with spaces",
)
_SECOND_COLON = ("there is a second colon in one value", "put the value in quotes")
_LONG_KEY = (f"a key is longer than {_LONGEST_KEY} characters", "use a shorter one")
_CONTINUED = (
    "this line is read as part of the value above it",
    "indent the keys of a section alike, and write a colon and a space after each key",
)
_OTHERWISE = (
    "this is not valid YAML",
    "check indentation, colons, brackets and quotes here and one line above",
)


def fault(error: YAMLError, text: str, path: Path) -> FileError:
    """The error with its line and a fixed sentence on what is wrong there."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return FileError(path, line, "there is a control character", "restore the file, or delete it there")
    if isinstance(error, limits.OwnYamlError):
        return _at(error.problem_mark, text, path, error.sentence)
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return FileError(path, None, *_OTHERWISE)
    if isinstance(error, MaxDepthExceededError):
        return _at(error.problem_mark, text, path, limits.TOO_DEEP)
    mark, sentence = _explained(error, text)
    return _at(mark, text, path, sentence)


def too_deep(text: str, path: Path) -> FileError:
    """The error for too many levels, with the line of the first one that is too many."""
    try:
        limits.refuse_events(text)
    except limits.BoundsError as error:
        return fault(error, text, path)
    return FileError(path, None, "sections are nested too deep", "write the file with fewer levels")


def _explained(error: MarkedYAMLError, text: str) -> tuple[Any, Sentence]:
    """Which place to tell, and what is wrong there."""
    end, began = error.problem_mark, error.context_mark or error.problem_mark
    before, sign = _around(text, end)
    opening = _around(text, began)[1]
    composed, built, parsed = (
        isinstance(error, kind) for kind in (ComposerError, ConstructorError, ParserError)
    )
    reserved = next((each for each in (opening, sign) if each in _RESERVED), "")
    # A section whose first key is in quotes begins with one, too; only the scanner reads inside of them.
    in_quotes = opening in ("'", '"') and not parsed
    is_escape = bool(sign and _BACKSLASH.search(before + sign))
    cases: tuple[tuple[object, Any, Sentence], ...] = (
        (composed and sign == "*", end, _ALIAS),
        (composed, end, _SECOND),
        (built and "<<" in before, end, _MERGED),
        (built and sign in ("[", "{"), end, limits.UNHASHABLE),
        (built, end, _TAG),
        (in_quotes and is_escape, end, _ESCAPE),
        (in_quotes, began, _OPEN_QUOTE),
        (opening in ("[", "{") or (parsed and not sign), began, _OPEN_BRACKET),
        (opening == "%" and not began.column, end, _DIRECTIVE),
        (sign == "\t", end, _TAB),
        (opening == "!", end, _TAG),
        (_is_block(error, opening) and before.strip(), end, _MORE),
        (_is_block(error, opening), end, _MISFIT),
        (sign == ":", end, _unexpected_colon(before)),
        (reserved, end, (f"a value begins with {reserved}", f"{_QUOTE}, or begin a list on the next line")),
        (error.context_mark and not parsed, began, _NO_COLON),
    )
    return next(((mark, sentence) for fits, mark, sentence in cases if fits), (end, _MISFIT))


def _is_block(error: MarkedYAMLError, opening: str) -> bool:
    """Whether the parser was inside a section or list of lines, whose first sign is ``opening``."""
    is_inside = isinstance(error, ParserError) and error.context_mark is not None
    return is_inside and opening not in _RESERVED - {"-"}


def _around(text: str, mark: Any) -> tuple[str, str]:
    """What stands on the line before a place, and the sign there; empty at the end of the text."""
    lines = text.split("\n", mark.line + 1)
    line = lines[mark.line] if mark.line < len(lines) else ""
    at_end = not "".join(lines[mark.line :])[mark.column :].strip()
    return line[: mark.column], "" if at_end else line[mark.column : mark.column + 1] or "\n"


def _unexpected_colon(before: str) -> Sentence:
    """What a colon means where no key can be: the text before it on the line tells."""
    if re.search(r":\s", re.sub(r"\"[^\"]*\"|'[^']*'", "", before)):
        return _SECOND_COLON
    return _LONG_KEY if len(before) > _LONGEST_KEY else _CONTINUED


def _at(mark: Any, text: str, path: Path, sentence: Sentence) -> FileError:
    """The error with its place; the end of the text counts to its last line."""
    message, remedy = sentence
    line = min(mark.line, text.rstrip("\n").count("\n")) + 1
    column = f" (column {mark.column + 1})" if line == mark.line + 1 and mark.column else ""
    return FileError(path, line, f"{message}{column}", remedy)

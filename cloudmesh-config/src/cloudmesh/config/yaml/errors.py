"""What is wrong with a YAML text, in our own sentences: the parser's quote the text, which holds secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from cloudmesh.config.yaml import limits, loader
from cloudmesh.config.yaml.config_file import FileError

DUPLICATE = ("this section has the same key already", "remove one of the two")
_LONGEST_KEY = 1024
_QUOTE = "put the whole value in quotes"
_OTHERWISE = ("this is no YAML", "look at indentation, colons, brackets and quotes here and one line above")


@dataclass(frozen=True)
class _Sentence:
    """What the parser's problem and context begin with or hold, and what is said of it.

    ``at_context``: the place to tell is where the thing began, not where the parser gave up.
    """

    problem: str
    message: str
    remedy: str
    context: str = ""
    at_context: bool = False


_UNCLOSED = "a quote is opened here and never closed"
_TAG = (
    "a value begins with ! (a tag) that has no meaning here",
    "put the value in quotes, or remove the tag",
)
_ENDED = "more follows where a value has ended"
_BLOCK = ("text follows | or > on the same line", f"begin the text on the next line, or {_QUOTE}")
_DIRECTIVE = ("a line that begins with % is no directive of YAML", "remove it")
_ALIAS = ("a value begins with & or *, but with no anchor or alias", _QUOTE)
_SECOND = ("a second document begins", "keep one in the file, and no lines '---' or '...' but the first")
_OTHER_KIND = (
    "a tag (!!) promises another kind of value than there is",
    "remove the tag, or put the value in quotes",
)
_MERGED = ("<< merges something that is no section", "give it the alias of a section, such as <<: *name")
# The first that fits is said.
_SENTENCES = (
    _Sentence("found character '\\t'", "a tab stands where only blanks can", "indent with blanks"),
    _Sentence("found a tab character", "a tab stands where only blanks can", "indent with blanks"),
    _Sentence("found character", "a value begins with @, `, %, | or >", _QUOTE),
    _Sentence("found unexpected end of stream", _UNCLOSED, "close it", at_context=True),
    _Sentence("found unexpected document", _UNCLOSED, "close it", at_context=True),
    _Sentence(
        "found undefined alias",
        "a value begins with * (an alias), and no anchor (&) of that name is above it",
        f"{_QUOTE}, or define the anchor",
    ),
    _Sentence("expected", *_DIRECTIVE, context="directive"),
    _Sentence("expected alphabetic", *_ALIAS),
    _Sentence("did not find expected alphabetic", *_ALIAS),
    _Sentence(loader.NO_VARIABLE, "after !env there is no name of a variable", "write it as: !env NAME"),
    _Sentence("could not determine a constructor", *_TAG),
    _Sentence("found undefined tag handle", *_TAG),
    _Sentence("expected", *_TAG, context="tag"),
    _Sentence(
        "could not find expected ':'",
        "this line has no colon",
        "write it as 'key: value', or indent it if it continues the value above",
        at_context=True,
    ),
    _Sentence(
        "expected ',' or ']'",
        "a list that begins here with [ is not closed, or has no comma between two items",
        "close it with ], and put items that hold brackets or colons in quotes",
        at_context=True,
    ),
    _Sentence(
        "expected ',' or '}'",
        "a section that begins here with { is not closed, or has no comma between two keys",
        "close it with }, and put values that hold braces or colons in quotes",
        at_context=True,
    ),
    _Sentence(
        "expected the node content, but found '<stream end>'",
        "a bracket or brace is opened here and never closed",
        "close it",
        at_context=True,
    ),
    _Sentence("expected the node content", "a value begins with a bracket, a brace or a comma", _QUOTE),
    _Sentence(
        "expected <block end>, but found '-'",
        "an item of a list stands among the keys of a section",
        "put it under a key of its own, or remove the dash",
    ),
    _Sentence(
        "expected <block end>, but found '?'",
        "a key stands among the items of a list",
        "indent it as the key above the list, or begin it with a dash",
    ),
    _Sentence(
        "expected <block end>, but found '<block",
        "this line is indented like none of the sections above it",
        "indent the keys of a section alike, with blanks",
    ),
    _Sentence(
        "expected <block end>",
        _ENDED,
        f'{_QUOTE}, and write each double quote inside as \\", or mend its indentation',
    ),
    _Sentence(
        "sequence entries are not allowed",
        "a list begins on the line of its key, or a value begins with '- '",
        f"begin the list on the next line, or {_QUOTE}",
    ),
    _Sentence("mapping keys are not allowed", "a value begins with '? '", _QUOTE),
    _Sentence(
        "found unknown escape character",
        "a backslash in double quotes begins no escape that YAML knows",
        "use single quotes, or write the backslash twice",
    ),
    _Sentence(
        "expected escape sequence",
        "a backslash in double quotes has too few hexadecimal digits after it",
        "use single quotes, or write the backslash twice",
    ),
    _Sentence(
        "found invalid Unicode",
        "an escape in double quotes means no character",
        "use single quotes, or write the backslash twice",
    ),
    _Sentence("expected chomping", *_BLOCK),
    _Sentence("expected indentation indicator", *_BLOCK),
    _Sentence("expected a comment or a line break", *_BLOCK),
    _Sentence(
        "found incompatible YAML", "this asks for another YAML than version 1", "remove the line %YAML"
    ),
    _Sentence("found duplicate YAML directive", *_DIRECTIVE),
    _Sentence("duplicate tag handle", *_DIRECTIVE),
    _Sentence("but found another document", *_SECOND),
    _Sentence("found non-comment content", *_SECOND),
    _Sentence(
        "expected '<document start>'",
        "the lines above are complete without this one",
        "write 'key: value' lines at the left margin, and no line that begins with %",
    ),
    _Sentence(
        "found unhashable key",
        "a list or a section is used as a key",
        "use a name, and put a value that begins with { or [ in quotes",
    ),
    _Sentence("expected a mapping or list of mappings for merging", *_MERGED),
    _Sentence("expected a mapping for merging", *_MERGED),
    _Sentence("expected a", *_OTHER_KIND),
    _Sentence("failed to", "a date, number or tag is impossible", "put the value in quotes"),
    _Sentence(limits.IMPOSSIBLE, "a date, number or tag is impossible", "put the value in quotes"),
    _Sentence(
        limits.TOO_DEEP,
        f"sections are nested deeper than {limits.MOST_LEVELS} levels",
        "write the file with fewer levels",
    ),
    _Sentence(
        "maximum depth",
        f"sections are nested deeper than {limits.MOST_LEVELS} levels",
        "write the file with fewer levels",
    ),
    _Sentence(
        limits.TOO_MANY_COPIES,
        f"aliases (*) make more than {limits.MOST_COPIES:,} copies up to here",
        "write out what is needed",
    ),
    _Sentence(
        limits.INSIDE_ITSELF,
        "an alias refers to itself: it is inside of its own anchor",
        "write out what it stands for",
    ),
)


def fault(error: YAMLError, text: str, path: Path) -> FileError:
    """The error with its line and a fixed sentence on what is wrong there."""
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return FileError(path, line, "there is a control character", "restore the file, or delete it there")
    if not isinstance(error, MarkedYAMLError):
        return FileError(path, None, *_OTHERWISE)
    if isinstance(error, DuplicateKeyError):
        return _at(error.problem_mark, text, path, *DUPLICATE)
    problem, context = str(error.problem), str(error.context or "")
    if problem.startswith("mapping values are not allowed"):
        return _at(error.problem_mark, text, path, *_unexpected_colon(error.problem_mark, text))
    for known in _SENTENCES:
        if problem.startswith(known.problem) and known.context in context:
            mark = error.context_mark if known.at_context else error.problem_mark
            return _at(mark or error.problem_mark, text, path, known.message, known.remedy)
    return _at(error.problem_mark or error.context_mark, text, path, *_OTHERWISE)


def too_deep(text: str, path: Path) -> FileError:
    """The error for too many levels, with the line of the first one that is too many."""
    try:
        limits.refuse_events(text)
    except limits.BoundsError as error:
        return fault(error, text, path)
    return FileError(path, None, "sections are nested too deep", "write the file with fewer levels")


def _at(mark: Any, text: str, path: Path, message: str, remedy: str) -> FileError:
    """The error with its place; the end of the text counts to its last line."""
    if mark is None:
        return FileError(path, None, message, remedy)
    line = min(mark.line, text.rstrip("\n").count("\n")) + 1
    column = f" (column {mark.column + 1})" if line == mark.line + 1 and mark.column else ""
    return FileError(path, line, f"{message}{column}", remedy)


def _unexpected_colon(mark: Any, text: str) -> tuple[str, str]:
    """What a colon means where no key can be: the line before it tells."""
    lines = text.split("\n", mark.line + 1)
    before = lines[mark.line][: mark.column] if mark.line < len(lines) else ""
    if re.search(r":\s", re.sub(r"\"[^\"]*\"|'[^']*'", "", before)):
        return "there is a second colon in one value", "put the value in quotes"
    if len(before) > _LONGEST_KEY:
        return f"a key is longer than {_LONGEST_KEY} characters", "use a shorter one"
    return (
        "this line is taken for a part of the value above it",
        "indent the keys of a section alike, and write a colon and a blank after each key",
    )

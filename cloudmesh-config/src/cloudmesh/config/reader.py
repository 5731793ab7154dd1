"""A short YAML reader that keeps the order of the file, and never tells its text in an error."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from cloudmesh.config import disk
from cloudmesh.config.disk import FileError

# The parser's own sentences quote the file, which may hold passwords. These stand for them.
_SENTENCES = {
    "mapping values are not allowed": ("there is a second colon in one value", "put the value in quotes"),
    "found character": (
        "a tab, @, ` or % cannot begin a value",
        "indent with blanks, and quote such a value",
    ),
    "found unexpected end of stream": ("a quote is opened and never closed", "close it"),
    "found undefined alias": ("an alias (*) has no anchor (&)", "define the anchor further up"),
    "but found another document": ("a second document begins", "keep one in the file"),
    "found unhashable key": ("a list or a section is used as a key", "use a name"),
    "could not determine a constructor": ("a tag (!) has no meaning here", "remove it, or quote the value"),
}
_OTHERWISE = ("this is no YAML", "look at indentation, colons, brackets and quotes here and one line above")
DUPLICATE = ("this section has the same key already", "remove one of the two")
# What ruamel.yaml raises for a scalar that its tag or its form promises to be something else.
_BAD_VALUE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)


def load(path: Path) -> dict[str, Any]:
    """The configuration as dicts and lists, in the order of the file.

    Raises ConfigError, with file and line where there is one: no file, a file that others can read or
    write, no text, no YAML, a duplicate key, no mapping at the top, nothing in it.
    """
    return parse(disk.read(path), path)


def parse(text: str, path: Path) -> dict[str, Any]:
    """The same for a text that was read from ``path`` already."""
    # The C parser is fast, but does not know all of YAML, as [https://host]; the other has the last word.
    with contextlib.suppress(FileError):
        return build(YAML(typ="safe"), text, path)
    return build(YAML(typ="safe", pure=True), text, path)


def build(yaml: YAML, text: str, path: Path) -> dict[str, Any]:
    """The same with a reader that may be set otherwise, such as one that takes duplicate keys."""
    try:
        data = _unshare(yaml.load(text))
    except YAMLError as error:
        raise fault(error, text, path) from None
    except RecursionError:
        message = "an alias refers to itself, or sections are nested too deep"
        raise FileError(path, None, message, "write out what the alias stands for") from None
    except _BAD_VALUE:
        raise FileError(
            path, None, "a date, number or tag is impossible", "put the value in quotes"
        ) from None
    if data is None:
        raise FileError(path, None, "this file is empty", "delete it, and 'cms config init' writes a new one")
    if not isinstance(data, dict):
        raise FileError(path, 1, "this is no section", "write 'key: value' lines at the left margin")
    return data


def fault(error: YAMLError, text: str, path: Path) -> FileError:
    """The error with its line and a fixed sentence on what is wrong there."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = min(mark.line if mark else 0, text.rstrip("\n").count("\n")) + 1
    if isinstance(error, DuplicateKeyError):
        return FileError(path, line, *DUPLICATE)
    problem = str(error.problem) if isinstance(error, MarkedYAMLError) else ""
    known = (sentence for start, sentence in _SENTENCES.items() if problem.startswith(start))
    return FileError(path, line, *next(known, _OTHERWISE))


def _unshare(data: Any) -> Any:
    """A copy in which an anchor's value is a value of its own at each alias: changing one changes one."""
    if isinstance(data, dict):
        return {key: _unshare(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_unshare(value) for value in data]
    return data

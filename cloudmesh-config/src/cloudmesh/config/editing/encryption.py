"""Encrypting, decrypting and re-encrypting all secrets of the file, all of them in one write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cloudmesh.config.editing import edit
from cloudmesh.config.secrets import age, ssh_keys
from cloudmesh.config.secrets.prompt import Prompter, TerminalPrompter
from cloudmesh.config.yaml import config_file, edit_text, keys, reader, values
from cloudmesh.plugin.errors import ConfigError

Parts = tuple[str, ...]
# The new text of a scalar; None if it stays.
New = Callable[[Parts, ScalarNode], "str | None"]
# The changed text of the file, and how many values were changed in it.
Swapped = tuple[str, int]

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_NO_SECRET = {f"{_TAG}null", f"{_TAG}bool", keys.ENVIRONMENT_TAG}


def encrypt(path: Path, names: Sequence[str]) -> int:
    """Encrypt all secrets that stand in clear, and remember to which keys; how many there were.

    Without ``names`` the keys that are remembered already are used, else the user's usual one.
    Raises ConfigError.
    """

    def change(text: str) -> Swapped:
        known = age.recipients(reader.parse(text, path), path)
        if known and not names:
            return _all_encrypted(text, known, path)
        owners, files = _owners(names)
        if known and {_mark(line) for line in owners} != {_mark(line) for line in known}:
            raise ConfigError(
                f"{path} is encrypted to other keys already; 'cms config rekey --key=PATH' changes them"
            )
        text, count = _all_encrypted(text, known or owners, path)
        return text if known else _with_owners(text, owners, files, path), count

    return _rewrite(path, change)


def decrypt(path: Path, prompter: Prompter | None = None) -> int:
    """Write all encrypted values back in clear, and forget the keys; how many there were.

    ``prompter`` is asked for passphrases, else the user at the terminal.
    Raises CredentialsError if one of them cannot be decrypted; the file is as it was then.
    """
    prompter = prompter or TerminalPrompter()

    def change(text: str) -> Swapped:
        text, count = _all_decrypted(text, path, prompter)
        return _without(text, age.SECTION, path), count

    # Asks for passphrases now: not while others wait for the lock of the file.
    _all_decrypted(config_file.read(path), path, prompter)
    return _rewrite(path, change)


def rekey(path: Path, names: Sequence[str], prompter: Prompter | None = None) -> int:
    """Encrypt all encrypted values anew, to these keys alone; how many there were. Raises as ``decrypt``."""
    prompter = prompter or TerminalPrompter()
    owners, files = _owners(names)

    def change(text: str) -> Swapped:
        changed, count = _all_decrypted(text, path, prompter, owners)
        if not count and not age.recipients(reader.parse(text, path), path):
            raise ConfigError(f"{path} is not encrypted; 'cms config encrypt --key=PATH' does that")
        return _with_owners(changed, owners, files, path), count

    _all_decrypted(config_file.read(path), path, prompter)
    return _rewrite(path, change)


def _rewrite(path: Path, change: Callable[[str], Swapped]) -> int:
    """Put the changed text in place; how many values were changed."""
    counts: list[int] = []

    def counted(text: str) -> str:
        changed, count = change(text)
        counts.append(count)
        return changed

    edit.rewrite(path, counted)
    return counts[-1]


def _owners(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Whose keys open the values: the lines of the public ones, and the private files that are here.

    ``names`` are files, private or ``.pub``; without any it is the user's usual key.
    """
    names = (
        list(dict.fromkeys(names))
        or [name for name in ssh_keys.USUAL if Path(name).expanduser().exists()][:1]
    )
    if not names:
        raise ConfigError(
            f"there is no ssh key {' or '.join(ssh_keys.USUAL)}; name yours with --key=PATH, "
            "or make one with: ssh-keygen -t ed25519"
        )
    lines = {found.tag: found.line for found in map(ssh_keys.public_of, names)}
    files = [file for name in names if (file := ssh_keys.private_beside(name))]
    return list(lines.values()), list(dict.fromkeys(files))


def _mark(line: str) -> str:
    """The same for two lines of one key, whatever their comments."""
    found = ssh_keys.public(line)
    return found.tag if found else line


def _all_encrypted(text: str, recipients: list[str], path: Path) -> Swapped:
    def new(parts: Parts, node: ScalarNode) -> str | None:
        if node.tag in _NO_SECRET or not age.is_plain_secret(parts, node.value):
            return None
        data: Any = node.value
        if node.tag != f"{_TAG}str":
            data = reader.parse(f"x: {node.value}", path)["x"]
        if str(data) != node.value:
            # 0123 or 1e5, which would lose the form in which it is written.
            message = f"{keys.join(parts)} is a number or a date in an unusual form"
            raise config_file.FileError(path, node.start_mark.line + 1, message, "put it in quotes")
        return age.encrypt(node.value, recipients)

    return _swapped(text, new, path)


def _all_decrypted(text: str, path: Path, prompter: Prompter, recipients: list[str] | None = None) -> Swapped:
    """The text with all encrypted values in clear; with ``recipients`` encrypted to them instead."""
    data = reader.parse(text, path)

    def new(parts: Parts, node: ScalarNode) -> str | None:
        if not keys.is_encrypted(node.value):
            return None
        clear = age.decrypted(node.value, parts, data, path, prompter)
        return clear if recipients is None else age.encrypt(clear, recipients)

    return _swapped(text, new, path)


def _swapped(text: str, new: New, path: Path) -> Swapped:
    """The text with new scalars, read again and found to differ in nothing else."""
    editor = edit_text.TextEditor(text)
    cuts: dict[int, tuple[int, int, str]] = {}
    swaps: set[tuple[str, str]] = set()
    for parts, node in _scalars(editor.root, (), set()):
        data = None if id(node) in cuts else new(parts, node)
        if data is not None:
            swaps.add((node.value, data))
            cuts[id(node)] = editor.cut(node, values.string(data, '"'))
    pieces, at = list[str](), 0
    for start, end, written in sorted(cuts.values()):
        pieces += [text[at:start], written]
        at = end
    changed = "".join(pieces) + text[at:]
    try:
        same = _match(reader.parse(text, path), reader.parse(changed, path), swaps, ())
    except (YAMLError, ConfigError):
        same = False
    if not same:
        raise ConfigError(
            f"{path}: the secrets cannot be changed without touching other values "
            "(an anchor, an alias or an unusual form); write these out by hand"
        )
    return changed, len(cuts)


def _scalars(node: Node, parts: Parts, seen: set[tuple[int, bool]]) -> Iterator[tuple[Parts, ScalarNode]]:
    """Every scalar; one that an alias repeats comes once, and once more if it is a secret there only."""
    mark = (id(node), keys.hidden(parts))
    if mark in seen:
        return
    seen.add(mark)
    if isinstance(node, ScalarNode):
        yield parts, node
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            # What is merged into a section stands under the section's own name.
            yield from _scalars(item, (*parts, str(index)), seen)
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else ""
            below = parts if key.tag == _MERGE else (*parts, name)
            yield from _scalars(value, below, seen)


def _match(old: Any, new: Any, swaps: set[tuple[str, str]], parts: Parts) -> bool:
    """Whether the data are the same but for swapped values, and no value that is no secret was encrypted."""
    if isinstance(old, dict) and isinstance(new, dict):
        return repr(list(old)) == repr(list(new)) and all(
            _match(old[key], new[key], swaps, (*parts, keys.text_of(key))) for key in old
        )
    if isinstance(old, list) and isinstance(new, list):
        pairs = enumerate(zip(old, new, strict=False))
        return len(old) == len(new) and all(_match(a, b, swaps, (*parts, str(n))) for n, (a, b) in pairs)
    if (str(old), new) in swaps:
        return keys.hidden(parts) or keys.is_encrypted(old)
    return repr(old) == repr(new)


def _with_owners(text: str, lines: list[str], files: list[str], path: Path) -> str:
    text = edit.with_value(text, list(age.RECIPIENTS), values.texts(lines), path)
    if files:
        return edit.with_value(text, list(age.KEYS), values.texts(files), path)
    return _without(text, age.KEYS, path)


def _without(text: str, parts: Parts, path: Path) -> str:
    """The text without a key, if it has it."""
    if keys.follow(reader.parse(text, path), parts) is None:
        return text
    return edit.without(text, list(parts), path)

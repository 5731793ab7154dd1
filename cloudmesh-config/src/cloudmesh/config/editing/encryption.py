"""Encrypting, decrypting and re-encrypting all secrets of the file, all of them in one write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_NO_SECRET = {f"{_TAG}null", f"{_TAG}bool", keys.ENVIRONMENT_TAG}


@dataclass(frozen=True)
class Swap:
    """The changed text, and how many values were changed in it."""

    text: str
    count: int


@dataclass(frozen=True)
class Owners:
    """Whose keys open the values: the lines of the public ones, and the private files that are here."""

    lines: tuple[str, ...]
    files: tuple[str, ...]

    @classmethod
    def of(cls, names: Sequence[str]) -> Owners:
        """The keys of these files, private or ``.pub``; without any, the user's usual one."""
        names = list(dict.fromkeys(names)) or [_usual()]
        lines = {found.tag: found.line for found in map(ssh_keys.public_of, names)}
        files = [file for name in names if (file := ssh_keys.private_beside(name))]
        return cls(tuple(lines.values()), tuple(dict.fromkeys(files)))


def _usual() -> str:
    for name in ssh_keys.USUAL:
        if Path(name).expanduser().exists():
            return name
    raise ConfigError(
        f"there is no ssh key {' or '.join(ssh_keys.USUAL)}; name yours with --key=PATH, "
        "or make one with: ssh-keygen -t ed25519"
    )


def encrypt(path: Path, names: Sequence[str]) -> int:
    """Encrypt all secrets that stand in clear, and remember to which keys; how many there were.

    Without ``names`` the keys that are remembered already are used, else the user's usual one.
    Raises ConfigError.
    """

    def change(text: str) -> Swap:
        data = reader.parse(text, path)
        known = age.recipients(data, path)
        owners = None if known and not names else Owners.of(names)
        if owners and known and _tags(owners.lines) != _tags(known):
            raise ConfigError(
                f"{path} is encrypted to other keys already; 'cms config rekey --key=PATH' changes them"
            )
        swap = _all_encrypted(text, known or list(owners.lines if owners else ()), path)
        return swap if known or not owners else Swap(_with_owners(swap.text, owners, path), swap.count)

    return _rewrite(path, change)


def decrypt(path: Path, prompter: Prompter | None = None) -> int:
    """Write all encrypted values back in clear, and forget the keys; how many there were.

    ``prompter`` is asked for passphrases, else the user at the terminal.
    Raises CredentialsError if one of them cannot be decrypted; the file is as it was then.
    """
    prompter = prompter or TerminalPrompter()

    def change(text: str) -> Swap:
        swap = _all_decrypted(text, path, prompter)
        return Swap(_without(swap.text, age.SECTION, path), swap.count)

    # Asks for passphrases now: not while others wait for the lock of the file.
    _all_decrypted(config_file.read(path), path, prompter)
    return _rewrite(path, change)


def rekey(path: Path, names: Sequence[str], prompter: Prompter | None = None) -> int:
    """Encrypt all encrypted values anew, to these keys alone; how many there were. Raises as ``decrypt``."""
    prompter = prompter or TerminalPrompter()
    owners = Owners.of(names)

    def change(text: str) -> Swap:
        swap = _all_decrypted(text, path, prompter, list(owners.lines))
        if not swap.count and not age.recipients(reader.parse(text, path), path):
            raise ConfigError(f"{path} is not encrypted; 'cms config encrypt --key=PATH' does that")
        return Swap(_with_owners(swap.text, owners, path), swap.count)

    _all_decrypted(config_file.read(path), path, prompter)
    return _rewrite(path, change)


def _rewrite(path: Path, change: Callable[[str], Swap]) -> int:
    """Put the changed text in place; how many values were changed."""
    count = 0

    def counted(text: str) -> str:
        nonlocal count
        swap = change(text)
        count = swap.count
        return swap.text

    edit.rewrite(path, counted)
    return count


def _all_encrypted(text: str, recipients: list[str], path: Path) -> Swap:
    def new(parts: Parts, node: ScalarNode) -> str | None:
        if node.tag in _NO_SECRET or not age.is_plain_secret(parts, node.value):
            return None
        _refuse_if_ambiguous(parts, node, path)
        return age.encrypt(node.value, recipients)

    return _swapped(text, new, path)


def _refuse_if_ambiguous(parts: Parts, node: ScalarNode, path: Path) -> None:
    """A number such as 0123 or 1e5 would lose the form in which it is written."""
    data: Any = node.value
    if node.tag != f"{_TAG}str":
        data = reader.parse(f"x: {node.value}", path)["x"]
    if str(data) != node.value:
        line = node.start_mark.line + 1
        message = f"{keys.join(parts)} is a number or a date in an unusual form"
        raise config_file.FileError(path, line, message, "put it in quotes")


def _all_decrypted(text: str, path: Path, prompter: Prompter, recipients: list[str] | None = None) -> Swap:
    """The text with all encrypted values in clear; with ``recipients`` encrypted to them instead."""
    data = reader.parse(text, path)

    def new(parts: Parts, node: ScalarNode) -> str | None:
        if not keys.is_encrypted(node.value):
            return None
        clear = age.decrypted(node.value, parts, data, path, prompter)
        return clear if recipients is None else age.encrypt(clear, recipients)

    return _swapped(text, new, path)


def _swapped(text: str, new: New, path: Path) -> Swap:
    """The text with new scalars, read again and found to differ in nothing else."""
    editor = edit_text.TextEditor(text)
    cuts: dict[int, tuple[int, int, str]] = {}
    swaps: set[tuple[str, str]] = set()
    for parts, node in _scalars(editor.root, (), set()):
        data = None if id(node) in cuts else new(parts, node)
        if data is not None:
            swaps.add((node.value, data))
            cuts[id(node)] = editor.cut(node, values.string(data, '"'))
    changed = _cut(text, list(cuts.values()))
    try:
        same = _match(reader.parse(text, path), reader.parse(changed, path), swaps, ())
    except (YAMLError, ConfigError):
        same = False
    if not same:
        raise ConfigError(
            f"{path}: the secrets cannot be changed without touching other values "
            "(an anchor, an alias or an unusual form); write these out by hand"
        )
    return Swap(changed, len(cuts))


def _cut(text: str, cuts: list[tuple[int, int, str]]) -> str:
    pieces, at = [], 0
    for start, end, new in sorted(cuts):
        pieces += [text[at:start], new]
        at = end
    return "".join(pieces) + text[at:]


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
            below = parts if key.tag == _MERGE else (*parts, _name(key))
            yield from _scalars(value, below, seen)


def _name(key: Node) -> str:
    return str(key.value) if isinstance(key, ScalarNode) else ""


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


def _with_owners(text: str, owners: Owners, path: Path) -> str:
    text = edit.with_value(text, list(age.RECIPIENTS), _list(owners.lines), path)
    if owners.files:
        return edit.with_value(text, list(age.KEYS), _list(owners.files), path)
    return _without(text, age.KEYS, path)


def _list(texts: Sequence[str]) -> values.Value:
    return values.sequence([values.string(text) for text in texts])


def _without(text: str, parts: Sequence[str], path: Path) -> str:
    """The text without a key, if it has it."""
    if keys.follow(reader.parse(text, path), parts) is None:
        return text
    return edit.without(text, list(parts), path)


def _tags(lines: Sequence[str]) -> set[str]:
    return {found.tag if (found := ssh_keys.public(line)) else line for line in lines}

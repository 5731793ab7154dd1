"""Encrypting, decrypting and re-encrypting all secrets of the file, all of them in one write.

What is encrypted is written only after a key of the user has opened it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cloudmesh.config.editing import edit
from cloudmesh.config.secrets import age, ssh_keys
from cloudmesh.config.secrets.prompt import NotUnlockedError, Prompter, TerminalPrompter
from cloudmesh.config.yaml import config_file, edit_text, keys, positions, reader, values
from cloudmesh.plugin.errors import ConfigError, CredentialsError

Parts = tuple[str, ...]
# The new text of a scalar that stands at these places; None if it stays.
New = Callable[[list[Parts], ScalarNode], "str | None"]
# The changed text of the file, and how many values were changed in it.
Swapped = tuple[str, int]

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_TRUE = values.Value(True, "true")
_NO_SECRET = {f"{_TAG}null", f"{_TAG}bool", keys.ENVIRONMENT_TAG}


def encrypt(
    path: Path, names: Sequence[str], prompter: Prompter | None = None, *, force: bool = False
) -> int:
    """Encrypt all secrets that stand in clear, and remember to which keys; how many there were.

    Without ``names`` the keys that are remembered already are used, else the user's usual one. Values that
    an earlier version has encrypted, not bound to their places, are encrypted anew.

    Raises ConfigError; unless ``force``, also if no key of the user opens what was to be written.
    ``prompter`` is asked for passphrases, else the user at the terminal.
    """
    asked = prompter or TerminalPrompter()
    return _rewrite(path, lambda text: encrypted(text, path, names, asked, force=force))


def encrypted(
    text: str, path: Path, names: Sequence[str], prompter: Prompter, *, force: bool = False
) -> Swapped:
    """What ``encrypt`` makes of a text that is, or is to be, the content of ``path``; raises as that does."""
    data = reader.parse(text, path)
    known = age.recipients(data, path)
    owners, files = _owners(names) if names or not known else (known, [])
    if known and {_mark(line) for line in owners} != {_mark(line) for line in known}:
        raise ConfigError(
            f"{path} is already encrypted with other keys; 'cms config rekey --key=PATH' changes them"
        )
    is_bound = keys.follow(data, age.BOUND) is True
    changed, count = _all_sealed(text, path, known or owners, None if is_bound else prompter, plain=True)
    if not known:
        changed = _with_owners(changed, owners, files, path)
    elif not is_bound:
        changed = edit.with_value(changed, list(age.BOUND), _TRUE, path)
    # Where nothing changes, nobody is asked for a passphrase.
    return _openable(changed, path, prompter, force or changed == text), count


def decrypt(path: Path, prompter: Prompter | None = None) -> int:
    """Write all encrypted values back in clear, and forget the keys; how many there were.

    Raises CredentialsError if one of them cannot be decrypted; the file is as it was then.
    """
    prompter = prompter or TerminalPrompter()

    def change(text: str) -> Swapped:
        opened = _clear(text, path, prompter)
        text, count = _swapped(text, lambda places, node: opened(places, node.value), path)
        return _without(text, age.SECTION, path), count

    return _rewrite(path, change)


def rekey(path: Path, names: Sequence[str], prompter: Prompter | None = None, *, force: bool = False) -> int:
    """Encrypt all encrypted values anew, to these keys alone; how many there were.

    Raises as ``encrypt`` and ``decrypt``.
    """
    prompter = prompter or TerminalPrompter()
    owners, files = _owners(names)

    def change(text: str) -> Swapped:
        changed, count = _all_sealed(text, path, owners, prompter, plain=False)
        if not count and not age.recipients(reader.parse(text, path), path):
            raise ConfigError(f"{path} is not encrypted; 'cms config encrypt --key=PATH' does that")
        return _openable(_with_owners(changed, owners, files, path), path, prompter, force), count

    return _rewrite(path, change)


def require_key(text: str, path: Path, prompter: Prompter) -> None:
    """Raise CredentialsError unless a key of the user opens all that is encrypted in a text for ``path``."""
    data = reader.parse(text, path)
    if recipients := age.recipients(data, path):
        # Also where nothing is encrypted yet.
        trial = age.encrypt("", recipients)
        age.decrypt(trial, age.key_files(data, path), "what is to be written", "", prompter)
    for parts, value in keys.leaves(data):
        if keys.is_encrypted(value):
            age.decrypted(value, parts, data, path, prompter)


def _openable(text: str, path: Path, prompter: Prompter, force: bool) -> str:
    """The text, if a key of the user opens it, or by force; raises ConfigError."""
    if not force:
        try:
            require_key(text, path, prompter)
        except NotUnlockedError:
            raise
        except CredentialsError as error:
            reason = str(error).partition(";")[0]
            raise ConfigError(
                f"{path} was not changed, because you could not read its secrets afterwards: {reason}; "
                "unlock one of your keys, name one with --key=PATH, or encrypt for others only with --force"
            ) from None
    return text


def _rewrite(path: Path, change: Callable[[str], Swapped]) -> int:
    """Put the changed text in place; how many values were changed."""
    # Asks for passphrases now: not while others wait for the lock of the file.
    counts = [change(config_file.read(path))[1]]

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
            f"there is no SSH key {' or '.join(ssh_keys.USUAL)}; name one with --key=PATH, "
            "or create one with: ssh-keygen -t ed25519"
        )
    lines = {found.tag: found.line for found in map(ssh_keys.public_of, names)}
    files = [file for name in names if (file := ssh_keys.private_beside(name))]
    return list(lines.values()), list(dict.fromkeys(files))


def _mark(line: str) -> str:
    """The same for two lines of one key, whatever their comments."""
    found = ssh_keys.public(line)
    return found.tag if found else line


def _all_sealed(
    text: str, path: Path, recipients: list[str], prompter: Prompter | None, *, plain: bool
) -> Swapped:
    """The text with its secrets encrypted to these keys, each for its places.

    ``plain``: those that stand in clear; ``prompter``: those that are encrypted already, None to leave them.
    """
    opened = _clear(text, path, prompter) if prompter else lambda *_: None

    def new(places: list[Parts], node: ScalarNode) -> str | None:
        clear = opened(places, node.value)
        if clear is None and plain and any(age.is_plain_secret(parts, node.value) for parts in places):
            clear = None if node.tag in _NO_SECRET else _as_written(node, places[0], path)
        return None if clear is None else age.sealed(clear, recipients, places)

    return _swapped(text, new, path)


def _as_written(node: ScalarNode, parts: Parts, path: Path) -> str:
    """The text of a secret; raises FileError for 0123 or 1e5, which would lose the form they have."""
    is_text = node.tag == f"{_TAG}str"
    if not is_text and str(reader.parse(f"x: {node.value}", path)["x"]) != node.value:
        message = f"{keys.join(parts)} is a number or a date in an unusual form"
        raise config_file.FileError(path, node.start_mark.line + 1, message, "put it in quotes")
    return str(node.value)


def _clear(text: str, path: Path, prompter: Prompter) -> Callable[[list[Parts], str], str | None]:
    """What gives an encrypted value of the text in clear, if all its places may hold it; None for others."""
    data = reader.parse(text, path)

    def opened(places: list[Parts], value: str) -> str | None:
        if not keys.is_encrypted(value):
            return None
        found = {age.decrypted(value, parts, data, path, prompter) for parts in places}
        return found.pop()

    return opened


def _swapped(text: str, new: New, path: Path) -> Swapped:
    """The text with new scalars, read again and found to differ in nothing else."""
    editor = edit_text.TextEditor(text)
    places: dict[int, tuple[ScalarNode, list[Parts]]] = {}
    for parts, node in _scalars(editor.root, ()):
        places.setdefault(id(node), (node, []))[1].append(parts)
    cuts: list[tuple[int, int, str]] = []
    swaps: set[tuple[str, str]] = set()
    for node, found in places.values():
        data = new(found, node)
        if data is not None:
            swaps.add((node.value, data))
            cuts.append(editor.cut(node, values.string(data, '"')))
    pieces, at = list[str](), 0
    for start, end, written in sorted(cuts):
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
            "(an anchor, an alias or an unusual form); edit these by hand"
        )
    return changed, len(cuts)


def _scalars(node: Node, parts: Parts) -> Iterator[tuple[Parts, ScalarNode]]:
    """Every scalar with its place; one that aliases repeat comes once for each of its places."""
    if isinstance(node, ScalarNode):
        yield parts, node
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _scalars(item, (*parts, str(index)))
    elif isinstance(node, MappingNode):
        for key, value in node.value:
            if key.tag == _MERGE:
                # What is merged into a section stands under the section's own name.
                for section in value.value if isinstance(value, SequenceNode) else [value]:
                    yield from _scalars(section, parts)
            else:
                yield from _scalars(value, (*parts, positions.key_text(key) or ""))


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
        return age.may_hold(parts)
    return repr(old) == repr(new)


def _with_owners(text: str, lines: list[str], files: list[str], path: Path) -> str:
    text = edit.with_value(text, list(age.RECIPIENTS), values.texts(lines), path)
    text = edit.with_value(text, list(age.BOUND), _TRUE, path)
    if files:
        return edit.with_value(text, list(age.KEYS), values.texts(files), path)
    return _without(text, age.KEYS, path)


def _without(text: str, parts: Parts, path: Path) -> str:
    """The text without a key, if it has it."""
    if keys.follow(reader.parse(text, path), parts) is None:
        return text
    return edit.without(text, parts, path)

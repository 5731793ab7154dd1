"""The section of a new cloud: from words ``KEY=VALUE``, and from answers to the questions of its type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.questions import CREDENTIALS, Missing, Question, following, missing
from cloudmesh.cloud.provider.registry import provider_class, provider_types
from cloudmesh.config.check.key_rules import CLOUD, DEFAULTS
from cloudmesh.config.secrets.prompt import read_line
from cloudmesh.config.yaml import insert_text, keys, values
from cloudmesh.plugin.errors import Interrupted, UnknownName, UsageError, suggest
from cloudmesh.plugin.report import remember, tell

# What means something else in a name expression, or in the shell.
_NO_NAME = set(",:[]*?=/\"'\\")
_GROUPS = ("credentials", "default", "arguments", "boot")


def require_name(name: str) -> None:
    """Raise UsageError for what cannot be the name of a cloud in a command."""
    odd = not name.isprintable() or any(each.isspace() for each in name) or _NO_NAME & set(name)
    if odd or name[:1] in ("", "-"):
        raise UsageError(f"{name!r} cannot be the name of a cloud; use letters, digits, '-', '_' and '.'")


class NewCloud:
    """A cloud that is not in the configuration yet.

    Attributes:
        name, kind, provider: its name, its type and the class of the type.
        section: what is known of it so far, each value as a text or a ``values.Value``.
        typed: the secrets that the user has typed at the terminal, by key; they are in the section too.
        skipped: the secrets that the user did not type: TBD in the section.
        answers: what the user has typed, by key.
    """

    def __init__(self, name: str, kind: str, words: Sequence[str]) -> None:
        """Take the words ``KEY=VALUE``.

        Raises:
            UnknownName: no installed package brings the type, or the type has no such setting.
            UsageError: a word is not of this form.
            ConfigError: the package of the type cannot be used.
        """
        if kind not in provider_types():
            raise UnknownName("type of cloud", kind, provider_types())
        self.name, self.kind = name, kind
        self.provider: type[Provider] = provider_class(kind, name)
        self.section: dict[str, Any] = {"type": kind}
        self.typed: dict[str, str] = {}
        self.skipped: set[str] = set()
        self.answers: dict[str, str] = {}
        for word in words:
            key, value = keys.split_assignment(word)
            if value is None:
                # Not the word itself, which may be a secret.
                raise UsageError("each setting of a new cloud is given as KEY=VALUE")
            self._put(self._place(key), value)

    def missing(self) -> list[Missing]:
        """What the type needs and the section does not have."""
        return list(missing(self.kind, self.provider, self.plain()))

    def require_complete(self) -> None:
        """Raise UsageError, which names all that is missing, for a section that needs more."""
        named = [
            " or ".join([question.key.removeprefix(CREDENTIALS), *others])
            for question, others in self.missing()
        ]
        if named:
            raise UsageError(
                f"cloud {self.name} of type {self.kind} needs {', '.join(named)}, and there is no terminal "
                "to ask at; give each as KEY=VALUE, a secret as KEY=TBD to be prompted for it later"
            )

    def ask(self, before: Mapping[str, str]) -> None:
        """Ask the user for what is not known yet, one question each; ``before`` are the answers of last time.

        Raises Interrupted at end of input.
        """
        asked: set[str] = set()
        while question := following(self.kind, self.provider, self.plain(), frozenset(asked)):
            asked.add(question.key)
            parts = tuple(question.key.split("."))
            hidden = keys.hidden(("clouds", self.name, *parts))
            answer = _answer(question, hidden, before.get(question.key, ""))
            if answer:
                self._put(parts, answer)
                self.answers[question.key] = answer
                if hidden:
                    self.typed[question.key] = answer
                    remember(parts[-1], answer)
            elif hidden:
                self._put(parts, keys.TO_BE_DEFINED)
                self.skipped.add(question.key)

    def plain(self) -> dict[str, Any]:
        """The section as a reader of the file finds it."""
        return insert_text.data_of(self.block())

    def block(self, without: Sequence[str] = ()) -> insert_text.Block:
        """The section as it is to be written; the secrets of these keys are TBD in it."""
        order = ("type", "name", "host")
        rest = [key for key in self.section if key not in (*order, *_GROUPS)]
        names = [key for key in (*order, *rest, *_GROUPS) if key in self.section]

        def stored(value: Any, parts: tuple[str, ...]) -> Any:
            return keys.TO_BE_DEFINED if ".".join(parts) in without else value

        section = keys.map_leaves({key: self.section[key] for key in names}, (), stored)
        return insert_text.Block(self.name, section)

    def _put(self, parts: Sequence[str], text: str) -> None:
        *above, last = parts
        section = self.section
        for part in above:
            section = section.setdefault(part, {})
        as_text = above[:1] in (["credentials"], ["default"]) or last in ("name", "host", "driver")
        section[last] = text if as_text else values.interpret(text, None, keys.hidden(["clouds", "", *parts]))

    def _place(self, key: str) -> list[str]:
        """Where a setting stands below the section, if it is given by its last part or by all of them."""
        parts = keys.split(key)
        if parts[:2] == ["clouds", self.name]:
            parts = parts[2:]
        own = [each for each in (*CLOUD, *self.provider.settings_keys) if each != "type"]
        asked = [each.key.removeprefix(CREDENTIALS) for each in self.provider.questions]
        credentials = (*self.provider.required_credentials, *asked)
        if len(parts) > 1 and parts[0] in {*own, *_GROUPS}:
            return parts
        if len(parts) == 1 and key in own and key not in _GROUPS:
            return parts
        if len(parts) == 1 and key in DEFAULTS:
            return ["default", key]
        if len(parts) == 1 and (key in credentials or key.isupper()):
            return ["credentials", key]
        if parts == ["type"]:
            raise UsageError("the type of a new cloud is given as --type=TYPE")
        if len(parts) == 1 and not self.provider.settings_keys:
            # It does not declare them.
            return parts
        known = dict.fromkeys([*credentials, *(each for each in own if each not in _GROUPS), *DEFAULTS])
        raise UnknownName("setting", parts[0], known, f"of type {self.kind}")


def _answer(question: Question, hidden: bool, before: str = "") -> str:
    """What the user types, or ``before``; empty to accept the default, or for a secret that is left out."""
    name = question.key.removeprefix(CREDENTIALS)
    shown = f"{name} ({question.text})" if question.text else name
    if question.choices:
        shown += f": {', '.join(question.choices)}"
    elif question.example:
        shown += f", such as {question.example}"
    if hidden:
        shown += f", not echoed; Enter to {'use the same again' if before else 'leave it out'}"
    elif before or question.default is not None:
        shown += f" [{before or question.default or 'none'}]"
    while True:
        line = read_line(f"{shown}: ", hidden=hidden)
        if line is None:
            raise Interrupted("interrupted: no cloud was added")
        line = line.strip() or before
        if question.choices and line and line not in question.choices:
            tell(f"{line!r} is not valid; {suggest(line, question.choices)}")
        elif line == question.default:
            return ""
        elif line or hidden or question.default is not None:
            return line
        else:
            tell(f"{name} is needed; Ctrl-C ends without adding a cloud")


def ask_type() -> str:
    """The type that the user chooses. Raises Interrupted at end of input."""
    types = provider_types()
    question = Question("type of the cloud", "", choices=tuple(types))
    return _answer(question, hidden=False)

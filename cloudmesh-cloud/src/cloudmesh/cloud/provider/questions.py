"""What ``cms cloud add`` asks for, as each type of cloud declares it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

CREDENTIALS = "credentials."


def _always(credentials: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class Question:
    """One setting that is asked for.

    A credential without a default is asked for only if the type needs it, as ``required_credentials`` and the
    rules of ``cms config check`` say; any other setting without a default always.

    Attributes:
        key: the setting below the cloud's section, such as ``region`` or ``credentials.OS_USERNAME``.
        text: what it is, in a few words.
        example: what a value looks like.
        default: what the provider uses if the setting is absent; a user who accepts it gets no such setting.
        choices: the only values that are possible; empty for any.
        when: whether it is asked, given the credentials that are known so far.
    """

    key: str
    text: str
    example: str = ""
    default: str | None = None
    choices: tuple[str, ...] = ()
    when: Callable[[Mapping[str, Any]], bool] = _always


class Asking(Protocol):
    """The class of a type of cloud, as far as it declares what is asked for; see ``Provider``."""

    required_credentials: ClassVar[tuple[str, ...]]
    questions: ClassVar[tuple[Question, ...]]


# One that is missing: the question, and other settings that would do in its place.
Missing = tuple[Question, tuple[str, ...]]


def missing(kind: str, provider: type[Asking], section: Mapping[str, Any]) -> Iterator[Missing]:
    """What a section of this type must have and does not, in the order in which it is asked."""
    credentials = section.get("credentials") or {}
    needs = {CREDENTIALS + key: others for key, *others in _needs(kind, provider, credentials)}
    for question in provider.questions:
        is_credential = question.key.startswith(CREDENTIALS)
        if question.key in needs:
            yield question, tuple(needs.pop(question.key))
        elif question.default is None and not is_credential and not _value(section, question.key):
            yield question, ()
    for key, others in needs.items():
        yield Question(key, ""), tuple(others)


def following(
    kind: str, provider: type[Asking], section: Mapping[str, Any], asked: frozenset[str]
) -> Question | None:
    """The next question of those that were not asked yet; None if there is none.

    The credentials that are known decide which others are needed, so it is called again after each answer.
    """
    needed = {question.key: question for question, _ in missing(kind, provider, section)}
    credentials = section.get("credentials") or {}
    for question in provider.questions:
        is_open = question.default is not None and not _value(section, question.key)
        if (is_open and question.when(credentials)) or question.key in needed:
            needed.pop(question.key, None)
            if question.key not in asked:
                return question
    return next((question for key, question in needed.items() if key not in asked), None)


def _needs(kind: str, provider: type[Asking], credentials: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The credentials that are missing; of each tuple one is enough."""
    from cloudmesh.config.check import auth_types, credential_rules  # only new clouds are asked about

    if credential_rules.knows(kind):
        yield from credential_rules.missing(kind, credentials)
        return
    for key in provider.required_credentials:
        if not auth_types.is_given(credentials.get(key)):
            yield (key,)


def _value(section: Mapping[str, Any], key: str) -> bool:
    """Whether the section has a value for this setting."""
    from cloudmesh.config.check import auth_types

    found: Any = section
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return auth_types.is_given(found)

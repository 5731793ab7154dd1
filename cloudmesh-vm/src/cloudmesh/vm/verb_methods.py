"""The methods of ``Machine`` and ``Machines``, one for each verb of the table."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from inspect import Parameter as Argument
from typing import Any

from cloudmesh.cloud.model.verbs import VERBS, Kind, Parameter, Verb

_TYPES = {Kind.METADATA: "Mapping[str, str | None]", Kind.FLAG: "bool"}
_WAIT = Argument("wait", Argument.POSITIONAL_OR_KEYWORD, default=False, annotation="bool")
_TIMEOUT = Argument("timeout", Argument.POSITIONAL_OR_KEYWORD, default=None, annotation="float | None")


def add_verbs(kind: type, returns: str, verbs: Mapping[str, Verb] = VERBS) -> None:
    """Give a class a method for each verb, which calls ``self.act(action, wait, timeout, argument=...)``.

    Args:
        kind: the class.
        returns: the name of the type that its ``act`` gives.
        verbs: the table.
    """
    for verb in _methods(verbs):
        _add(kind, verb, verb.name, [_WAIT, _TIMEOUT], returns, "act")


def add_each(kind: type, verbs: Mapping[str, Verb] = VERBS) -> None:
    """Give a class a method ``VERB_each`` for each verb, which calls ``self.act_each``."""
    for verb in _methods(verbs):
        _add(kind, verb, f"{verb.name}_each", [_TIMEOUT], "Iterator[Outcome]", "act_each")


def _methods(verbs: Mapping[str, Verb]) -> Iterable[Verb]:
    """The verbs that are no flag of another one."""
    return [verb for verb in verbs.values() if not verb.said]


def _add(kind: type, verb: Verb, name: str, common: list[Argument], returns: str, calls: str) -> None:
    signature = _signature(verb, common, returns)

    def method(self: Any, *given: Any, **named: Any) -> Any:
        bound = signature.bind(self, *given, **named)
        bound.apply_defaults()
        values = {key: value for key, value in bound.arguments.items() if key != "self"}
        flags = [each for each in verb.parameters if each.kind is Kind.FLAG and values.pop(each.name)]
        argument = values.pop(verb.value.name) if verb.value else None
        action = flags[0].verb if flags else verb.name
        return getattr(self, calls)(action, argument=argument, **values)

    method.__name__ = name
    method.__qualname__ = f"{kind.__qualname__}.{name}"
    method.__module__ = kind.__module__
    method.__doc__ = _doc(verb, each=calls == "act_each")
    method.__signature__ = signature  # type: ignore[attr-defined]
    setattr(kind, name, method)


def _signature(verb: Verb, common: list[Argument], returns: str) -> inspect.Signature:
    """Values first, then what all verbs take, then flags by name only."""
    values = [_argument(verb.value)] if verb.value else []
    flags = [_argument(each) for each in verb.parameters if each.kind is Kind.FLAG]
    this = Argument("self", Argument.POSITIONAL_OR_KEYWORD)
    return inspect.Signature([this, *values, *common, *flags], return_annotation=returns)


def _argument(parameter: Parameter) -> Argument:
    typed = _TYPES.get(parameter.kind, "str")
    if parameter.kind is Kind.FLAG:
        return Argument(parameter.name, Argument.KEYWORD_ONLY, default=False, annotation=typed)
    return Argument(parameter.name, Argument.POSITIONAL_OR_KEYWORD, annotation=typed)


def _doc(verb: Verb, each: bool) -> str:
    """What the verb does, and what its arguments mean."""
    first = verb.doc or f"{verb.help[0].upper()}{verb.help[1:]}."
    lines = [first, ""]
    if verb.destroys:
        lines += ["What is on their disks is lost; nobody is asked.", ""]
    if each:
        lines += ["Each outcome is given as soon as it is known; see ``act_each``.", ""]
    lines.append("Args:")
    lines += [f"    {parameter.name}: {parameter.help}." for parameter in verb.parameters]
    if not each:
        lines.append("    wait: whether to wait until the machines are in the state that the verb leads to.")
    lines.append("    timeout: seconds for all of it together; see ``act``.")
    return "\n".join(lines)

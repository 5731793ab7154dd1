"""The methods of ``Machine`` and ``Machines``, one for each verb of the table."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from inspect import Parameter as Argument
from typing import Any

from cloudmesh.cloud.model.parameters import Kind
from cloudmesh.cloud.model.verbs import VERBS, Verb
from cloudmesh.vm.model.wait import leads_to_running

_TYPES = {Kind.METADATA: "Mapping[str, str | None]"}
_WAIT = Argument("wait", Argument.POSITIONAL_OR_KEYWORD, default=False, annotation="bool | str")
_TIMEOUT = Argument("timeout", Argument.POSITIONAL_OR_KEYWORD, default=None, annotation="float | None")


def add_verbs(kind: type, returns: str, verbs: Mapping[str, Verb] = VERBS, each: bool = False) -> None:
    """Give a class a method for each verb, which calls ``self.act(action, wait, timeout, argument=...)``.

    Args:
        returns: the name of the type that its ``act`` gives.
        verbs: the table.
        each: whether to add ``VERB_each`` too, which calls ``self.act_each``.
    """
    # A verb that is said by a flag of another one has no method of its own.
    for verb in (verb for verb in verbs.values() if not verb.said):
        _add(kind, verb, verb.name, [_WAIT, _TIMEOUT], returns, "act")
        if each:
            _add(kind, verb, f"{verb.name}_each", [_TIMEOUT], "Iterator[Outcome]", "act_each")


def _add(kind: type, verb: Verb, name: str, common: list[Argument], returns: str, calls: str) -> None:
    """Give a class one method: values first, then what all verbs take, then flags by name only."""
    positional, by_name = Argument.POSITIONAL_OR_KEYWORD, Argument.KEYWORD_ONLY
    flag_names = [each for each in verb.parameters if each.kind is Kind.FLAG]
    arguments = [Argument("self", positional), *common]
    if verb.value:
        annotation = _TYPES.get(verb.value.kind, "str")
        arguments.insert(1, Argument(verb.value.name, positional, annotation=annotation))
    arguments += [Argument(each.name, by_name, default=False, annotation="bool") for each in flag_names]
    signature = inspect.Signature(arguments, return_annotation=returns)

    def method(self: Any, *given: Any, **named: Any) -> Any:
        bound = signature.bind(self, *given, **named)
        bound.apply_defaults()
        given_by_name = {key: value for key, value in bound.arguments.items() if key != "self"}
        flags = [each for each in flag_names if given_by_name.pop(each.name)]
        argument = given_by_name.pop(verb.value.name) if verb.value else None
        action = flags[0].verb if flags else verb.name
        return getattr(self, calls)(action, argument=argument, **given_by_name)

    method.__name__ = name
    method.__qualname__ = f"{kind.__qualname__}.{name}"
    method.__module__ = kind.__module__
    method.__doc__ = _doc(verb, each=calls == "act_each")
    method.__signature__ = signature  # type: ignore[attr-defined]
    setattr(kind, name, method)


def _doc(verb: Verb, each: bool) -> str:
    """What the verb does, and what its arguments mean."""
    first = verb.doc or f"{verb.help[0].upper()}{verb.help[1:]}."
    lines = [first, ""]
    if verb.destroys:
        lines += ["What is lost by it is lost without a question.", ""]
    if each:
        lines += ["Each outcome is given as soon as it is known; see ``act_each``.", ""]
    lines.append("Args:")
    lines += [f"    {parameter.name}: {parameter.help}." for parameter in verb.parameters]
    if not each:
        ready = ", or 'ready': until one can sign in" if leads_to_running(verb) else ""
        lines.append(
            f"    wait: whether to wait until the machines are in the state that it leads to{ready}."
        )
    lines.append("    timeout: time limit in seconds for the whole; see ``act``.")
    return "\n".join(lines)

"""What a job waits for after its calls: nothing, the state that its verb leads to, or a ready machine.

A machine is ready when one can sign in to it and cloud-init, where it has that, has ended. This is no state
of a cloud: no cloud tells of it, and no list shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import Verb
from cloudmesh.plugin.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from cloudmesh.config import Config

READY = "ready"
# False for nothing, True for the state that the verb leads to, or ``READY``.
Wait = bool | str


def wanted_wait(wait: Wait, verb: Verb) -> Wait:
    """What was said of waiting, if it can be waited for after this verb.

    Raises:
        UnknownName: a word that means nothing here.
        UsageError: the verb does not lead to a machine that one could sign in to.
    """
    if isinstance(wait, bool):
        return wait
    if wait != READY:
        raise UnknownName("value", wait, [READY], "of --wait; without a value it means the new state")
    if not leads_to_running(verb):
        state = f"state {verb.target}" if verb.target else "the state where the machine is"
        raise UsageError(f"{verb.words} leads to {state}, in which signing in is impossible; use --wait")
    return wait


def leads_to_running(verb: Verb) -> bool:
    """Whether a machine may be running, newly or again, after this verb."""
    leads_back = verb.target is None and verb.passing is not None
    return verb.target is State.ACTIVE or leads_back or verb.makes


def require_real(config: Config, clouds: Iterable[str]) -> None:
    """Raise UsageError if nobody could ever sign in to machines of one of these clouds: it is simulated."""
    from cloudmesh.cloud.access.route import is_pretended  # few commands wait so

    for name in dict.fromkeys(clouds):
        if is_pretended(config.clouds.get(name, {})):
            raise UsageError(
                f"{name} is a simulated cloud, and signing in to its machines is impossible; "
                "wait for state active"
            )

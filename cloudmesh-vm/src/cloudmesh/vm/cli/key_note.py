"""Whether machines would be booted without a key pair, and the note that tells it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from cloudmesh.cloud.cli.notes import is_simulated
from cloudmesh.cloud.client.lookup import defaults
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.machines import Machines


def without_key(machines: Machines) -> list[str]:
    """The clouds on which these machines would be booted without a key pair, though there could be one.

    Raises UsageError as booting them does.
    """
    config = machines.session.config
    found = []
    for cloud in dict.fromkeys(cloud for cloud, _ in machines.boot_plan().places):
        # What is wrong with a cloud is told by booting there.
        with suppress(CloudmeshError):
            lacks = "key" not in defaults(config, cloud) and not is_simulated(config, cloud)
            if lacks and Capability.KEYS in machines.session.declared(cloud).capabilities:
                found.append(cloud)
    return found


def note(clouds: Sequence[str]) -> str:
    """What to tell where nobody is asked."""
    names = ", ".join(clouds)
    verb = "has" if len(clouds) == 1 else "have"
    return (
        f"note: {names} {verb} no default key pair, so these machines have none and may refuse "
        "every sign-in; 'cms key generate NAME' makes one, 'cms vm boot --key=NAME' uses it"
    )

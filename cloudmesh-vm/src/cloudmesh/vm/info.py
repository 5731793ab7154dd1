"""``cms vm info``: one machine, asked from its cloud, or as it was last seen."""

from __future__ import annotations

import time

from cloudmesh.cloud.errors import NotFound
from cloudmesh.config import Config
from cloudmesh.plugin.answer import Answer
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.listing import age_text
from cloudmesh.vm.machines import Machines
from cloudmesh.vm.report import describe


def machine_info(config: Config, name: str, cloud: str | None) -> Answer:
    """Everything about a machine. If its cloud does not answer, what was last known, with the error.

    Raises:
        UnknownName: no machine has the name.
        NotFound: it has vanished from its cloud.
    """
    with Machines(name, cloud, config) as machines:
        machine = machines.select().machine()
        try:
            now = machines.session.cloud(machine.cloud).refresh(machine)
        except NotFound:
            raise
        except CloudmeshError as error:
            known = machines.session.inventory.find(machine)
            if known is None:
                raise
            note = f"error: {error}; this is as of {age_text(known.age)} ago"
            answer = describe(config, machine, known.refreshed, [note])
            answer.exit_code = error.exit_code
            return answer
        return describe(config, now, time.time())

"""``cms vm info`` and ``cms vm metadata``: what clouds tell of machines now, or what was last seen."""

from __future__ import annotations

import time

from cloudmesh.cloud.cli.notes import age_text, simulated_notes
from cloudmesh.cloud.errors import NotFound
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.output import Answer
from cloudmesh.vm.cli.report import describe
from cloudmesh.vm.machines import Machines


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


def machine_metadata(config: Config, machines: Machines) -> Answer:
    """What is written on the machines, asked from their clouds now; one that fails is named."""
    rows: list[dict[str, str]] = []
    errors: list[CloudmeshError] = []
    selection = machines.select()
    for machine in selection.machines:
        try:
            now = machines.session.cloud(machine.cloud).refresh(machine)
        except CloudmeshError as error:
            errors.append(error)
            continue
        place = {"cloud": now.cloud, "name": now.name}
        rows += [{**place, "key": key, "value": value} for key, value in now.metadata.items()]
    errors += [each.error for each in selection.missing]
    clouds = [machine.cloud for machine in selection.machines]
    return Answer(
        rows,
        columns=("cloud", "name", "key", "value"),
        notes=[*(f"error: {error}" for error in errors), *simulated_notes(config, clouds)],
        errors=errors,
        exit_code=max((error.exit_code for error in errors), default=0),
    )

"""The rows of actions, dry runs and of one machine."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from cloudmesh.cloud.model import Machine
from cloudmesh.cloud.notes import simulated_notes
from cloudmesh.cloud.verbs import Fitness, find_verb, impossible
from cloudmesh.config import Config
from cloudmesh.plugin.answer import Answer
from cloudmesh.vm.outcome import Outcome, Result
from cloudmesh.vm.select import Selection

WOULD_FAIL = "would fail"
COLUMNS = ("cloud", "name", "action", "result", "state", "seconds", "reason")


def report(config: Config, result: Result) -> Answer:
    """One row a machine: what was asked, how it ended and why."""
    rows = [_row(outcome) for outcome in result]
    notes = simulated_notes(config, _clouds(config, (outcome.cloud for outcome in result)))
    if result.interrupted:
        notes.insert(0, "interrupted: what is marked 'not started' was not asked of any cloud")
    return Answer(rows, columns=COLUMNS, notes=notes, exit_code=result.exit_code)


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "cloud": outcome.cloud,
        "name": outcome.name,
        "action": outcome.verb,
        "result": outcome.status.value,
        "state": outcome.machine.state.value if outcome.machine else "",
        "seconds": round(outcome.seconds, 2),
        "reason": str(outcome.error or ""),
    }


def dry_run(config: Config, selection: Selection, action: str) -> Answer:
    """What an action would do, from what is known; no cloud is asked to do anything.

    The exit code is 1 if a machine would fail.
    """
    verb = find_verb(action)
    rows = [
        {"cloud": machine.cloud, "name": machine.name, "action": action, **_would(machine, action)}
        for machine in selection.machines
    ]
    for each in selection.missing:
        failure = {"result": WOULD_FAIL, "reason": str(each.error)}
        rows.append({"cloud": each.cloud, "name": each.name, "action": action, **failure})
    notes = [f"dry run: nothing was {verb.past}; the states are those last seen"]
    clouds = _clouds(config, (machine.cloud for machine in selection.machines))
    columns = [column for column in COLUMNS if column != "seconds"]
    return Answer(
        rows,
        columns=columns,
        notes=[*notes, *simulated_notes(config, clouds)],
        exit_code=int(any(row["result"] == WOULD_FAIL for row in rows)),
    )


def _would(machine: Machine, action: str) -> dict[str, str]:
    verb = find_verb(action)
    fitness = verb.fitness(machine.state)
    words = {
        Fitness.POSSIBLE: (f"would {action}", ""),
        Fitness.ALREADY: ("already", f"it is {machine.state}"),
        Fitness.IMPOSSIBLE: (WOULD_FAIL, str(impossible(verb, machine))),
    }
    result, reason = words[fitness]
    return {"result": result, "state": machine.state.value, "reason": reason}


def describe(config: Config, machine: Machine, refreshed: float, notes: Iterable[str] = ()) -> Answer:
    """Everything that is known of one machine."""
    facts = {**machine.to_record(), "age": round(max(0.0, time.time() - refreshed), 1)}
    facts["created"] = _moment(machine.created)
    return Answer(record=facts, notes=[*notes, *simulated_notes(config, [machine.cloud])])


def _moment(seconds: float) -> str:
    """The time in ISO 8601, UTC; empty if it is not known."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""


def _clouds(config: Config, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name in config.clouds]

"""The rows of actions, dry runs and of one machine."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.cli.notes import simulated_notes
from cloudmesh.cloud.fanout.limits import Deadline
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import VERBS, Verb, find_verb
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.output import Answer
from cloudmesh.vm.cli.folding import fold_rows
from cloudmesh.vm.clouds.session import CloudSession
from cloudmesh.vm.jobs.planning import ActionPlan, GivenArgument
from cloudmesh.vm.model.outcome import Outcome, Result, Status

if TYPE_CHECKING:
    from cloudmesh.cloud.client.cloud import Cloud
    from cloudmesh.vm.machines import Machines

WOULD_FAIL = "would fail"
COLUMNS = ("cloud", "name", "action", "result", "state", "seconds", "reason")
# So many outcomes do not fit on a screen; then they are counted.
_MANY = 20


def report(config: Config, result: Result, seconds: float | None = None) -> Answer:
    """One row a machine: what was asked, how it ended and why. In a table, those that fared alike share one.

    Args:
        seconds: how long the whole took, told in a closing line where there are many machines.
    """
    rows = [_row(outcome) for outcome in result]
    ids = [outcome.machine.cloud_id if outcome.machine else "" for outcome in result]
    notes = simulated_notes(config, _clouds(config, (outcome.cloud for outcome in result)))
    if result.interrupted:
        notes.insert(0, _interruption(result))
    if seconds is not None and len(result) > _MANY:
        notes.append(summary(result, seconds))
    return Answer(
        rows,
        columns=COLUMNS,
        notes=notes,
        errors=[outcome.error for outcome in result if outcome.error],
        exit_code=result.exit_code,
        table_rows=fold_rows(rows, ids),
    )


def _interruption(result: Result) -> str:
    if any(outcome.status is Status.NOT_STARTED for outcome in result):
        return "interrupted: what is marked 'not started' was not asked of any cloud"
    return "interrupted: all that was asked of the clouds is in the table"


def summary(result: Result, seconds: float) -> str:
    """How many machines fared how: ``1000 machines in 12.3 s: 987 done, 10 failed, 3 not started``."""
    counts = Counter(outcome.status for outcome in result)
    told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
    return f"{len(result)} machines in {seconds:.1f} s: {told}"


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "cloud": outcome.cloud,
        "name": outcome.name,
        "action": words(outcome.verb),
        "result": outcome.status.value,
        "state": outcome.machine.state.value if outcome.machine else "",
        "seconds": round(outcome.seconds, 2),
        "reason": str(outcome.error or ""),
    }


def words(action: str) -> str:
    """An action as users say it."""
    return VERBS[action].words if action in VERBS else action


def dry_run(
    machines: Machines, action: str, argument: GivenArgument = None, timeout: float | None = None
) -> Answer:
    """What an action would do; a cloud is asked at most what state a machine is in, and what it offers.

    The exit code is 1 if a machine would fail.

    Args:
        timeout: seconds for all of it together.

    Raises:
        UnknownName, UsageError: a cloud has no such image or flavor, or several that are meant.
    """
    verb, session = find_verb(action), machines.session
    deadline = Deadline.after(timeout)
    selection = machines.select(timeout)
    with session.within(deadline):
        plan = ActionPlan(session, verb, argument).plan(selection)
        rows = _foreseen(session, verb, [task.machine for task in plan.tasks if task.machine])
    for each in plan.missing:
        failure = {"result": WOULD_FAIL, "reason": str(each.error)}
        rows.append({"cloud": each.cloud, "name": each.name, "action": verb.words, **failure})
    clouds = _clouds(session.config, (machine.cloud for machine in selection.machines))
    return Answer(
        rows,
        columns=[column for column in COLUMNS if column != "seconds"],
        notes=[f"dry run: nothing was {verb.past}", *simulated_notes(session.config, clouds)],
        exit_code=int(any(row["result"] == WOULD_FAIL for row in rows)),
        table_rows=fold_rows(rows),
    )


def _foreseen(session: CloudSession, verb: Verb, machines: Sequence[MachineRecord]) -> list[dict[str, str]]:
    """A row for each machine; the clouds are asked side by side."""
    of_cloud: dict[str, list[MachineRecord]] = {}
    for machine in machines:
        of_cloud.setdefault(machine.cloud, []).append(machine)
    told = session.ask_all(
        [*of_cloud], lambda cloud: [_foreseen_one(cloud, each, verb) for each in of_cloud[cloud.name]]
    )
    rows: dict[str, Iterator[dict[str, str]]] = {}
    for cloud, answer in told.items():
        if isinstance(answer, CloudmeshError):
            rows[cloud] = iter([_would_fail(each, verb, answer) for each in of_cloud[cloud]])
        else:
            rows[cloud] = iter(answer)
    return [next(rows[machine.cloud]) for machine in machines]


def _foreseen_one(cloud: Cloud, machine: MachineRecord, verb: Verb) -> dict[str, str]:
    try:
        done = cloud.foresee(machine, verb)
    except CloudmeshError as error:
        return _would_fail(machine, verb, error)
    state = done.machine.state.value
    row = {"cloud": machine.cloud, "name": machine.name, "action": verb.words, "state": state}
    if done.changed:
        return {**row, "result": f"would {verb.words}", "reason": ""}
    return {**row, "result": Status.ALREADY.value, "reason": f"it is {state}"}


def _would_fail(machine: MachineRecord, verb: Verb, error: CloudmeshError) -> dict[str, str]:
    return {
        "cloud": machine.cloud,
        "name": machine.name,
        "action": verb.words,
        "state": machine.state.value,
        "result": WOULD_FAIL,
        "reason": str(error),
    }


def describe(config: Config, machine: MachineRecord, refreshed: float, notes: Iterable[str] = ()) -> Answer:
    """Everything that is known of one machine."""
    facts = {**machine.to_record(), "age": round(max(0.0, time.time() - refreshed), 1)}
    facts["created"] = _moment(machine.created)
    return Answer(record=facts, notes=[*notes, *simulated_notes(config, [machine.cloud])])


def _moment(seconds: float) -> str:
    """The time in ISO 8601, UTC; empty if it is not known."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else ""


def _clouds(config: Config, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name in config.clouds]

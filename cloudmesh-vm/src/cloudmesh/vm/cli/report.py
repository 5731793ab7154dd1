"""The rows of actions, dry runs and of one machine."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.cli.notes import age_text, simulated_notes
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.cloud.model.verbs import VERBS, Verb, find_verb
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.config import Config
from cloudmesh.db import open_store
from cloudmesh.plugin.errors import StoreError
from cloudmesh.plugin.names import NameIndex, expand, fold
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.cli.spared import spared_notes, untold_notes
from cloudmesh.vm.model.call import BOOT
from cloudmesh.vm.model.outcome import OUTCOME_COLUMNS, Outcome, Result, Status, UnresolvedName, outcome_row
from cloudmesh.vm.queries import Foreseen, foresee, machine_words

if TYPE_CHECKING:
    from cloudmesh.cloud.client.booter import BootOptions
    from cloudmesh.cloud.provider.interface import BootRequest
    from cloudmesh.vm.jobs.planning import GivenArgument
    from cloudmesh.vm.machines import Machines
    from cloudmesh.vm.model.plan import PlannedLease, Task

Row = Mapping[str, Any]

WOULD_FAIL = "would fail"
_BOOT_COLUMNS = ("cloud", "name", "result", "image", "flavor", "key", "networks")
# Shown where there is something to show.
_MORE_BOOT_COLUMNS = ("secgroups", "public", "hints", "reason")

# What a person must see stands at the end, next to the prompt.
_ORDER = {Status.NOT_STARTED.value: 1, Status.INTERRUPTED.value: 2, Status.FAILED.value: 3, WOULD_FAIL: 3}
_WORD = re.compile(r"[\w-]+(\.[\w-]+)*")
# A name without a number folds with none, and could be any word of the sentence; so could a mere number.
_TELLING = re.compile(r"(?=.*[0-9]).*[A-Za-z]")
_ALIKE = ("cloud", "action", "result", "state")
# So many outcomes do not fit on a screen; then they are counted.
_MANY = 20
# Of so many machines the last lines are shown.
_FEW = 3


def report(config: Config, result: Result, seconds: float | None = None, form: str = "table") -> Answer:
    """One row a machine: what was asked, how it ended and why. In a table, those that fared alike share one.

    Args:
        seconds: how long the whole took, told in a closing line where there are many machines.
        form: how it will be shown; ``names`` are those of machines that succeeded, and notes tell of others.
    """
    rows: list[Row] = [
        {
            **outcome_row(each),
            "action": words(each.verb),
            "seconds": round(each.seconds, 2),
            "id": each.machine.cloud_id if each.machine else "",
        }
        for each in result
    ]
    ids = [row["id"] for row in rows]
    booted = (outcome.cloud for outcome in result if outcome.verb == BOOT)
    notes = simulated_notes(config, _clouds(config, booted))
    if result.interrupted:
        left = any(outcome.status is Status.NOT_STARTED for outcome in result)
        what = "'not started' means that no request was sent"
        every = "every request sent is in the table"
        notes.insert(0, f"interrupted: {what if left else every}")
    notes += [f"note: {each}" for each in result.notes]
    notes += _last_lines(result)
    notes += (
        _lease_notes(config, result) if any(each.machine and each.machine.lease for each in result) else []
    )
    if seconds is not None and len(result) > _MANY:
        counts = Counter(outcome.status for outcome in result)
        told = ", ".join(f"{counts[status]} {status}" for status in Status if counts[status])
        notes.append(f"{len(result)} machines in {seconds:.1f} s: {told}")
    verb = VERBS.get(result[0].verb) if len(result) else None
    if verb and verb.destroys:
        notes += spared_notes(verb, ((each.cloud, each.name, each.error) for each in result))
    if result.error:
        notes.append(str(result.error))
    if form == "names":
        rows = machine_rows(config, [each.machine for each in result.succeeded if each.machine])
        rows += [{"name": f"{each.cloud}:={each.name}"} for each in result.succeeded if not each.machine]
        notes = [*(_failure(each, each.error or each.status) for each in result.failed), *notes]
    return Answer(
        rows,
        columns=OUTCOME_COLUMNS,
        notes=notes,
        errors=[each for each in (*(outcome.error for outcome in result), result.error) if each],
        exit_code=result.exit_code,
        table_rows=fold_rows(rows, ids) if form == "table" else None,
    )


def _last_lines(result: Result) -> list[str]:
    """What machines printed last whose cloud-init failed, of the first few."""
    told = [each for each in result.failed if isinstance(getattr(each.error, "lines", None), tuple)]
    return [
        harmless(f"error: {each.name}: {line}")
        for each in told[:_FEW]
        for line in getattr(each.error, "lines", ())
    ]


def _lease_notes(config: Config, result: Result) -> list[str]:
    """When the leases of machines that were booted end."""
    from cloudmesh.vm.cli.leases import booted_notes

    booted = result.with_outcomes([each for each in result if each.verb == BOOT])
    with Inventory(open_store(config)) as inventory:
        return booted_notes(inventory, booted)


def _planned_leases(leases: Sequence[PlannedLease]) -> list[str]:
    if not leases:
        return []
    from cloudmesh.vm.cli.leases import planned_notes

    return planned_notes(leases)


def machine_rows(config: Config, machines: Sequence[MachineRecord]) -> list[Row]:
    """The rows for ``--output=names``: for each machine a word that means it."""
    try:
        with Inventory(open_store(config)) as inventory:
            meaning = machine_words(config, inventory, machines)
    except StoreError:
        # What was done must be told all the same.
        meaning = [NameIndex(machines).word(each) for each in machines]
    return [{"name": word} for word in meaning]


def _failure(failed: Outcome | UnresolvedName | MachineRecord, reason: object) -> str:
    """The note on one that failed, where no row tells of it."""
    return harmless(f"error: {failed.cloud and f'{failed.cloud}:'}{failed.name}: {reason}")


def words(action: str) -> str:
    """An action as users say it."""
    return VERBS[action].words if action in VERBS else action


def dry_run(
    machines: Machines,
    action: str,
    argument: GivenArgument = None,
    timeout: float | None = None,
    form: str = "table",
) -> Answer:
    """What ``foresee`` tells of an action, and raises; the exit code is 1 if a machine would fail."""
    verb, config = find_verb(action), machines.session.config
    told, missing = foresee(machines, action, argument, timeout)
    rows: list[Row] = [_foreseen_row(each, verb) for each in told]
    ids = [each.machine.cloud_id for each in told] + [""] * len(missing)
    for each in missing:
        failure = {"result": WOULD_FAIL, "reason": str(each.error)}
        rows.append({"cloud": each.cloud, "name": each.name, "action": verb.words, **failure})
    failures = [*((each.machine.cloud, each.machine.name, each.error) for each in told)]
    untold = untold_notes(machines, verb, (each.machine for each in told))
    notes = [*spared_notes(verb, failures, "would be"), *untold, f"dry run: nothing was {verb.past}"]
    failed = any(row["result"] == WOULD_FAIL for row in rows)
    if form == "names":
        rows = machine_rows(config, [each.machine for each in told if not each.error])
        notes = [
            *(_failure(each.machine, f"{WOULD_FAIL}: {each.error}") for each in told if each.error),
            *(_failure(each, f"{WOULD_FAIL}: {each.error}") for each in missing),
            *notes,
        ]
    return Answer(
        rows,
        columns=[column for column in OUTCOME_COLUMNS if column != "seconds"],
        notes=notes,
        exit_code=int(failed),
        table_rows=fold_rows(rows, ids) if form == "table" else None,
    )


def dry_run_boot(
    machines: Machines, options: BootOptions, timeout: float | None = None, form: str = "table"
) -> Answer:
    """What would be booted where, and from what; raises what ``Machines.plan`` does.

    The clouds are only asked. The exit code is 1 if a machine would fail, since its name is taken, or its
    cloud does not answer.
    """
    plan = machines.plan(BOOT, options, timeout=timeout)
    rows: list[Row] = [_planned_row(each, each.request) for each in plan.tasks if each.request]
    for each in plan.missing:
        failure = {"result": WOULD_FAIL, "reason": str(each.error)}
        place = {"cloud": each.cloud, "name": each.name, "action": BOOT}
        rows.append({**dict.fromkeys((*_BOOT_COLUMNS, *_MORE_BOOT_COLUMNS)), **place, **failure})
    notes = [*_planned_leases(plan.leases), "dry run: nothing was booted"]
    if form == "names":
        rows = [{"name": f"{each.cloud}:={each.name}"} for each in plan.tasks]
        notes = [*(_failure(each, f"{WOULD_FAIL}: {each.error}") for each in plan.missing), *notes]
    more = [each for each in _MORE_BOOT_COLUMNS if form == "csv" or any(row.get(each) for row in rows)]
    return Answer(
        rows,
        columns=[*_BOOT_COLUMNS, *more],
        notes=notes,
        exit_code=int(bool(plan.missing)),
        table_rows=fold_rows(rows) if form == "table" else None,
    )


def _planned_row(task: Task, request: BootRequest) -> Row:
    return {
        "cloud": task.cloud,
        "name": task.name,
        "action": BOOT,
        "result": f"would {BOOT}",
        "image": request.image.name,
        "flavor": request.flavor.name,
        "key": request.key.name if request.key else None,
        "networks": [each.name for each in request.networks],
        "secgroups": [each.name for each in request.security_groups],
        "public": request.public or task.address,
        "metadata": dict(request.metadata),
        "hints": dict(request.hints),
        "reason": "",
    }


def _foreseen_row(foreseen: Foreseen, verb: Verb) -> Row:
    machine, state = foreseen.machine, foreseen.state.value
    told = state if verb.locks is None else "locked" if verb.locks else "not locked"
    result, reason = Status.ALREADY.value, f"it is {told}"
    if foreseen.error:
        result, reason = WOULD_FAIL, str(foreseen.error)
    elif foreseen.changed:
        result, reason = f"would {verb.words}", ""
    row = {"cloud": machine.cloud, "name": machine.name, "action": verb.words, "state": state}
    return {**row, "result": result, "reason": reason}


def describe(
    config: Config, machine: MachineRecord, refreshed: float, notes: Iterable[str] = (), form: str = "table"
) -> Answer:
    """Everything that is known of one machine."""
    age = round(max(0.0, time.time() - refreshed), 1)
    told: dict[str, Any] = {}
    for key, value in {**machine.to_record(), "age": age, "created": time_text(machine.created)}.items():
        told |= {key: value, **(_lease_end(config, machine) if key == "lease" and value else {})}
    del told["boot_id"]
    facts = {"id" if key == "cloud_id" else key: value for key, value in told.items()}
    if form == "names":
        facts.update(*machine_rows(config, [machine]))
    elif form == "table":
        facts["age"] = age_text(age)
    return Answer(record=facts, notes=list(notes))


def _lease_end(config: Config, machine: MachineRecord) -> dict[str, str]:
    """When the lease of a machine ends, as its cloud told last."""
    from cloudmesh.cloud.store.leases import kept_leases, lease_of_machine

    with Inventory(open_store(config)) as inventory:
        leases = kept_leases(inventory.database, [machine.cloud]).get(machine.cloud, ())
    known = lease_of_machine(machine.lease, machine.flavor, leases)
    return {"lease_ends": time_text(known.ends) if known else "unknown"}


def _clouds(config: Config, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name in config.clouds]


def fold_rows(rows: Sequence[Row], ids: Sequence[str] = ()) -> list[Row]:
    """Fewer rows: alike but for the name, they become one, with names as ``web[01-20]`` and the longest time.

    A reason that differs only by a machine's own name, or its id, is alike: it says NAME and ID there.
    Those that failed come last.

    Args:
        rows: one a machine: cloud, name, action, result, state, seconds and reason.
        ids: the clouds' own ids of these machines, in the same order.
    """
    alike: dict[tuple[Any, ...], list[Row]] = {}
    count = Counter((row["cloud"], row["name"]) for row in rows)
    for row, cloud_id in zip(rows, ids or [""] * len(rows), strict=True):
        twin = cloud_id and count[row["cloud"], row["name"]] > 1
        shown = {**row, "name": f"{row['name']} ({cloud_id})"} if twin else row
        key = (*(row.get(each) for each in _ALIKE), _general(row, cloud_id))
        alike.setdefault(key, []).append(shown)
    folded = [row for key, group in alike.items() for row in _fold_alike(group, key[-1])]
    return sorted(folded, key=lambda row: _ORDER.get(row["result"], 0))


def _fold_alike(rows: Sequence[Row], reason: str) -> list[Row]:
    """One row for each expression that the names fold to."""
    named: dict[str, list[Row]] = {}
    for row in rows:
        named.setdefault(row["name"], []).append(row)
    # Two machines of one name, which clouds allow, must not look like one.
    once = [name for name, same in named.items() if len(same) == 1]
    folded = [row for same in named.values() if len(same) > 1 for row in same]
    for expression in fold(once):
        if expression in named:
            folded += named[expression]
        else:
            members = [row for name in expand(expression) for row in named[name.name]]
            # The rows of a dry run have no seconds.
            seconds = [row["seconds"] for row in members if "seconds" in row]
            longest = {"seconds": max(seconds)} if seconds else {}
            folded.append({**members[0], "name": expression, "reason": reason, **longest})
    return folded


def _general(row: Row, cloud_id: str) -> str:
    """The reason without what is this machine's alone."""
    reason = str(row.get("reason") or "")
    own = {text: word for text, word in ((cloud_id, "ID"), (row["name"], "NAME")) if _TELLING.search(text)}
    own |= {row["address"]: "ADDRESS"} if row.get("address") else {}
    return _WORD.sub(lambda word: own.get(word[0], word[0]), reason) if own else reason

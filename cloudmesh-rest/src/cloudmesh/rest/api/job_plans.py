"""Plans new jobs, by asking clouds: what a job would do, and the job itself if that is what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloudmesh.cloud.cli.notes import simulated_notes
from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.errors import Locked
from cloudmesh.cloud.model.records import MachineRecord
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.rest.api.job_body import JobBody
from cloudmesh.rest.api.job_models import JobPlan, PlannedMachine, failure
from cloudmesh.rest.api.job_words import Wanted, in_full
from cloudmesh.rest.problems import Problem
from cloudmesh.vm.cli.spared import untold_notes, without_locked
from cloudmesh.vm.clouds.select import Selection
from cloudmesh.vm.jobs.conflicts import name_taken
from cloudmesh.vm.machines import Machines
from cloudmesh.vm.model.outcome import UnresolvedName
from cloudmesh.vm.model.plan import Plan, Task
from cloudmesh.vm.queries import Foreseen, foresee

# Seconds in which clouds are to tell what is needed before a job, if nothing else is said.
PLANNING = 120.0
# So many names are told where the number is not the expected one.
_TOLD = 1000


def make_plan(wanted: Wanted, body: JobBody, config: Config) -> Plan:
    """The job that was asked for, with all that its calls need.

    Raises:
        Problem: it is about another number of machines than expected, or there is nothing to do.
        CloudmeshError: what ``Machines.plan`` raises.
    """
    timeout = body.timeout or PLANNING
    with wanted.machines(config, body) as machines:
        if isinstance(wanted.argument, BootOptions):
            plan = machines.plan(wanted.verb.name, wanted.argument, wait=body.wait, timeout=timeout)
            _require_number(body.expect, [f"{each.cloud}:{each.name}" for each in plan.tasks], plan.missing)
        else:
            selection = _selection(machines, wanted, body, timeout)
            plan = machines.plan(
                wanted.verb.name, wanted.argument, wait=body.wait, timeout=timeout, selection=selection
            )
    if not plan.tasks:
        raise _nothing_to_do(plan)
    return plan


def _selection(machines: Machines, wanted: Wanted, body: JobBody, timeout: float) -> Selection:
    """The machines that are meant, without those that a lock spares; as many as expected."""
    selection = machines.select(timeout)
    verb = wanted.verb
    expected = body.expect
    if verb.destroys:
        selection = without_locked(machines, verb, selection)
        if expected is None and in_full(body, wanted.named):
            spared = sum(isinstance(each.error, Locked) for each in selection.missing)
            expected = len(wanted.named) - spared
    _require_number(expected, [each.qualified_name for each in selection.machines], selection.missing)
    return selection


def _require_number(expected: int | None, names: Sequence[str], missing: Sequence[UnresolvedName]) -> None:
    """Refuse a job that is about another number of machines than its client thinks."""
    if expected is None or expected == len(names):
        return
    counted = "1 machine" if len(names) == 1 else f"{len(names)} machines"
    raise Problem(
        409,
        f"{counted} would be meant, not {expected} as expected; nothing was done; look at names, and send "
        "the number as expect",
        "expected-another-number",
        {
            "expected": expected,
            "count": len(names),
            "names": list(names[:_TOLD]),
            "missing": [
                {
                    "cloud": each.cloud,
                    "name": each.name,
                    "error": failure(each.error.to_record()).model_dump(),
                }
                for each in missing[:_TOLD]
            ],
        },
    )


def _nothing_to_do(plan: Plan) -> CloudmeshError | Problem:
    """Why there is no job: the reason of the first machine."""
    if not plan.missing:
        return Problem(409, "no machine is meant; nothing is to be done", "nothing-to-do")
    first = plan.missing[0]
    taken = str(first.error) == str(name_taken(first.cloud, first.name))
    if taken or isinstance(first.error, Locked):
        return Problem(409, str(first.error), "nothing-to-do")
    return first.error


def make_dry_plan(wanted: Wanted, body: JobBody, config: Config) -> JobPlan:
    """What the job would do; clouds are only asked. Raises what ``make_plan`` raises, but for the number."""
    timeout = body.timeout or PLANNING
    with wanted.machines(config, body) as machines:
        if isinstance(wanted.argument, BootOptions):
            plan = machines.plan(wanted.verb.name, wanted.argument, wait=body.wait, timeout=timeout)
            shown = [_booted(each) for each in plan.tasks]
            missing, meant = plan.missing, len(plan.tasks)
            notes = simulated_notes(config, dict.fromkeys(each.cloud for each in plan.tasks))
        else:
            told, missing = foresee(machines, wanted.verb.name, wanted.argument, timeout)
            shown = [_foreseen(each) for each in told]
            meant = sum(not isinstance(each.error, Locked) for each in told)
            notes = [
                *machines.notes,
                *untold_notes(machines, wanted.verb, (each.machine for each in told)),
            ]
    shown += [_missing(each) for each in missing]
    results = [each.result for each in shown]
    return JobPlan(
        verb=wanted.verb.name,
        possible=results.count("possible"),
        already=results.count("already"),
        impossible=results.count("impossible"),
        expect=meant,
        machines=shown,
        notes=[mask_text(each) for each in notes],
    )


def _booted(task: Task) -> PlannedMachine:
    assert task.request is not None  # noqa: S101 a boot has one
    request = task.request
    return PlannedMachine(
        cloud=task.cloud,
        name=task.name,
        id="",
        state="",
        result="possible",
        error=None,
        image=request.image.name,
        flavor=request.flavor.name,
        key=request.key.name if request.key else None,
        networks=_names(request.networks),
        secgroup=_names(request.security_groups),
        public=request.public or task.address,
    )


def _names(things: Iterable[object]) -> list[str]:
    return [str(getattr(each, "name", "")) for each in things]


def _foreseen(told: Foreseen) -> PlannedMachine:
    machine: MachineRecord = told.machine
    result = "impossible" if told.error else "possible" if told.changed else "already"
    return PlannedMachine(
        cloud=machine.cloud,
        name=machine.name,
        id=machine.cloud_id,
        state=told.state.value,
        result=result,
        error=failure(told.error.to_record()) if told.error else None,
    )


def _missing(each: UnresolvedName) -> PlannedMachine:
    return PlannedMachine(
        cloud=each.cloud,
        name=each.name,
        id="",
        state="",
        result="impossible",
        error=failure(each.error.to_record()),
    )

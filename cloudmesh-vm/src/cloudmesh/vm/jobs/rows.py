"""The tables of jobs in the store, and what their rows hold.

``job`` has a row for each job, ``part`` one for each cloud of a job, ``task`` one for each machine, and
``job_event`` one for each thing that happened to a job or a task. A task is pending, then running, then done,
already or failed. What is pending or running when its job is over was interrupted, and another process can go
on with it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.store.owners import ACCOUNT
from cloudmesh.plugin.errors import CloudmeshError, error_from_record
from cloudmesh.vm.model.outcome import Outcome, Status, UnresolvedName
from cloudmesh.vm.model.plan import TABLES, Plan, Task
from cloudmesh.vm.model.remote import REMOTE, Work
from cloudmesh.vm.model.wait import Wait

if TYPE_CHECKING:
    from cloudmesh.vm.scheduler.queue import TaskRun

JOBS, PARTS, TASKS, EVENTS = TABLES
PENDING, RUNNING, INTERRUPTED, CANCELLED = "pending", "running", "interrupted", "cancelled"
UNFINISHED = (PENDING, RUNNING)
# How jobs end by themselves.
OVER = ("done", "failed")
# What happens to a job or a task, beside the statuses of tasks.
CREATED, STARTED, BEGUN, RETRIED, WAITING, REACHED, CLOSED = (
    *("created", "started", "begun", "retried", "waiting", "reached", "closed"),
)
# What became of a task that is not at its end, where nobody runs its job.
_LEFT = {PENDING: Status.NOT_STARTED.value, RUNNING: Status.INTERRUPTED.value}
# Why a command in a machine is not run again.
_FINAL = ("CommandFailed", "NotRepeated")
# The verbs that lead each machine back to the state where it was.
_RETURNING = {name: verb for name, verb in VERBS.items() if verb.target is None and verb.passing}


def lock_name(job: int) -> str:
    """The name that the process holds in the store which runs a job."""
    return f"job-{job}"


def owner() -> dict[str, Any]:
    """The columns of a job that tell which process runs it."""
    return {"pid": os.getpid(), "host": os.uname().nodename}


def is_alive(job: Mapping[str, Any]) -> bool:
    """Whether the process that created a job, or ran it last, may still be there."""
    if job["host"] != os.uname().nodename:
        return True
    try:
        os.kill(job["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def job_row(plan: Plan, status: str, made_by: str = "") -> dict[str, Any]:
    """The row of a new job; ``made_by``: who asked a server for it."""
    clouds = [*(task.cloud for task in plan.tasks), *(each.cloud for each in plan.missing if each.cloud)]
    return {
        "verb": plan.verb,
        "names": plan.names,
        "clouds": list(dict.fromkeys(clouds)),
        "machines": len(plan.tasks) + len(plan.missing),
        "wait": bool(plan.wait),
        "until": plan.wait if isinstance(plan.wait, str) else "",
        "began": time.time(),
        "ended": 0.0,
        **owner(),
        "account": ACCOUNT,
        "status": status,
        "cancel": 0,
        "told": False,
        "made_by": made_by,
    }


def stored_wait(job: Mapping[str, Any]) -> Wait:
    """What a job waits for; rows of earlier versions tell only whether it waits for the state."""
    return job.get("until") or bool(job["wait"])


def task_row(job: int, task: Task) -> dict[str, Any]:
    """The row of a task that is not begun."""
    return {
        "job": job,
        "cloud": task.cloud,
        "name": task.name,
        "cloud_id": task.machine.cloud_id if task.machine else "",
        "verb": task.verb,
        "status": PENDING,
        "error": "",
        "seconds": 0.0,
        "began": 0.0,
        "token": task.request.token if task.request else "",
    }


def missing_row(job: int, verb: str, missing: UnresolvedName) -> dict[str, Any]:
    """The row of what was asked for and could not be planned."""
    row = task_row(job, Task(missing.cloud, missing.name, verb))
    return {**row, "status": Status.FAILED.value, **error_values(missing.error), "ended": time.time()}


def begun_values(run: TaskRun, now: float) -> Mapping[str, Any]:
    """What changes in the row of a task when one of its calls is begun."""
    task = run.task
    values: dict[str, Any] = {"id": task.number, "status": RUNNING, "began": now}
    if task.request is not None:
        values |= _known_id(task.machine)
        if run.batch is not None:
            values["call"], values["seat"] = run.batch
    elif task.machine is not None and task.verb in _RETURNING:
        values |= _target(task.verb, _RETURNING[task.verb].leads_to(task.machine.state))
    return values


def ended_values(task: Task, outcome: Outcome, now: float) -> Mapping[str, Any]:
    """What changes in the row of a task when it is over."""
    return {
        "id": task.number,
        "status": outcome.status.value,
        **error_values(outcome.error),
        "seconds": round(outcome.seconds, 3),
        "ended": now,
        "unsure": bool(outcome.error and outcome.error.outcome_unknown),
        **_known_id(outcome.machine),
        **_target(outcome.verb, outcome.target),
    }


def error_values(error: CloudmeshError | None) -> dict[str, str]:
    """Why a task failed, or is left: for people as a sentence, for programs with its kind and fields."""
    return {"error": str(error or ""), "failure": json.dumps(error.to_record()) if error else ""}


def _known_id(machine: MachineRecord | None) -> Mapping[str, Any]:
    """Which machine it is, if that is known now; else the column keeps its value."""
    return {"cloud_id": machine.cloud_id} if machine else {}


def _target(verb: str, target: State | None) -> Mapping[str, Any]:
    """For verbs that lead back to the state before: that state, which the machine does not tell later."""
    return {"target": target.value} if target is not None and verb in _RETURNING else {}


def how_ended(counts: Mapping[str, int]) -> str:
    """The status of a job that is at its end, by how many of its tasks have which status."""
    return OVER[1] if counts.get(Status.FAILED.value) else OVER[0]


def event_rows(job: int, events: Sequence[tuple[int, str]]) -> list[dict[str, Any]]:
    """The rows of events that happen now; each is the number of a task, or 0 for the job, and its kind."""
    now = time.time()
    return [{"job": job, "task": task, "kind": kind, "time": now} for task, kind in events]


def told(row: Mapping[str, Any], over: bool) -> dict[str, Any]:
    """The row of a task for those who ask for its job, with ``result`` beside its columns.

    Args:
        row: as it is in the store.
        over: whether nobody runs the job, so that what is not at its end was not started or interrupted. Else
            why it is left is none of the present.
    """
    result = _LEFT.get(row["status"], row["status"]) if over else row["status"]
    reason = error_values(None) if result in UNFINISHED else {}
    return {**row, **reason, "result": result}


def stored_error(row: Mapping[str, Any]) -> CloudmeshError | None:
    """Why a task failed; rows of earlier versions tell only the sentence. None if it did not fail."""
    if row.get("failure"):
        return error_from_record(json.loads(row["failure"]))
    return CloudmeshError(row["error"]) if row["error"] else None


def was_planned(row: Mapping[str, Any]) -> bool:
    """Whether it was known for a task what to do to which machine."""
    return bool(row["cloud_id"] or row["token"])


def may_be_retried(row: Mapping[str, Any]) -> bool:
    """Whether a task that failed is tried again when its job is gone on with: see ``JobResumer``."""
    if row["verb"] in REMOTE:
        final = may_be_done(row) or json.loads(row.get("failure") or "{}").get("kind") in _FINAL
        return Work(row["verb"]).repeatable or not final
    verb = VERBS.get(row["verb"])
    return was_planned(row) and (verb is None or verb.repeatable or not may_be_done(row))


def may_be_done(row: Mapping[str, Any]) -> bool:
    """Whether a task that is not done may have been done all the same, by a call whose end nobody knows."""
    if row["status"] != Status.FAILED.value:
        return bool(row["status"] == RUNNING)
    # A task that was never called cannot be done; rows of early versions do not tell about the others.
    outcome_unknown = row.get("unsure")
    return bool(row["began"] and (outcome_unknown is None or outcome_unknown))

"""What ``cms job`` does, and its rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cloudmesh.cloud.cli.notes import age_text
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.config import Config
from cloudmesh.plugin.errors import UsageError, nearest
from cloudmesh.plugin.lists.selection import Selection
from cloudmesh.plugin.lists.values import LIST, NUMBER, SECONDS, Choice
from cloudmesh.plugin.output import Answer, selected
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.secrets import mask_text
from cloudmesh.vm.cli.actions import run_options, seconds
from cloudmesh.vm.cli.interrupted import describe, notes_from_store
from cloudmesh.vm.cli.progress import Progress
from cloudmesh.vm.cli.report import Row, fold_rows, machine_rows, report, words
from cloudmesh.vm.jobs.jobs import Jobs, JobState
from cloudmesh.vm.jobs.rows import (
    CANCELLED,
    INTERRUPTED,
    OVER,
    PENDING,
    RUNNING,
    may_be_retried,
)
from cloudmesh.vm.model.limits import RunOptions
from cloudmesh.vm.model.outcome import Result, Status
from cloudmesh.vm.model.remote import RUN

if TYPE_CHECKING:
    from cloudmesh.vm.ssh.spool import Spool

_LAST = 20
COLUMNS = ("job", "action", "names", "clouds", "status", "machines", "done", "failed", "left", "age")
_COLUMN_KINDS = {
    **dict.fromkeys(("job", "machines", "done", "failed", "left"), NUMBER),
    "clouds": LIST,
    "status": Choice((PENDING, RUNNING, *OVER, INTERRUPTED, CANCELLED), nearest),
    "age": SECONDS,
}
_TASK_COLUMNS = ("cloud", "name", "action", "result", "seconds", "reason")


def answer(config: Config, verb: str, arguments: Mapping[str, Any]) -> Answer:
    """Run a sub-command of ``cms job``."""
    if verb == "list":
        return list_jobs(config, everything=arguments["--all"], options=arguments)
    given = arguments["ID"]
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise UsageError(f"{given!r} is not a job number; see cms job list")
    number = int(given)
    if verb == "show":
        return show_job(config, number, arguments["--output"])
    if verb == "cancel":
        return report_cancelled(Jobs(config).cancel(number))
    timeout = seconds(arguments, "--timeout")
    progress = Progress(arguments["--quiet"])
    options = RunOptions(**run_options(arguments, progress))
    with progress:
        result = Jobs(config).resume(
            number, failed=arguments["--failed"], timeout=timeout, options=options, stdin=piped
        )
    if result and result[0].verb == RUN:
        from cloudmesh.vm.cli.gathered import report_run

        return with_headline(
            config, number, result, report_run(config, result, progress.seconds, arguments["--output"])
        )
    return report_resumed(config, number, result, progress.seconds, arguments["--output"])


def piped() -> Spool | None:
    """What is piped in to commands of a job; None for nothing."""
    from cloudmesh.vm.cli.remote import piped_in  # few jobs read it

    return piped_in()


def list_jobs(config: Config, everything: bool, options: Mapping[str, Any] | None = None) -> Answer:
    """The last jobs, the newest at the end; all of them with ``everything``, a filter or an order."""
    options = options or {}
    selection = Selection(options, COLUMNS, _COLUMN_KINDS, ("names", "action"))
    everything = everything or any(options.get(each) is not None for each in ("--filter", "--sort"))
    jobs = Jobs(config).list(None if everything else _LAST + 1)
    shown = jobs if everything else jobs[:_LAST]
    notes = ["note: older jobs are not shown; use --all"] if len(shown) < len(jobs) else []
    answer = Answer(
        [_row(job) for job in reversed(shown)],
        columns=COLUMNS,
        names="job",
        formats={"age": age_text, "names": _shortened},
        notes=[*notes, *notes_from_store(config)],
    )
    return selected(answer, selection)


def show_job(config: Config, number: int, form: str = "table") -> Answer:
    """One job: a row a machine, those that fared alike together in a table. Raises UnknownName."""
    job, tasks = Jobs(config).show(number)
    rows: list[Row] = [_task_row(task) for task in tasks]
    notes, table_rows = [_headline(job)], fold_rows(rows, [task["cloud_id"] for task in tasks])
    if form == "names":
        there = [task for task in tasks if task["cloud_id"]]
        rows = machine_rows(
            config,
            [MachineRecord(each["cloud"], each["name"], each["cloud_id"], State.UNKNOWN) for each in there],
        )
        left_out = len(tasks) - len(there)
        notes += [f"note: {left_out} without a machine are not shown; use --output=json"] if left_out else []
    if job.made_by:
        notes.append(f"note: made over REST with the token {harmless(job.made_by)}")
    if work := Jobs(config).work(number):
        told = work.command or f"{work.source} to {work.destination}"
        notes.append(f"note: {work.verb}: {harmless(mask_text(told))}")
    return Answer(rows, columns=_TASK_COLUMNS, notes=notes, table_rows=table_rows)


def report_resumed(config: Config, number: int, result: Result, took: float, form: str = "table") -> Answer:
    """What was done when a job was gone on with, in so many seconds, and how the whole job stands now."""
    return with_headline(config, number, result, report(config, result, took, form))


def with_headline(config: Config, number: int, result: Result, answer: Answer) -> Answer:
    """The answer on what was done when a job was gone on with, with how the whole job stands now."""
    job, tasks = Jobs(config).show(number)
    notes = [] if len(result) else [f"note: job {number} had nothing left to do"]
    answer.notes = [*answer.notes, *notes, _headline(job)]
    if job.failed:
        answer.exit_code = answer.exit_code or 1
        if any(each["status"] == Status.FAILED.value and may_be_retried(each) for each in tasks):
            answer.notes = [*answer.notes, f"note: retry what failed with cms job resume {number} --failed"]
    return answer


def report_cancelled(job: JobState) -> Answer:
    """How a job stands that was cancelled."""
    happens = "is stopping: it begins no more calls" if job.status == RUNNING else "is cancelled"
    counts = f"{job.done} of {job.machines} done"
    note = f"job {job.number} {happens}: {counts}; continue with cms job resume {job.number}"
    notes = [note]
    for place in job.leases:
        cloud, _, name = place.partition(":")
        told = f"its lease {name} may go on costing; delete it: cms lease delete {name} --cloud={cloud}"
        notes.append(f"note: {told}")
    return Answer([_row(job)], columns=COLUMNS, names="job", formats={"age": age_text}, notes=notes)


def _row(job: JobState) -> dict[str, Any]:
    return {
        "job": job.number,
        "action": words(job.verb),
        "names": job.names,
        "clouds": list(job.clouds),
        "status": job.status,
        "machines": job.machines,
        "done": job.done,
        "failed": job.failed,
        "left": job.unfinished,
        "age": round(max(0.0, time.time() - job.began), 1),
    }


def _task_row(task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cloud": task["cloud"],
        "name": task["name"],
        "action": words(task["verb"]),
        "result": task["result"],
        "seconds": round(task["seconds"], 2),
        "reason": task["error"],
    }


def _headline(job: JobState) -> str:
    """How the whole job stands, in a line."""
    if job.status == INTERRUPTED:
        return describe(job)
    counts = f"{job.done} of {job.machines} done"
    counts += f", {job.failed} failed" if job.failed else ""
    hint = (
        f"; continue with cms job resume {job.number}" if job.status == CANCELLED and job.unfinished else ""
    )
    return (
        f"note: job {job.number} ({words(job.verb)} {_shortened(job.names)}) is {job.status}: {counts}{hint}"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."

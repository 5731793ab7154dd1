"""What commands in many machines printed: equal outputs once, under the names of their machines."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cloudmesh.config import Config
from cloudmesh.plugin.names import fold
from cloudmesh.plugin.output import Answer
from cloudmesh.plugin.plain import harmless
from cloudmesh.vm.cli.report import fold_rows, machine_rows
from cloudmesh.vm.jobs.remote import MachineAsleep
from cloudmesh.vm.model.outcome import Outcome, Result, Status
from cloudmesh.vm.model.remote import CommandResult
from cloudmesh.vm.ssh.errors import (
    CommandFailed,
    CommandTimedOut,
    HostKeyChanged,
    MachineUnreachable,
    SignInRefused,
)

COLUMNS = ("cloud", "name", "result", "exit", "stdout", "stderr", "seconds", "reason")
_RULE = "-" * 15
UNREACHABLE, REFUSED, TIMED_OUT = "unreachable", "refused", "timed out"
_NOTHING = CommandResult(None)


def how(outcome: Outcome) -> str:
    """How the command of a machine ended, in a word: done, failed, unreachable, refused, timed out, ..."""
    from cloudmesh.cloud.access.route import NoRoute

    if isinstance(outcome.error, MachineUnreachable | MachineAsleep | NoRoute):
        return UNREACHABLE
    if isinstance(outcome.error, SignInRefused | HostKeyChanged):
        # Somebody answered, and that is to be looked into.
        return REFUSED
    return TIMED_OUT if isinstance(outcome.error, CommandTimedOut) else outcome.status.value


def report_run(
    config: Config, result: Result, seconds: float, form: str = "table", outdir: str | None = None
) -> Answer:
    """The outputs of a run; for programs a row a machine.

    Args:
        seconds: how long the whole took.
        form: how it will be shown; ``names`` are those of machines whose command succeeded.
        outdir: where the outputs are, if they are in files.
    """
    rows = list(map(_row, result))
    notes = list(_notes(result, rows, seconds))
    if outdir:
        notes.insert(0, f"note: the outputs are in {outdir}, as NAME.out and NAME.err")
    answer = Answer(
        rows,
        columns=COLUMNS,
        notes=notes,
        errors=[each.error for each in result if each.error],
        exit_code=result.exit_code,
    )
    if form == "names":
        answer.rows = machine_rows(config, [each.machine for each in result.succeeded if each.machine])
    elif form == "table":
        answer.text = "" if outdir else _gathered(result, lambda value: value.stdout, sys.stdout)
        errors = "" if outdir else _gathered(result, lambda value: value.stderr, sys.stderr, ", stderr")
        answer.notes = [*([errors.removesuffix("\n")] if errors else []), *notes]
    return answer


def _row(outcome: Outcome) -> dict[str, Any]:
    value = outcome.value or _NOTHING
    return {
        "cloud": outcome.cloud,
        "name": outcome.name,
        "result": how(outcome),
        "exit": value.exit_status,
        "stdout": value.stdout,
        "stderr": value.stderr,
        "seconds": round(outcome.seconds, 3),
        "reason": str(outcome.error or ""),
    }


def _gathered(result: Result, output: Callable[[CommandResult], str], stream: Any, what: str = "") -> str:
    """The texts that machines printed, each once, under the folded names; of one machine as it is."""
    texts = [(each, output(each.value)) for each in result if each.value is not None]
    spoken = [(each, text) for each, text in texts if text]
    if not spoken:
        return ""
    show = _shown if stream is not None and stream.isatty() else str
    if len(result) == 1:
        return show(spoken[0][1])
    parts: list[str] = []
    for machines, text in _alike(spoken):
        names = ",".join(fold(_names(machines)))
        count = f" ({len(machines)})" if len(machines) > 1 else ""
        parts.append(f"{_RULE}\n{harmless(names)}{count}{what}\n{_RULE}\n{show(text)}")
        if not text.endswith("\n"):
            parts[-1] += "\n"
    return "".join(parts)


def _alike(spoken: Sequence[tuple[Outcome, str]]) -> Iterator[tuple[list[Outcome], str]]:
    """The machines that printed the same, in the order of the first of each."""
    if len(spoken) == 1:
        yield [spoken[0][0]], spoken[0][1]
        return
    from ClusterShell.MsgTree import MsgTree  # few commands print anything on several machines

    tree = MsgTree()
    # Not from 0, which the tree takes for no key at all.
    for place, (_, text) in enumerate(spoken, 1):
        for line in text.split("\n"):
            tree.add(place, line.encode("utf-8", "surrogatepass"))
    groups = sorted(sorted(places) for _, places in tree.walk())
    for places in groups:
        yield [spoken[place - 1][0] for place in places], spoken[places[0] - 1][1]


def _names(machines: Sequence[Outcome]) -> list[str]:
    """Their names, with the cloud where they are on several."""
    clouds = {each.cloud for each in machines}
    return [each.name if len(clouds) == 1 else f"{each.cloud}:{each.name}" for each in machines]


def _shown(text: str) -> str:
    """A text of a machine as a terminal may show it: lines and tabs stay, all else that acts is visible."""
    rows = text.split("\n")
    return "\n".join("\t".join(map(harmless, row.removesuffix("\r").split("\t"))) for row in rows)


def _notes(result: Result, rows: Sequence[dict[str, Any]], seconds: float) -> Iterator[str]:
    """Who failed and why, those that fared alike together, and at the end how many fared how."""
    cut = [each for each in result if each.value is not None and each.value.truncated]
    if cut:
        names = harmless(",".join(fold(_names(cut))))
        yield f"note: {names} printed more than is kept; --outdir=DIR keeps all of it"
    yield from (f"note: {each}" for each in result.notes)
    failed = [
        {
            **row,
            "action": "run",
            "state": "",
            "address": each.machine.ssh_address if each.machine else "",
        }
        for row, each in zip(rows, result, strict=True)
        if not each.succeeded and each.status is not Status.NOT_STARTED
    ]
    for row in fold_rows(failed):
        yield harmless(f"error: {row['name']}: {row['reason'] or row['result']}")
    if result.interrupted:
        yield "interrupted: running commands got their connection closed, and may go on in their machines"
    if len(result) > 1 or result.failed:
        count = f"{len(result)} machine{'' if len(result) == 1 else 's'}"
        yield f"{count} in {seconds:.1f} s: {', '.join(_counts(result))}"
    if result.error:
        yield str(result.error)


def _counts(result: Result) -> Iterator[str]:
    """How many fared how; of those that failed also with which exit statuses."""
    counts = Counter(map(how, result))
    order = [*(each.value for each in Status), UNREACHABLE, REFUSED, TIMED_OUT]
    statuses = sorted({each.error.exit_status for each in result if isinstance(each.error, CommandFailed)})
    for word in sorted(counts, key=order.index):
        told = ""
        if word == Status.FAILED.value and statuses:
            shown = ", ".join(map(str, statuses[:5])) + (", ..." if len(statuses) > 5 else "")
            told = f" (exit {shown})"
        yield f"{counts[word]} {word}{told}"

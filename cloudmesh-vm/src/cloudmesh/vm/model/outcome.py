"""What became of each machine of an action, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.model.records import MachineRecord, State, Word
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.output import Answer, render
from cloudmesh.plugin.plain import harmless


class Status(Word):
    """How a task ended."""

    DONE = "done"
    ALREADY = "already"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    NOT_STARTED = "not started"


@dataclass(frozen=True)
class Outcome:
    """What became of one machine.

    Attributes:
        cloud, name: which machine was meant; the cloud is empty if none has the name, or several may.
        verb: what was asked.
        status: how it ended; done and already count as success.
        machine: the machine afterwards, as far as it is known.
        error: why it failed.
        seconds: how long it took.
        target: the state that the machine is on its way to, or in; None if it is not known.
        value: what a verb has found out, as plain data; None for verbs that only act.
    """

    cloud: str
    name: str
    verb: str
    status: Status
    machine: MachineRecord | None = None
    error: CloudmeshError | None = None
    seconds: float = 0.0
    target: State | None = None
    value: Any = None

    @property
    def succeeded(self) -> bool:
        """Whether the machine is what was asked for, or on its way there."""
        return self.status in (Status.DONE, Status.ALREADY)

    @property
    def state(self) -> State:
        """The last known state."""
        return self.machine.state if self.machine else State.UNKNOWN


@dataclass(frozen=True)
class UnresolvedName:
    """A name, or a whole cloud, that stands for no machine or for no certain one, and the reason."""

    cloud: str
    name: str
    error: CloudmeshError

    def outcome(self, verb: str) -> Outcome:
        """The same as the failed outcome of an action."""
        return Outcome(self.cloud, self.name, verb, Status.FAILED, error=self.error)


class ActionFailed(CloudmeshError):
    """Some machines of an action failed; ``result`` holds the outcomes of all."""

    def __init__(self, result: Result) -> None:
        self.result = result
        shown = "; ".join(f"{each.name}: {each.error or each.status}" for each in result.failed[:10])
        more = f"; and {len(result.failed) - 10} more" if len(result.failed) > 10 else ""
        super().__init__(f"{len(result.failed)} of {len(result)} machines failed: {shown}{more}")


OUTCOME_COLUMNS = ("cloud", "name", "action", "result", "state", "seconds", "reason")


def outcome_row(outcome: Outcome) -> dict[str, str]:
    """One machine, as texts for a table."""
    return {
        "cloud": outcome.cloud,
        "name": outcome.name,
        "action": outcome.verb,
        "result": outcome.status.value,
        "state": outcome.state.value if outcome.machine else "",
        "seconds": f"{outcome.seconds:.2f}",
        "reason": str(outcome.error or ""),
    }


class Result(Sequence[Outcome]):
    """The outcomes of one action, in the order of the names.

    Attributes:
        job: the number of the job in the store, by which it can be resumed; None if there is none.
        stopped: whether the user ended the work early (Ctrl-C, SIGTERM), even if all was done by then.
        notes: sentences about the job as a whole, such as that fewer calls were made at once than asked for.
        error: why the end of the job could not be stored, whatever became of the machines; else None.
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        job: int | None = None,
        stopped: bool = False,
        notes: Sequence[str] = (),
        error: CloudmeshError | None = None,
    ) -> None:
        self._outcomes = tuple(outcomes)
        self.job = job
        self.stopped = stopped
        self.notes = tuple(notes)
        self.error = error

    def with_outcomes(self, outcomes: Sequence[Outcome]) -> Result:
        """The same job with other outcomes."""
        return Result(outcomes, self.job, self.stopped, self.notes, self.error)

    def with_notes(self, notes: Sequence[str]) -> Result:
        """The same with these sentences beside those that it has."""
        return Result(self, self.job, self.stopped, [*self.notes, *notes], self.error)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Outcome, ...]: ...
    def __getitem__(self, index: int | slice) -> Outcome | tuple[Outcome, ...]:
        return self._outcomes[index]

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self._outcomes)

    def __len__(self) -> int:
        return len(self._outcomes)

    def __repr__(self) -> str:
        job = "" if self.job is None else f" of job {self.job}"
        return f"<Result{job}: {len(self.succeeded)} succeeded, {len(self.failed)} failed>"

    def __str__(self) -> str:
        """A table, a line for each machine."""
        return render(Answer([outcome_row(each) for each in self], columns=OUTCOME_COLUMNS), "table")

    def _repr_html_(self) -> str:
        """The same table for a notebook."""
        from html import escape  # nothing else needs it

        head = "".join(f"<th>{column}</th>" for column in OUTCOME_COLUMNS)
        body = ""
        for each in self:
            row = outcome_row(each)
            cells = (f"<td>{escape(harmless(row[key]))}</td>" for key in OUTCOME_COLUMNS)
            body += f"<tr>{''.join(cells)}</tr>"
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    @property
    def succeeded(self) -> list[Outcome]:
        """The outcomes of machines that are in the state that was asked for."""
        return [each for each in self if each.succeeded]

    @property
    def failed(self) -> list[Outcome]:
        """All other outcomes, also those of machines that were not started."""
        return [each for each in self if not each.succeeded]

    @property
    def interrupted(self) -> bool:
        """Whether the user stopped the work, here or by cancelling it from elsewhere."""
        return self.stopped or any(
            each.status in (Status.INTERRUPTED, Status.NOT_STARTED)
            and not isinstance(each.error, CloudTimeout)
            for each in self
        )

    @property
    def exit_code(self) -> int:
        """0 all done, 1 a task failed, the time was over or the end was not stored, 130 interrupted."""
        if self.interrupted:
            return 130
        return 1 if self.failed or self.error else 0

    def raise_for_failures(self) -> None:
        """Raise one error, ActionFailed, that lists the failed machines, if there are any; else ``error``."""
        if self.failed:
            raise ActionFailed(self)
        if self.error:
            raise self.error

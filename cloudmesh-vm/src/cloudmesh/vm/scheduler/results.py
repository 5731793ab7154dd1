"""Evaluates the result of a call: task done, failed or retried; fewer or more calls for its cloud.

The retry policy says which failed calls are repeated, how often, and after which pause. Nothing sleeps here:
the scheduler gets the seconds, and does other things meanwhile.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from cloudmesh.cloud.client.actions import ActionResult, RetrySingly
from cloudmesh.cloud.errors import CloudTimeout, OutOfService, RateLimited, Unreachable, is_transient
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.durations import span_text
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, Interrupted
from cloudmesh.vm.model.call import ADDRESS, BOOT, CallLost, NoRoom, WorkerUnreachable
from cloudmesh.vm.model.outcome import Status
from cloudmesh.vm.model.remote import REMOTE
from cloudmesh.vm.scheduler.queue import CloudQueue, InFlightCall, SchedulerStep, TaskRun
from cloudmesh.vm.ssh.errors import CommandTimedOut

_SEE = "cms vm list --refresh --cloud={cloud} shows its state"
_SEE_ADDRESS = "cms ip list --cloud={cloud} whether an address was created for it"


@dataclass(frozen=True)
class RetryPolicy:
    """How often a task is retried, and how long the pauses are.

    Attributes:
        attempts: the most calls for one task.
        silent_attempts: the same for a task that gets no answer at all, as long as its cloud has not answered
            any call of this job.
        first, longest: seconds to wait after the first failure, and at most; the wait doubles, and up to
            ``first`` is added at random so that not all tasks come back at once.
        obeyed: the longest wait in seconds that a cloud may ask for (Retry-After).
    """

    attempts: int = 6
    silent_attempts: int = 3
    first: float = 0.5
    longest: float = 30.0
    obeyed: float = 300.0

    def pause(self, error: Exception, tries: int, silences: int = 0) -> float | None:
        """Seconds to wait before a task that was tried ``tries`` times is retried; None if it has failed.

        ``silences``: how many calls in a row got no answer at all, if its cloud has not answered any call.
        """
        if not (is_transient(error) or isinstance(error, CallLost | NoRoom)):
            return None
        if tries >= self.attempts or silences >= self.silent_attempts:
            return None
        seconds = min(self.first * 2.0 ** (tries - 1), self.longest) + random.uniform(0, self.first)  # noqa: S311
        if isinstance(error, RateLimited | OutOfService) and error.retry_after is not None:
            return error.retry_after + seconds if self.obeys(error) else None
        return seconds

    def obeys(self, error: RateLimited | OutOfService) -> bool:
        """Whether the wait that the cloud asks for is short enough."""
        return error.retry_after is not None and error.retry_after <= self.obeyed


@dataclass
class ResultHandler:
    """Takes over the results of the calls of one job.

    Attributes:
        policy: what is retried.
        clock: that of the scheduler.
        halted: whether nothing is retried any more.
    """

    policy: RetryPolicy
    clock: Callable[[], float]
    halted: bool = False

    def settle(self, call: InFlightCall, step: SchedulerStep) -> None:
        """Take over the reply of a call that has ended, for each of its tasks."""
        reply = call.reply()
        step.changes += reply.changes
        values = reply.values or (None,) * len(call.runs)
        for run, result, value in zip(call.runs, reply.results, values, strict=True):
            run.seconds += reply.seconds
            if isinstance(result, RetrySingly):
                run.singly = True
                call.queue.waiting.append(run)
                continue
            run.tries += 1
            run.value = value
            if isinstance(result, CloudmeshError):
                self._failed(call, run, result, step)
            else:
                self._succeeded(call.queue, run, result, step)

    def _succeeded(self, queue: CloudQueue, run: TaskRun, result: ActionResult, step: SchedulerStep) -> None:
        """A call has done its work: the task is over, or a booted machine gets its public address next."""
        self._answered(queue)
        if run.task.address and run.step != ADDRESS:
            run.task = replace(run.task, machine=result.machine)
            run.step, run.tries, run.maybe_done, run.error = ADDRESS, 0, False, None
            if run.task.request is not None:
                # Stored before it is taken: if that call is lost, deleting the machine still releases it.
                token = run.task.request.token
                step.changes.append(StoreChange("expect_address", (result.machine, token)))
            queue.waiting.appendleft(run)
            return
        status = Status.DONE if result.changed else Status.ALREADY
        outcome = run.task.outcome(
            status, machine=result.machine, target=result.target, seconds=run.seconds, value=run.value
        )
        step.ended.append((run, outcome))

    def overdue(self, call: InFlightCall, run: TaskRun, step: SchedulerStep) -> None:
        """A call took too long, and is given up."""
        queue, seconds = call.queue, call.ends - call.began
        is_dead = queue.is_dead
        see = f"{_SEE}, and {_SEE_ADDRESS}" if run.step == ADDRESS else _SEE
        error = CloudTimeout(
            f"cloud {queue.cloud} did not answer within {span_text(seconds)}; "
            f"{see.format(cloud=queue.cloud)}",
            outcome_unknown=True,
        )
        run.maybe_done = True
        self._silent(call)
        if is_dead and queue.probing:
            queue.closed = error
        step.ended.append((run, run.failed(error)))

    def out_of_time(self, run: TaskRun, seconds: float, step: SchedulerStep) -> None:
        """The time for the job was over while a call was in flight."""
        if run.step in REMOTE:
            run.maybe_done = True
            sentence = f"the time limit of {span_text(seconds)} ended it; it may go on in the machine"
            step.ended.append((run, run.failed(CommandTimedOut(sentence))))
            return
        see = _SEE.format(cloud=run.task.cloud)
        sentence = f"the time limit of {span_text(seconds)} ended during the call; {see}"
        error = CloudTimeout(sentence, outcome_unknown=True)
        run.maybe_done = True
        step.left.append((run, run.failed(error, Status.INTERRUPTED)))

    def _failed(self, call: InFlightCall, run: TaskRun, error: CloudmeshError, step: SchedulerStep) -> None:
        """A call ended in an error: it is retried later, or the task has failed."""
        queue = call.queue
        if isinstance(error, Interrupted):
            # It was ended since the work was to end: the job can be resumed.
            run.maybe_done = run.maybe_done or error.outcome_unknown
            step.left.append((run, run.failed(error, Status.INTERRUPTED)))
            return
        if isinstance(error, NoRoom) and call.shared:
            # It is no failed try, as there was room for fewer calls than were made at once.
            run.tries -= 1
            run.maybe_done = run.maybe_done or error.outcome_unknown
            queue.retry_at(run, call.ended + self.policy.first)
            return
        # One failed call does not prove that the cloud is down: see ``CloudQueue.is_dead``.
        is_dead = queue.is_dead
        self._note_cloud(call, error)
        # A retry could make a second machine or address, as the first call may still be running. Verbs that
        # only change an existing machine do no harm when they are done twice.
        making = run.step == ADDRESS or (run.step == BOOT and not queue.boots_once) or run.makes
        might_double = making and isinstance(error, WorkerUnreachable)
        pause = None if might_double else self._pause(call, run, error)
        run.error = error
        run.maybe_done = run.maybe_done or error.outcome_unknown
        if pause is None:
            if _is_silence(error) and is_dead and queue.probing:
                queue.closed = error
            step.ended.append((run, run.failed(error)))
        elif self.halted:
            # It is not over: the job can be resumed.
            step.left.append((run, run.failed(error, Status.INTERRUPTED)))
        else:
            queue.retry_at(run, call.ended + pause)

    def _pause(self, call: InFlightCall, run: TaskRun, error: CloudmeshError) -> float | None:
        """Seconds until the task is retried; the same for all machines of a call that fared alike.

        So they come back together, in their order, and can share a call again. Those that one call may have
        booted together must do so whatever each was told: EC2 recognizes the call only as a whole.
        """
        run.silences = run.silences + 1 if _is_dead_silence(error) else 0
        silences = run.silences if call.queue.answered is None else 0
        booted_together = run.step == BOOT and len(call.runs) > 1 and error.outcome_unknown
        run.group = call if booted_together else None
        alike = (0, 0, 0) if booted_together else (id(error), run.tries, silences)
        if alike not in call.pauses:
            call.pauses[alike] = self.policy.pause(error, run.tries, silences)
        return call.pauses[alike]

    def _note_cloud(self, call: InFlightCall, error: CloudmeshError) -> None:
        """Take over what an error tells of its cloud."""
        queue = call.queue
        if isinstance(error, ConfigError):
            # Its credentials or its address are wrong: every other call would fail too.
            queue.closed = error
        elif _is_silence(error):
            self._silent(call)
        elif not isinstance(error, CallLost | NoRoom):
            self._answered(queue)
        if isinstance(error, RateLimited | OutOfService) and error.retry_after is not None:
            if self.policy.obeys(error):
                queue.paused = max(queue.paused, call.ended + error.retry_after)
            else:
                # The cloud has said that it will refuse all the others too.
                queue.closed = error

    def _answered(self, queue: CloudQueue) -> None:
        """The cloud has answered: it gets as many calls as it may have."""
        queue.answered = self.clock()
        queue.probing = False

    def _silent(self, call: InFlightCall) -> None:
        """A call got no answer: if no other call got one meanwhile, the cloud may be down, and is probed."""
        queue = call.queue
        queue.probing = queue.answered is None or queue.answered < call.began


def _is_silence(error: BaseException) -> bool:
    """Whether the cloud did not answer at all, as opposed to an answer that is an error."""
    return isinstance(error, Unreachable | CloudTimeout)


def _is_dead_silence(error: BaseException) -> bool:
    """Whether the cloud seems to be down, as opposed to a connection that broke off or a gateway's answer."""
    if isinstance(error, CloudTimeout):
        return True
    return isinstance(error, Unreachable) and not (isinstance(error, OutOfService) or error.outcome_unknown)

"""What a call that has ended means for its task, and for how carefully its cloud is asked from then on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cloudmesh.cloud.client.actions import RetrySingly
from cloudmesh.cloud.errors import CloudTimeout, RateLimited
from cloudmesh.cloud.store.changes import StoreChange
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.vm.model.call import ADDRESS, BOOT, CallLost, Ended, WorkerUnreachable
from cloudmesh.vm.model.outcome import Status
from cloudmesh.vm.scheduler.in_flight import InFlightCall, SchedulerStep
from cloudmesh.vm.scheduler.queue import CloudQueue, TaskRun
from cloudmesh.vm.scheduler.retry import RetryPolicy, closes, is_dead_silence, is_silence

_SEE = "cms vm list --refresh --cloud={cloud} shows what became of it"


class ResultHandler:
    """Judges the calls of one job.

    Attributes:
        halted: whether nothing is tried again any more.
    """

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self.halted = False
        self._policy = policy
        self._clock = clock

    def judge(self, flight: InFlightCall, attempt: TaskRun, ended: Ended, turn: SchedulerStep) -> None:
        """Take over how a call ended for one machine."""
        lane = flight.lane
        if isinstance(ended, RetrySingly):
            attempt.singly = True
            lane.waiting.append(attempt)
            return
        attempt.tries += 1
        if isinstance(ended, CloudmeshError):
            self._failed(flight, attempt, ended, turn)
            return
        self._heard(lane)
        if attempt.task.address and attempt.step != ADDRESS:
            attempt.task = replace(attempt.task, machine=ended.machine)
            attempt.step, attempt.tries, attempt.maybe_done, attempt.error = ADDRESS, 0, False, None
            if attempt.task.request is not None:
                # Before it is taken: if that call is lost, deleting the machine still gives it back.
                token = attempt.task.request.token
                turn.changes.append(StoreChange("expect_address", (ended.machine, token)))
            lane.waiting.appendleft(attempt)
            return
        status = Status.DONE if ended.changed else Status.ALREADY
        outcome = attempt.task.outcome(
            status, machine=ended.machine, target=ended.target, seconds=attempt.seconds
        )
        turn.ended.append((attempt, outcome))

    def overdue(self, flight: InFlightCall, attempt: TaskRun, turn: SchedulerStep) -> None:
        """A call took too long, and is given up."""
        lane, seconds = flight.lane, flight.ends - flight.began
        suspected = lane.probing
        error = CloudTimeout(
            f"cloud {lane.cloud} did not answer in {seconds:g} seconds; {_SEE.format(cloud=lane.cloud)}",
            outcome_unknown=True,
        )
        attempt.maybe_done = True
        self._silent(flight)
        if suspected and lane.probing:
            lane.closed = error
        turn.ended.append((attempt, attempt.failed(error)))

    def out_of_time(self, attempt: TaskRun, seconds: float, turn: SchedulerStep) -> None:
        """The time for the job was over while a call was made."""
        see = _SEE.format(cloud=attempt.task.cloud)
        sentence = f"the {seconds:g} seconds of the job were over meanwhile; {see}"
        error = CloudTimeout(sentence, outcome_unknown=True)
        attempt.maybe_done = True
        turn.left.append((attempt, attempt.failed(error, Status.INTERRUPTED)))

    def _failed(
        self, flight: InFlightCall, attempt: TaskRun, error: CloudmeshError, turn: SchedulerStep
    ) -> None:
        """A call ended in an error: it is made again later, or the task has failed."""
        lane = flight.lane
        # One unlucky task is no proof, here and above: the cloud must have been suspected before.
        suspected = lane.probing
        self._note(flight, error)
        pause = None if _would_meet(lane, attempt, error) else self._pause(flight, attempt, error)
        attempt.error = error
        attempt.maybe_done = attempt.maybe_done or bool(getattr(error, "outcome_unknown", False))
        if pause is None:
            if is_silence(error) and suspected and lane.probing:
                lane.closed = error
            turn.ended.append((attempt, attempt.failed(error)))
        elif self.halted:
            # It is not over: it can be resumed.
            turn.left.append((attempt, attempt.failed(error, Status.INTERRUPTED)))
        else:
            lane.put_off(attempt, flight.ended + pause)

    def _pause(self, flight: InFlightCall, attempt: TaskRun, error: CloudmeshError) -> float | None:
        """Seconds until the task is tried again; the same for all machines of a call that fared alike.

        So those come back together, in their order, and can share a call again. For those that one call may
        have booted together it must be so, whatever else is known of them: EC2 knows the call by all of them.
        """
        attempt.silences = attempt.silences + 1 if is_dead_silence(error) else 0
        silences = attempt.silences if flight.lane.answered is None else 0
        booted = (
            attempt.step == BOOT
            and len(flight.attempts) > 1
            and bool(getattr(error, "outcome_unknown", False))
        )
        attempt.group = flight if booted else None
        alike = (id(error), 0, 0) if booted else (id(error), attempt.tries, silences)
        if alike not in flight.pauses:
            flight.pauses[alike] = self._policy.pause(error, attempt.tries, silences)
        return flight.pauses[alike]

    def _note(self, flight: InFlightCall, error: CloudmeshError) -> None:
        """What an error tells of its cloud."""
        lane = flight.lane
        if closes(error):
            lane.closed = error
        elif is_silence(error):
            self._silent(flight)
        elif not isinstance(error, CallLost):
            self._heard(lane)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            if self._policy.obeys(error):
                lane.paused = max(lane.paused, flight.ended + error.retry_after)
            else:
                # The cloud has said that it will refuse all the others too.
                lane.closed = error

    def _heard(self, lane: CloudQueue) -> None:
        lane.answered = self._clock()
        lane.probing = False

    def _silent(self, flight: InFlightCall) -> None:
        """A call got no answer. If nobody else got one meanwhile, the cloud may be dead: go carefully."""
        lane = flight.lane
        lane.probing = lane.answered is None or lane.answered < flight.began


def _would_meet(lane: CloudQueue, attempt: TaskRun, error: CloudmeshError) -> bool:
    """Whether a second call could make a second thing, as the first may still be made after any look.

    What only changes a machine that is there does no harm when it is done twice, or is not done on a guess.
    """
    making = attempt.step == ADDRESS or (attempt.step == BOOT and not lane.boots_once)
    return making and isinstance(error, WorkerUnreachable)

"""The scheduler on paper: whose turn it is, what is tried again, when it stops, what is written down."""

import pickle
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.client.actions import ActionResult
from cloudmesh.cloud.errors import (
    UNSURE,
    BadAnswer,
    CloudTimeout,
    Conflict,
    OutOfService,
    RateLimited,
    Refused,
    ServerFailure,
    TlsFailure,
    Unreachable,
)
from cloudmesh.cloud.model.records import Flavor, Image, MachineRecord, State
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.plugin.errors import CloudmeshError, CredentialsError, StoreError
from cloudmesh.vm.model.call import Access, Call, Reply, RetrySingly, WorkerUnreachable
from cloudmesh.vm.model.limits import CallSettings, First, JobLimits, call_timeout
from cloudmesh.vm.model.plan import Task
from cloudmesh.vm.scheduler.results import RetryPolicy
from cloudmesh.vm.scheduler.scheduler import Scheduler

QUICK = RetryPolicy(first=0.001, longest=0.002)


class Paper(Executor):
    """Answers each call as it is submitted, by ``answer(call, number of the call for this machine)``.

    An answer is a result, a list of them for a call of several machines, or None for one that never comes.
    """

    def __init__(self, answer=None):
        self.answer = answer or (lambda call, number: done(call))
        self.calls = []
        self.counts = Counter()
        self.most = defaultdict(int)

    def submit(self, fn, /, call):
        first = call.machines[0] or call.requests[0]
        self.counts[call.access.cloud, first.name] += 1
        self.calls.append(call)
        future = Future()
        result = self.answer(call, self.counts[call.access.cloud, first.name])
        if isinstance(result, BaseException) and not isinstance(result, CloudmeshError):
            future.set_exception(result)
        elif result is not None:
            results = tuple(result) if isinstance(result, list) else (result,) * len(call.machines)
            future.set_result(Reply(results, seconds=0.01))
        return future

    def names(self, cloud=None):
        """The machines of the calls, in order."""
        calls = [call for call in self.calls if cloud in (None, call.access.cloud)]
        return [[each.name for each in call.machines] for call in calls]


class Lines:
    """A store of one job, in memory."""

    def __init__(self):
        self.lines = []
        self.error = {}
        self.cancelled = False

    def write(self, changes, ended, begun):
        for each in begun:
            if error := self.error.get(("begun", each.task.name)):
                raise error
        for task, _ in ended:
            if error := self.error.get(("ended", task.name)):
                raise error
        self.lines += [(task.name, outcome.status.value) for task, outcome in ended]
        self.lines += [(each.task.name, "running") for each in begun]

    def is_cancelled(self):
        return self.cancelled


def done(call):
    """The machine is on its way."""
    return ActionResult(call.machines[0], changed=True, target=State.STOPPED)


def tasks(count, cloud="a", verb="stop", **more):
    return [
        Task(
            cloud,
            f"{cloud}{number}",
            verb,
            MachineRecord(cloud, f"{cloud}{number}", f"{cloud}-{number}", State.ACTIVE),
            **more,
        )
        for number in range(count)
    ]


def scheduler(paper, lines=None, clouds=("a", "b", "c"), limits=None, policy=QUICK, settings=None, **more):
    known = {cloud: CallSettings(Access(cloud, {})) for cloud in clouds}
    return Scheduler(
        {**known, **(settings or {})}, lambda: paper, lines or Lines(), limits or JobLimits(), policy, **more
    )


def bulk(most):
    """Settings of cloud a by which it is called for so many machines at once."""
    return {"a": CallSettings(Access("a", {}), bulk=most)}


def boots(count):
    """So many machines to boot on cloud a, with the tokens t0, t1, ..."""
    image, flavor = Image("a", "i", "i"), Flavor("a", "f", "f")
    requests = [BootRequest(f"a{number}", image, flavor, token=f"t{number}") for number in range(count)]
    return [Task("a", each.name, "boot", request=each) for each in requests]


def booted(call):
    """What a call gives that boots machines, whose ids are their tokens."""
    machines = [MachineRecord("a", each.name, each.token, State.BUILDING) for each in call.requests]
    return [ActionResult(each, True, State.ACTIVE) for each in machines]


def all_done(call):
    """What a call for many machines gives that does its work on all of them."""
    return [ActionResult(each, True, State.STOPPED) for each in call.machines]


def statuses(result):
    return [each.status.value for each in result]


def outcome_unknown(error):
    error.outcome_unknown = True
    return error


def test_each_task_has_its_outcome_in_its_place():
    wrong = {"a1": Refused("no"), "b2": Conflict("never")}
    paper = Paper(lambda call, number: wrong.get(call.machines[0].name) or done(call))
    todo = [task for pair in zip(tasks(3), tasks(3, "b"), strict=True) for task in pair]
    result = scheduler(paper).run(todo)
    assert [each.name for each in result] == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert statuses(result) == ["done", "done", "failed", "done", "done", "failed"]
    assert [str(each.error) for each in result.failed] == ["no", "never"]
    assert result.exit_code == 1


def test_another_function_than_that_of_clouds_may_be_run_and_give_values():
    def uptime(call):
        return Reply((done(call),), values=({"up": call.machines[0].name},))

    with ThreadPoolExecutor(2) as threads:
        result = scheduler(threads, perform=uptime).run(tasks(2, verb="ssh"))
    assert [each.value for each in result] == [{"up": "a0"}, {"up": "a1"}]


def test_what_was_already_so_is_told_apart():
    paper = Paper(lambda call, number: ActionResult(call.machines[0], changed=False, target=State.STOPPED))
    assert statuses(scheduler(paper).run(tasks(2))) == ["already", "already"]


def test_each_call_stands_between_its_lines():
    lines = Lines()

    def look(call, number):
        assert lines.lines[-1] == (call.machines[0].name, "running")
        return Refused("no") if call.machines[0].name == "a1" else done(call)

    scheduler(Paper(look), lines, limits=JobLimits(parallel=1)).run(tasks(2))
    assert lines.lines == [("a0", "running"), ("a0", "done"), ("a1", "running"), ("a1", "failed")]
    assert scheduler(Paper()).run([]).exit_code == 0, "also without a task"


def test_what_cannot_be_written_down_is_not_called_nor_anything_after():
    lines = Lines()
    lines.error["begun", "a1"] = StoreError("the disk is full")
    paper = Paper()
    result = scheduler(paper, lines, limits=JobLimits(parallel=1)).run(tasks(4))
    assert paper.names() == [["a0"]]
    assert statuses(result)[1:] == ["failed"] * 3
    assert {str(each.error) for each in result[1:]} == {"the disk is full"}
    assert result.exit_code == 1


def test_an_end_that_cannot_be_written_down_is_told_with_what_became_of_it():
    lines = Lines()
    lines.error["ended", "a0"] = StoreError("the disk is full")
    result = scheduler(Paper(), lines, limits=JobLimits(parallel=1)).run(tasks(2))
    assert "stop ended (done), but this could not be saved in the store: the disk is full" in str(
        result[0].error
    )
    assert statuses(result) == ["failed", "failed"]


class Held(Paper):
    """Calls that are answered when the test says so."""

    def __init__(self):
        super().__init__(lambda call, number: None)
        self.open = {}

    def submit(self, fn, /, call):
        future = super().submit(fn, call)
        self.open[call.machines[0].name] = (call, future)
        return future

    def finish(self, name):
        call, future = self.open.pop(name)
        future.set_result(Reply((done(call),)))


def in_thread(work):
    """Do something in a thread that is started now."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_cloud_is_asked_once_before_it_is_asked_by_all():
    paper = Held()
    thread = in_thread(lambda: list(scheduler(paper, clouds=("a",)).each(tasks(5))))
    wait_until(lambda: paper.open)
    assert list(paper.open) == ["a0"]
    paper.finish("a0")
    wait_until(lambda: len(paper.open) == 4)
    for name in list(paper.open):
        paper.finish(name)
    thread.join(5)
    assert not thread.is_alive()


# Settings of a cloud that has answered a moment ago.
ANSWERING = {"a": CallSettings(Access("a", {}), first=First.SHARE)}


def test_a_cloud_that_answered_a_moment_ago_is_asked_by_all_at_once():
    paper = Held()
    thread = in_thread(lambda: list(scheduler(paper, clouds=(), settings=ANSWERING).each(tasks(5))))
    wait_until(lambda: len(paper.open) == 5)
    for name in list(paper.open):
        paper.finish(name)
    thread.join(5)
    assert not thread.is_alive()


def test_a_cloud_that_has_died_since_it_answered_is_tried_by_no_more_than_begin_at_once():
    paper = Paper(lambda call, number: Unreachable("refused"))
    limits = JobLimits(parallel=4)
    result = scheduler(paper, clouds=(), settings=ANSWERING, limits=limits).run(tasks(100))
    assert {name for (name,) in paper.names()} == {"a0", "a1", "a2", "a3"}
    assert statuses(result) == ["failed"] * 100
    assert {str(each.error) for each in result} == {"refused", "not tried: refused"}


def test_a_cloud_that_hangs_since_it_answered_keeps_no_more_than_begin_at_once():
    paper = Paper(lambda call, number: None)
    limits = JobLimits(parallel=4, call_timeout=0.05)
    result = scheduler(paper, clouds=(), settings=ANSWERING, limits=limits).run(tasks(100))
    assert len(paper.calls) == 4
    assert [each.error.outcome_unknown for each in result] == [True] * 4 + [False] * 96


def test_one_call_without_an_answer_does_not_give_up_a_cloud_that_answers_the_others():
    class Slow(Paper):
        def submit(self, fn, /, call):
            future = super().submit(fn, call)
            if not future.done():
                threading.Timer(0.1, future.set_result, [Reply((done(call),))]).start()
            return future

    paper = Slow(lambda call, number: TlsFailure("expired") if call.machines[0].name == "a3" else None)
    limits = JobLimits(parallel=8)
    result = scheduler(paper, clouds=(), settings=ANSWERING, limits=limits).run(tasks(50))
    assert statuses(result).count("done") == 49 and str(result[3].error) == "expired"


def test_a_cloud_that_hangs_since_it_answered_holds_no_more_than_its_share():
    paper = Held()
    given = {**ANSWERING, "b": CallSettings(Access("b", {}))}
    both = [*tasks(50), *tasks(50, "b")]
    running = scheduler(paper, clouds=(), settings=given, limits=JobLimits(parallel=8))
    thread = in_thread(lambda: list(running.each(both)))
    wait_until(lambda: len(paper.open) == 5)
    paper.finish("b0")
    wait_until(lambda: len(paper.open) == 8)
    assert sum(name.startswith("a") for name in paper.open) == 4
    while thread.is_alive():
        for name in list(paper.open):
            paper.finish(name)
        thread.join(0.01)


def test_a_machine_that_was_tried_tells_of_its_own_call_when_its_cloud_is_given_up():
    def silence(call, number):
        return outcome_unknown(CloudTimeout(f"stop of {call.machines[0].name} timed out; {UNSURE}"))

    limits = JobLimits(parallel=4)
    result = scheduler(Paper(silence), clouds=(), settings=ANSWERING, limits=limits).run(tasks(8))
    for each in result[:4]:
        assert str(each.error).startswith(f"stop of {each.name} timed out") and each.error.outcome_unknown
    for each in result[4:]:
        assert str(each.error).startswith("not tried: stop of") and "carried out" not in str(each.error)


def wait_until(true):
    ready = threading.Event()
    for _ in range(1000):
        if true():
            return
        ready.wait(0.005)
    raise AssertionError("it did not come true")


def test_wrong_credentials_are_tried_once_and_are_the_reason_of_all():
    wrong = CredentialsError("not accepted")
    paper = Paper(lambda call, number: wrong if call.access.cloud == "b" else done(call))
    result = scheduler(paper).run([*tasks(20), *tasks(50, "b")])
    assert len(paper.names("b")) == 1
    assert statuses(result) == ["done"] * 20 + ["failed"] * 50
    assert {str(each.error) for each in result.failed} == {"not accepted"}


def test_a_dead_cloud_is_tried_by_one_task_and_fails_all():
    paper = Paper(lambda call, number: Unreachable("refused") if call.access.cloud == "b" else done(call))
    result = scheduler(paper).run([*tasks(3), *tasks(100, "b")])
    assert paper.names("b") == [["b0"]] * RetryPolicy().silent_attempts
    assert statuses(result) == ["done"] * 3 + ["failed"] * 100


@pytest.mark.parametrize("error", [OutOfService("502"), outcome_unknown(Unreachable("reset"))])
def test_a_cloud_that_stumbles_at_first_is_given_more_time_than_a_dead_one(error):
    tries = RetryPolicy().attempts
    paper = Paper(lambda call, number: error if number < tries else done(call))
    assert statuses(scheduler(paper, clouds=("a",)).run(tasks(1))) == ["done"]
    assert len(paper.calls) == tries > RetryPolicy().silent_attempts


def test_a_cloud_that_dies_on_the_way_is_given_up_after_a_few_calls():
    paper = Paper()
    paper.answer = lambda call, number: done(call) if len(paper.calls) <= 10 else Unreachable("gone")
    result = scheduler(paper, clouds=("a",), limits=JobLimits(parallel=4)).run(tasks(1000))
    assert statuses(result).count("done") == 10
    assert len(paper.calls) < 10 + 4 * RetryPolicy().attempts * 3
    assert {str(each.error) for each in result.failed} == {"gone", "not tried: gone"}


def test_a_cloud_that_cannot_be_called_fails_its_tasks_with_the_reason():
    result = scheduler(Paper(), settings={"b": CredentialsError("no password")}).run(
        [*tasks(1), *tasks(2, "b")]
    )
    assert statuses(result) == ["done", "failed", "failed"]
    assert str(result[2].error) == "no password"


@pytest.mark.parametrize(
    ("error", "failures", "status"),
    [
        *[(error, 2, "done") for error in (Unreachable("x"), RateLimited("x", 0.001), BadAnswer("x"))],
        (outcome_unknown(CloudTimeout("x")), 1, "done"),
        *[(error, 1, "failed") for error in (Refused("x"), Conflict("x"), TlsFailure("x"))],
    ],
)
def test_what_may_pass_is_tried_again_and_marked_if_it_may_have_been_done(error, failures, status):
    paper = Paper(lambda call, number: error if number <= failures else done(call))
    assert statuses(scheduler(paper, clouds=("a",)).run(tasks(1))) == [status]
    again = [error.outcome_unknown] * failures if status == "done" else []
    assert [call.maybe_done for call in paper.calls] == [False, *again]


def test_there_is_an_end_to_trying_again():
    paper = Paper(lambda call, number: done(call) if call.machines[0].name == "a0" else ServerFailure("x"))
    assert statuses(scheduler(paper, clouds=("a",)).run(tasks(2))) == ["done", "failed"]
    assert paper.counts["a", "a1"] == RetryPolicy().attempts


@pytest.mark.parametrize("kind", [RateLimited, OutOfService])
def test_a_cloud_that_asks_for_too_long_a_pause_is_not_waited_for(kind):
    error = kind("come back tomorrow")
    error.retry_after = 86400.0
    paper = Paper(lambda call, number: error)
    result = scheduler(paper, clouds=("a",)).run(tasks(5))
    assert statuses(result) == ["failed"] * 5 and type(result[4].error) is kind
    assert [str(each.error) for each in result] == [
        "come back tomorrow",
        *["not tried: come back tomorrow"] * 4,
    ]
    assert len(paper.calls) == 1, "nor asked again by the others, to which it would say the same"


def test_calls_are_bounded_in_all_and_per_cloud():
    paper = Held()
    settings = {"b": CallSettings(Access("b", {}), parallel=2)}
    work = scheduler(paper, limits=JobLimits(parallel=6), settings=settings)
    ended = []
    thread = in_thread(lambda: ended.extend(work.each([*tasks(20), *tasks(20, "b")])))
    most = {"a": 0, "b": 0, "all": 0}
    while thread.is_alive():
        running = [name[0] for name in list(paper.open)]
        for cloud in ("a", "b"):
            most[cloud] = max(most[cloud], running.count(cloud))
        most["all"] = max(most["all"], len(running))
        if running:
            paper.finish(next(iter(paper.open)))
        thread.join(0.003)
    assert len(ended) == 40
    assert most["b"] <= 2
    assert most["all"] <= 6
    assert most["a"] >= 4


def test_a_cloud_that_never_answers_does_not_hold_the_others_back():
    paper = Paper(lambda call, number: None if call.access.cloud == "b" else done(call))
    limits = JobLimits(parallel=4, call_timeout=0.3)
    order = [
        place
        for place, _ in scheduler(paper, limits=limits).each([*tasks(100, "b"), *tasks(50), *tasks(50, "c")])
    ]
    assert set(order[:100]) == set(range(100, 200))
    assert len(paper.names("b")) == 1


def test_a_call_that_takes_too_long_is_given_up_and_told_as_such():
    paper = Paper(lambda call, number: None)
    (outcome,) = scheduler(paper, clouds=("a",), limits=JobLimits(call_timeout=0.05)).run(tasks(1))
    assert outcome.status.value == "failed"
    assert "cloud a did not answer within 0.05 seconds" in str(outcome.error)
    assert outcome.seconds >= 0.05


def test_one_call_that_takes_too_long_does_not_give_its_cloud_up():
    paper = Paper(lambda call, number: None if call.machines[0].name == "a1" else done(call))
    limits = JobLimits(parallel=1, call_timeout=0.05)
    assert statuses(scheduler(paper, clouds=("a",), limits=limits).run(tasks(4))) == [
        "done",
        "failed",
        *["done"] * 2,
    ]


def test_a_boot_of_many_in_one_call_has_more_time_as_each_gets_its_name():
    limits = JobLimits(call_timeout=4)
    assert [call_timeout(limits, None, verb, 20) for verb in ("boot", "stop")] == [23, 4]
    assert call_timeout(limits, None, "boot") == 4


def test_with_fewer_calls_than_clouds_each_cloud_has_its_turn():
    paper = Paper()
    scheduler(paper, limits=JobLimits(parallel=1)).run([*tasks(10), *tasks(10, "b"), *tasks(3, "c")])
    assert {call.access.cloud for call in paper.calls[:3]} == {"a", "b", "c"}
    assert [call.access.cloud for call in paper.calls[:9]].count("c") == 3


def test_when_the_time_is_over_the_reason_of_what_was_tried_is_told():
    paper = Paper(lambda call, number: OutOfService("closed on Sundays"))
    policy = RetryPolicy(first=30, longest=30)
    (outcome,) = scheduler(paper, clouds=("a",), limits=JobLimits(timeout=0.05), policy=policy).run(tasks(1))
    assert "the time limit of 0.05 seconds ended" in str(outcome.error)
    assert "its last call failed: closed on Sundays" in str(outcome.error)


def test_when_the_time_is_over_nothing_new_is_begun():
    paper = Paper(lambda call, number: None)
    result = scheduler(paper, clouds=("a",), limits=JobLimits(timeout=0.05)).run(tasks(3))
    assert statuses(result) == ["interrupted", "not started", "not started"]
    assert "the time limit of 0.05 seconds ended" in str(result[0].error)
    assert result.exit_code == 1


def test_a_job_that_is_cancelled_elsewhere_ends(monkeypatch):
    monkeypatch.setattr("cloudmesh.vm.scheduler.scheduler._ASK_STORE", 0.0)
    lines = Lines()
    paper = Paper(lambda call, number: setattr(lines, "cancelled", True) or done(call))
    result = scheduler(paper, lines, clouds=("a",)).run(tasks(5))
    assert statuses(result) == ["done", *["not started"] * 4]


def test_an_executor_that_loses_a_call_gives_it_back_with_a_doubt():
    paper = Paper(lambda call, number: BrokenProcessPool("died") if number == 1 else done(call))
    assert statuses(scheduler(paper, clouds=("a",)).run(tasks(2))) == ["done", "done"]
    assert [call.maybe_done for call in paper.calls] == [False, True, False, True] or all(
        call.maybe_done for call in paper.calls if paper.counts["a", call.machines[0].name] > 2
    )


def test_an_address_that_may_still_be_taken_is_not_taken_by_another_call():
    paper = Paper(lambda call, number: WorkerUnreachable("lost") if number == 2 else booted(call))
    (task,) = boots(1)
    (outcome,) = scheduler(paper, clouds=("a",)).run([replace(task, address=True)])
    assert [call.verb for call in paper.calls] == ["boot", "address"]
    assert outcome.status.value == "failed" and outcome.error.outcome_unknown
    assert outcome.machine.cloud_id == "t0", "it is known all the same"


def test_an_executor_that_takes_no_calls_fails_the_tasks_at_once():
    class Closed(Paper):
        def submit(self, fn, /, call):
            self.calls.append(call)
            raise RuntimeError("cannot schedule new futures after shutdown")

    paper = Closed()
    result = scheduler(paper, policy=RetryPolicy()).run([*tasks(50), *tasks(50, "b")])
    assert statuses(result) == ["failed"] * 100
    assert all("the executor Closed accepts no calls: cannot schedule" in str(each.error) for each in result)
    assert len(paper.calls) <= 2, "it will not take any other"


def test_many_machines_in_one_call():
    paper = Paper(lambda call, number: all_done(call))
    result = scheduler(paper, settings=bulk(10)).run(tasks(25))
    assert [len(names) for names in paper.names()] == [10, 10, 5]
    assert [each.machine.name for each in result] == [f"a{number}" for number in range(25)]


def test_a_call_for_many_that_is_not_taken_is_made_for_each_alone():
    alone = RetrySingly()
    paper = Paper(lambda call, _: [alone] * len(call.machines) if len(call.machines) > 1 else done(call))
    result = scheduler(paper, settings=bulk(10)).run(tasks(10))
    assert statuses(result) == ["done"] * 10
    assert sorted(map(len, paper.names())) == [*[1] * 10, 10]


def test_machines_that_may_have_been_booted_together_are_asked_for_again_together():
    paper = Paper(lambda call, number: outcome_unknown(CloudTimeout("x")) if number == 1 else booted(call))
    result = scheduler(paper, clouds=("a",), settings=bulk(5)).run(boots(10))
    assert [each.machine.cloud_id for each in result] == [f"t{number}" for number in range(10)]
    asked = [[each.name for each in call.requests] for call in paper.calls]
    assert asked == [[f"a{number}" for number in group] for group in (*[range(5)] * 2, *[range(5, 10)] * 2)]
    assert [call.maybe_done for call in paper.calls] == [False, True, False, True]


class Slow:
    """A clock that moves on between any two looks at it, as on a busy machine."""

    def __init__(self):
        self.looks = 0

    def __call__(self):
        self.looks += 1
        return time.monotonic() + self.looks * 0.001


@pytest.mark.parametrize("busy", [False, True])
def test_a_boot_that_may_have_been_done_is_the_same_call_again(busy):
    """EC2 knows it by all its machines in their order, and would else boot them once more."""
    lost = {"a20", "a40"} if busy else {"a0"}

    def answer(call, number):
        if call.requests[0].name in lost and number == 1:
            return outcome_unknown(Unreachable("middle of its answer"))
        return booted(call)

    paper = Paper(answer)
    assert scheduler(paper, clouds=("a",), settings=bulk(20), clock=Slow()).run(boots(60)).exit_code == 0
    asked = [[each.name for each in call.requests] for call in paper.calls]
    assert len(asked) == 3 + len(lost)
    for names in asked:
        assert [each for each in asked if set(each) & set(names)] == [names] * (1 + (names[0] in lost))


def test_machines_whose_call_was_refused_for_now_share_one_again():
    paper = Paper()
    paper.answer = lambda call, _: RateLimited("slow down") if len(paper.calls) == 1 else all_done(call)
    result = scheduler(paper, clouds=("a",), settings=bulk(50), clock=Slow()).run(tasks(50))
    assert statuses(result) == ["done"] * 50
    assert paper.names() == [[f"a{number}" for number in range(50)]] * 2


def test_calls_that_end_in_the_next_moment_are_stored_together(monkeypatch):
    class Late(Paper):
        """Answers the first two calls at once, and the others while the scheduler waits for more of them."""

        def submit(self, fn, /, call):
            future = super().submit(fn, call)
            waiting.append((future, call))
            return future

    def answer(call, number):
        return done(call) if call.machines[0].name in ("a0", "a1") else None

    def sleep(seconds):
        assert 0 < seconds <= 0.01
        for future, call in waiting:
            if not future.done():
                future.set_result(Reply((done(call),), seconds=0.01))

    class Steps(Lines):
        def write(self, changes, ended, begun):
            steps.append((len(ended), len(begun)))
            super().write(changes, ended, begun)

    waiting, steps = [], []
    clock = SimpleNamespace(sleep=sleep, thread_time=time.thread_time)
    monkeypatch.setattr("cloudmesh.vm.scheduler.scheduler.time", clock)
    monkeypatch.setattr("cloudmesh.vm.scheduler.scheduler._MANY", 4)
    result = scheduler(Late(answer), Steps(), clouds=("a",)).run(tasks(6))
    assert statuses(result) == ["done"] * 6
    # The first call is made alone, and nothing is waited for after the last one.
    assert steps == [(0, 1), (1, 5), (5, 0)]


def test_where_few_calls_are_made_at_once_none_waits_for_another(monkeypatch):
    def never(seconds):
        raise AssertionError(f"it slept for {seconds} s")

    clock = SimpleNamespace(sleep=never, thread_time=time.thread_time)
    monkeypatch.setattr("cloudmesh.vm.scheduler.scheduler.time", clock)
    assert statuses(scheduler(Paper(), clouds=("a",)).run(tasks(60))) == ["done"] * 60


def test_progress_is_told_with_true_numbers():
    told = []
    result = scheduler(Paper(), watch=lambda what, tallies: told.append((what, tallies))).run(
        [*tasks(7), *tasks(3, "b")]
    )
    assert result.exit_code == 0
    assert {what for what, _ in told} == {"stop"}
    assert {tally.cloud: (tally.total, tally.done, tally.running) for tally in told[-1][1]} == {
        "a": (7, 7, 0),
        "b": (3, 3, 0),
    }


def test_calls_and_tasks_can_be_sent_elsewhere_and_show_no_secret():
    secret = "hunter2-secret"
    call = Call(
        Access("a", {"credentials": {"password": secret}}),
        "stop",
        (MachineRecord("a", "x", "1", State.ACTIVE),),
        (None,),
    )
    assert secret not in repr(call) + str(call)
    assert pickle.loads(pickle.dumps(call)).access.settings["credentials"]["password"] == secret
    (task,) = tasks(1)
    assert pickle.loads(pickle.dumps(task)) == task


def test_ctrl_c_while_it_waits_ends_what_runs_and_begins_nothing_new():
    paper = Held()
    work = scheduler(paper, clouds=("a",), limits=JobLimits(parallel=1))
    interrupts = iter([None, KeyboardInterrupt])
    usual = work._events.get

    class Events:
        def get(self, timeout):
            if paper.open and next(interrupts, None):
                paper.finish("a0")
                raise KeyboardInterrupt
            return usual(timeout=timeout)

        def get_nowait(self):
            return work_events.get_nowait()

        def put(self, item):
            work_events.put(item)

    work_events, work._events = work._events, Events()
    result = work.run(tasks(3))
    assert statuses(result) == ["done", "not started", "not started"]
    assert result.exit_code == 130


def test_a_future_that_was_cancelled_is_a_lost_call():
    class Cancelling(Paper):
        def submit(self, fn, /, call):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    result = scheduler(Cancelling(), clouds=("a",)).run(tasks(1))
    assert statuses(result) == ["failed"]

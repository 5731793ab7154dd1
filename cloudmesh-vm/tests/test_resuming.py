"""Going on with a job that was interrupted: nothing twice, nothing forgotten, nobody else's machine used."""

import subprocess
import time
from dataclasses import replace

import pytest

from cloudmesh.cloud.client.booter import BootOptions
from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Refused, Unreachable
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import VERBS
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CredentialsError
from cloudmesh.vm import Machines, Status
from cloudmesh.vm.cli.interrupted import describe
from cloudmesh.vm.jobs.jobs import Jobs
from cloudmesh.vm.jobs.rows import JOBS, TASKS


def statuses(result):
    return [each.status.value for each in result]


def counts(number):
    return dict(Jobs().show(number)[0].counts)


class Died(BaseException):
    """As if the process had been killed: nothing is written down any more."""


@pytest.fixture
def dying(monkeypatch):
    """The coordinator dies when it has written so many times: ``dying(3)``; ``dying(None)`` lets it live."""
    from cloudmesh.vm.jobs.store import JobStore

    write, close = JobStore.write, JobStore.close
    left = {"writes": None}

    def counted(self, changes, ended, begun):
        if left["writes"] == 0:
            raise Died
        if left["writes"] is not None:
            left["writes"] -= 1
        write(self, changes, ended, begun)

    def closed(self, *how, **more):
        if left["writes"] is None:
            close(self, *how, **more)
        else:
            self.release()

    monkeypatch.setattr(JobStore, "write", counted)
    monkeypatch.setattr(JobStore, "close", closed)

    def after(writes):
        left["writes"] = writes

    return after


@pytest.fixture
def die(dying):
    """Does something to machines until its process dies, when it has written so many times; gives the job."""

    def act(writes, action, names, cloud=None, parallel=None, **options):
        dying(writes)
        with pytest.raises(Died), Machines(names, cloud, parallel=parallel) as machines:
            machines.act(action) if action in VERBS and not options else getattr(machines, action)(**options)
        dying(None)
        (job,) = Jobs().interrupted()
        return job

    return act


# One at a time, a job of four writes five times: what ends, together with what is begun next.
@pytest.mark.parametrize("writes", range(5))
def test_a_boot_that_died_anywhere_is_brought_to_its_end(config, spy, die, writes):
    job = die(writes, "boot", "web[1-4]", "a", parallel=1)
    assert job.unfinished > 0
    booted = spy.called("boot")
    assert Jobs().resume(job.number).exit_code == 0
    assert sorted(booted + spy.called("boot")) == ["web1", "web2", "web3", "web4"], "each was booted once"
    assert (Jobs().interrupted(), Jobs().show(job.number)[0].done) == ([], 4)


def test_boots_that_were_in_flight_are_known_from_the_listing(config, die, monkeypatch):
    """Hundreds that were looked for by name, one by one, took longer than a listing may."""
    find, looked = SimulatedProvider.find_booted, []
    monkeypatch.setattr(
        SimulatedProvider,
        "find_booted",
        lambda self, wanted: looked.append(wanted.name) or find(self, wanted),
    )
    job = die(2, "boot", "web[1-8]", "a", parallel=8)
    assert Jobs().resume(job.number).exit_code == 0
    assert looked and len(looked) == len({*looked})


@pytest.fixture
def died_before_web3(config, die):
    """Job 1 boots web1 to web3, and its process died before it asked for web3."""
    die(2, "boot", "web[1-3]", "a", parallel=1)
    assert counts(1)["pending"] == 1


def test_a_name_that_somebody_else_took_meanwhile_is_not_booted_beside(died_before_web3, spy):
    with Cloud("a") as cloud:
        other = cloud.boot("web3")
    spy.taken()
    for failed in (False, True):
        last = Jobs().resume(1, failed=failed)[-1]
        assert (last.name, str(last.error)) == (
            "web3",
            "cloud a already has a machine web3; use another name",
        )
    assert ("a", "boot", "web3") not in spy.taken()
    with Cloud("a") as cloud:
        cloud.act(cloud.refresh(other), VERBS["delete"])
    assert Jobs().resume(1, failed=True).exit_code == 0
    assert spy.taken().count(("a", "boot", "web3")) == 1


def test_what_the_store_lost_with_the_power_is_known_as_its_own(died_before_web3, home, spy):
    assert Jobs().resume(1).exit_code == 0
    with Database(home / "cloudmesh.db") as database:
        (web3,) = database.find(TASKS, job=1, name="web3")
        lost = {"status": "pending", "cloud_id": "", "began": 0.0}
        database.update(TASKS, lost, id=web3.id)
        database.update(JOBS, {"status": "interrupted"}, id=1)
    spy.taken()
    assert Jobs().resume(1).exit_code == 0
    assert spy.called("boot") == []


def test_whether_a_name_is_free_is_not_guessed_where_the_cloud_does_not_answer(died_before_web3, spy):
    spy.trouble["a", "machines"] = Unreachable("away")
    last = Jobs().resume(1)[-1]
    assert (last.name, last.status, str(last.error)) == ("web3", Status.FAILED, "away")
    assert ("a", "boot", "web3") not in spy.taken()
    assert [job.number for job in Jobs().interrupted()] == [1]
    spy.trouble.clear()
    assert Jobs().resume(1).exit_code == 0
    assert Jobs().show(1)[0].status == "done"


@pytest.mark.parametrize("verb", ["stop", "delete", "hard_reboot"])
@pytest.mark.parametrize("writes", range(4))
def test_an_action_that_died_anywhere_is_done_once_or_told(boot, spy, die, verb, writes):
    boot("web[1-3]", "a")
    method = "reboot" if verb == "hard_reboot" else verb
    job = die(writes, verb, "web[1-3]", "a", parallel=1)
    before = spy.called(method)
    result = Jobs().resume(job.number)
    asked = before + spy.called(method)
    assert len(set(asked)) == len(asked), "none was asked twice"
    assert Jobs().show(job.number)[0].unfinished == 0
    if verb == "hard_reboot":
        assert all("outcome unknown" in str(each.error) for each in result.failed)
    else:
        assert result.exit_code == 0


def test_a_job_that_waits_goes_on_waiting(config, configure, die):
    configure({"a": {"boot_seconds": 0.5}}, default="a")
    job = die(2, "boot", "web[1-2]", "a", parallel=1, wait=True)
    result = Jobs().resume(job.number)
    assert {str(each.state) for each in result} == {"active"}
    assert Jobs().show(job.number)[0].status == "done"


def test_what_was_not_waited_for_to_the_end_is_done_and_resuming_waits_again(boot, configure, spy):
    boot("web[1-2]", "a")
    configure({"a": {"boot_seconds": 1.0}}, default="a")
    with Machines("web[1-2]", "a") as machines:
        result = machines.reboot(wait=True, timeout=0.3)
    assert (statuses(result), result.exit_code) == (["failed", "failed"], 1)
    assert all("it is still rebooting after" in str(each.error) for each in result)
    assert counts(2) == {"done": 2}, "the calls were, whatever came of the waiting"
    (job,) = Jobs().interrupted()
    assert describe(job) == (
        "note: job 2 stopped waiting for its machines; cms job resume 2 continues to wait"
    )
    spy.taken()
    result = Jobs().resume(2)
    assert (statuses(result), {str(each.state) for each in result}) == (["done", "done"], {"active"})
    assert spy.called("reboot") == []
    assert (Jobs().show(2)[0].status, Jobs().interrupted()) == ("done", [])


def boot_in_vain(cms, configure):
    """Job 1 boots web1, and the time for its waiting is over."""
    configure({"a": {"boot_seconds": 3600}}, default="a")
    code, _, err = cms("boot web1 --wait --timeout=1")
    assert (code, "job 1 stopped waiting" in err) == (1, True)


@pytest.mark.parametrize("shown", [None, State.ACTIVE, State.STOPPED, "deleted here"])
def test_a_job_that_only_waits_is_told_of_once_and_ends_with_what_it_waits_for(
    configure, cms, monkeypatch, shown
):
    boot_in_vain(cms, configure)
    assert all("stopped waiting" not in cms(line)[2] for line in ("list", "info web1", "job list"))
    assert [job.status for job in Jobs().list()] == ["interrupted"]
    if shown == "deleted here":
        assert cms("delete web1 --yes")[0] == 0
    else:
        listed = SimulatedProvider.machines

        def later(self):
            return [replace(each, state=shown) for each in listed(self)] if shown else []

        monkeypatch.setattr(SimulatedProvider, "machines", later)
        monkeypatch.setattr("cloudmesh.cloud.store.inventory.HIDES_NEW", 0.0)
        monkeypatch.setattr("cloudmesh.vm.jobs.resume._SHOWN_LATE", -60.0)
    cms("list --refresh")
    assert Jobs().show(1)[0].status == "done" and Jobs().interrupted() == []
    assert Jobs().events(1)[-1].kind == "closed"
    assert Jobs().resume(1).exit_code == 0


def test_a_job_that_waits_in_vain_again_is_told_of_once_more(configure, spy, cms):
    boot_in_vain(cms, configure)
    assert "stopped waiting" in cms("job resume 1 --timeout=0.5")[2]
    assert "stopped waiting" not in cms("list")[2]


def test_a_job_whose_tasks_are_all_over_is_over_though_its_process_was_killed(boot, home):
    boot("web1", "a")
    with Database(home / "cloudmesh.db") as database:
        database.update(JOBS, {"status": "running", "ended": 0.0}, id=1)
    assert Jobs().interrupted() == [] and Jobs().show(1)[0].status == "done"


def test_a_pending_job_whose_process_is_gone_is_told_of_once(config, home, cms):
    with Machines("web1", "a") as machines:
        number = Jobs().create(machines.boot_plan().plan(BootOptions())).number
    told = f"note: job {number} was created but not run; run it with cms job resume {number}"
    assert told not in cms("list")[2], "the one that created it may do so yet"
    ended = subprocess.Popen(["true"])
    ended.wait()
    with Database(home / "cloudmesh.db") as database:
        database.update(JOBS, {"pid": ended.pid}, id=number)
    assert [told in cms("list")[2] for _ in range(2)] == [True, False]
    assert cms(f"job resume {number}")[0] == 0


def test_a_cloud_that_shows_nothing_while_it_is_waited_for_leaves_what_was_done(boot, configure, spy):
    boot("web1", "a")
    configure({"a": {"boot_seconds": 0.2}}, default="a")
    spy.trouble["a", "machines"] = CredentialsError("no longer accepted")
    with Machines("web1", "a") as machines:
        result = machines.reboot(wait=True)
    assert [str(each.error) for each in result] == ["no longer accepted"]
    assert counts(2) == {"done": 1}
    spy.trouble.clear()
    assert Jobs().resume(2).exit_code == 0


@pytest.mark.parametrize("killed", [True, False])
def test_a_stopped_machine_that_is_rebuilt_is_waited_for_until_it_is_stopped_again(
    boot, configure, spy, dying, killed
):
    boot("web1", "a")
    with Machines("web1", "a") as machines:
        machines.stop(wait=True).raise_for_failures()
    configure({"a": {"boot_seconds": 1.0}}, default="a")
    if killed:
        dying(1)
        with pytest.raises(Died), Machines("web1", "a") as machines:
            machines.rebuild("debian-12", wait=True)
        dying(None)
    else:
        with Machines("web1", "a") as machines:
            assert statuses(machines.rebuild("debian-12", wait=True, timeout=0.3)) == ["failed"]
    (outcome,) = Jobs().resume(3)
    assert (outcome.succeeded, str(outcome.state)) == (True, "stopped")
    assert Jobs().show(3)[0].status == "done"


def test_a_machine_that_cannot_come_there_any_more_has_failed(boot, configure, spy, behind):
    boot("web1", "a")
    configure({"a": {"boot_seconds": 30}}, default="a")
    spy.trouble["a", "machines"] = lambda name: spy.trouble.clear() or behind("a", "delete", "web1")
    with Machines("web1", "a") as machines:
        assert statuses(machines.reboot(wait=True, timeout=20)) == ["failed"]
    assert counts(2) == {"failed": 1}
    assert Jobs().interrupted() == []


def test_a_cloud_that_is_away_when_the_job_is_resumed_fails_with_the_reason(boot, spy, die):
    boot("web[1-2]", "a")
    job = die(0, "stop", "web[1-2]", "a")
    spy.trouble.update({("a", method): Unreachable("away") for method in ("machines", "machine", "stop")})
    result = Jobs().resume(job.number)
    assert statuses(result) == ["failed", "failed"]
    spy.trouble.clear()
    assert Jobs().resume(job.number, failed=True).exit_code == 0


def test_a_machine_that_vanished_meanwhile_is_told(boot, behind, die):
    boot("web[1-2]", "a")
    die(0, "stop", "web[1-2]", "a")
    behind("a", "delete", "web1")
    (job,) = Jobs().interrupted()
    result = Jobs().resume(job.number)
    assert statuses(result) == ["failed", "done"]
    assert "no longer exists on its cloud" in str(result[0].error)


def test_user_data_stay_out_of_the_store_and_are_read_again(config, spy, die, home, tmp_path):
    file = tmp_path / "cloud-init"
    file.write_text("#cloud-config\npassword: hunter2-secret\n")
    die(1, "boot", "web[1-2]", "a", parallel=1, userdata=file)
    assert b"hunter2" not in b"".join(each.read_bytes() for each in home.rglob("*") if each.is_file())
    (job,) = Jobs().interrupted()
    assert Jobs().resume(job.number).exit_code == 0


@pytest.mark.parametrize("how", ["changed", "gone", "text"])
def test_user_data_that_are_not_the_same_any_more_are_told(config, spy, die, tmp_path, how):
    file = tmp_path / "cloud-init"
    file.write_text("#cloud-config\n")
    die(0, "boot", "web1", "a", userdata="#cloud-config\n" if how == "text" else file)
    if how == "changed":
        file.write_text("#cloud-config\nother: things\n")
    elif how == "gone":
        file.unlink()
    (job,) = Jobs().interrupted()
    spy.taken()
    result = Jobs().resume(job.number)
    assert statuses(result) == ["failed"] and "user data" in str(result[0].error)
    assert spy.called("boot") == []


def test_an_address_is_taken_once_though_the_process_dies_between(config, spy, dying):
    for writes in range(5):
        name = f"pub{writes}"
        dying(writes)
        with pytest.raises(Died), Machines(name, "a") as machines:
            machines.boot(public=True)
            raise Died
        dying(None)
        for job in Jobs().interrupted():
            assert Jobs().resume(job.number).exit_code == 0
        with Cloud("a") as cloud:
            assert len(cloud.machine(name).public_ips) == 1
            assert len(cloud.floating_ips()) == writes + 1, "none is left over"


def test_an_address_whose_taking_was_never_written_down_goes_with_its_machine(config, spy, die):
    die(2, "boot", "pub", "a", public=True)
    with Cloud("a") as cloud:
        assert len(cloud.floating_ips()) == 1
        with Machines("pub", "a") as machines:
            machines.delete().raise_for_failures()
        assert cloud.floating_ips() == []


def test_boots_are_gone_on_with_without_opening_their_clouds_one_after_another(config, die, opened_by_main):
    job = die(1, "boot", "pub[1-2]", "a,b", public=True)
    result = Jobs().resume(job.number)
    assert statuses(result) == ["done"] * 4 and opened_by_main == []
    assert all(each.machine.public_ips for each in result)


@pytest.mark.parametrize("writes", range(3))
def test_addresses_are_given_back_though_the_process_dies_while_it_deletes(config, spy, die, writes):
    with Machines("pub[1-2]", "a") as machines:
        machines.boot(public=True).raise_for_failures()
        machines.wait("active").raise_for_failures()
    job = die(writes, "delete", "pub[1-2]", "a", parallel=1)
    assert Jobs().resume(job.number).exit_code == 0
    with Cloud("a") as cloud:
        assert cloud.floating_ips() == []


@pytest.mark.parametrize("verb", ["delete_floating_ip", "floating_ips"])
def test_an_address_that_is_not_given_back_at_once_is_given_back_later(configure, spy, verb):
    configure({"a": {"fail": {"verb": verb, "error": "rate", "times": 4}}}, default="a")
    with Machines("pub[1-2]", "a") as machines:
        machines.boot(public=True).raise_for_failures()
        machines.wait("active").raise_for_failures()
        machines.delete().raise_for_failures()
    with Cloud("a") as cloud:
        assert cloud.floating_ips() == []
    assert [method for _, method, _ in spy.taken()].count("delete") == 2, "nobody is deleted twice"


def test_many_in_one_call_are_found_together(configure, spy, dying):
    configure({"a": {"bulk": 10}}, default="a")
    for writes in range(4):
        dying(writes)
        with pytest.raises(Died), Machines(f"m{writes}x[01-12]", "a") as machines:
            machines.boot()
            raise Died
        dying(None)
        for job in Jobs().interrupted():
            assert Jobs().resume(job.number).exit_code == 0
        with Machines(f"m{writes}x[01-12]", "a") as machines:
            assert len(machines.select().machines) == 12


@pytest.fixture
def boots(monkeypatch):
    """The calls that boot many: the names in their order, and whether they were booted before, perhaps."""
    calls, original = [], SimulatedProvider.boot_many

    def boot_many(self, requests, maybe_done=False):
        calls.append(([each.name for each in requests], maybe_done))
        return original(self, requests, maybe_done)

    monkeypatch.setattr(SimulatedProvider, "boot_many", boot_many)
    return calls


def test_a_call_for_many_is_the_very_same_when_it_is_made_again(configure, die, boots):
    """EC2 does it once then, even if it shows nothing of its machines yet."""
    configure({"a": {"bulk": 5}}, default="a")
    die(1, "boot", "web[01-12]", "a", parallel=1)
    assert boots == [([f"web{number:02}" for number in range(1, 6)], False)]
    assert Jobs().resume(1).exit_code == 0
    assert (boots[0][0], True) in boots[1:]
    assert sorted(len(names) for names, _ in boots) == [2, 5, 5, 5]


def test_where_one_of_a_call_for_many_has_ended_each_is_looked_for(configure, die, boots, home):
    configure({"a": {"bulk": 5}}, default="a")
    die(1, "boot", "web[01-05]", "a")
    with Database(home / "cloudmesh.db") as database:
        database.update(TASKS, {"status": "failed"}, name="web03")
    assert Jobs().resume(1).exit_code == 0
    assert len(boots) == 1, "the others are found one by one"


def test_a_job_that_is_done_is_left_alone(boot, spy):
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines:
        first = machines.stop(wait=True)
        machines.start(wait=True)
        machines.delete()
    spy.taken()
    for failed in (False, True):
        assert list(Jobs().resume(first.job, failed=failed)) == []
    assert spy.taken() == [] and Jobs().show(first.job)[0].status == "done"


def test_trying_again_what_failed_does_not_wait_for_what_was_done(boot, spy):
    boot("web[1-2]", "a")
    spy.refuse("a", "stop", "web2", Refused("not this one"))
    with Machines("web[1-2]", "a") as machines:
        first = machines.stop(wait=True)
        del spy.trouble["a", "stop"]
        machines.start(wait=True)
    assert len(Jobs().resume(first.job)) == 0
    resumed = Jobs().resume(first.job, failed=True, timeout=20)
    assert [(each.name, each.status.value) for each in resumed] == [("web2", "done")]
    assert Jobs().show(first.job)[0].status == "done"


def test_what_could_not_be_planned_is_part_of_the_job(configure, spy):
    configure({"a": {}, "b": {}}, default=["a", "b"])
    spy.trouble["b", "images"] = Unreachable("b is away")
    with Machines("web[1-2]", ["a", "b"]) as machines:
        result = machines.boot()
    job, tasks = Jobs().show(result.job)
    stands = (job.status, list(job.clouds), job.machines, job.done, job.failed)
    assert stands == ("failed", ["a", "b"], 4, 2, 2)
    assert [each["error"] for each in tasks if each["cloud"] == "b"] == ["b is away"] * 2
    del spy.trouble["b", "images"]
    resumed = Jobs().resume(result.job, failed=True)
    assert [(each.cloud, each.name) for each in resumed] == [("b", "web1"), ("b", "web2")]
    assert all("(b is away)" in str(each.error) for each in resumed) and resumed.exit_code == 1
    again = Jobs().resume(result.job, failed=True)
    assert [str(each.error) for each in again] == [str(each.error) for each in resumed]


@pytest.mark.parametrize(
    ("now", "reason"), [({}, "no cloud 'b'"), ({"b": {"latency_seconds": "soon"}}, "latency_seconds")]
)
def test_a_cloud_that_left_the_configuration_or_is_spoilt_there_keeps_no_other_from_being_resumed(
    configure, die, now, reason
):
    configure({"a": {}, "b": {}}, default=["a", "b"])
    die(2, "boot", "web[1-2]", ["a", "b"], parallel=1)
    configure({"a": {}, **now}, default=["a", *now])
    resumed = Jobs().resume(1)
    assert {each.status.value for each in resumed if each.cloud == "a"} == {"done"}
    spoilt = [str(each.error) for each in resumed if each.cloud == "b"]
    assert 0 < len(spoilt) < len(resumed) and all(reason in error for error in spoilt)


def test_what_may_have_been_done_is_said_of_a_cloud_that_is_configured_no_more(config, configure, die):
    die(1, "boot", "a:web1", parallel=1)
    configure({"b": {}}, default="b")
    (outcome,) = Jobs().resume(1)
    assert outcome.status is Status.FAILED and "outcome unknown" in str(outcome.error)


PASSWORD = {"credentials": {"password": "${TEST_PASSWORD}"}}


@pytest.fixture
def unusable(configure, spy, monkeypatch):
    """Makes cloud a one that cannot be used by its configuration; gives what makes it good again."""

    def use(how):
        if how == "variable":
            monkeypatch.delenv("TEST_PASSWORD")
        elif how == "password":
            spy.trouble["a", "machines"] = CredentialsError("not accepted")
        elif how == "inactive":
            configure({"a": PASSWORD, "b": {}}, active=["b"], default="b")
        else:
            configure({"b": {}}, default="b")

    def good():
        monkeypatch.setenv("TEST_PASSWORD", "secret")
        configure({"a": PASSWORD, "b": {}}, default=["a", "b"])
        spy.trouble.clear()

    good()
    return use, good


@pytest.fixture
def died_deleting(unusable, die):
    """Job 2 deletes web1 to web4 on a, and its process died when web1 was deleted and web2 was asked for."""
    with Machines("web[1-4]", "a") as machines:
        machines.boot().raise_for_failures()
    die(2, "delete", "web[1-4]", "a", parallel=1)


def on_cloud():
    with Cloud("a") as cloud:
        return [each.name for each in cloud.machines()]


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("how", ["variable", "password", "inactive"])
def test_a_cloud_that_the_configuration_does_not_open_now_keeps_its_tasks(
    died_deleting, unusable, how, failed
):
    use, good = unusable
    before = counts(2)
    use(how)
    result = Jobs().resume(2, failed=failed)
    assert (statuses(result), result.exit_code) == (["failed"] * 3, 1)
    assert counts(2) == before
    good()
    assert [job.number for job in Jobs().interrupted()] == [2]
    assert Jobs().resume(2).exit_code == 0
    assert (Jobs().show(2)[0].status, on_cloud()) == ("done", [])


def test_which_machine_was_meant_is_known_though_its_cloud_left_the_configuration(died_deleting, unusable):
    use, good = unusable
    use("gone")
    assert Jobs().resume(2).exit_code == 1
    good()
    assert Jobs().resume(2, failed=True).exit_code == 0
    assert (Jobs().show(2)[0].status, on_cloud()) == ("done", [])


def test_what_failed_stays_failed_where_its_cloud_cannot_be_opened_now(unusable, spy):
    use, good = unusable
    with Machines("web[1-2]", "a") as machines:
        machines.boot().raise_for_failures()
        spy.trouble["a", "stop"] = Refused("no")
        machines.stop()
    use("variable")
    assert statuses(Jobs().resume(2, failed=True)) == ["failed", "failed"]
    assert (Jobs().show(2)[0].status, Jobs().interrupted()) == ("failed", [])
    good()
    assert Jobs().resume(2, failed=True).exit_code == 0


@pytest.mark.parametrize("error", [CredentialsError("not accepted"), Refused("no")])
def test_a_reboot_that_was_refused_is_made_when_it_is_tried_again(boot, spy, error):
    boot("web[1-3]", "a")
    spy.trouble["a", "reboot"] = error
    with Machines("web[1-3]", "a", parallel=1) as machines:
        assert statuses(machines.reboot()) == ["failed"] * 3
    spy.trouble.clear()
    spy.taken()
    assert Jobs().resume(2, failed=True).exit_code == 0
    assert sorted(spy.called("reboot")) == ["web1", "web2", "web3"]


def test_a_reboot_whose_answer_was_lost_is_never_repeated(boot, spy, configure):
    boot("web[1-2]", "a")
    spy.trouble["a", "reboot"] = lost = Unreachable("middle of its answer", outcome_unknown=True)
    with Machines("web1", "a") as machines:
        machines.reboot()
    lost.outcome_unknown = False
    configure({"b": {}}, default="b")
    assert "outcome unknown" in str(Jobs().resume(2, failed=True)[0].error)
    configure({"a": {}}, default="a")
    spy.trouble["a", "reboot"] = spy.trouble["a", "machine"] = CredentialsError("not accepted")
    assert "outcome unknown" in str(Jobs().resume(2, failed=True)[0].error)
    spy.trouble.clear()
    spy.taken()
    for _ in range(2):
        assert "not repeated" in str(Jobs().resume(2, failed=True)[0].error)
    assert spy.called("reboot") == []


def test_what_was_not_called_since_its_cloud_hangs_is_called_when_it_is_tried_again(boot, spy):
    boot("web[1-3]", "a")
    hung = []

    def hang(name):
        hung.append(name)
        time.sleep(1)

    spy.trouble["a", "reboot"] = hang
    with Machines("web[1-3]", "a", parallel=1, call_timeout=0.2) as machines:
        result = machines.reboot()
    assert (hung, [each.error.outcome_unknown for each in result]) == (["web1"], [True, False, False])
    spy.trouble.clear()
    spy.taken()
    resumed = Jobs().resume(2, failed=True)
    assert statuses(resumed) == ["failed", "done", "done"]
    assert "not repeated" in str(resumed[0].error)
    assert sorted(spy.called("reboot")) == ["web2", "web3"]


def test_a_line_of_an_older_version_does_not_tell_and_counts_as_perhaps_done(boot, spy, home):
    boot("web[1-2]", "a")
    spy.trouble["a", "reboot"] = Refused("no")
    with Machines("web[1-2]", "a", parallel=1) as machines:
        machines.reboot()
    spy.trouble.clear()
    with Database(home / "cloudmesh.db") as database:
        database.update(TASKS, {"unsure": None}, job=2)
        database.update(TASKS, {"began": 0.0}, job=2, name="web2")
    assert statuses(Jobs().resume(2, failed=True)) == ["failed", "done"]

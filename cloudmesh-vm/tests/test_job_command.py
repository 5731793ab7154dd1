"""``cms job`` in one process, the word on interrupted jobs, and the options that limit a job."""

import json

import pytest

from cloudmesh.cloud.errors import Refused
from cloudmesh.db import open_store
from cloudmesh.vm.jobs.rows import JOBS, TASKS, may_be_retried


def rows(cms, line, code=0):
    ended, out, err = cms(f"{line} --output=json")
    assert ended == code, err
    return json.loads(out)


@pytest.fixture
def interrupted(boot, spy, cms):
    """Job 2 stops web1 to web4 one at a time, and is interrupted during web3."""
    boot("web[1-4]", "a")

    def stop(name):
        if name == "web3":
            raise KeyboardInterrupt

    spy.trouble["a", "stop"] = stop
    code, _, err = cms("vm stop web[1-4] --cloud=a --parallel=1")
    del spy.trouble["a", "stop"]
    assert code == 130
    return err


def test_an_interrupted_job_is_told_of_until_it_is_resumed(interrupted, cms):
    word = "note: job 2 was interrupted: 2 of 4 done; continue with cms job resume 2"
    assert word in interrupted
    for line in ("vm list --cloud=a", "vm info a:web1", "job list", "job show 2", "vm start a:web1 --dryrun"):
        assert word in cms(line)[2], line
    code, out, err = cms("job resume 2")
    assert (code, "web[3-4]" in out) == (0, True)
    assert "note: job 2 (stop web[1-4]) is done: 4 of 4 done" in err
    for line in ("vm list --cloud=a", "vm start a:web1", "job list"):
        assert "was interrupted" not in cms(line)[2], line


def test_data_stays_data_while_a_job_is_told_of(interrupted, cms):
    assert [row["name"] for row in rows(cms, "vm list --cloud=a")] == ["web1", "web2", "web3", "web4"]
    assert cms("vm list --cloud=a --output=names")[1].split() == ["a:web1", "a:web2", "a:web3", "a:web4"]


def test_of_many_interrupted_jobs_the_last_are_told(interrupted, cms):
    with open_store() as database:
        (job,) = database.find(JOBS, id=2)
        (task, *_) = database.find(TASKS, job=2, status="running")
        for _ in range(4):
            database.add(TASKS, {**task, "job": database.add(JOBS, {**job})})
    err = cms("vm list --cloud=a")[2]
    assert err.count("was interrupted") == 3
    assert "note: 2 older jobs were also interrupted; see cms job list" in err


def test_a_list_says_how_jobs_stand(interrupted, cms):
    first, second = rows(cms, "job list")
    assert (first["job"], first["action"], first["status"], first["done"]) == (1, "boot", "done", 4)
    told = {"job": 2, "action": "stop", "status": "interrupted", "machines": 4, "done": 2, "failed": 0}
    assert {**second, **told, "left": 2, "names": "web[1-4]", "clouds": ["a"]} == second
    assert cms("job list --output=names")[1].split() == ["1", "2"]


def test_a_list_shows_the_last_jobs_unless_all_are_asked_for(interrupted, cms):
    with open_store() as database:
        (job,) = database.find(JOBS, id=1)
        for _ in range(30):
            database.add(JOBS, {**job})
    code, out, err = cms("job list --output=names")
    assert (code, out.split()) == (0, [str(number) for number in range(13, 33)])
    assert "older jobs are not shown; use --all" in err
    assert len(rows(cms, "job list --all")) == 32


def test_no_job_is_an_empty_list(config, cms):
    assert rows(cms, "job list") == []


def test_a_job_is_shown_machine_by_machine(interrupted, cms):
    shown = rows(cms, "job show 2")
    assert [(row["name"], row["result"]) for row in shown] == [
        ("web1", "done"),
        ("web2", "done"),
        ("web3", "interrupted"),
        ("web4", "not started"),
    ]
    assert "web[1-2]" in cms("job show 2")[1]


def test_what_failed_is_tried_again_only_when_asked(boot, spy, cms):
    boot("web[1-3]", "a")
    spy.refuse("a", "stop", "web2", Refused("not this one"))
    assert cms("vm stop web[1-3] --cloud=a")[0] == 1
    code, _, err = cms("job resume 2")
    assert code == 1, "a machine of the job has failed"
    assert "job 2 had nothing left to do" in err
    assert "cms job resume 2 --failed" in err
    del spy.trouble["a", "stop"]
    (row,) = rows(cms, "job resume 2 --failed")
    assert (row["name"], row["result"]) == ("web2", "done")
    assert cms("job resume 2")[0] == 0


def test_nobody_is_told_to_retry_what_is_not_repeated(boot, spy, cms):
    boot("web[1-2]", "a")
    lost = Refused("the answer was lost")
    lost.outcome_unknown = True
    spy.refuse("a", "reboot", "web2", lost)
    assert cms("vm reboot web[1-2] --cloud=a")[0] == 1
    del spy.trouble["a", "reboot"]
    for _ in range(2):
        code, out, err = cms("job resume 2 --failed")
        assert code == 1 and "not repeated" in out + err and "retry" not in err
    cms("vm stop web1,nosuch --cloud=a")
    code, out, err = cms("job resume 3 --failed")
    assert code == 1 and "use a new cms vm command" in out and "retry" not in err


@pytest.mark.parametrize(
    ("verb", "kind", "unsure", "retried"),
    [
        *(
            ("put", kind, unsure, True)
            for kind in ("CommandFailed", "Unreachable")
            for unsure in (True, False)
        ),
        ("run", "CommandFailed", False, False),
        ("run", "NotRepeated", False, False),
        ("run", "Unreachable", True, False),
        ("run", "Unreachable", False, True),
    ],
)
def test_a_file_is_copied_again_and_a_command_is_not_run_again(verb, kind, unsure, retried):
    row = {"verb": verb, "status": "failed", "began": 1.0, "unsure": unsure, "cloud_id": "i", "token": ""}
    assert may_be_retried({**row, "failure": json.dumps({"kind": kind})}) is retried


def test_a_cancelled_job_is_told_of_no_more_and_can_still_be_resumed(interrupted, cms):
    (row,) = rows(cms, "job cancel 2")
    assert (row["status"], row["left"]) == ("cancelled", 2)
    assert "was interrupted" not in cms("vm list --cloud=a")[2]
    code, _, err = cms("job cancel 2")
    assert (code, "job 2 is already cancelled" in err) == (1, True)
    assert "continue with cms job resume 2" in cms("job show 2")[2]
    assert cms("job resume 2")[0] == 0
    assert rows(cms, "job list")[1]["done"] == 4


@pytest.mark.parametrize("verb", ["show", "resume", "cancel"])
def test_a_job_that_is_not_there_is_named_with_those_that_are(interrupted, cms, verb):
    code, out, err = cms(f"job {verb} 9")
    assert (code, out) == (2, "")
    assert "there is no job '9'" in err
    assert "known: 2, 1" in err
    for wrong in ("x", "-1", "1.0", "²", "9" * 30):
        assert cms(f"job {verb} {wrong}")[0] == 2


@pytest.mark.parametrize("text", ["0", "-1", "1001", "x", "1.5", "²", ""])
def test_parallel_is_a_whole_number(boot, spy, cms, text):
    boot("web1", "a")
    for line in (
        f"vm stop a:web1 --parallel={text}",
        f"vm boot a:new --parallel={text}",
        f"job resume 1 --parallel={text}",
    ):
        code, _, err = cms(line)
        assert code == 2
        assert f"--parallel={text} must be a whole number from 1 to 1000" in err
    assert spy.taken() == []


def test_parallel_and_call_timeout_are_handed_on(boot, cms, monkeypatch):
    boot("web1", "a")
    seen = []
    from cloudmesh.vm.machines import Machines

    original = Machines.__init__

    def recorded(self, *words, **options):
        seen.append((options["parallel"], options["call_timeout"]))
        original(self, *words, **options)

    monkeypatch.setattr(Machines, "__init__", recorded)
    assert cms("vm stop a:web1 --parallel=7 --call-timeout=2.5 --quiet")[0] == 0
    assert cms("vm start a:web1")[0] == 0
    assert seen == [(7, 2.5), (None, None)]
    assert cms("vm stop a:web1 --call-timeout=0")[0] == 2


def test_more_than_twenty_machines_are_counted_at_the_end(boot, spy, cms):
    boot("web[01-22]", "a")
    assert cms("vm stop web[01-22] --cloud=a")[2].rstrip().endswith(" s: 22 done")
    assert "machines in" not in cms("vm start web[01-20] --cloud=a")[2]

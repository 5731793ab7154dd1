"""EC2 as its user meets it: the real ``cms``, and how many calls it makes."""

import re
import signal
import time

import pytest

REFUSED = (
    "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors>"
    "<RequestID>r</RequestID></Response>"
)
pytestmark = pytest.mark.slow


@pytest.fixture
def user(home, settings):
    home.configure(aws=settings)
    return home


def booted(user, names="vm1"):
    user.cms("vm", "boot", names, "--wait")
    return {row["name"]: row for row in user.json("vm", "list")}


def test_the_life_of_a_machine(user):
    assert booted(user)["vm1"]["state"] == "active"
    for verb, state in (("stop", "stopped"), ("start", "active"), ("reboot", "active")):
        user.cms("vm", verb, "vm1", "--wait")
        assert user.states() == {"vm1": state}
    refused = user.cms("vm", "suspend", "vm1", code=1)
    assert "cannot suspend" in refused.stdout + refused.stderr
    user.cms("vm", "delete", "vm1", "--yes", "--wait")
    assert user.states() == {}


def test_how_many_calls_the_common_commands_make(user, gate):
    booted(user)
    gate.taken()
    for words, calls in [
        (("vm", "stop", "vm1"), {"StopInstances": 1}),
        (("vm", "list", "--refresh"), {"DescribeInstances": 1}),
        (("vm", "start", "vm1"), {"StartInstances": 1}),
        (("vm", "list"), {}),
        (("vm", "list", "--refresh"), {"DescribeInstances": 1}),
        (("vm", "reboot", "vm1"), {"DescribeInstances": 1, "RebootInstances": 1}),
        (("vm", "console", "vm1"), {"GetConsoleOutput": 1}),
        (("vm", "delete", "vm1", "--yes"), {"TerminateInstances": 1}),
    ]:
        user.cms(*words)
        assert gate.taken() == calls, words


def test_machines_that_are_protected_from_termination_are_spared_and_named(user, gate):
    booted(user, "vm[1-3]")
    user.cms("vm", "lock", "vm2")
    assert user.json("vm", "list", "--columns=name,locked")[1] == {"name": "vm2", "locked": True}
    gate.taken()
    user.cms("vm", "delete", "vm2", "--yes", code=1)
    assert "TerminateInstances" not in gate.taken(), "what is known as locked is not even asked for"
    # Listings do not tell of it, so that the cloud has to.
    assert user.json("vm", "list", "--refresh", "--columns=name,locked")[1] == {"name": "vm2", "locked": None}
    told = user.cms("vm", "delete", "vm[1-3]", "--dryrun").stderr
    assert "lists of aws do not tell which machines are locked; such machines will be refused" in told
    ended = user.cms("vm", "delete", "vm[1-3]", "--yes", "--wait", code=1)
    assert "1 machine is locked and was spared: aws:vm2; unlock first: cms vm unlock aws:vm2" in ended.stderr
    assert user.states() == {"vm2": "active"} and user.json("vm", "info", "vm2")["locked"] is True
    user.cms("vm", "unlock", "vm2")
    user.cms("vm", "delete", "vm2", "--yes", "--wait")


def test_who_may_not_ask_for_the_protection_is_told_of_the_machine_all_the_same(user, gate):
    booted(user)
    gate.refuse("DescribeInstanceAttribute", "UnauthorizedOperation", status=403)
    assert user.json("vm", "info", "vm1")["locked"] is None


def test_waiting_asks_once_a_tick_whatever_the_number_of_machines(user, gate):
    booted(user, "vm[1-4]")
    gate.taken()
    user.cms("vm", "stop", "vm[1-4]", "--wait")
    calls = gate.taken()
    assert calls.pop("StopInstances") == 1
    assert set(calls) == {"DescribeInstances"} and calls["DescribeInstances"] <= 3


def test_many_machines_take_one_call_and_one_each_for_their_names(user, gate):
    user.cms("image", "list", "--refresh")
    gate.taken()
    user.cms("vm", "boot", "web[01-20]")
    calls = gate.taken()
    assert {key: calls[key] for key in ("RunInstances", "CreateTags", "DeleteTags")} == {
        "RunInstances": 1,
        "CreateTags": 20,
        "DeleteTags": 1,
    }
    user.cms("vm", "wait", "web[01-20]", "--state=active")
    gate.taken()
    for verb, action, more in (
        ("stop", "StopInstances", ["--wait"]),
        ("start", "StartInstances", ["--wait"]),
        ("delete", "TerminateInstances", ["--yes"]),
    ):
        user.cms("vm", verb, "web[01-20]", *more)
        assert gate.taken()[action] == 1


def test_when_a_call_for_many_is_refused_each_is_asked_for_alone(user, gate):
    booted(user, "web[01-05]")
    gate.taken()
    gate.answers["StopInstances"] = [(400, REFUSED.format("IncorrectInstanceState", "not web03"))]
    user.cms("vm", "stop", "web[01-05]", "--wait")
    assert gate.taken()["StopInstances"] == 6
    assert user.states() == {f"web{number:02}": "stopped" for number in range(1, 6)}


def test_many_machines_whose_answer_is_lost_are_there_once(user, gate):
    gate.answers["RunInstances"] = [None]
    assert sorted(booted(user, "web[01-10]")) == [f"web{number:02}" for number in range(1, 11)]
    user.cms("vm", "list", "--refresh")
    assert len(user.states()) == 10


def test_many_machines_that_are_not_shown_yet_when_a_killed_boot_is_resumed(user, gate):
    """EC2 may show them only later; the call that made them is told by its token that they are there."""
    gate.answers["RunInstances"] = [None]
    running = user.start("vm", "boot", "web[01-03]")
    while not gate.booted:
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.communicate()
    (made,) = gate.booted.values()
    gate.hidden.update(each.decode() for each in re.findall(rb"<instanceId>(i-[0-9a-f]+)", made[1]))
    assert len(gate.hidden) == 3
    assert {row["result"] for row in user.json("job", "resume", "1")} == {"done"}
    gate.hidden.clear()
    user.cms("vm", "list", "--refresh")
    assert sorted(user.states()) == ["web01", "web02", "web03"] and len(gate.booted) == 1


@pytest.mark.parametrize("lost", [False, True])
def test_machines_that_amazon_shows_only_a_moment_later_are_there_once(user, gate, lost):
    gate.lag = 2.0
    gate.answers["RunInstances"] = [None] if lost else []
    user.cms("vm", "boot", "g[1-4]")
    assert sorted(user.states()) == ["g1", "g2", "g3", "g4"] and len(gate.booted) == 1
    time.sleep(gate.lag)
    user.cms("vm", "list", "--refresh")
    assert sorted(user.states()) == ["g1", "g2", "g3", "g4"]


def test_many_machines_whose_names_are_held_back_are_named_in_the_end(user, gate):
    gate.answers["CreateTags"] = [(), (), (503, REFUSED.format("RequestLimitExceeded", "slowly"))]
    assert sorted(booted(user, "web[01-10]")) == [f"web{number:02}" for number in range(1, 11)]
    user.cms("vm", "list", "--refresh")
    assert len(user.states()) == 10


def test_wrong_credentials(user, settings, gate):
    credentials = {"EC2_ACCESS_KEY": "AKIDWRONG", "EC2_SECRET_KEY": "not-the-secret"}
    user.change("aws", credentials=credentials)
    ended = user.cms("vm", "list", "--refresh", code=3)
    assert "credentials rejected: HTTP 401" in ended.stderr
    assert gate.taken() == {"DescribeInstances": 1}, "a wrong password is sent once"
    assert "not-the-secret" not in ended.stderr
    ended = user.cms("vm", "list", "--refresh", code=3, CLOUDMESH_DEBUG="1")
    assert "not-the-secret" not in ended.stderr + ended.stdout


def test_a_wrong_region_is_told_before_anybody_is_called(user, settings, gate):
    credentials = {**settings["credentials"], "EC2_REGION": "eu-wst-1"}
    user.change("aws", host="aws.amazon.com", credentials=credentials)
    ended = user.cms("vm", "list", "--refresh", code=3)
    assert "eu-wst-1" in ended.stderr and "did you mean 'eu-west-1'" in ended.stderr
    assert gate.taken() == {}


def test_nobody_listens(user, gate):
    user.change("aws", port=1)
    ended = user.cms("vm", "list", "--refresh", code=4)
    assert "127.0.0.1:1 refused" in ended.stderr


def test_a_check_of_the_configuration_knows_the_keys(user):
    assert "is no key" not in user.cms("config", "check").stdout


def test_a_check_goes_step_by_step(user, gate):
    rows = {row["check"]: row for row in user.json("cloud", "check", "aws")}
    assert {row["result"] for row in rows.values()} == {"ok", "none"}, "EC2 tells of no quota"
    assert {"connection", "sign-in", "image", "flavor"} <= set(rows)
    assert "region us-east-1" in rows["sign-in"]["message"]


def test_ctrl_c_twice_while_the_cloud_is_silent(user, gate):
    """The first lets the call end, which may take long; the second does not wait for it."""
    booted(user)
    gate.taken()
    gate.delay = 20.0
    began = time.monotonic()
    running = user.start("vm", "stop", "vm1")
    while not gate.taken():
        time.sleep(0.05)
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert running.poll() is None
    running.send_signal(signal.SIGINT)
    out, error = running.communicate(timeout=15)
    assert running.returncode == 130, (out, error)
    assert "Traceback" not in error and time.monotonic() - began < 15


def test_one_command_on_two_regions(user, settings, gate):
    """moto keeps the machines of each region apart."""
    other = {**settings, "credentials": {**settings["credentials"], "EC2_REGION": "us-west-2"}}
    user.configure(east=settings, west=other)
    user.cms("vm", "boot", "vm1", "--cloud=east", "--wait")
    user.cms("vm", "boot", "vm2", "--cloud=west", "--wait")
    rows = user.json("vm", "list", "--refresh", "--cloud=east,west")
    assert {(row["cloud"], row["name"]) for row in rows} == {("east", "vm1"), ("west", "vm2")}
    user.cms("vm", "stop", "east:vm1,west:vm2", "--wait")


@pytest.mark.parametrize("then", ["shutting-down", "terminated"])
def test_a_machine_that_amazon_ends_while_it_is_waited_for_tells_why(user, gate, then):
    """As where there is no room for its disk: it goes from pending to terminated."""
    reason = "<code>Client.VolumeLimitExceeded</code><message>Volume limit exceeded</message>"

    def listing(cloud_id, state, why=""):
        told = f"<instanceId>{cloud_id}</instanceId><instanceState><name>{state}</name></instanceState>{why}"
        inner = f"<item><instancesSet><item>{told}</item></instancesSet></item>"
        root = "DescribeInstancesResponse"
        return 200, f"<{root}><reservationSet>{inner}</reservationSet></{root}>"

    user.cms("image", "list", "--refresh")
    made = user.json("vm", "boot", "vm1")[0]["name"]
    cloud_id = re.search(rb"<instanceId>(i-\w+)", next(iter(gate.booted.values()))[1])[1].decode()
    gate.answers["DescribeInstances"] = [
        listing(cloud_id, "pending"),
        *[listing(cloud_id, then, f"<stateReason>{reason}</stateReason>")] * 9,
    ]
    ended = user.cms("vm", "wait", made, "--state=active", code=1)
    assert "Client.VolumeLimitExceeded: Volume limit exceeded" in ended.stdout + ended.stderr

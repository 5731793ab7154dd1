"""Each exit code of the program, and the sentence that goes with it."""

import json
import os
import re
import signal

import pytest

from .conftest import query, wait_until


def sentence(ended):
    """The error: one line on stderr that names the command; the usage may follow after a blank line."""
    lines = [line for line in ended.stderr.splitlines() if re.match(r"cms \w+: ", line)]
    assert len(lines) == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return lines[0]


def test_0_all_done_and_what_is_already_true_is_a_success(machines):
    (row,) = machines.json("vm", "start", "web01")
    assert (row["result"], row["state"]) == ("already", "active")


def test_1_a_verb_that_cannot_be_names_the_one_that_can(machines):
    machines.cms("vm", "stop", "web01", "--wait")
    (row,) = machines.json("vm", "resume", "web01", code=1)
    assert row["result"] == "failed"
    assert "local:web01 while it is stopped" in row["reason"]
    assert "start" in row["reason"].split("possible now:")[1]
    assert machines.states()["web01"] == "stopped"


def test_1_one_unknown_name_does_not_stop_the_others(machines):
    rows = machines.json("vm", "stop", "web[01-04]", "--wait", code=1)
    results = {"web01": "done", "web02": "done", "web03": "done", "web04": "failed"}
    assert {row["name"]: row["result"] for row in rows} == results
    assert "web04" in rows[3]["reason"] and "web03" in rows[3]["reason"], "the nearest name is told"
    assert set(machines.states().values()) == {"stopped"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["vm", "strat", "web01"], ["'strat'", "'start'"]),
        (["vm", "lst"], ["'lst'", "'list'"]),
        (["vm", "start"], ["NAMES"]),
        (["vm", "delete", "--yes"], ["NAMES"]),
        (["vm", "boot", "a[1-"], ["'a[1-'", "unbalanced"]),
        (["vm", "list", "--cloud=lokal"], ["'lokal'", "'local'"]),
        (["vm", "list", "--cloud=moon"], ["'moon'", "local"]),
        (["vm", "wait", "web01", "--state=actve"], ["'actve'", "'active'"]),
        (["vm", "list", "--output=jsn"], ["'jsn'", "json"]),
        (["cloud", "info", "lokal"], ["'lokal'", "'local'"]),
        (["image", "list", "--cluod=local"], ["'--cluod'", "'--cloud'"]),
    ],
    ids=lambda value: " ".join(value) if value and value[0].islower() else "",
)
def test_2_wrong_words_are_named_with_the_nearest_right_one(home, words, told):
    ended = home.cms(*words, code=2)
    assert ended.stdout == ""
    assert all(word in sentence(ended) for word in told), ended.stderr


def test_2_an_unknown_machine_is_named_with_the_nearest(machines):
    ended = machines.cms("vm", "stop", "wbe01", code=2)
    assert "'wbe01'" in sentence(ended) and "'web01'" in sentence(ended)
    assert set(machines.states().values()) == {"active"}


def test_2_a_name_on_two_clouds_names_both_and_does_nothing(home, cloud_settings):
    home.configure(uc=cloud_settings(), tacc=cloud_settings())
    home.cms("vm", "boot", "vm1", "--cloud=uc,tacc", "--wait")
    ended = home.cms("vm", "stop", "vm1", "--cloud=uc,tacc", code=2)
    assert "uc:vm1" in sentence(ended) and "tacc:vm1" in sentence(ended)
    (row,) = home.json("vm", "stop", "tacc:vm1", "--wait")
    assert row["result"] == "done", "it had not been stopped before"
    rows = home.json("vm", "list", "--cloud=uc,tacc", "--refresh")
    assert [(row["cloud"], row["state"]) for row in rows] == [("uc", "active"), ("tacc", "stopped")]


@pytest.mark.parametrize("names", [["web[01-03]"], ["--all"], ["web*"]], ids=" ".join)
def test_2_delete_without_a_terminal_and_without_yes_deletes_nothing(machines, names):
    ended = machines.cms("vm", "delete", *names, code=2, stdin="3\n")
    assert "3 machines" in sentence(ended) and "--yes" in sentence(ended)
    assert set(machines.states()) == {"web01", "web02", "web03"}


def test_3_no_configuration_says_how_to_get_one(home):
    home.config.unlink()
    for words in (["vm", "list"], ["config", "list"]):
        ended = home.cms(*words, code=3)
        assert str(home.config) in sentence(ended) and "cms config init" in sentence(ended)
        assert ended.stdout == ""


def test_3_a_configuration_that_others_can_read_is_refused_with_the_line_that_mends_it(home):
    home.config.chmod(0o644)
    for words in (["vm", "list"], ["config", "get", "clouds"]):
        assert f"chmod 600 {home.config}" in sentence(home.cms(*words, code=3))
    os.system(f"chmod 600 {home.config}")
    home.cms("config", "list")


def test_3_an_unknown_type_names_the_known_ones(home):
    home.change("local", type="simulatd")
    for words in (["vm", "list", "--refresh"], ["cloud", "info", "local"]):
        ended = home.cms(*words, code=3)
        assert "'simulatd'" in sentence(ended) and "simulated" in sentence(ended)
    check = home.cms("config", "check", code=3)
    assert "simulatd" in check.stdout + check.stderr


def test_4_a_cloud_that_does_not_answer_is_no_empty_list(home):
    home.change("local", fail={"verb": "images"})
    ended = home.cms("image", "list", "--output=json", code=4)
    assert ended.stdout == ""
    assert "no answer" in sentence(ended)
    home.cms("flavor", "list")


def test_4_a_listing_that_fails_keeps_the_old_rows_with_their_age(machines):
    machines.change("local", fail={"verb": "machines"})
    ended = machines.cms("vm", "list", "--refresh", "--output=json", code=4)
    rows = json.loads(ended.stdout)
    assert [row["name"] for row in rows] == ["web01", "web02", "web03"]
    assert all(row["age"] > 0 for row in rows)
    assert "no answer" in ended.stderr and " old" in ended.stderr
    table = machines.cms("vm", "list", "--refresh", code=4)
    assert "web02" in table.stdout and "age" in table.stdout.splitlines()[0]


def test_4_nothing_known_and_no_answer_is_an_error(home):
    home.change("local", fail={"verb": "machines"})
    ended = home.cms("vm", "list", "--output=json", code=4)
    assert ended.stdout == "" and "no answer" in sentence(ended)


def interrupt(home, words, when, number=signal.SIGINT, **options):
    """Press Ctrl-C on a running program as soon as ``when`` is true; its exit code, stdout and stderr."""
    process = home.start(*words, **options)
    try:
        wait_until(when, process)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    return process.returncode, out, err


def test_130_an_interrupted_wait_tells_how_far_it_came(machines):
    # A rule for another verb makes the cloud count its calls: the second listing is in the wait.
    machines.change("local", fail={"verb": "console"})
    words = ["vm", "wait", "web01,web02", "--state=stopped", "--output=json"]
    listings = "SELECT count FROM attempt WHERE verb = 'machines'"
    code, out, err = interrupt(machines, words, lambda: asked(machines, listings) >= 2)
    assert code == 130, err
    assert [row["result"] for row in json.loads(out)] == ["interrupted", "interrupted"]
    assert "interrupted" in err and "Traceback" not in err


def test_130_an_interrupted_boot_tells_what_was_not_asked(home, cloud_settings):
    home.configure(local=cloud_settings(latency_seconds=0.2))
    words = ["vm", "boot", "web[01-09]", "--wait", "--parallel=2", "--output=json"]
    code, out, err = interrupt(home, words, lambda: asked(home, "SELECT count(*) FROM machine") >= 2)
    assert code == 130, err
    results = [row["result"] for row in json.loads(out)]
    assert len(results) == 9 and set(results) == {"done", "not started"}
    assert "Traceback" not in err and "cms job resume 1" in err
    home.change("local", latency_seconds=0)
    assert len(home.states()) == results.count("done"), "the calls that ran have come to their end"


@pytest.fixture
def silent(home, cloud_settings):
    """A home whose cloud never answers, and how to know that it is asked: only then its file is made."""
    home.configure(local=cloud_settings(latency_seconds=1000))
    return home, home.world.exists


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "words", ["vm boot web01", "vm list --refresh", "vm info web01", "image list", "ip create"]
)
def test_130_while_a_cloud_is_asked_what_there_is(silent, words, number):
    home, is_asked = silent
    told = f"cms {words.split()[0]}: interrupted\n"
    assert interrupt(home, words.split(), is_asked, number) == (130, "", told)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_130_ends_a_script_that_is_piped_into_the_shell(silent, number):
    home, is_asked = silent
    script = home.path / "x.txt"
    script.write_text("vm list --refresh\nconfig set default.flavor=large\n")
    with script.open() as lines:
        code, _, err = interrupt(home, [], is_asked, number, stdin=lines)
    assert (code, err) == (130, "cms vm: interrupted\n-:1: vm list --refresh\n")
    assert "large" not in home.config.read_text()


def asked(home, statement):
    """A number from the file of the simulated cloud, looked up behind its back; 0 if there is none."""
    rows = query(home.world, statement)
    return rows[0][0] if rows else 0


CASES = {
    0: "vm list",
    1: "vm resume web01",
    2: "vm strat web01",
    3: "image list --cloud=broken",
    4: "image list --refresh",
}


def test_a_batch_ends_with_the_code_of_the_line_that_failed(machines, cloud_settings):
    machines.configure(local=cloud_settings(), broken=cloud_settings(failure_rate=7))
    machines.cms("vm", "stop", "web01", "--wait")
    machines.change("local", fail={"verb": "images"})
    script = machines.path / "script.txt"
    for code, line in CASES.items():
        script.write_text(f"# the {code}\n\n{line}\nvm list --output=names\n", encoding="utf-8")
        ended = machines.cms("batch", "script.txt", code=code)
        # Nothing runs after a line that failed.
        assert ended.stdout.endswith("web01\nweb02\nweb03\n") == (code == 0)
        assert (f"script.txt:3: {line}" in ended.stderr) == (code != 0)


def test_1_a_name_that_is_taken_ends_each_command_alike(machines):
    key = machines.path / "id.pub"
    key.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGEga2V5IG9mIHRoZSBjb25mb3JtYW5jZSBzdWl0ZSEh me\n")
    machines.cms("key", "add", "me", str(key))
    for words in (
        ("vm", "boot", "web01"),
        ("vm", "rename", "web01", "web02"),
        ("key", "add", "me", str(key)),
        ("secgroup", "create", "default"),
    ):
        ended = machines.cms(*words, code=1)
        assert "use another name" in ended.stdout + ended.stderr, words


def test_1_a_quota_that_is_used_up_ends_each_command_alike(machines):
    machines.change("local", quota={"machines": 3, "floating_ips": 0})
    for words in (("vm", "boot", "web04"), ("ip", "create")):
        ended = machines.cms(*words, code=1)
        assert re.search(r"quota of \w+\s+exceeded", ended.stdout + ended.stderr), words


def test_3_what_the_configuration_forbids(home, cloud_settings):
    home.configure(local=cloud_settings(), uc=cloud_settings())
    home.cms("cloud", "deactivate", "uc")
    for words in (("vm", "list", "--cloud=uc"), ("cloud", "default", "uc"), ("cloud", "deactivate", "local")):
        assert "cms cloud " in sentence(home.cms(*words, code=3)), words


def test_every_output_calls_the_id_of_a_thing_id(machines):
    (address,) = machines.json("ip", "create")
    found = [address, machines.json("vm", "info", "web01"), *machines.json("ip", "list")]
    for kind in ("vm", "image", "flavor", "network", "secgroup"):
        found += machines.json(kind, "list")
    for row in found:
        assert row["id"] and "cloud_id" not in row, row

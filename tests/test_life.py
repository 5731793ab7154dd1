"""The whole life of three machines: one-shot, in a script, in the shell at a terminal, and from Python."""

import json
import shutil

import pexpect
import pytest

PROMPT = "cms> "


def test_one_shot(home):
    def act(*words):
        rows = home.json("vm", *words)
        assert {row["result"] for row in rows} == {"done"}, rows
        return {row["name"]: row["state"] for row in rows}

    three = {"vm1", "vm2", "vm3"}
    assert act("boot", "vm[1-3]", "--wait") == dict.fromkeys(three, "active")
    assert act("suspend", "vm1,vm2", "--wait") == {"vm1": "suspended", "vm2": "suspended"}
    assert act("resume", "vm[1-2]", "--wait") == {"vm1": "active", "vm2": "active"}
    assert act("stop", "vm*", "--wait") == dict.fromkeys(three, "stopped")
    assert act("start", "local:vm3", "--wait") == {"vm3": "active"}
    assert act("reboot", "vm3", "--wait") == {"vm3": "active"}
    assert home.states() == {"vm1": "stopped", "vm2": "stopped", "vm3": "active"}
    act("delete", "--all", "--yes", "--wait")
    assert home.states() == {}


def test_a_list_is_data_in_each_form_and_says_its_age(machines):
    rows = machines.json("vm", "list")
    assert [(row["cloud"], row["name"], row["image"], row["flavor"]) for row in rows] == [
        ("local", name, "debian-12", "small") for name in ("web01", "web02", "web03")
    ]
    assert all(row["addresses"] and row["age"] >= 0 for row in rows)
    assert machines.cms("vm", "list", "--output=names").stdout == "web01\nweb02\nweb03\n"
    assert machines.cms("vm", "list", "--output=csv").stdout.startswith("cloud,name,state,")
    table = machines.cms("vm", "list")
    assert "web01" in table.stdout and table.stderr == ""


def test_a_dry_run_shows_and_does_nothing(machines):
    rows = machines.json("vm", "suspend", "web01,web09", "--dryrun", code=1)
    assert [row["result"] for row in rows] == ["would suspend", "would fail"]
    machines.json("vm", "delete", "--all", "--dryrun")
    assert machines.states() == dict.fromkeys(["web01", "web02", "web03"], "active")


CHANGES = [
    *["vm boot a", "vm rename web01 x", "vm metadata web01 --set=a=b", "key add k", "key delete k"],
    *["ip create", "secgroup create s", "secgroup rule add s", "cloud deactivate local", "config set a=b"],
    "cloud default local",
    *["config init", "config encrypt", "db delete machine name=web01", "db backup x", "job cancel 1"],
    *["job resume 1", "!touch x"],
]
READS = [
    *[
        "vm list",
        "vm info web01",
        "vm metadata web01",
        "key list",
        "secgroup list",
        "ip list",
        "network list",
    ],
    *[
        "image list",
        "flavor list",
        "cloud list",
        "cloud info local",
        "cloud default",
        "config list",
        "config check",
    ],
    *["db tables", "job list", "job show 1"],
]


def test_while_dryrun_is_on_nothing_is_changed(machines):
    before = machines.config.read_text(encoding="utf-8")
    machines.cms("dryrun", "on")
    ended = machines.cms("batch", "--keep-going", "-", code=2, stdin="\n".join(CHANGES))
    # What a boot would do can be shown.
    assert "nothing was booted" in ended.stderr
    assert ended.stderr.count("dryrun is on, and ") == len(CHANGES) - 1
    machines.cms("batch", "-", stdin="\n".join(READS))
    (row,) = machines.json("vm", "delete", "web01", "--yes")
    assert row["result"] == "would delete"
    assert machines.states() == dict.fromkeys(["web01", "web02", "web03"], "active")
    assert machines.config.read_text(encoding="utf-8") == before and not (machines.path / "x").exists()
    machines.cms("dryrun", "off")
    assert machines.json("vm", "stop", "web01")[0]["result"] == "done"


def test_the_configuration_keeps_the_dollars_of_its_values(home):
    home.cms("config", "set", "clouds.local.title=a$b ${HOME}")
    assert home.cms("config", "get", "clouds.local.title").stdout == "a$b ${HOME}\n"
    home.cms("batch", "-", stdin="config set clouds.local.title=${HOME}\n")
    assert home.cms("config", "get", "clouds.local.title").stdout == "${HOME}\n"
    home.cms("batch", "-", stdin="config set clouds.local.title=$nope\n", code=2)


@pytest.fixture
def shell(home):
    """The shell, waiting at its prompt in a pseudo-terminal."""
    child = home.terminal()
    child.expect_exact(PROMPT)
    yield child
    child.close(force=True)


def say(child, line):
    """Type a line; what is shown until the next prompt."""
    child.sendline(line)
    child.expect_exact(PROMPT)
    return child.before


def test_shell_at_a_terminal(home, shell):
    assert "active" in say(shell, "vm boot vm[1-3] --wait")
    assert "suspended" in say(shell, "vm suspend vm1 --wait")
    assert "'vm7'" in say(shell, "vm stop vm7")
    assert "'start'" in say(shell, "vm strat vm1")
    assert "already" in say(shell, "vm resume vm2 --wait")
    assert "active" in say(shell, "vm resume vm1 --wait")
    assert "stopped" in say(shell, "vm stop vm2 --wait")
    assert "active" in say(shell, "vm start vm2 --wait")
    assert "active" in say(shell, "vm reboot vm3 --wait")
    listed = say(shell, "vm list --output=names")
    assert "vm1\r\nvm2\r\nvm3\r\n" in listed
    shell.sendline("quit")
    shell.expect(pexpect.EOF)
    assert home.states() == dict.fromkeys(["vm1", "vm2", "vm3"], "active")


def test_ctrl_c_during_a_wait_comes_back_to_the_prompt(machines, shell):
    shell.sendline("vm wait web01 --state=stopped")
    with pytest.raises(pexpect.TIMEOUT):
        shell.expect_exact(PROMPT, timeout=0.8)
    shell.sendintr()
    shell.expect_exact(PROMPT, timeout=10)
    assert "interrupted" in shell.before
    assert "web01" in say(shell, "vm list --output=names")


def test_delete_asks_and_takes_only_the_number(machines, shell):
    for wrong in ("y", "n", "2", ""):
        shell.sendline("vm delete web[01-03] --wait")
        shell.expect_exact("Delete 3 machines web[01-03] on local? Type 3 to confirm: ")
        assert "nothing was deleted" in say(shell, wrong)
    assert set(machines.states().values()) == {"active"}
    shell.sendline("vm delete web[01-03] --wait")
    shell.expect_exact("to confirm: ")
    assert "deleted" in say(shell, "3")
    assert machines.states() == {}


SCRIPT = """
    from cloudmesh.cloud import Cloud
    from cloudmesh.cloud.errors import Conflict
    from cloudmesh.vm import Machine, Machines

    with Machines('vm[1-3]') as ms:
        booted = ms.boot(wait=True)
    assert [each.name for each in booted.succeeded] == ['vm1', 'vm2', 'vm3'] and not booted.failed

    with Cloud('local') as c:
        vm = c.machine('vm1', 'start')
        assert (vm.name, vm.state) == ('vm1', 'active'), vm
        assert sorted(m.name for m in c.machines()) == ['vm1', 'vm2', 'vm3']
        assert 'debian-12' in [i.name for i in c.images()] and 'small' in [f.name for f in c.flavors()]

    with Machine('vm1') as m:
        m.suspend()
        assert m.wait('suspended', timeout=10).state == 'suspended'
        m.resume()
        m.wait('active', timeout=10)
        try:
            m.resume(); m.stop(); m.wait('stopped', timeout=10); m.resume()
        except Conflict as error:
            assert 'start' in str(error)
        else:
            raise AssertionError('a stopped machine was resumed')

    with Machines('vm[1-3]') as ms:
        result = ms.suspend(wait=True, timeout=10)
        assert [each.name for each in result.succeeded] == ['vm2', 'vm3']
        (failed,) = result.failed
        assert failed.machine is None or failed.machine.name == 'vm1'
        assert failed.name == 'vm1' and isinstance(failed.error, Conflict) and failed.seconds >= 0
        assert not ms.delete(wait=True).failed

    with Cloud('local') as c:
        print(len(c.machines()))
"""


def test_python(home):
    ended = home.python(SCRIPT)
    assert (ended.stdout, ended.stderr) == ("0\n", ""), "libraries print nothing"


def test_entering_an_unknown_cloud_names_the_known_ones(home):
    ended = home.python("from cloudmesh.cloud import Cloud\nwith Cloud('lokal') as c: pass", code=1)
    assert "UnknownName" in ended.stderr and "'local'" in ended.stderr


def write(home, *lines):
    script = home.path / "life.txt"
    script.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return script


def test_a_script_piped_into_jq(home):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed; .ci/run installs it, or: apt-get install jq")
    write(
        home,
        "# three machines",
        "",
        "vm boot vm[1-3] --wait --output=json",
        "vm stop vm2 --wait --output=json",
        "vm list --refresh --output=json",
        "image list --output=json",
        "cloud list --output=json",
        "vm delete --all --yes --wait --output=json",
        "vm list --refresh --output=json",
    )
    line = f"set -o pipefail; {home.program[0]} batch life.txt | jq -c 'map(.state)'"
    documents = [json.loads(each) for each in home.run("bash", "-c", line).stdout.splitlines()]
    assert len(documents) == 7, "nothing but the answers is on stdout"
    assert documents[0] == ["active"] * 3
    assert documents[2] == ["active", "stopped", "active"]
    assert documents[6] == []


def test_a_script_stops_at_the_first_line_that_fails(home):
    script = write(home, "vm boot vm1 --wait --output=json", "", "vm stop vm9", "vm delete vm1 --yes")
    ended = home.cms("batch", str(script), code=2)
    assert len(json.loads(ended.stdout)) == 1
    assert f"{script}:3: vm stop vm9" in ended.stderr
    assert home.states() == {"vm1": "active"}


def test_a_script_goes_on_when_told_to_and_still_fails(home):
    write(home, "vm boot vm1 --wait --output=json", "vm stop vm9", "vm resume vm1 --output=json", "vm lst")
    ended = home.cms("batch", "--keep-going", "life.txt", code=2)
    assert "life.txt:2: vm stop vm9" in ended.stderr and "life.txt:4: vm lst" in ended.stderr
    assert "life.txt:3" not in ended.stderr and '"already"' in ended.stdout, "line 3 was run in between"


def test_a_script_comes_from_stdin(home):
    ended = home.cms("batch", "-", stdin="vm boot vm1 --wait --output=names\nvm list --output=names\n")
    assert ended.stdout.split() == ["vm1", "vm1"]

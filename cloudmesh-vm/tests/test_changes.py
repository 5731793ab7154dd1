"""Verbs that take something beside the machine: rebuild, resize, rename, metadata; and the hard reboot."""

import json

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.errors import Refused, Unreachable, Unsupported
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import UnknownName, UsageError
from cloudmesh.vm import Machine, Machines
from cloudmesh.vm.cli.actions import read_changes, read_pairs


def now(config, cloud="a"):
    with Cloud(cloud, config) as opened:
        return {each.name: each for each in opened.machines()}


def test_rebuild_replaces_the_image_and_looks_it_up_once(boot, config, spy):
    boot("web[1-3]", "a")
    with Machines("web[1-3]", "a") as machines:
        result = machines.rebuild("tiny*", wait=True)
    assert [(each.status.value, each.state.value, each.machine.image) for each in result] == [
        ("done", "active", "tiny-linux")
    ] * 3
    assert [method for _, method, _ in spy.taken()].count("images") == 1


def test_a_stopped_machine_is_resized_and_stays_stopped_whatever_its_row_says(boot, config, behind):
    boot("web[1-3]", "a")
    with Machines("web1", "a") as machines:
        machines.stop(wait=True)
    behind("a", "stop", "web2")
    with Machines("web[1-3]", "a") as machines:
        result = machines.resize("medium", wait=True, timeout=5)
    ended = [(each.status.value, each.state.value) for each in result]
    assert ended == [("done", "stopped"), ("done", "stopped"), ("done", "active")]
    assert {each.flavor for each in now(config).values()} == {"medium"}


def test_an_unknown_image_stops_all_before_the_first(boot, config, spy):
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines, pytest.raises(UnknownName, match="did you mean 'debian-12'"):
        machines.rebuild("debian-13")
    assert "rebuild" not in {method for _, method, _ in spy.taken()}


def test_a_cloud_that_does_not_answer_keeps_no_other_from_its_machines(boot, config, spy):
    boot("web1", "a")
    boot("web2", "b")
    spy.trouble["a", "flavors"] = Unreachable("a is away")
    with Machines("web[1-2]") as machines:
        result = machines.resize("small")
    assert {each.name: (each.status.value, str(each.error or "")) for each in result} == {
        "web1": ("failed", "a is away"),
        "web2": ("done", ""),
    }


def test_a_cloud_that_cannot_is_told_before_it_is_asked(boot, config, spy, monkeypatch):
    boot("web1", "a")
    lacking = SimulatedProvider.capabilities - {"rebuild"}
    monkeypatch.setattr(SimulatedProvider, "capabilities", lacking)
    with (
        Machine("web1", "a") as machine,
        pytest.raises(Unsupported, match="cloud a cannot rebuild"),
    ):
        machine.rebuild("debian-12")
    assert spy.taken() == []


def test_a_machine_is_renamed_and_found_by_its_new_name(boot, config):
    boot("web[1-2]", "a")
    with Machine("web1", "a") as machine:
        assert machine.rename("db1").name == "db1"
        assert machine.stop().name == "db1", "the object follows"
    assert set(now(config)) == {"db1", "web2"}


@pytest.mark.parametrize(
    ("name", "error"), [("web2", Refused), ("web 9", UsageError), ("w*", UsageError), ("", UsageError)]
)
def test_a_name_that_is_taken_or_is_none_is_refused(boot, config, name, error):
    boot("web[1-2]", "a")
    with Machine("web1", "a") as machine, pytest.raises(error):
        machine.rename(name)
    assert set(now(config)) == {"web1", "web2"}


def test_metadata_is_set_and_removed_and_known(boot, config):
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines:
        machines.metadata({"role": "web", "owner": "me"}).raise_for_failures()
        result = machines.metadata({"owner": None, "never": None})
    assert [each.machine.metadata for each in result] == [{"role": "web"}] * 2
    assert [each.metadata for each in now(config).values()] == [{"role": "web"}] * 2


def test_a_paused_machine_takes_a_hard_reboot_but_no_soft_one(boot, config):
    boot("web1", "a")
    with Machines("web1", "a") as machines:
        machines.pause(wait=True)
        (soft,) = machines.reboot()
        assert "possible now: unpause, shelve, reboot --hard" in str(soft.error)
        (hard,) = machines.reboot(wait=True, hard=True)
    assert (hard.status.value, hard.state.value) == ("done", "active")


def test_the_shell_does_the_same(boot, config, cms):
    boot("web[1-2]", "a")
    for line, result in [
        ("metadata web[1-2] --set=role=a=b --set=x=1", "done"),
        ("metadata a:web1 --unset=x", "done"),
        ("pause web1", "done"),
        ("reboot web1 --hard --wait", "done"),
        ("resize web1 --flavor=med* --wait", "done"),
        ("rebuild web1 --image=tiny-linux --yes --wait", "done"),
        ("rename web1 db1", "done"),
    ]:
        code, out, err = cms(f"{line} --cloud=a --output=json")
        assert (code, {row["result"] for row in json.loads(out)}) == (0, {result}), f"{line}: {err}"
    _, out, _ = cms("metadata db1 web2 --cloud=a --output=csv")
    assert out.splitlines()[1:] == ["a,db1,role,a=b", "a,web2,role,a=b", "a,web2,x,1"]
    machine = now(config)["db1"]
    assert (machine.flavor, machine.image, machine.state.value) == ("medium", "tiny-linux", "active")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("stop web1 --hard", "'vm stop' has no option --hard"),
        ("rebuild web1 --image=tiny-linux", "refusing to rebuild 1 machine: no terminal"),
        ("metadata web1 --set=role", "--set=role must be KEY=VALUE"),
        ("metadata web1 --set=a=1 --unset=a", "a is both set and removed"),
        ("boot x --metadata==1", "--metadata==1 must be KEY=VALUE"),
        ("resize web1 --flavor=m*x", "there is no flavor 'm*x'"),
        ("rebuild web1 --image=* --yes", "image '*' is ambiguous on cloud a: debian-12 (image-debian-12), "),
        ("boot x --network=p*", "network 'p*' is ambiguous on cloud a: private"),
    ],
)
def test_wrong_words_are_told_and_nothing_is_done(boot, config, cms, line, told):
    boot("web1", "a")
    before = now(config)
    code, out, err = cms(f"{line} --cloud=a")
    assert (code, out) == (2, "")
    assert told in err
    assert now(config) == before


def test_a_dry_run_says_what_would_be_and_does_nothing(boot, config, cms, spy):
    boot("web1", "a")
    code, out, err = cms("resize web1 --flavor=medium --cloud=a --dryrun --output=json")
    assert (code, json.loads(out)[0]["result"]) == (0, "would resize")
    assert "nothing was resized" in err
    code, _, err = cms("rebuild web1 --image=nothing --cloud=a --dryrun")
    assert code == 2
    assert {method for _, method, _ in spy.taken()} <= {"machine", "flavors", "images"}


def test_boot_takes_all_from_the_shell(config, spy, cms, tmp_path):
    script = tmp_path / "init.sh"
    script.write_text("#!/bin/sh\n")
    code, _, err = cms(
        f"boot web[1-2] --cloud=a --network=private --secgroup=default --userdata={script} "
        "--metadata=role=web --metadata=n=1 --public --wait"
    )
    assert code == 0, err
    machines = now(config).values()
    assert [each.metadata for each in machines] == [{"role": "web", "n": "1"}] * 2
    assert {ip for each in machines for ip in each.public_ips} == {"203.0.113.1", "203.0.113.2"}
    assert cms("delete web[1-2] --cloud=a --yes --wait")[0] == 0
    with Cloud("a", config) as cloud:
        assert cloud.floating_ips() == []


def test_pairs():
    assert read_pairs("--set", ["a=b", "c=d=e", "f="]) == {"a": "b", "c": "d=e", "f": ""}
    assert read_changes(["a=b"], ["c"]) == {"a": "b", "c": None}
    with pytest.raises(UsageError, match="--set sets a twice"):
        read_pairs("--set", ["a=b", "a=c"])

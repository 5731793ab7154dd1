"""``with Machines(...)`` and ``with Machine(...)``: results, errors and exit codes."""

import os
import signal
from dataclasses import replace

import pytest

from cloudmesh.cloud import Cloud
from cloudmesh.cloud.errors import Conflict, NotFound, Refused, Unreachable
from cloudmesh.cloud.model.records import State
from cloudmesh.plugin.errors import CloudmeshError, Interrupted, UnknownName, UsageError
from cloudmesh.vm import Machine, Machines, Status
from cloudmesh.vm.clouds.select import Selection
from cloudmesh.vm.model.outcome import ActionFailed


def told(result):
    return [(each.name, each.status.value) for each in result]


def test_the_example_of_the_documentation(boot):
    boot("web[01-02],db1", "a")
    with Machines("web[01-02],db1") as ms:
        result = ms.stop(wait=True)
        assert told(result) == [("web01", "done"), ("web02", "done"), ("db1", "done")]
        assert [each.state for each in result] == [State.STOPPED] * 3
        assert told(ms.stop()) == [("web01", "already"), ("web02", "already"), ("db1", "already")]
    assert (len(result.succeeded), result.failed, result.exit_code) == (3, [], 0)
    assert result[0].name == "web01"
    assert "3 succeeded, 0 failed" in repr(result)
    result.raise_for_failures()


def test_the_whole_life_of_one_machine(config):
    with Machine("vm1", "a") as m:
        assert m.boot().state is State.BUILDING
        for action, state in [
            ("stop", State.STOPPED),
            ("start", State.ACTIVE),
            ("suspend", State.SUSPENDED),
            ("resume", State.ACTIVE),
            ("reboot", State.ACTIVE),
        ]:
            assert getattr(m, action)().name == "vm1"
            assert m.wait(state, timeout=5).state is state
            assert m.state is state
        assert "vm1" in m.console()
        m.delete()
        with pytest.raises(NotFound):
            m.info()
        with pytest.raises(UnknownName):
            m.start()


@pytest.mark.parametrize("kind", [Machine, Machines])
def test_open_and_closed_are_told_apart(boot, kind):
    boot("vm1", "a")
    machines = kind("vm1")
    for _ in range(2):
        with pytest.raises(CloudmeshError, match="not open; use 'with Machines"):
            machines.stop()
        with machines:
            machines.start()
            with pytest.raises(CloudmeshError, match="already in use"):
                machines.__enter__()


def test_one_machine_that_fails_does_not_stop_the_others(boot, spy):
    boot("web[1-3]", "a")
    spy.refuse("a", "stop", "web2", Refused("not on Sundays"))
    with Machines("web[1-3]") as machines:
        result = machines.stop()
        assert told(result) == [("web1", "done"), ("web2", "failed"), ("web3", "done")]
    (failed,) = result.failed
    assert (failed.cloud, failed.verb, str(failed.error)) == ("a", "stop", "not on Sundays")
    assert failed.seconds > 0
    assert result.exit_code == 1
    with pytest.raises(ActionFailed, match=r"1 of 3 machines failed: web2: not on Sundays") as caught:
        result.raise_for_failures()
    assert caught.value.result is result


def test_a_defect_of_a_provider_does_not_lose_the_others(boot, spy):
    boot("web[1-3]", "a")
    bug = RuntimeError("password=geheim")
    spy.refuse("a", "stop", "web1", bug)
    with Machines("web[1-3]") as machines:
        result = machines.stop()
    assert told(result) == [("web1", "failed"), ("web2", "done"), ("web3", "done")]
    assert "RuntimeError" in str(result[0].error)
    assert "geheim" not in str(result[0].error)
    assert result[0].error.__cause__ is bug


def test_ctrl_c_in_the_middle_tells_what_was_done_and_what_not(boot, spy):
    boot("web[1-4]", "a")
    spy.trouble["a", "stop"] = lambda name: name == "web2" and os.kill(os.getpid(), signal.SIGINT)
    with Machines("web[1-4]", "a", parallel=1) as machines:
        result = machines.stop(wait=True)
    assert [each.status for each in result] == [Status.DONE] * 2 + [Status.NOT_STARTED] * 2
    assert (result.interrupted, result.exit_code) == (True, 130)
    assert spy.taken() == [("a", "stop", "web1"), ("a", "stop", "web2")], "nor is anything waited for"


def test_ctrl_c_in_one_machine_is_an_interrupt(boot, spy):
    boot("web1", "a")
    spy.trouble["a", "stop"] = KeyboardInterrupt()
    with Machine("web1") as machine, pytest.raises(Interrupted):
        machine.stop()


def test_names_that_are_not_there_fail_and_the_others_are_done(boot, spy):
    boot("web1", "a")
    boot("web2", "b")
    spy.trouble["b", "stop"] = Unreachable("b is away")
    with Machines("no1,web[1-2]") as machines:
        result = machines.stop()
    assert told(result) == [("web1", "done"), ("web2", "failed"), ("no1", "failed")]
    assert [type(each.error) for each in result.failed] == [Unreachable, UnknownName]
    assert result.exit_code == 1


@pytest.mark.parametrize("kind", [Machine, Machines])
def test_a_name_that_is_none_by_mistake_never_means_all(boot, kind):
    boot("vm1", "a")
    with pytest.raises(UsageError, match=r"no name is given; Machines.all\(\) means every machine"):
        kind(None)
    with Cloud("a") as cloud, pytest.raises(UnknownName, match="no machine None"):
        cloud.machine(None, "delete")


def test_many_machines_that_may_have_changed_are_looked_at_by_one_listing(config, spy):
    with Machines("web[01-20]", "a") as machines:
        machines.boot().raise_for_failures()
        spy.taken()
        assert machines.stop().exit_code == 0
    methods = [method for _, method, _ in spy.taken()]
    assert (methods.count("machines"), methods.count("machine"), methods.count("stop")) == (1, 0, 20)


def test_a_verb_costs_one_call_a_machine_and_waiting_one_listing_for_all(boot, spy):
    boot("web[1-3]", "a")
    with Machines("web[1-3]", "a") as machines:
        result = machines.stop(wait=True)
    assert [each.verb for each in result] == ["stop"] * 3
    calls = spy.taken()
    assert sorted(calls[:3]) == [("a", "stop", f"web{number}") for number in (1, 2, 3)]
    assert calls[3:] == [("a", "machines", "")]


def test_a_wait_that_fails_is_the_failure_of_the_action(configure, spy):
    configure({"a": {"fail": {"verb": "stop", "names": "web2", "error": "fault"}}})
    with Machines("web[1-2]") as machines:
        machines.boot(wait=True).raise_for_failures()
        result = machines.stop(wait=True, timeout=5)
    assert told(result) == [("web1", "done"), ("web2", "failed")]
    assert "state error: simulated fault" in str(result[1].error)


def test_a_defect_of_a_provider_while_waiting_does_not_lose_the_other_cloud(boot, spy):
    boot("web1", "a")
    boot("web2", "b")
    spy.trouble["a", "machines"] = RuntimeError("bug")
    with Machines("web[1-2]") as machines:
        result = machines.stop(wait=True)
    assert told(result) == [("web1", "failed"), ("web2", "done")]
    assert "RuntimeError" in str(result[0].error)


def test_deleting_what_has_vanished_is_a_success(boot, behind):
    boot("web[1-2]", "a")
    behind("a", "delete", "web1")
    with Machines("web[1-2]") as machines:
        assert told(machines.delete(wait=True, timeout=5)) == [("web1", "already"), ("web2", "done")]


@pytest.mark.parametrize("verb", ["delete", "stop"])
def test_many_that_have_vanished_take_one_listing(boot, behind, spy, verb):
    boot("web[01-20]", "a")
    with Machines("web[01-20]", "a") as machines:
        machines.wait("active").raise_for_failures()
        for number in range(1, 11):
            behind("a", "delete", f"web{number:02}")
        spy.taken()
        result = getattr(machines, verb)()
    assert [each.succeeded for each in result] == [verb == "delete"] * 10 + [True] * 10
    assert [method for _, method, _ in spy.taken()].count("machines") == 1


def test_an_impossible_verb_is_a_conflict_that_names_what_works(boot):
    boot("web1", "a")
    with Machine("web1") as machine, pytest.raises(Conflict, match="possible now: "):
        machine.suspend()
        machine.wait("suspended", timeout=5)
        machine.stop()


@pytest.mark.parametrize("action", ["strat", "boot", "__init__"])
def test_an_unknown_action_or_state_calls_nobody(boot, spy, action):
    boot("web1", "a")
    with Machines("web1") as machines:
        with pytest.raises(UnknownName, match="there is no action"):
            machines.act(action)
        with pytest.raises(UnknownName, match=r"there is no state 'activ'; did you mean 'active'\?"):
            machines.wait("activ")
    assert spy.taken() == []


def test_one_machine_cannot_be_several(boot, spy):
    boot("web[1-2]", "a")
    with Machine("web*") as machine:
        named = (machine.wait, "active"), (machine.rename, "db1")
        for act, *given in (machine.stop,), (machine.info,), (machine.console,), *named:
            with pytest.raises(UsageError, match="exactly one machine is required, not 2"):
                act(*given)
    for names, cloud in (("new[1-2]", "a"), ("new", "a,b")):
        with Machine(names, cloud) as machine, pytest.raises(UsageError, match="means 2; use Machines"):
            machine.boot()
    assert {method for _, method, _ in spy.taken()} <= {"machines"}


def test_a_machine_that_failed_is_told_in_the_state_its_cloud_shows(boot, behind):
    boot("web1", "a")
    behind("a", "stop", "web1")
    with Machines("web1", "a") as machines:
        (failed,) = machines.act("suspend").failed
    assert (failed.machine.name, failed.state) == ("web1", State.STOPPED)


def test_machines_can_be_counted_walked_over_and_asked_for_their_states(boot, spy):
    boot("web[1-2]", "a")
    boot("web1", "b")
    with Machines("a:web[1-2],b:web1") as machines:
        assert len(machines) == 3 and machines
        assert [machine.qualified_name for machine in machines] == ["a:web1", "a:web2", "b:web1"]
        assert machines.states() == {"a:web1": "active", "web2": "active", "b:web1": "active"}
    assert spy.taken() == [], "what is in the store is told without asking"
    with Machines("web2,no1") as machines, pytest.raises(UnknownName, match="no1"):
        len(machines)


def test_two_of_one_name_on_one_cloud_both_have_a_state(boot):
    boot("web[1-2]", "a")
    with Machines("web[1-2]", "a") as machines:
        first, second = machines
        # As somebody may name them at the cloud itself.
        machines.select = lambda: Selection([first, replace(second, name=first.name)])
        assert list(machines.states()) == [f"a:web1 ({each.cloud_id})" for each in (first, second)]


@pytest.mark.parametrize("kind", [Machine, Machines])
def test_open_and_close_can_be_called_twice(boot, kind):
    boot("web1", "a")
    machines = kind("web1", "a")
    assert repr(machines) == f"<{kind.__name__} web1 on a: closed>"
    assert machines.open() is machines and machines.open() is machines
    assert repr(machines) == f"<{kind.__name__} web1 on a: open>"
    machines.stop(wait=True, timeout=5)
    machines.close()
    machines.close()
    with pytest.raises(CloudmeshError, match="not open"):
        machines.start()
    assert repr(Machines.all()) == "<Machines --all: closed>"
    with kind("web1", "a").open() as opened:
        opened.wait("stopped", timeout=5)
        with pytest.raises(CloudmeshError, match="already in use"), opened:
            pass


def test_one_machine_waits_as_many_do(boot):
    boot("web1", "a")
    with Machine("web1") as machine:
        assert machine.stop(wait=True, timeout=5).state is State.STOPPED
        assert machine.rename("db1", timeout=5).name == machine.name.removeprefix("a:") == "db1"
        assert machine.start(wait=True).state is State.ACTIVE


def test_a_result_is_a_table_and_a_safe_one_in_a_notebook(boot, spy):
    boot("web1,db1", "a")
    spy.refuse("a", "stop", "db1", Refused("<b>no\x1b[2J</b>"))
    with Machines("web1,db1") as machines:
        result = machines.stop()
    assert repr(result) == f"<Result of job {result.job}: 1 succeeded, 1 failed>"
    lines = str(result).splitlines()
    assert lines[0].split() == ["cloud", "name", "action", "result", "state", "seconds", "reason"]
    assert [line.split()[:4] for line in lines[2:]] == [
        ["a", "web1", "stop", "done"],
        ["a", "db1", "stop", "failed"],
    ]
    html = result._repr_html_()
    assert html.count("<tr>") == 3 and "<td>web1</td>" in html
    assert "&lt;b&gt;no" in html and "<b>" not in html and "\x1b" not in html

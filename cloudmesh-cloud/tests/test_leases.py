"""What people write of leases, and ``cms lease`` on the simulated cloud."""

import json
import os
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.client.leases import reservation_of
from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.model.lease_times import host_conditions, is_duration, lease_seconds, moment
from cloudmesh.cloud.model.leases import (
    Lease,
    LeaseRequest,
    LeaseStatus,
    Reservation,
    new_lease_name,
    was_made_for_machines,
)
from cloudmesh.cloud.model.records import Flavor
from cloudmesh.cloud.providers.openstack.leases import _lease, _minute, _reservation_body
from cloudmesh.cloud.store.machine_rows import time_text
from cloudmesh.lease.command.lease import LeaseCommand
from cloudmesh.plugin.errors import UsageError


@pytest.fixture
def new_york(monkeypatch):
    """A zone that is not UTC."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
    assert os.environ.get("TZ") != "America/New_York"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-12-24 14:00", "2026-12-24T19:00:00Z"),
        ("2026-12-24T14:00", "2026-12-24T19:00:00Z"),
        ("2026-12-24T14:00Z", "2026-12-24T14:00:00Z"),
        ("2026-12-24T14:00:00Z", "2026-12-24T14:00:00Z"),
        ("2026-07-01T14:00:00+02:00", "2026-07-01T12:00:00Z"),
        ("2026-12-24", "2026-12-24T05:00:00Z"),
    ],
)
def test_times_are_local_unless_they_name_their_zone(text, shown, new_york):
    assert time_text(moment("--start", text)) == shown


def test_times_may_be_told_from_now():
    assert moment("--start", "now") == moment("--start", "NOW ") == 0.0
    assert moment("--start", "+2h", now=1000.0) == 8200.0 and time_text(0.0) == ""


@pytest.mark.parametrize("text", ["tomorrow", "14:00", "+", "+x", "-2h", "", "2026-13-01 10:00", "3h"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(UsageError, match="is not a time; use '2026-12-24 14:00'"):
        moment("--start", text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("3h", 10800), ("90s", 120), ("60", 60), ("1m", 60), ("1h30m", 5400)]
)
def test_leases_last_whole_minutes(text, seconds):
    assert lease_seconds("--lease", text) == seconds and is_duration(text)


@pytest.mark.parametrize("text", ["0", "59", "3", "-1h", "x", "lease1", ""])
def test_what_is_too_short_or_no_duration_is_refused(text):
    with pytest.raises(UsageError):
        lease_seconds("--lease", text)


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("node_type=compute_skylake", ["==", "$node_type", "compute_skylake"]),
        (
            "node_type=gpu_p100, gpu.gpu=True,vcpus>=16",
            ["and", ["==", "$node_type", "gpu_p100"], ["==", "$gpu.gpu", "True"], [">=", "$vcpus", "16"]],
        ),
        ("a!=b,c<=1", ["and", ["!=", "$a", "b"], ["<=", "$c", "1"]]),
        ("name=x=y", ["==", "$name", "x=y"]),
        ('["=", "$uid", "1"]', ["=", "$uid", "1"]),
        ("any", None),
        ("", None),
    ],
)
def test_hosts_are_chosen_by_conditions_as_people_write_them(text, expression):
    found = host_conditions("--host", text)
    assert (json.loads(found) if found else None) == expression


@pytest.mark.parametrize("text", ["fast", "a=", "=b", "a=b,", "[1", "a b=c"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(UsageError, match="--host"):
        host_conditions("--host", text)


@given(st.lists(st.text(max_size=300), max_size=3))
def test_names_of_leases_fit_every_blazar_and_are_known_as_ours(names):
    name = new_lease_name(names)
    assert len(name) <= 80 and name.isascii() and was_made_for_machines(name)
    assert not set(name) & set(" []*?,:'\"") and name != new_lease_name(names)
    assert not was_made_for_machines(name[:-1]) and not was_made_for_machines("")


@given(st.floats(0, 4e9))
def test_blazar_is_told_a_minute_that_is_not_earlier(seconds):
    item = {"id": "1", "name": "a", "status": "ACTIVE", "reservations": [], "start_date": _minute(seconds)}
    told = _lease("c", {**item, "end_date": "2026-11-29T11:18:00.000000"})
    assert 0 <= told.starts - seconds <= 60 and told.ends == 1795951080.0


def test_room_on_hosts_is_asked_for_by_the_size_of_a_flavor():
    room = _reservation_body(LeaseRequest("a", 2, 60.0, flavor=Flavor("c", "f", "1", 4, 8192, 40)))
    assert (room["resource_type"], room["amount"], room["vcpus"]) == ("virtual:instance", 2, 4)
    hosts = _reservation_body(LeaseRequest("a", 2, 60.0, host="[]"))
    assert (hosts["resource_type"], hosts["min"], hosts["max"]) == ("physical:host", 2, 2)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        ("pending", "physical:host", None),
        ("starting", "virtual:instance", None),
        ("error", "physical:host", "is in status error: the cloud could not start it"),
        ("terminated", "physical:host", "is terminated; lease anew"),
        ("active", "virtual:floatingip", "reserves virtual:floatingip, and no hosts"),
        ("active", "virtual:instance", ""),
    ],
)
def test_a_lease_can_be_booted_on_while_it_is_active(status, kind, error):
    lease = Lease("c", "a", "1", LeaseStatus(status), reservations=(Reservation("r", kind, 1),))
    if error:
        with pytest.raises(CloudError, match=error):
            reservation_of(lease)
    else:
        assert reservation_of(lease) == (None if error is None else lease.reservations[0])


@pytest.fixture
def cms(capsys, configure):
    """Runs a line of cms lease on a simulated cloud with three hosts; gives exit code, stdout and stderr."""
    configure({"a": {"hosts": 3}})

    def run(line):
        shell = SimpleNamespace(one_shot_done=True)
        LeaseCommand.do_lease(shell, line)
        captured = capsys.readouterr()
        return shell.last_exit_code, captured.out, captured.err

    return run


def test_leases_are_made_listed_extended_and_deleted(cms):
    assert cms("create exp --duration=3h --amount=2 --host=node_type=compute_skylake")[0] == 0
    (before,) = json.loads(cms("list --output=json")[1])
    assert (before["status"], before["type"], before["amount"]) == ("active", "physical:host", 2)
    code, _, told = cms("create exp --duration=1h")
    assert code == 1 and "cloud a has a lease exp; use another name" in told
    assert cms("extend exp --by=1h")[0] == 0
    code, _, told = cms("extend exp --until=+9h")
    (after,) = json.loads(cms("list --output=json")[1])
    assert after["ends"] > before["ends"] and after["id"] == before["id"]
    assert code == 0 and f"lease exp of cloud a ends at {after['ends']}" in told
    assert json.loads(cms("list --filter=ends>2100 --output=json")[1]) == []
    # Nobody is asked, since no machine is on it; a lease beside one that is unknown is deleted all the same.
    code, _, told = cms("delete exp nope")
    assert code == 1 and json.loads(cms("list --output=json")[1]) == []


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("create x --duration=3h --amount=4", 1, "not enough hosts available"),
        ("create x --duration=3h --host=node_type=gpu", 1, "not enough hosts available"),
        ("create x --duration=3h --amount=0", 2, "--amount=0 must be a whole number"),
        ("create x --duration=3h --flavor=none", 2, "no flavor 'none'"),
        ("create x --duration=5", 2, "a minute at least"),
        ("create x --duration=3h --start=2020-01-01", 2, "--start=2020-01-01 has passed"),
        ("create 3h --duration=3h", 2, "'3h' cannot name a lease"),
        ("create 'e*' --duration=3h", 2, "'e*' cannot name a lease"),
        ("create '' --duration=3h", 2, "'' cannot name a lease"),
        ("extend x --by=1h", 2, "no lease 'x'"),
        ("extend x --until=now", 2, "use cms lease delete"),
        ("delete x", 2, "no lease 'x'"),
    ],
)
def test_what_cannot_be_is_one_sentence(cms, line, code, said):
    found = cms(line)
    assert found[0] == code and said in found[2] and json.loads(cms("list --output=json")[1]) == []

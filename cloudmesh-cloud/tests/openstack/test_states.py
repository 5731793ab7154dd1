"""What Nova tells of a server, in our words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.errors import (
    Conflict,
    EndpointError,
    FlavorTooSmall,
    NoCapacity,
    NotFound,
    OutOfService,
    QuotaExceeded,
    Refused,
)
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.providers.libcloud.error_details import ErrorDetails
from cloudmesh.cloud.providers.libcloud.errors import CallContext
from cloudmesh.cloud.providers.openstack import errors, records
from cloudmesh.cloud.providers.openstack.records import raw_state, state_of
from cloudmesh.cloud.store.known import machine_of


@pytest.mark.parametrize(
    ("status", "task", "state"),
    [
        ("ACTIVE", None, State.ACTIVE),
        ("ACTIVE", "powering-off", State.STOPPING),
        ("ACTIVE", "pausing", State.PAUSING),
        ("ACTIVE", "suspending", State.SUSPENDING),
        ("ACTIVE", "deleting", State.DELETING),
        ("ACTIVE", "image_snapshot", State.ACTIVE),
        ("BUILD", "spawning", State.BUILDING),
        ("PAUSED", None, State.PAUSED),
        ("PAUSED", "unpausing", State.UNPAUSING),
        ("SUSPENDED", None, State.SUSPENDED),
        ("SUSPENDED", "resuming", State.RESUMING),
        ("SHUTOFF", None, State.STOPPED),
        ("SHUTOFF", "powering-on", State.STARTING),
        ("SHELVED", None, State.SHELVED),
        ("SHELVED", "shelving_offloading", State.SHELVING),
        ("SHELVED_OFFLOADED", None, State.SHELVED_OFFLOADED),
        ("SHELVED_OFFLOADED", "spawning", State.UNSHELVING),
        ("REBOOT", "rebooting", State.REBOOTING),
        ("HARD_REBOOT", "rebooting_hard", State.REBOOTING),
        ("REBUILD", "rebuild_spawning", State.REBUILDING),
        ("RESIZE", "resize_migrating", State.RESIZING),
        ("VERIFY_RESIZE", None, State.RESIZED),
        ("ERROR", None, State.ERROR),
        ("SOMETHING_NEW", None, State.UNKNOWN),
    ],
)
def test_states(status, task, state):
    assert state_of(status, task) is state
    assert raw_state(status, task).startswith(status) and (task or "") in raw_state(status, task)


SERVER = {
    "id": "s1",
    "name": "vm1",
    "status": "ERROR",
    "created": "2026-11-24T10:00:00Z",
    "image": "",
    "flavor": {"original_name": "m1.tiny"},
    "key_name": None,
    "metadata": {"a": "b"},
    "fault": {"message": "No valid host\nwas found.", "code": 500},
    "addresses": {
        "inside": [
            {"addr": "10.0.0.5", "OS-EXT-IPS:type": "fixed"},
            {"addr": "198.18.0.7", "OS-EXT-IPS:type": "floating"},
            {"addr": "fd00::5", "OS-EXT-IPS:type": "fixed"},
        ],
        "world": [{"addr": "8.8.8.8", "OS-EXT-IPS:type": "fixed"}],
    },
}


def test_a_server():
    machine = records.machine("uc", SERVER)
    assert machine.fault == "No valid host was found." and machine.image == "" and machine.key == ""
    assert machine.private_ips == ["10.0.0.5", "fd00::5"]
    assert machine.public_ips == ["198.18.0.7", "8.8.8.8"]
    assert machine.created == 1795514400.0 and machine.metadata == {"a": "b"}
    assert machine_of(machine.to_record()) == machine


def test_a_fault_that_is_over_is_not_told():
    assert records.machine("uc", {**SERVER, "status": "ACTIVE"}).fault == ""


def told(code, words):
    return errors.explain(ErrorDetails(code, words), CallContext("uc", "boot vm1", "nova.example.org"))


FULL = "Quota exceeded for instances: Requested 1, but already used"


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (413, f"{FULL} 10 of 10 instances", QuotaExceeded),
        (409, "Quota exceeded for resources: ['port']", QuotaExceeded),
        (403, "Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.", Refused),
        (400, "Invalid input for field 'quota'", Refused),
        (403, "Only volume-backed servers are allowed for flavors with zero disk.", FlavorTooSmall),
        (406, "Version 2.999 is not supported by the API. Minimum is 2.1.", EndpointError),
        (503, "Nova is in maintenance", OutOfService),
        (409, "Cannot 'resume' instance x while it is in vm_state active", Conflict),
        (409, "Cannot 'stop' instance x while it is in vm_state deleted", NotFound),
        (400, "No valid host was found. No valid host found for resize", NoCapacity),
        (400, "Flavor's memory is too small for requested image.", FlavorTooSmall),
        (404, "Instance x could not be found.", NotFound),
        (400, "Invalid input for field/attribute name", Refused),
    ],
)
def test_what_nova_says(code, words, kind):
    assert type(told(code, words)) is kind, told(code, words)


@pytest.mark.parametrize(
    "words",
    [
        "Quota exceeded for cores: Requested 4, but already used 18 of 20 cores",
        "Project p is over a limit for [Resource class:VCPU is over limit of 20 due to current usage 18 and "
        "delta 4.]",
    ],
)
def test_a_quota_is_told_with_its_numbers(words):
    error = told(403, words)
    assert (type(error), error.quota, error.used, error.limit) == (QuotaExceeded, "vcpus", 18, 20)
    assert "quota of vcpus exceeded (18 of 20 used)" in str(error)


def test_maintenance_is_no_excess_of_calls():
    words = "The service is under maintenance"
    error = errors.explain(ErrorDetails(503, words, retry_after=120), CallContext("uc", "boot vm1"))
    assert type(error) is OutOfService and error.retry_after == 120
    assert "(The service is under maintenance); try again in 2 minutes" in str(error)


@given(st.sampled_from([400, 401, 403, 404, 409, 413, 429, 500, 503]), st.text(max_size=80))
def test_whatever_a_service_says_there_is_an_error_for_it(code, words):
    assert told(code, words)


def test_the_user_of_an_image_is_told_by_its_property_and_by_servers_that_have_it():
    item = {"id": "i1", "name": "Rocky 9", "size": 0, "image_original_user": "rocky"}
    assert records.image("uc", item).login_user == "rocky"
    assert records.image("uc", {"id": "i1", "name": "x", "default_user": ["odd"]}).login_user == ""
    server = {"id": "s1", "name": "web1", "status": "ACTIVE", "image": {"id": "i1"}}
    assert records.machine("uc", server).login_user == ""
    server["image"]["properties"] = {"os_admin_user": "alice"}
    assert records.machine("uc", server).login_user == "alice"
    assert records.machine("uc", {**server, "image": ""}).login_user == ""

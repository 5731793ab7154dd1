"""Users help themselves before a job is gone on with: none of its machines is booted beside theirs.

The simulated cloud has each name once; OpenStack, as most clouds, takes it as often as it is asked to.
"""

import shlex
import subprocess
from contextlib import suppress

import pytest

from cloudmesh.cloud.errors import Refused
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.vm import Status
from cloudmesh.vm.jobs.jobs import Jobs


class Died(BaseException):
    """As if the process had ended in the middle of the call."""


@pytest.mark.parametrize("error", [Died(), Refused("no room")])
def test_a_name_that_was_booted_by_hand_meanwhile(make_fleet, monkeypatch, error):
    fleet = make_fleet(1)

    def boot(provider, request):
        raise error

    with monkeypatch.context() as patch, fleet.machines("a:web1") as machines:
        patch.setattr(OpenStackProvider, "boot", boot)
        with suppress(Died):
            machines.boot()
    with fleet.machines("a:web1") as machines:
        assert machines.boot().exit_code == 0
    (outcome,) = Jobs().resume(1, failed=True)
    assert outcome.status is Status.FAILED and "already has a machine web1" in str(outcome.error)
    assert ("outcome unknown" in str(outcome.error)) == isinstance(error, Died)
    assert [server["name"] for server in fleet.stacks["a"].servers()] == ["web1"]


@pytest.mark.slow
def test_what_names_prints_is_that_machine_for_another_command_whatever_it_is_called(make_fleet):
    fleet, odd = (
        make_fleet(1),
        ["--all", "*", "twin", "twin", "keep[1-2]", "a,keep1", "$HOME", "end ", "a:keep1"],
    )
    fleet.stacks["a"].add(["keep1", "keep2", *odd], "ACTIVE")
    program = shlex.join(fleet.home.program)
    every = f"{program} vm list --refresh --output=names | grep -vx 'keep.' | xargs -d '\\n'"
    for line in (f"{every} -n1 {program} vm stop", f"{every} {program} vm delete --yes"):
        done = subprocess.run(
            ["bash", "-c", line], env=fleet.home.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert fleet.states() == {"a:keep1": "ACTIVE", "a:keep2": "ACTIVE"}

"""Lists machines, boots three, and deletes them, by a client that was generated from the description."""

import sys

from cms_client import AuthenticatedClient
from cms_client.api.jobs import create_job, get_job, list_job_machines
from cms_client.api.machines import get_machine, list_machines
from cms_client.models import JobInfo, MachineInfo, MachineList, NewJob, ProblemDocument

address, token = sys.argv[1:]


def ended(job):
    """A job when it is over."""
    assert isinstance(job, JobInfo), job
    while job.ended is None:
        job = get_job.sync(job.id, client=client, wait=30)
    return job


with AuthenticatedClient(base_url=address, token=token, timeout=60) as client:
    before = list_machines.sync(client=client)
    assert isinstance(before, MachineList) and before.items == []

    body = NewJob(verb="boot", names=["gen[1-3]"], clouds=["local"], wait=True)
    booted = ended(create_job.sync(client=client, body=body, idempotency_key="once"))
    again = create_job.sync(client=client, body=body, idempotency_key="once")
    assert again.id == booted.id and booted.status == "done"
    outcomes = list_job_machines.sync(booted.id, client=client).items
    assert [each.status for each in outcomes] == ["done"] * 3

    query = {"filter_": "state=active", "sort": "-name", "limit": 2}
    found = list_machines.sync(client=client, **query)
    assert [each.name for each in found.items] == ["gen3", "gen2"] and found.total == 3
    rest = list_machines.sync(
        client=client, filter_="state=active", sort="-name", limit=2, cursor=found.next_
    )
    assert [each.name for each in rest.items] == ["gen1"] and rest.next_ is None
    one = get_machine.sync(found.items[0].id, client=client, max_age=0)
    assert isinstance(one, MachineInfo) and one.name == "gen3" and one.refreshed.tzinfo

    wrong = NewJob(verb="delete", names=["gen*"], clouds=["local"], expect=2, wait=True)
    refused = create_job.sync(client=client, body=wrong)
    assert isinstance(refused, ProblemDocument) and refused.status == 409, refused
    right = NewJob(verb="delete", names=["gen*"], clouds=["local"], expect=3, wait=True)
    assert ended(create_job.sync(client=client, body=right)).status == "done"
    assert list_machines.sync(client=client, max_age=0).items == []
print("all is done")

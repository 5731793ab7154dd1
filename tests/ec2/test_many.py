"""Many machines, and many threads: pages, and never an answer about the wrong machine."""

import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor
from cloudmesh.cloud.provider.boot import BootRequest

pytestmark = pytest.mark.slow

THREADS = 32


def instance(number):
    return (
        f"<item><instancesSet><item><instanceId>i-{number:08d}</instanceId><imageId>ami-1</imageId>"
        "<instanceState><code>16</code><name>running</name></instanceState>"
        f"<privateIpAddress>10.0.{number // 250}.{number % 250 + 1}</privateIpAddress>"
        f"<tagSet><item><key>Name</key><value>vm{number}</value></item></tagSet></item></instancesSet></item>"
    )


def page(first, last, more):
    token = f"<nextToken>from-{last}</nextToken>" if more else ""
    body = "".join(instance(number) for number in range(first, last))
    root = "DescribeInstancesResponse"
    return f"<{root}><reservationSet>{body}</reservationSet>{token}</{root}>"


def test_five_thousand_machines_come_page_by_page(provider, gate):
    gate.answers["DescribeInstances"] = [
        (200, page(first, first + 1000, more=first < 4000)) for first in range(0, 5000, 1000)
    ]
    names = [machine.name for machine in provider.machines()]
    assert names == [f"vm{number}" for number in range(5000)]
    sent = [sent for _, _, sent in gate.sent]
    assert [each.get("NextToken") for each in sent] == [
        None,
        *(f"from-{last}" for last in range(1000, 5000, 1000)),
    ]
    assert all(each["MaxResults"] == "1000" for each in sent)


def test_one_page_at_a_time_is_in_memory(make_provider, gate):
    """Five times the machines need no five times the memory."""

    def peak(pages):
        gate.answers["DescribeInstances"] = [
            (200, page(each * 1000, each * 1000 + 1000, more=each < pages - 1)) for each in range(pages)
        ]
        with make_provider() as provider:
            tracemalloc.start()
            try:
                assert sum(1 for _ in provider.machines()) == pages * 1000
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    peak(1)
    assert peak(10) < 2.5 * peak(2)


def test_an_error_in_the_middle_is_no_short_list(provider, gate):
    gate.answers["DescribeInstances"] = [(200, page(0, 1000, more=True)), (503, "<html>busy</html>")]
    with pytest.raises(errors.CloudError):
        list(provider.machines())


def test_no_answer_is_about_the_wrong_machine(make_provider, gate):
    """Each thread has a provider of its own, as in the runner."""
    flavor = Flavor("aws", "t3.nano", "t3.nano")
    with make_provider() as provider:
        image = provider.images()[0]
        booted = [provider.boot(BootRequest(f"vm{number}", image, flavor)) for number in range(THREADS)]
    names = {machine.cloud_id: machine.name for machine in booted}
    assert len(names) == THREADS

    def ask(machine):
        wrong = []
        with make_provider() as provider:
            for _ in range(6):
                now = provider.machine(machine.cloud_id)
                if (now.cloud_id, now.name) != (machine.cloud_id, machine.name):
                    wrong.append((machine, now))
            provider.set_metadata(machine.cloud_id, {"mine": machine.name})
            now = provider.machine(machine.cloud_id)
            if now.metadata != {"mine": machine.name}:
                wrong.append((machine, now))
        return wrong

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(ask, booted))
    finally:
        sys.setswitchinterval(before)
    assert answers == [[]] * THREADS
    with make_provider() as provider:
        assert {each.cloud_id: each.metadata["mine"] for each in provider.machines()} == names

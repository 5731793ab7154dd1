"""A machine as plain data, and back, also through the store."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.model.networks import SecurityRule
from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.known import machine_of
from cloudmesh.db import Database

texts = st.text(max_size=20)
addresses = st.lists(texts, max_size=3)
machines = st.builds(
    MachineRecord,
    cloud=texts,
    name=texts,
    cloud_id=texts,
    state=st.sampled_from(State),
    raw_state=texts,
    image=texts,
    flavor=texts,
    key=texts,
    private_ips=addresses,
    public_ips=addresses,
    fault=texts,
    created=st.floats(min_value=0, max_value=1e11),
)


@settings(deadline=None)
@given(machines)
def test_a_machine_is_the_same_after_the_way_through_plain_data(machine):
    record = machine.to_record()
    assert type(record["state"]) is str
    assert machine_of(record) == machine
    assert machine_of({**record, "refreshed": 1.0, "colour": "red"}) == machine


@settings(deadline=None)
@given(machines)
def test_a_machine_is_the_same_after_the_way_through_the_store(machine):
    with Inventory(Database(":memory:")) as inventory:
        inventory.save(machine)
        inventory.save(machine)
        assert [each.machine for each in inventory.known(machine.cloud)] == [machine]


def test_public_addresses_come_first_and_the_full_name_has_the_cloud():
    machine = MachineRecord(
        "uc", "vm1", "1", State.ACTIVE, private_ips=["10.0.0.1"], public_ips=["192.0.2.1"]
    )
    assert machine.addresses == ["192.0.2.1", "10.0.0.1"]
    assert machine.qualified_name == "uc:vm1"
    assert f"{machine.state}" == "active"


@pytest.mark.parametrize(
    ("spelt", "normal"),
    [
        ({"from_port": 0, "to_port": 65535}, {}),
        ({"from_port": 1, "to_port": 65535, "protocol": "TCP"}, {}),
        ({"protocol": "-1", "from_port": 0, "to_port": 0}, {"protocol": "any"}),
        (
            {"protocol": "58", "ethertype": "IPv6"},
            {"protocol": "ipv6-icmp", "remote": "::/0", "ethertype": "IPv6"},
        ),
        ({"remote": " 192.0.2.7"}, {"remote": "192.0.2.7/32"}),
        ({"remote": "10.1.2.3/8"}, {"remote": "10.0.0.0/8"}),
        (
            {"remote": "2001:DB8:0::1", "ethertype": "IPv6"},
            {"remote": "2001:db8::1/128", "ethertype": "IPv6"},
        ),
        ({"remote": "sg-1"}, {"remote": "sg-1"}),
    ],
)
def test_a_rule_has_one_spelling(spelt, normal):
    assert SecurityRule(**spelt) == SecurityRule(**normal)

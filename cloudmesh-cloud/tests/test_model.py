"""A machine as plain data, and back, also through the store."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.model.records import MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory
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
    assert MachineRecord.from_record(record) == machine
    assert MachineRecord.from_record({**record, "refreshed": 1.0, "colour": "red"}) == machine


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

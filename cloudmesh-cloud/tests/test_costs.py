"""What machines cost: rates by flavor, core and state, exact, and unknown where nothing tells them."""

import json
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.command.cloud import CloudCommand
from cloudmesh.cloud.model.records import Flavor, MachineRecord, State
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.cloud.store.listings import keep_listing
from cloudmesh.cloud.store.pricing import amount_text, number, rate
from cloudmesh.config.settings import rates
from cloudmesh.db import open_store

RATES = {
    "unit": "SU",
    "vcpu": 0.1,
    "flavors": {"m1.gpu": 12.5, "f-9": "3"},
    "states": {"suspended": "75%", "stopped": "50%", "shelved": 0},
}
FLAVORS = [
    Flavor("uc", "m1.small", "f-1", 1),
    Flavor("uc", "m1.large", "f-4", 3),
    Flavor("uc", "by-id", "f-9", 8),
]


@pytest.fixture
def keep(configure):
    """Writes machines of (cloud, flavor, state) into the store, with rates for uc and none for tacc."""

    def write(*machines, **more):
        config = configure(
            {"uc": {"rates": RATES, **more}, "tacc": {}, "eu": {"rates": {"unit": "EUR", "vcpu": 1}}}
        )
        with Inventory(open_store(config)) as inventory:
            for cloud in ("uc", "tacc"):
                found = [
                    MachineRecord(cloud, f"vm{at}", str(at), State(state), flavor=flavor)
                    for at, (own, flavor, state) in enumerate(machines)
                    if own == cloud
                ]
                inventory.replace_listed(cloud, found, 0.0)
            keep_listing(inventory.database, "flavor", "uc", FLAVORS, ())
        return config

    return write


@pytest.fixture
def cms(capsys):
    def run(line):
        shell = SimpleNamespace(one_shot_done=True)
        CloudCommand.do_cloud(shell, line)
        captured = capsys.readouterr()
        return shell.last_exit_code, captured.out, captured.err

    return run


def test_states_that_can_have_a_rate_are_those_of_machines():
    others = {State.DELETED, State.UNKNOWN}
    assert set(rates.STATES) == {each.value for each in State if each not in others}


@pytest.mark.parametrize(
    ("flavor", "state", "cost"),
    [
        ("m1.small", "active", "0.1"),
        ("m1.large", "active", "0.3"),
        ("f-4", "active", "0.3"),
        ("m1.large", "suspended", "0.225"),
        ("m1.gpu", "active", "12.5"),
        ("by-id", "stopped", "1.5"),
        *(
            ("m1.gpu", state, "12.5")
            for state in ("building", "error", "paused", "deleting", "resizing", "rescued")
        ),
        *(
            ("m1.gpu", state, "12.5")
            for state in ("stopping", "suspending", "shelving", "unshelving", "halted")
        ),
        ("m1.gpu", "hibernated", "9.375"),
        ("m1.gpu", "shelved_offloaded", "0"),
        ("m1.gpu", "deleted", "0"),
        ("nobody-knows", "shelved", "0"),
        ("nobody-knows", "active", None),
        ("", "active", None),
        ("m1.gpu", "unknown", None),
    ],
)
def test_the_rate_of_a_machine(keep, flavor, state, cost):
    config = keep()
    told = rate(MachineRecord("uc", "vm", "1", State(state), flavor=flavor), config)
    assert told.rate == (None if cost is None else Decimal(cost)) and told.unit == "SU"
    assert bool(told.reason) is (cost is None)


def test_an_active_machine_that_is_cheaper_makes_what_leads_there_no_dearer():
    made = rates.read({"unit": "SU", "vcpu": 1, "states": {"active": "50%", "paused": 0.9, "stopped": "10%"}})
    assert [made.part(state) for state in ("stopping", "pausing", "building")] == [
        Decimal("0.5"),
        Decimal("0.9"),
        Decimal("0.5"),
    ]


def test_the_cost_of_clouds_has_totals_and_unknown_is_never_0(keep, cms):
    keep(
        ("uc", "m1.large", "active"),
        ("uc", "m1.gpu", "stopped"),
        ("uc", "m1.x", "active"),
        ("tacc", "m1.large", "active"),
    )
    code, shown, told = cms("cost uc tacc")
    assert code == 0
    assert [line.split(None, 2) for line in shown.splitlines()[2:]] == [
        ["uc", "3", "at least 6.55 SU/h + 1 machine unknown"],
        ["tacc", "1", "unknown"],
        ["total", "4", "at least 6.55 SU/h + 2 machines unknown"],
    ]
    assert "the cores of flavor m1.x are not known; use: cms flavor list --cloud=uc --refresh" in told
    assert "cloud tacc has no rates" in told
    assert json.loads(cms("cost uc tacc --output=json")[1]) == [
        {"cloud": "uc", "machines": 3, "rate": 6.55, "rate_unit": "SU", "unknown": 1},
        {"cloud": "tacc", "machines": 1, "rate": None, "rate_unit": "", "unknown": 1},
    ]
    assert cms("cost uc --by=state --output=csv")[1].splitlines() == [
        "cloud,state,machines,rate,rate_unit,unknown",
        "uc,active,2,0.3,SU,1",
        "uc,stopped,1,6.25,SU,0",
    ]
    assert cms("cost uc --by=states")[0] == 2


def test_each_unit_has_a_total_and_a_cloud_that_does_not_answer_is_unknown(keep, cms, monkeypatch):
    keep(("uc", "m1.gpu", "active"))
    code, shown, told = cms("cost uc eu --cached")
    assert code == 1 and "eu: it was never listed" in told
    assert [line.split(None, 2)[-1] for line in shown.splitlines()[2:]] == [
        "12.5 SU/h",
        "unknown",
        "at least 12.5 SU/h + cloud eu unknown",
        "at least 0 EUR/h + cloud eu unknown",
    ]
    assert json.loads(cms("cost uc eu --cached --output=json")[1])[1]["machines"] is None
    assert cms("cost uc eu")[0] == 0, "it is asked"


def test_what_a_listing_left_out_is_unknown_and_told_as_long_as_it_is(configure, cms):
    odd = {"verb": "machines", "error": "odd", "names": "vm1"}
    configure({"a": {"rates": {"unit": "SU", "flavors": {"tiny": 1}}, "fail": odd}})
    with Cloud("a") as cloud:
        cloud.boot("vm1", wait=False)
        cloud.inventory.forget(cloud.find("vm1"))
    for line in ("cost a --refresh", "cost a"):
        code, shown, told = cms(line)
        assert code == 4 and "machine vm1 is skipped" in told
        rows = [each.split(None, 2)[2] for each in shown.splitlines()[2:]]
        assert rows == ["at least 0 SU/h + cloud a incomplete"] * 2
    assert json.loads(cms("cost a --output=json")[1])[0]["unknown"] is None


def test_nothing_of_a_cloud_is_opened_for_what_the_store_knows(keep, cms, monkeypatch):
    keep(("uc", "m1.gpu", "active"))
    monkeypatch.setattr(Cloud, "open", None)
    assert cms("cost uc")[0] == 0


@given(
    st.lists(st.tuples(st.decimals(0, 1000, places=4), st.integers(0, 100), st.integers(1, 64)), max_size=30)
)
def test_sums_are_exact(parts):
    """What is added up as decimals has the digits that were written, and no others."""
    total = Decimal(0)
    for each, percent, cores in parts:
        made = rates.read({"unit": "SU", "vcpu": float(each), "states": {"stopped": f"{percent}%"}})
        part = made.part("stopped")
        assert made.vcpu == each and part == Decimal(percent) / 100
        total += made.vcpu * part * cores
    in_millionths = sum(int(each * 10000) * percent * cores for each, percent, cores in parts)
    assert total * 1000000 == in_millionths
    assert Decimal(amount_text(number(total), "SU").split()[0]) == total

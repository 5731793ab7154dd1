"""``vm boot --dryrun`` shows the plan, and only asks the clouds."""

import pytest

CHANGES = ("POST", "PUT", "DELETE", "PATCH")


@pytest.fixture
def fleet(make_fleet):
    fleet = make_fleet(2)
    fleet.add(1)
    return fleet


def changing(fleet):
    return [each for each in fleet.kinds() if each.startswith(CHANGES) and not each.endswith("auth/tokens")]


@pytest.mark.parametrize("mode", [("--dryrun",), ()])
def test_the_plan_is_shown_and_no_cloud_is_changed(fleet, mode):
    if not mode:
        fleet.home.cms("dryrun", "on")
    rows = fleet.home.json("vm", "boot", "new[1-2],a:more", "--cloud=b", *mode)
    assert [(row["cloud"], row["name"], row["result"]) for row in rows] == [
        ("b", "new1", "would boot"),
        ("b", "new2", "would boot"),
        ("a", "more", "would boot"),
    ]
    assert all(row["image"] and row["flavor"] and "key" in row and row["networks"] == [] for row in rows)
    assert changing(fleet) == [] and fleet.home.json("job", "list") == []
    assert (
        fleet.home.json("vm", "boot", "new1", "--cloud=b")[0]["result"] == "would boot" if not mode else True
    )


def test_what_would_fail_is_told_with_its_reason(fleet):
    told = fleet.home.cms("vm", "boot", "a:a001,a:new", "--dryrun", code=1)
    assert "would fail" in told.stdout and "already has a machine a001" in told.stdout
    assert "dry run: nothing was booted" in told.stderr
    told = fleet.home.cms("vm", "boot", "a:a001,a:new", "--dryrun", "-q", code=1)
    assert told.stdout == "a:=new\n" and "a:a001: would fail" in told.stderr
    assert (
        "there is no image 'nosuch'"
        in fleet.home.cms("vm", "boot", "a:new", "--image=nosuch", "--dryrun", code=2).stderr
    )
    assert changing(fleet) == []


def test_options_are_part_of_the_plan(home):
    (row,) = home.json(
        "vm", "boot", "web", "--dryrun", "--public", "--network=private", "--metadata=role=web"
    )
    assert (row["public"], row["networks"], row["metadata"]) == (True, ["private"], {"role": "web"})
    table = home.cms("vm", "boot", "web", "--dryrun", "--flavor=medium").stdout
    assert "medium" in table and "secgroups" not in table
    assert home.states() == {}

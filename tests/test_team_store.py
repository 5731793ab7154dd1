"""The whole shell over a PostgreSQL that a team shares."""

import pytest
import yaml


@pytest.fixture
def team(home, postgresql):
    """A user whose configuration takes the database from the environment."""
    data = yaml.safe_load(home.config.read_text(encoding="utf-8"))
    text = yaml.safe_dump({"database": "${TEAM_STORE}", **data}, sort_keys=False)
    home.config.write_text(text, encoding="utf-8")
    home.extra["TEAM_STORE"] = postgresql.new_place()
    return home


def test_machines_live_and_are_remembered_in_postgresql(team):
    team.cms("vm", "boot", "web[1-2]", "--wait")
    team.cms("vm", "stop", "web1", "--wait")
    assert {row["name"]: row["state"] for row in team.json("vm", "list")} == {
        "web1": "stopped",
        "web2": "active",
    }
    assert team.json("db", "find", "machine", "state=active")[0]["name"] == "web2"
    assert [row["verb"] for row in team.json("db", "list", "task", "--order=-id", "--limit=1")] == ["stop"]
    assert not (team.directory / "cloudmesh.db").exists()
    assert team.json("db", "check")[0]["result"] == "ok"


def test_a_store_that_cannot_be_reached_keeps_machines_from_being_booted(team):
    team.extra["TEAM_STORE"] = "postgresql://u:hunter2secret@127.0.0.1:1/d"
    refused = team.cms("vm", "boot", "web1", code=None)
    assert refused.returncode in (1, 3)
    assert "cannot be reached" in refused.stderr + refused.stdout
    assert "hunter2secret" not in refused.stderr + refused.stdout

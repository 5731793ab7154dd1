"""The rows of ``cms cloud list`` and ``cms cloud info``."""

import pytest

from cloudmesh.cloud.cli.overview import cloud_info, list_clouds
from cloudmesh.cloud.errors import Unreachable

TWO = {"uc": {}, "tacc": {}}


@pytest.mark.parametrize(
    ("section", "active"),
    [
        ({"default": "uc"}, [True, True]),
        ({"active": ["tacc"]}, [False, True]),
        ({"active": []}, [False, False]),
    ],
)
def test_the_list_shows_which_clouds_are_active_and_calls_none(configure, spy, section, active):
    answer = list_clouds(configure(TWO, **section))
    assert [row["active"] for row in answer.rows] == active
    assert [row["simulated"] for row in answer.rows] == [True, True]
    assert spy.calls == []


def test_the_list_works_where_active_and_default_are_wrong(configure):
    rows = list_clouds(configure(TWO, active=["chameleon "], default="chameleon")).rows
    assert [(row["name"], row["active"], row["default"]) for row in rows] == [
        ("uc", False, False),
        ("tacc", False, False),
    ]


def test_info_never_shows_a_secret_and_calls_no_cloud(configure, spy):
    config = configure({"uc": {"credentials": {"OS_PASSWORD": "geheim-4711", "user": "me"}}})
    answer = cloud_info(config, "uc")
    assert "geheim-4711" not in repr(answer)
    assert spy.calls == []


def test_info_asks_for_quotas_when_it_is_told_to(configure, spy):
    config = configure({"uc": {"quota": {"machines": 3}}})
    quotas = {each["name"]: each for each in cloud_info(config, "uc", refresh=True).record["quotas"]}
    assert quotas["machines"] == {"name": "machines", "used": 0, "limit": 3, "unit": ""}
    assert quotas["vcpus"]["limit"] is None


def test_info_says_so_when_the_cloud_does_not_answer(configure, spy):
    spy.trouble["uc", "quotas"] = Unreachable("no answer")
    answer = cloud_info(configure({"uc": {}}), "uc", refresh=True)
    assert (answer.notes[0], answer.exit_code) == ("error: no answer", 4)
    assert "quotas" not in answer.record, "unknown is not none"
    assert answer.record["name"] == "uc"

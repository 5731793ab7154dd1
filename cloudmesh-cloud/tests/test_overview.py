"""The rows of ``cms cloud``, ``cms image`` and ``cms flavor``."""

import pytest

from cloudmesh.cloud.errors import CredentialsError, Unreachable
from cloudmesh.cloud.overview import check_clouds, cloud_info, list_clouds, list_flavors, list_images

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


@pytest.mark.parametrize("listing", [list_images, list_flavors])
@pytest.mark.parametrize("error", [Unreachable("no answer"), CredentialsError("who are you")])
def test_one_cloud_that_fails_does_not_hide_the_others(configure, spy, listing, error):
    config = configure(TWO)
    for method in ("images", "flavors"):
        spy.trouble["uc", method] = error
    answer = listing(config, ["uc", "tacc"])
    assert {row["cloud"] for row in answer.rows} == {"tacc"}
    assert answer.exit_code == error.exit_code
    assert answer.notes[0] == f"error: {error}"
    with pytest.raises(type(error)):
        listing(config, ["uc"])


def test_check_tells_of_each_cloud_and_ends_with_the_worst(configure, spy):
    config = configure(TWO)
    assert check_clouds(config, ["uc", "tacc"]).exit_code == 0
    spy.trouble["uc", "check"] = CredentialsError("who are you")
    spy.trouble["tacc", "check"] = Unreachable("no answer")
    answer = check_clouds(config, ["uc", "tacc"])
    assert [(row["result"], row["message"]) for row in answer.rows] == [
        ("failed", "who are you"),
        ("failed", "no answer"),
    ]
    assert answer.exit_code == 4


def test_info_never_shows_a_secret_and_calls_no_cloud(configure, spy):
    config = configure({"uc": {"credentials": {"OS_PASSWORD": "geheim-4711", "user": "me"}}})
    answer = cloud_info(config, "uc")
    assert "geheim-4711" not in repr(answer)
    assert spy.calls == []

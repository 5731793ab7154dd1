"""Which clouds a command means."""

import pytest

from cloudmesh.cloud.fanout.query import chosen_clouds, clouds_of_names, expand_clouds
from cloudmesh.plugin.errors import ConfigError, UnknownName, UsageError
from cloudmesh.plugin.names import expand

CLOUDS = {name: {} for name in ("uc", "tacc", "aws1", "aws2", "aws3")}


@pytest.fixture
def config(configure):
    return configure(CLOUDS, default="tacc", active=["uc", "tacc", "aws1", "aws3"])


@pytest.fixture
def variable(home):
    """Sets a variable as ``cms set`` does."""

    def keep(value):
        (home / "variables.dat").write_text(f"cloud: {value}\n")

    return keep


def test_the_option_goes_over_the_variable_and_that_over_the_defaults(config, variable):
    assert chosen_clouds(config) == ["tacc"]
    variable("aws1")
    assert chosen_clouds(config) == ["aws1"]
    assert chosen_clouds(config, "uc") == ["uc"]


@pytest.mark.parametrize(
    ("option", "clouds"),
    [
        ("uc,tacc", ["uc", "tacc"]),
        ("tacc,uc,tacc", ["tacc", "uc"]),
        (["tacc", "uc"], ["tacc", "uc"]),
        (" uc ", ["uc"]),
        ("aws*", ["aws1", "aws3"]),
        ("aws[1,3]", ["aws1", "aws3"]),
        ("*", ["uc", "tacc", "aws1", "aws3"]),
        ("aws3,*", ["aws3", "uc", "tacc", "aws1"]),
        ("?c", ["uc"]),
    ],
)
def test_names_and_globs_in_the_order_written_each_once(config, option, clouds):
    assert chosen_clouds(config, option) == clouds


def test_a_range_with_an_inactive_cloud_is_refused_and_a_glob_leaves_it_out(config):
    with pytest.raises(ConfigError, match="'aws2' is not active"):
        chosen_clouds(config, "aws[1-3]")
    assert chosen_clouds(config, "aws?") == ["aws1", "aws3"]
    assert expand_clouds(config, "aws?", active=False) == ["aws1", "aws2", "aws3"]
    assert expand_clouds(config, "aws2", active=False) == ["aws2"]


@pytest.mark.parametrize("option", ["ucc", "uc,ucc", "uc,x*"])
def test_an_unknown_cloud_is_told_with_the_known_ones(config, option):
    with pytest.raises(UnknownName, match=r"there is no cloud .*known: uc, tacc"):
        chosen_clouds(config, option)


def test_a_wrong_variable_is_named_with_the_line_that_mends_it(config, variable):
    variable("ucc")
    with pytest.raises(
        UsageError, match=r"the variable cloud=ucc is not valid: .*'uc'.*cloud=NAME.*delete cloud"
    ):
        chosen_clouds(config)


@pytest.mark.parametrize("option", ["", []])
def test_an_empty_option_does_not_mean_the_defaults(config, option):
    """As in ``--cloud=$UC`` where UC is not set: the machines of other clouds must not be meant."""
    with pytest.raises(UsageError, match="--cloud= is empty"):
        chosen_clouds(config, option)


@pytest.mark.parametrize("section", [{"active": ["uc", "tacc"]}, {"default": []}])
def test_without_a_default_it_is_said_how_to_choose(configure, section):
    config = configure(CLOUDS, **section)
    with pytest.raises(ConfigError, match="--cloud=NAME") as caught:
        chosen_clouds(config)
    assert caught.value.exit_code == 3
    assert chosen_clouds(config, "uc") == ["uc"]


def test_the_only_active_cloud_needs_no_default(configure):
    assert chosen_clouds(configure(CLOUDS, active=["tacc"])) == ["tacc"]
    assert chosen_clouds(configure(CLOUDS, active=["tacc"], default=[])) == ["tacc"]


def test_several_defaults_are_all_meant_in_their_order(configure):
    assert chosen_clouds(configure(CLOUDS, default=["tacc", "uc"])) == ["tacc", "uc"]


def test_a_name_says_its_cloud_before_the_colon_or_means_the_chosen_ones(config):
    asked = []

    def chosen():
        asked.append(1)
        return ["uc", "tacc"]

    wanted = clouds_of_names(config, expand("a,aws1:b,c"), chosen)
    assert [(str(name), clouds) for name, clouds in wanted] == [
        *(("a", ["uc", "tacc"]), ("aws1:b", ["aws1"]), ("c", ["uc", "tacc"]))
    ]
    assert clouds_of_names(config, expand("aws3:b"), chosen)[0][1] == ["aws3"] and asked == [1]
    with pytest.raises(UnknownName, match="there is no cloud 'ucc'"):
        clouds_of_names(config, expand("ucc:a"), chosen)
    with pytest.raises(ConfigError, match="'aws2' is not active"):
        clouds_of_names(config, expand("aws2:a"), chosen)

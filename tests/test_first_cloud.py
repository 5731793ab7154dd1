"""From nothing to a first cloud: what import and ``cloud add`` write, and which cloud is the default."""

import stat

import pytest
import yaml

SECRET = "hunter2"
RC = (
    "export OS_AUTH_URL=https://k.example.org:5000/v3 OS_PROJECT_NAME=CH-1 "
    f"OS_USERNAME=me OS_PASSWORD={SECRET}\n"
)
AUTH = f"auth: {{auth_url: 'https://k.example.org/v3', username: u, password: {SECRET}, project_name: p}}"
CLOUDS = f"clouds:\n  a: {{{AUTH}}}\n  b: {{{AUTH}}}\n"


@pytest.fixture
def bare(make_home, tmp_path):
    """A home without a configuration, with an openrc file and a clouds.yaml."""
    (tmp_path / "rc.sh").write_text(RC)
    (tmp_path / "clouds.yaml").write_text(CLOUDS)
    return make_home(tmp_path)


def data_of(home):
    return yaml.safe_load(home.config.read_text())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_import_makes_the_configuration_where_there_is_none(bare):
    dry = bare.cms("config", "import", "rc.sh", "--dryrun")
    assert not bare.directory.exists() or not bare.config.exists()
    assert "nothing was written" in dry.stderr
    told = bare.cms("config", "import", "rc.sh", "--name=uc")
    assert f"{bare.config} was created" in told.stderr
    assert SECRET not in told.stdout + told.stderr
    assert (mode(bare.config), mode(bare.directory)) == (0o600, 0o700)
    assert list(data_of(bare)) == ["version", "clouds"]
    assert bare.cms("cloud", "default").stdout.count("uc") == 1
    (row,) = bare.json("cloud", "list")
    assert (row["default"], row["active"]) == (True, True)
    assert bare.cms("config", "check").stdout == f"{bare.config}: no findings\n"


def test_a_file_that_cannot_be_imported_makes_no_configuration(bare):
    bare.cms("config", "import", "nosuch", code=2)
    (bare.path / "odd").write_text("nothing here\n")
    bare.cms("config", "import", "odd", code=3)
    assert not bare.config.exists()


def test_of_several_clouds_none_is_the_default(bare):
    told = bare.cms("config", "import", ".")
    assert "no cloud is the default yet; choose one: cms cloud default NAME" in told.stderr
    assert "use --cloud=NAME, or: cms cloud default NAME" in bare.cms("vm", "list", code=3).stderr
    bare.cms("cloud", "default", "b")
    assert [row["default"] for row in bare.json("cloud", "list")] == [False, True]


def test_the_only_active_cloud_is_the_default_for_commands_and_python(home):
    text = yaml.safe_dump({"clouds": data_of(home)["clouds"]})
    home.config.write_text(text)
    home.cms("vm", "boot", "web[1-2]", "--wait")
    assert [row["name"] for row in home.json("vm", "list")] == ["web1", "web2"]
    told = home.python("""
        from cloudmesh.cloud import Cloud
        with Cloud() as cloud:
            print(cloud.name, sorted(machine.name for machine in cloud.machines()))
    """)
    assert told.stdout == "local ['web1', 'web2']\n"
    # One more does not change what commands without --cloud are about.
    (home.path / "clouds.yaml").write_text(CLOUDS)
    home.cms("config", "import", "clouds.yaml", "--name=a")
    assert data_of(home)["cloudmesh"] == {"default": ["local"]}
    assert len(home.json("vm", "list")) == 2


@pytest.mark.parametrize("words", [["cloud", "activate", "two"], ["cloud", "add", "two", "--type=simulated"]])
def test_what_becomes_active_leaves_the_default_of_before(home, words):
    data = data_of(home)
    data["cloudmesh"] = {"active": ["local"]}
    if "activate" in words:
        data["clouds"]["two"] = {"type": "simulated"}
    home.config.write_text(yaml.safe_dump(data))
    home.cms(*words)
    assert data_of(home)["cloudmesh"] == {"active": ["local", "two"], "default": ["local"]}


@pytest.mark.parametrize(
    ("url", "told", "remedy"),
    [
        ("keystone.example.org:5000/v3", "without a scheme", "https://keystone.example.org:5000/v3?"),
        ("//k.example.org/v3", "without a scheme", "https://HOST:PORT/PATH"),
        ("htps://k.example.org/v3", "the unknown scheme 'htps'", "https:// or http://"),
        (f"https://me:{SECRET}@k.example.org/v3", "contains credentials", "before the @"),
        (f"me:{SECRET}@k.example.org/v3", "without a scheme", "https://HOST:PORT/PATH"),
        ("https://k.example.org /v3", "contains a space", "remove the space"),
        ("https://:5000/v3", "not a valid URL", "https://HOST:PORT/PATH"),
        ("https://k.example.org/v2.0", "version 2 of Keystone", ""),
    ],
)
def test_check_finds_wrong_urls(bare, url, told, remedy):
    bare.cms("config", "import", "rc.sh", "--name=uc")
    text = bare.config.read_text().replace("https://k.example.org:5000/v3", f"'{url}'")
    bare.config.write_text(text)
    line = 1 + next(n for n, each in enumerate(text.splitlines()) if "OS_AUTH_URL" in each)
    (finding,) = bare.cms("config", "check", code=3).stdout.splitlines()
    assert finding.startswith(f"{bare.config}:{line}: error: clouds.uc.credentials.OS_AUTH_URL ")
    assert told in finding
    assert remedy in finding
    assert SECRET not in finding


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"failure_rate": 2}, "failure_rate"),
        ({"boot_seconds": "soon"}, "boot_seconds"),
        ({"fail": {"verb": "jump"}}, "fail"),
        ({"fault_seed": "TBD"}, None),
    ],
)
def test_check_asks_the_provider_and_no_cloud(home, settings, key):
    home.change("local", **settings)
    found = home.cms("config", "check", code=3 if key else 0).stdout
    assert (f"error: clouds.local.{key} " in found) == bool(key)
    assert not home.world.exists()


def test_check_takes_a_variable_as_it_is_and_shows_no_secret(home):
    home.change("local", failure_rate="${RATE}")
    assert "no findings" in home.cms("config", "check").stdout
    assert (
        "clouds.local.failure_rate must be from 0 to 1"
        in home.cms("config", "check", code=3, RATE="2").stdout
    )


def test_a_configuration_without_clouds_says_how_to_add_one(home):
    home.cms("cloud", "remove", "local", "--yes")
    for words in (["vm", "list"], ["cloud", "check"], ["config", "check"]):
        ended = home.cms(*words, code=3)
        assert "cms cloud add NAME" in ended.stdout + ended.stderr
    assert "did you mean 'unset'?" in home.cms("config", "delete", "version", code=2).stderr
    home.cms("cloud", "add", "two", "--type=simulated")
    assert home.json("vm", "list") == []

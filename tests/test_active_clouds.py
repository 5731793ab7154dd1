"""Choosing clouds: several programs at once, a section of a wrong shape, a default that is not there."""

import re

import pytest
import yaml

NAMES = [f"c{number}" for number in range(6)]


def section(home):
    return yaml.safe_load(home.config.read_text(encoding="utf-8"))["cloudmesh"]


@pytest.fixture
def many(home, cloud_settings):
    """A home with six clouds, all active, the first the default."""
    home.configure(**{name: cloud_settings() for name in NAMES})
    return home


def at_once(home, *commands):
    """Run the commands at the same time; their exit codes."""
    processes = [home.start(*words.split()) for words in commands]
    return [process.wait(timeout=60) for process in processes if process.communicate(timeout=60)]


def test_programs_that_choose_clouds_at_once_lose_no_choice(many):
    assert at_once(many, *(f"cloud deactivate {name}" for name in NAMES[1:])) == [0] * 5
    assert section(many)["active"] == ["c0"]
    assert at_once(many, *(f"cloud activate {name}" for name in NAMES[1:])) == [0] * 5
    assert sorted(section(many)["active"]) == NAMES


def test_a_default_stays_active_whoever_is_first(many):
    for _ in range(3):
        codes = at_once(many, "cloud default c1", "cloud deactivate c1")
        assert sorted(codes) == [0, 3], "one of the two is refused"
        now = section(many)
        assert set(now["default"]) <= set(now["active"]), now
        many.cms("cloud", "activate", "c1")
        many.cms("cloud", "default", "c0")


@pytest.mark.parametrize("text", ["foo", "[active]", "{active: 5}", "{active: [c0, {x: 1}]}"])
@pytest.mark.parametrize("words", ["list", "activate c0", "deactivate c0", "default c0", "default"])
def test_a_section_of_a_wrong_shape_is_one_sentence(many, text, words):
    clouds = yaml.safe_dump({"clouds": yaml.safe_load(many.config.read_text(encoding="utf-8"))["clouds"]})
    many.config.write_text(f"cloudmesh: {text}\n{clouds}", encoding="utf-8")
    ended = many.cms("cloud", *words.split(), code=3)
    assert ended.stdout == ""
    assert re.search(r"class\.yaml:(1:)? cloudmesh", ended.stderr) and "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert many.config.read_text(encoding="utf-8") == f"cloudmesh: {text}\n{clouds}"


BROKEN = """\
version: 5.0
cloudmesh:
  default:
  - chameleon\x20
  active:
  - chameleon   # gone since spring
clouds:
  uc: {type: simulated, default: {image: debian-12, flavor: small}}
  tacc: {type: simulated, default: {image: debian-12, flavor: small}}
"""


def test_the_commands_that_the_errors_name_mend_it(home):
    home.config.write_text(BROKEN, encoding="utf-8")
    assert "cms cloud default NAME" in home.cms("vm", "list", code=3).stderr
    assert "cms cloud deactivate chameleon" in home.cms("config", "check", code=3).stdout
    assert "cms cloud activate uc" in home.cms("cloud", "default", "uc", code=3).stderr
    home.cms("cloud", "activate", "uc,tacc")
    home.cms("cloud", "default", "uc")
    home.cms("cloud", "deactivate", "chameleon")
    home.cms("config", "check")
    assert home.json("vm", "list") == []
    assert [row["name"] for row in home.json("cloud", "list") if row["active"]] == ["uc", "tacc"]


def test_a_default_cloud_is_not_deactivated(home, cloud_settings):
    home.configure(uc=cloud_settings(), tacc=cloud_settings())
    before = home.config.read_text(encoding="utf-8")
    assert "choose another first" in home.cms("cloud", "deactivate", "uc", code=3).stderr
    assert home.config.read_text(encoding="utf-8") == before
    home.cms("cloud", "deactivate", "tacc")
    assert "not active" in home.cms("vm", "list", "--cloud=tacc", code=3).stderr

"""A configuration whose default cloud does not exist is mended with the commands that the errors name."""

from __future__ import annotations

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
    assert "choose another first" in home.cms("cloud", "deactivate", "uc", code=2).stderr
    assert home.config.read_text(encoding="utf-8") == before
    home.cms("cloud", "deactivate", "tacc")
    assert "not active" in home.cms("vm", "list", "--cloud=tacc", code=3).stderr

"""Horizon's clouds.yaml on a real Keystone: imported, it leads to the project that the usual client uses."""

import os
from pathlib import Path

import pytest

from .conftest import ROOT

pytestmark = pytest.mark.openstack


def test_the_project_is_that_of_the_usual_client(home, make_tenant):
    tenant, other = make_tenant(), make_tenant()
    client = Path(os.environ.get("CLOUDMESH_TESTBED") or ROOT / ".openstack") / "venv/bin/openstack"
    # Its name is that of another project by now: the id decides.
    (home.path / "clouds.yaml").write_text(f"""\
clouds:
  openstack:
    auth:
      auth_url: {tenant.admin.url("keystone", "/v3")}
      username: "{tenant.name}"
      project_id: {tenant.project_id}
      project_name: "{other.name}"
      user_domain_name: "Default"
    region_name: "RegionTwo"
    interface: "public"
    identity_api_version: 3
""")
    (home.path / "secure.yaml").write_text(
        f"clouds: {{openstack: {{auth: {{password: {tenant.password}}}}}}}"
    )
    wanted = ("token", "issue", "--format=value", "--column=project_id")
    theirs = home.run(client, *wanted, OS_CLOUD="openstack").stdout.strip()
    assert theirs == tenant.project_id
    told = home.cms("config", "import", "clouds.yaml").stderr
    assert "secure.yaml was read as well" in told
    home.cms("cloud", "activate", "openstack")
    checked = home.cms("cloud", "check", "openstack").stdout
    assert f"signed in to project {tenant.name} as {tenant.name}, region RegionTwo" in checked

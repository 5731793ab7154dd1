"""A clouds.yaml and its import do the same: openstacksdk connects with the one, our provider with the other.

What both send is recorded: who signs in, for what, where, and which address is asked for machines. Each shape
is imported with openstacksdk and by our own rules.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.config.importers.importing import ImportOptions, import_file
from cloudmesh.config.yaml import reader

# Filled in: the address of the recorder, and the folder with its certificates.
USER = "username: ann, password: pw, user_domain_name: Default"
AUTH = f"auth_url: HERE/v3, {USER}"
DEMO = f"{AUTH}, project_name: demo, project_domain_name: Default"
APPLICATION = "auth_url: HERE/v3, application_credential_id: i1, application_credential_secret: s"
HORIZON = """
  openstack:
    auth:
      auth_url: HERE/v3
      username: "ann"
      password: "pw"
      project_id: 0a1b2c3d4e5f60718293a4b5c6d7e8f9
      project_name: "demo"
      user_domain_name: "Default"
    region_name: "RegionTwo"
    interface: "public"
    identity_api_version: 3
"""
# Each cloud of each shape is compared.
SAME = {
    "horizon": HORIZON,
    "names": f"  a: {{auth: {{{DEMO}}}, region_name: RegionOne}}",
    "no region": f"  a: {{auth: {{{DEMO}}}}}",
    "user id": "  a: {auth: {auth_url: HERE/v3, user_id: u7, password: pw, project_id: p7}}",
    "name in a domain by id": f"  a: {{auth: {{{AUTH}, project_name: demo, project_domain_id: d1}}}}",
    "one domain": "  a: {auth: {auth_url: HERE/v3, username: ann, password: pw, project_name: demo,"
    " domain_id: d9}}",
    "one domain by name, own of the user": "  a: {auth: {auth_url: HERE/v3, username: ann, password: pw,"
    " project_name: demo, domain_name: D, user_domain_name: E}}",
    "default domain": "  a: {auth: {auth_url: HERE/v3, username: ann, password: pw, project_name: demo,"
    " default_domain_id: dd}}",
    "no version in the address": f"  a: {{auth: {{auth_url: HERE, {USER}, project_id: p7}}}}",
    "a slash too many": f"  a: {{auth: {{auth_url: HERE//v3, {USER}, project_id: p7}}}}",
    "below a path": f"  a: {{auth: {{auth_url: HERE/identity/v3/, {USER}, project_id: p7}}}}",
    "tenant": f"  a: {{auth: {{{AUTH}, tenant_name: demo, project_domain_id: default}}}}",
    "beside auth": f"  a: {{auth: {{{DEMO}}}, project_name: other, user_domain_id: d3, username: bob}}",
    "all beside auth": "  a: {auth: {auth_url: HERE/v3}, username: ann, password: pw, user_domain_id: d,"
    " project_id: p}",
    "hyphens": "  a: {auth: {auth-url: HERE/v3, user-name: ann, password: pw, user-domain-name: D,"
    " project-id: p}, region-name: RegionTwo}",
    "auth-type is not read": f"  a: {{auth-type: v3token, auth: {{{DEMO}}}}}",
    "auth_plugin is not read": f"  a: {{auth_plugin: v3token, auth: {{{DEMO}}}}}",
    "v3password": f"  a: {{auth_type: v3password, auth: {{{DEMO}}}}}",
    "application credential": f"  a: {{auth_type: v3applicationcredential, auth: {{{APPLICATION}}}}}",
    "application credential by name": "  a: {auth_type: v3applicationcredential, auth: {auth_url: HERE/v3,"
    " application_credential_name: n1, application_credential_secret: s, username: ann,"
    " user_domain_id: d}}",
    "token": "  a: {auth_type: token, auth: {auth_url: HERE/v3, token: t1, project_id: p7}}",
    "token by its other name": "  a: {auth_type: v3token, auth_token: t1, auth: {auth_url: HERE/v3,"
    " project_name: demo, project_domain_id: d}}",
    "system scope": f"  a: {{auth: {{{AUTH}, system_scope: all}}}}",
    "domain scope": f"  a: {{auth: {{{AUTH}, domain_id: d5}}}}",
    "trust": f"  a: {{auth: {{{AUTH}, trust_id: t5}}}}",
    "totp": "  a: {auth_type: v3totp, auth: {auth_url: HERE/v3, username: ann, user_domain_id: d,"
    " passcode: '012345', project_id: p7}}",
    "two factors": "  a: {auth_type: v3multifactor, auth_methods: [v3password, v3totp],"
    " auth: {auth_url: HERE/v3, username: ann, user_domain_id: d, password: pw, passcode: '012345',"
    " project_id: p7}}",
    "oidc": "  a: {auth_type: v3oidcpassword, auth: {auth_url: HERE/v3, identity_provider: idp,"
    " protocol: openid, client_id: c, client_secret: cs,"
    " discovery_endpoint: HERE/.well-known/openid-configuration,"
    " openid_scope: 'openid email', username: ann, password: pw, project_id: p7}}",
    "internal": f"  a: {{interface: internal, auth: {{{DEMO}}}, region_name: RegionTwo}}",
    "endpoint_type": f"  a: {{endpoint_type: adminURL, interface: public, auth: {{{DEMO}}}}}",
    "region in the address": f"  a: {{region_name: RegionTwo, auth: {{auth_url: 'HERE/{{region_name}}/v3',"
    f" {USER}, project_id: p7}}}}",
    "override": f"  a: {{compute_endpoint_override: 'HERE/elsewhere/{{region_name}}/v2.1',"
    f" region_name: RegionTwo, auth: {{{DEMO}}}}}",
    "microversion": f"  a: {{compute_default_microversion: '2.61', auth: {{{DEMO}}}}}",
    "microversion beside a version": "  a: {compute_default_microversion: '2.61', compute_api_version: '2',"
    f" auth: {{{DEMO}}}}}",
    "api version with a point": f"  a: {{compute_api_version: '2.61', auth: {{{DEMO}}}}}",
    "regions": f"  a: {{regions: [RegionOne, RegionTwo], region_name: Other, auth: {{{DEMO}}}}}",
    "region list": f"  a: {{region_name: [RegionTwo, RegionOne], auth: {{{DEMO}}}}}",
    "regions with values": f"""
  a:
    auth: {{{DEMO}}}
    interface: admin
    regions:
    - {{name: RegionOne, values: {{auth: {{project_name: one}}, interface: internal}}}}
    - name: RegionTwo
      values: {{auth: {{auth_url: 'HERE/{{region_name}}/v3', user_domain_name: Two}}}}
""",
    "two clouds": f"  a: {{auth: {{{DEMO}}}}}\n  b: {{auth: {{{AUTH}, project_id: p9}}}}",
    "merged": f"  a: &a {{region_name: RegionOne, auth: {{{DEMO}}}}}\n"
    "  b: {<<: *a, region_name: RegionTwo}",
    "numbers": "  a: {auth: {auth_url: HERE/v3, username: 12345, password: 678, project_id: 42,"
    " user_domain_id: 7}}",
}
# What the cloud says of TLS, whose server vouches for itself; and whether somebody can sign in then.
TLS = {
    "nothing": ("", False),
    "cacert": ("cacert: TLS/server.pem", True),
    "another cacert": ("cacert: TLS/client.pem", False),
    "a relative cacert": ("cacert: ../tls/server.pem", True),
    "a cacert in the home": ("cacert: ~/server.pem", True),
    "verify is a path": ("verify: TLS/server.pem", True),
    "verify: false": ("verify: false", True),
    "verify: no": ("verify: no", True),
    "verify is empty": ("verify: , cacert: TLS/server.pem", False),
    "insecure": ("insecure: true, cacert: TLS/client.pem", True),
    "insecure as a text": ("insecure: 'True'", True),
    "insecure: on": ("insecure: on", True),
    "not insecure": ("insecure: 'yes', cacert: TLS/client.pem", False),
    "verify and insecure": ("verify: true, insecure: true", True),
    "a certificate": ("verify: false, cert: TLS/client.pem, key: TLS/client.key", True),
    "a certificate and cacert": ("cacert: TLS/server.pem, cert: TLS/client.pem, key: TLS/client.key", True),
    "a certificate with its key": ("cacert: TLS/server.pem, cert: TLS/both.pem", True),
    "a key alone": ("cacert: TLS/server.pem, key: TLS/client.key", True),
}
WITH = pytest.mark.parametrize("with_sdk", [True, False], ids=["openstacksdk", "own rules"])


@pytest.fixture
def imported(surroundings: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a file; the sections of its clouds, and all that was told."""

    def function(file: Path, with_sdk: bool) -> tuple[dict[str, Any], str]:
        config = surroundings / "cloudmesh" / "class.yaml"
        config.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            if not with_sdk:
                patch.setitem(sys.modules, "openstack", None)
            done = import_file(file, config, ImportOptions())
        return reader.load(config)["clouds"], "\n".join(done.notes)

    return function


@pytest.fixture
def compare(
    make_recorder: Any,
    imported: Any,
    by_us: Any,
    by_openstacksdk: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """Compares what both send for each cloud and region of a file, and gives what was recorded last."""

    def function(text: str, with_sdk: bool = True, tls: bool = False) -> dict[str, Any]:
        # Of several regions openstacksdk takes the first of the catalog, where we ask which one is meant.
        regions = ("RegionOne", "RegionTwo") if "region" in text else ("RegionOne",)
        recorder = make_recorder(regions=regions, **({"folder": tmp_path / "tls"} if tls else {}))
        if tls:
            key = (tmp_path / "tls" / "client.key").read_text()
            (tmp_path / "tls" / "both.pem").write_text(key + (tmp_path / "tls" / "client.pem").read_text())
            (tmp_path / "home" / "server.pem").write_text((tmp_path / "tls" / "server.pem").read_text())
        file = tmp_path / "theirs" / "clouds.yaml"
        file.parent.mkdir(exist_ok=True)
        text = text.replace("HERE", recorder.url).replace("TLS", str(tmp_path / "tls"))
        file.write_text(f"clouds:\n{text}\n")
        clouds, notes = imported(file, with_sdk)
        assert clouds, notes
        for name, section in clouds.items():
            base, _, region = name.partition("-")
            error = by_us(section)
            ours = {**recorder.told(), "failed": bool(error)}
            monkeypatch.chdir(file.parent)
            their_error = by_openstacksdk(file, base, **({"region_name": region} if region else {}))
            theirs = {**recorder.told(), "failed": bool(their_error)}
            # Without a version of its own, openstacksdk asks for the oldest, and we for what we need.
            if not theirs["microversions"]:
                ours["microversions"] = []
            assert ours == theirs, f"{name}: {section}\n{notes}\n{error}\n{their_error}"
        return theirs

    return function


@WITH
@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_both_do_the_same(compare: Any, text: str, with_sdk: bool) -> None:
    compare(text, with_sdk)


@WITH
@pytest.mark.parametrize(("more", "signs_in"), TLS.values(), ids=TLS)
def test_both_trust_the_same_servers(
    compare: Any, surroundings: Path, tmp_path: Path, more: str, signs_in: bool, with_sdk: bool
) -> None:
    theirs = compare(f"  a: {{auth: {{{DEMO}}}, {more}}}", with_sdk, tls=True)
    assert bool(theirs["signs_in"]) is signs_in
    assert ("client" in theirs["certificate"]) is (" cert:" in more)

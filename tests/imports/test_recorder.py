"""The recording server itself: openstacksdk and our provider are both content with it, and are told apart."""

from __future__ import annotations

import pytest

KEYS = {"OS_USERNAME": "ann", "OS_PASSWORD": "pw", "OS_PROJECT_NAME": "demo"}


def test_both_are_recorded(make_recorder, by_us, by_openstacksdk, tmp_path):
    recorder = make_recorder()
    section = {"credentials": {**KEYS, "OS_AUTH_URL": f"{recorder.url}/v3", "OS_REGION_NAME": "RegionTwo"}}
    assert by_us(section) == ""
    ours = recorder.told()
    assert ours["services"] == ["/compute/RegionTwo/public/v2.1"]
    (sign_in,) = ours["signs_in"]
    assert sign_in["path"] == "/v3/auth/tokens"
    assert sign_in["identity"]["password"]["user"]["name"] == "ann"
    file = tmp_path / "clouds.yaml"
    file.write_text(
        f"clouds: {{a: {{auth: {{auth_url: '{recorder.url}/v3', username: ann, password: pw,"
        " project_name: demo, user_domain_id: default, project_domain_id: default},"
        " region_name: RegionTwo}}"
    )
    assert by_openstacksdk(file, "a") == ""
    theirs = recorder.told()
    assert theirs["signs_in"] == ours["signs_in"]
    assert theirs["services"] == ours["services"]


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_is_refused_unless_trusted(make_recorder, by_us, tmp_path, trusted):
    recorder = make_recorder(folder=tmp_path / "tls")
    section = {"credentials": {**KEYS, "OS_AUTH_URL": recorder.url}}
    if trusted:
        section["ca_cert"] = str(tmp_path / "tls" / "server.pem")
    error = by_us({**section, "insecure": False})
    assert ("certificate" in error) is not trusted, error
    assert bool(recorder.told()["signs_in"]) is trusted

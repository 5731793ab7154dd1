"""A client certificate (OS_CERT, OS_KEY) is shown to every service, and one that cannot be used is told."""

import json
import ssl

import pytest

from cloudmesh.cloud.errors import CloudError
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.plugin.errors import ConfigError

from .conftest import say

TIMES = {"issued_at": "2026-11-24T10:00:00.000000Z", "expires_at": "2026-11-24T11:00:00.000000Z"}


def answer(request):
    """As Keystone, and as Nova."""
    here = f"https://127.0.0.1:{request.server.server_port}"
    catalog = [{"type": "compute", "endpoints": [{"url": f"{here}/nova", "interface": "public"}]}]
    token = {"token": {**TIMES, "catalog": catalog, "user": {"id": "u1"}}}
    signs_in = request.command == "POST"
    told, status = (token, 201) if signs_in else ({"servers": []}, 200)
    headers = {"Content_Type": "application/json", "X_Subject_Token": "t"}
    say(json.dumps(told), status, **headers)(request)


@pytest.fixture
def site(serve, certificate):
    """A site that speaks with nobody who shows no certificate; its certificate, and that of a client."""
    context, authority = certificate("127.0.0.1")
    _, client = certificate("client.test")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(client)
    return serve(answer, tls=context), authority, client


def cloud(site, **changes):
    server, authority, _ = site
    usual = {
        "OS_AUTH_URL": f"https://127.0.0.1:{server.server_port}/v3",
        "OS_CACERT": str(authority),
        "OS_USERNAME": "u",
        "OS_PASSWORD": "beep-secret",
        "OS_PROJECT_ID": "p1",
    }
    return OpenStackProvider("uc", {"credentials": {**usual, **changes}})


def test_it_is_shown_at_the_sign_in_and_to_nova(site, monkeypatch, tmp_path):
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(tmp_path / "cloudmesh"))
    both = site[2].with_name(f"{site[2].stem}-both.pem")
    with cloud(site) as uc, pytest.raises(CloudError):
        list(uc.machines())
    for keys in ({"OS_CERT": str(both)}, {"OS_CERT": str(site[2]), "OS_KEY": str(both)}):
        with cloud(site, **keys) as uc:
            assert list(uc.machines()) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"OS_KEY": "/x"}, "OS_KEY is given without OS_CERT"),
        ({"OS_CERT": "/nowhere.pem"}, "OS_CERT and OS_KEY cannot be used: /nowhere.pem"),
        ({"OS_CERT": __file__}, "both must be in PEM form"),
    ],
)
def test_one_that_cannot_be_used(keys, words):
    usual = {"OS_AUTH_URL": "https://x.test", "OS_USERNAME": "u", "OS_PASSWORD": "p", "OS_PROJECT_ID": "p1"}
    with pytest.raises(ConfigError, match=words):
        OpenStackProvider("uc", {"credentials": {**usual, **keys}})

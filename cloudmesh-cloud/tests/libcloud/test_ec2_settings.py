"""What an EC2 cloud's configuration means, what is wrong with it, and where calls go to."""

import pytest

from cloudmesh.cloud.providers.ec2.provider import Ec2Provider
from cloudmesh.cloud.providers.ec2.settings import Ec2Settings
from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.plugin.errors import ConfigError, CredentialsError

PAIR = "aws_access_key_id = A\naws_secret_access_key = S\n"
KEYS = {"EC2_ACCESS_KEY": "AKID", "EC2_SECRET_KEY": "hush hush"}


def read(**settings):
    return Ec2Settings.read("aws", {"credentials": KEYS, **settings})


def read_profile(name="work", **credentials):
    return read(credentials={"EC2_PROFILE": name, **credentials})


@pytest.fixture
def profiles(tmp_path, monkeypatch):
    """Writes the files of Amazon's command line into a home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)

    def write(credentials="", config=""):
        (tmp_path / ".aws").mkdir(exist_ok=True)
        (tmp_path / ".aws" / "credentials").write_text(credentials)
        (tmp_path / ".aws" / "config").write_text(config)

    return write


def test_without_more_it_is_amazons_first_region():
    own = read()
    assert (own.region, own.host, own.port, own.secure, own.path) == ("us-east-1", "", None, True, "/")
    assert (own.access_key, own.secret_key, own.token) == ("AKID", "hush hush", None)
    assert "hush" not in repr(own), "secrets are not in its text"
    assert read(host="aws.amazon.com").host == "", "a label is no endpoint"
    assert read(host="ec2.example.org", port="8773", secure="false").port == 8773


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"host": "https://ec2.example.org"}, "clouds.aws.host"),
        ({"host": "ec2.example.org:8773"}, "clouds.aws.host"),
        ({"port": 0}, "clouds.aws.port"),
        ({"port": "http"}, "clouds.aws.port"),
        ({"secure": "maybe"}, "clouds.aws.secure"),
        ({"hibernate": 2}, "clouds.aws.hibernate"),
        ({"image_owners": {"a": 1}}, "clouds.aws.image_owners"),
    ],
)
def test_what_cannot_be_used_is_told(settings, word):
    with pytest.raises(ConfigError, match=word):
        read(**settings)


def test_account_ids_keep_their_zeros():
    """YAML takes an account id for a number; this one has twelve digits."""
    assert read(image_owners=[99720109477, "self"]).image_owners == ("099720109477", "self")


@pytest.mark.parametrize("missing", ["EC2_ACCESS_KEY", "EC2_SECRET_KEY"])
def test_a_missing_key_is_told_with_what_to_do(missing):
    with pytest.raises(CredentialsError, match=r"cms config set clouds\.aws\.credentials"):
        read(credentials={**KEYS, missing: None})


def test_a_profile_gives_keys_token_and_region(profiles):
    profiles(
        "[work]\naws_access_key_id = A1\naws_secret_access_key = S1\naws_session_token = T1\n",
        "[profile work]\nregion = eu-west-1\n[default]\nregion = eu-west-3\n",
    )
    own = read_profile()
    assert (own.access_key, own.secret_key, own.token, own.region) == ("A1", "S1", "T1", "eu-west-1")
    # What the configuration says itself goes before it.
    assert read_profile(EC2_REGION="us-west-2").region == "us-west-2"


def test_the_files_may_be_elsewhere(tmp_path, monkeypatch, profiles):
    file = tmp_path / "elsewhere"
    file.write_text("[p]\naws_access_key_id=A\naws_secret_access_key=S\nregion=eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert read_profile("p").access_key == "A"


def test_an_unknown_profile_names_the_nearest(profiles):
    profiles("[work]\naws_access_key_id=A\naws_secret_access_key=S\n")
    with pytest.raises(ConfigError, match="did you mean 'work'"):
        read_profile("wrok")


@pytest.mark.parametrize("way", ["role_arn", "sso_session", "credential_process", "login_session"])
def test_a_profile_of_another_way_to_sign_in_needs_botocore(profiles, monkeypatch, way):
    profiles(config=f"[profile work]\n{way} = x\nregion = eu-west-1\n")
    assert (read_profile().profile, read_profile().access_key) == ("work", "")
    own = read_profile(EC2_ACCESS_KEY="A", EC2_SECRET_KEY="S")
    assert (own.profile, own.access_key, own.region) == ("", "A", "eu-west-1")
    monkeypatch.setattr("cloudmesh.cloud.providers.ec2.profiles.find_spec", lambda name: None)
    with pytest.raises(
        CredentialsError, match=rf"by {way}, which needs .*pip install 'cloudmesh-cms\[aws\]'"
    ):
        read_profile()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("region = eu-west-1", "no access key"),
        ("aws_access_key_id = A\nregion = eu-west-1", "no access key with its secret key"),
        (PAIR, "has no region; cms config set clouds.aws.cred"),
        (f"{PAIR}endpoint_url = ftp://x\nregion = r", "endpoint_url of the profile 'work' is no address"),
        (
            f"{PAIR}endpoint_url = https://u:hush@x\nregion = r",
            "endpoint_url of the profile 'work' is no address",
        ),
        (f"{PAIR}services = mine\nregion = r", "names services that are not a section"),
    ],
)
def test_a_profile_that_cannot_be_used_is_told(profiles, keys, words):
    profiles(config=f"[profile work]\n{keys}\n")
    with pytest.raises(ConfigError, match=words) as caught:
        read_profile()
    assert "hush" not in str(caught.value)


def test_an_access_key_of_its_own_is_not_mixed_with_that_of_a_profile(profiles):
    profiles("[work]\naws_access_key_id=A\naws_secret_access_key=S\naws_session_token=T\nregion=r\n")
    own = read_profile(EC2_ACCESS_KEY="A2", EC2_SECRET_KEY="S2")
    assert (own.access_key, own.secret_key, own.token) == ("A2", "S2", None)
    with pytest.raises(CredentialsError, match="has no access key"):
        read_profile(EC2_SECRET_KEY="S2")


def test_a_broken_file_shows_none_of_its_lines(profiles):
    profiles("[work\naws_secret_access_key hush\n")
    with pytest.raises(ConfigError, match=r"\.aws/credentials") as caught:
        read_profile()
    assert "hush" not in str(caught.value)


def test_the_secret_of_a_profile_is_kept_out_of_messages(profiles):
    profiles("[work]\naws_access_key_id=A\naws_secret_access_key=of-the-profile\nregion=eu-west-1\n")
    provider = Ec2Provider("aws", {"credentials": {"EC2_PROFILE": "work"}})
    assert "of-the-profile" in provider._hidden


KEYSTONE = {
    "OS_AUTH_URL": "https://keystone.example.org:5000/v3",
    "OS_USERNAME": "me",
    "OS_PASSWORD": "geheim",
    "OS_PROJECT_NAME": "ours",
}


@pytest.mark.parametrize(
    ("kind", "settings", "url"),
    [
        (Ec2Provider, {"region": "eu-west-1"}, "https://ec2.eu-west-1.amazonaws.com:443"),
        (Ec2Provider, {"host": "127.0.0.1", "port": 5000, "secure": False}, "http://127.0.0.1:5000"),
        (OpenStackProvider, {}, "https://keystone.example.org:5000"),
    ],
)
def test_the_endpoint_is_the_configured_one_and_nobody_is_called(kind, settings, url):
    with kind("uc", {"credentials": {**KEYS, **KEYSTONE}, **settings}) as provider:
        assert provider.endpoint_url() == url

"""Temporary credentials of a profile as the user of ``cms`` meets them: renewed, asked for, refused."""

import threading
from pathlib import Path

import pytest

from cloudmesh.cloud.errors import CredentialsError, Unreachable
from cloudmesh.cloud.providers.ec2.provider import Ec2Provider

HERE = "region = eu-west-1\nendpoint_url = <AMAZON>\n"
BASE = "[base]\naws_access_key_id = AKIAONE\naws_secret_access_key = hush\n"
ROLE = f"[profile work]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = base\n{HERE}"
MFA = f"{ROLE}mfa_serial = arn:aws:iam::111122223333:mfa/me\n"
SSO = f"[profile work]\nsso_session = one\nsso_account_id = 1\nsso_role_name = r\n{HERE}"
CENTER = "[sso-session one]\nsso_start_url = https://one.example.org/start\nsso_region = eu-west-1\n"
CLOUD = {"type": "ec2", "credentials": {"EC2_PROFILE": "work"}}


@pytest.fixture
def provider(world):
    """Makes a provider of the profile work."""

    def make(credentials=BASE, config=ROLE, env=None):
        world.write(credentials, config, env)
        return Ec2Provider("aws", CLOUD)

    return make


def test_many_threads_sign_in_once(provider, amazon):
    amazon.delay = 0.3
    providers = [provider() for _ in range(8)]

    def check(each):
        with each:
            each.check()

    threads = [threading.Thread(target=check, args=[each]) for each in providers]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    calls = list(amazon.calls)
    assert len([call for call in calls if call["action"] == "AssumeRole"]) == 1
    assert len({call["who"] for call in calls if call["action"] == "DescribeAvailabilityZones"}) == 1


def test_they_are_renewed_before_they_end_while_a_provider_is_open(provider, amazon):
    amazon.lasts = 60
    with provider() as opened:
        opened.check()
        amazon.lasts = 3600
        opened.check()
        opened.check()
    assert [call["action"] for call in amazon.calls].count("AssumeRole") == 2
    kept = [*Path.home().glob(".aws/cli/cache/*")]
    assert len(kept) == 1 and kept[0].stat().st_mode & 0o777 == 0o600
    assert kept[0].parent.stat().st_mode & 0o777 == 0o700


def test_a_changed_file_is_read_anew(provider, amazon, world):
    with provider() as opened:
        opened.check()
    world.write(BASE, ROLE.replace("role/a", "role/other"))
    with Ec2Provider("aws", CLOUD) as opened:
        opened.check()
    roles = [call["sent"]["RoleArn"] for call in amazon.calls if call["action"] == "AssumeRole"]
    assert [arn.rpartition("/")[2] for arn in roles] == ["a", "other"]


@pytest.mark.parametrize(
    ("config", "session", "words"),
    [
        (SSO + CENTER, None, "SSO session of the profile 'work' .* run: aws sso login --profile work"),
        (SSO + CENTER, ("one", "2001-01-01T00:00:00Z"), "run: aws sso login --profile work"),
        (SSO + CENTER, ("one", "2999-01-01T00:00:00Z"), "run: aws sso login --profile work"),
        (f"[profile work]\nlogin_session = me\n{HERE}", None, "run: aws login --profile work"),
        (f"[profile work]\ncredential_process = /no/such\n{HERE}", None, "No such file"),
        (f"[profile work]\ncredential_process = sh -c 'echo hush; exit 1'\n{HERE}", None, "no credentials"),
        (f"[profile work]\ncredential_process = echo hush\n{HERE}", None, "no usable credentials"),
        (
            f"[profile work]\ncredential_process = sh -c 'echo vault is sealed >&2; exit 1'\n{HERE}",
            None,
            "vault is",
        ),
        (ROLE.replace("= base", "= nobody"), None, "source_profile .nobody. .*does not exist"),
        (ROLE.replace("source_profile = base\n", ""), None, "Partial credentials"),
    ],
)
def test_what_cannot_sign_in_is_told_in_one_sentence(provider, world, config, session, words):
    with provider(config=config) as opened:
        if session:
            world.keep("sso", session[0], {"accessToken": "revoked", "expiresAt": session[1]})
        with pytest.raises(CredentialsError, match=words) as caught:
            opened.check()
    assert "hush" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_refused_role_and_a_silent_service(provider, amazon):
    amazon.refuse["AssumeRole"] = "AccessDenied"
    with provider() as opened, pytest.raises(CredentialsError, match="AccessDenied: AssumeRole is refused"):
        opened.check()
    elsewhere = ROLE.replace("<AMAZON>", "http://127.0.0.1:1")
    with (
        provider(config=elsewhere) as opened,
        pytest.raises(Unreachable, match="127.0.0.1:1 does not answer"),
    ):
        opened.check()


@pytest.mark.slow
def test_a_code_is_asked_for_at_a_terminal_once_and_never_in_a_batch(home, world, amazon):
    world.write(BASE, MFA)
    home.extra.update(HOME=str(world.home), AWS_EC2_METADATA_DISABLED="true")
    home.configure(aws=CLOUD)
    for words in (("cloud", "check", "aws"), ("vm", "list", "--refresh")):
        refused = home.cms(*words, code=3)
        told = refused.stdout + refused.stderr
        assert "needs a code of your MFA device, and there is no terminal" in told
    typed = home.terminal("cloud", "check", "aws", "--output=json")
    typed.expect("MFA code for arn:aws:iam::111122223333:mfa/me: ")
    typed.sendline("123456")
    typed.expect("zones")
    typed.wait()
    assert "123456" not in typed.before
    home.cms("cloud", "check", "aws", code=None)
    codes = [call["sent"].get("TokenCode") for call in amazon.calls if call["action"] == "AssumeRole"]
    assert codes == ["123456"]


@pytest.mark.slow
def test_what_is_not_needed_is_not_loaded_and_no_program_is_run(home, world):
    """botocore is loaded where it signs in, and nowhere else."""
    marker = world.home / "was-run"
    config = f"[profile work]\ncredential_process = touch {marker}\n{HERE}[profile plain]\n{HERE}"
    world.write(f"{BASE}[plain]\naws_access_key_id=A\naws_secret_access_key=B\n", config)
    home.extra.update(HOME=str(world.home))
    plain = {"type": "ec2", "credentials": {"EC2_PROFILE": "plain"}}
    home.configure(plain=plain, aws=CLOUD)
    (world.home / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "told = lambda: open(f'{sys.argv[1]}-loaded', 'w').write(str('botocore' in sys.modules))\n"
        "atexit.register(told)\n"
    )
    for words in (["config", "check"], ["cloud", "check", "plain"], ["vm", "list"], ["cloud", "list"]):
        home.cms(*words, code=None, PYTHONPATH=str(world.home))
        assert (home.path / f"{words[0]}-loaded").read_text() == "False", words
    home.cms("config", "import", str(world.folder), "--force", code=None)
    assert not marker.exists()

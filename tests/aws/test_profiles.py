"""Profiles of Amazon's command line: who calls EC2 where, compared with botocore by what arrives.

Each shape is asked for three times: by botocore with this profile, by a cloud with EC2_PROFILE, and by the
cloud that an import makes of it.
"""

import hashlib

import hypothesis
import hypothesis.strategies as st
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = "aws_access_key_id = AKIA{0}\naws_secret_access_key = secret{0}\n"
ONE, TWO = KEY.format("ONE"), KEY.format("TWO")
HERE = "region = eu-west-1\nendpoint_url = <AMAZON>\n"
AT_AMAZON = "region = eu-west-1\nca_bundle = <CA>\n"
ROLE = "role_arn = arn:aws:iam::111122223333:role/admin\n"
SSO = "sso_account_id = 1\nsso_role_name = reader\n"
CENTER = "sso_start_url = https://one.example.org/start\nsso_region = eu-west-1\n"
# Credentials, config; the profile is "work".
SHAPES = {
    "a key": (f"[work]\n{ONE}", f"[profile work]\n{HERE}"),
    "a key in config": ("", f"[profile work]\n{ONE}{HERE}"),
    "two keys": (f"[work]\n{ONE}", f"[profile work]\n{TWO}{HERE}"),
    "a token": (f"[work]\n{ONE}aws_session_token = t1\n", f"[profile work]\n{HERE}"),
    "two tokens": (f"[work]\n{ONE}aws_session_token=t1\naws_security_token=t2\n", f"[profile work]\n{HERE}"),
    "a token of another file": (f"[work]\n{ONE}", f"[profile work]\naws_session_token = t1\n{HERE}"),
    "regions in both": (f"[work]\n{ONE}region = us-west-2\n", f"[profile work]\n{HERE}"),
    "a role": (f"[base]\n{ONE}", f"[profile work]\n{ROLE}source_profile = base\n{HERE}"),
    "a role of its own key": (f"[work]\n{ONE}", f"[profile work]\n{ROLE}source_profile = work\n{HERE}"),
    "a role before a key": (
        f"[work]\n{ONE}[base]\n{TWO}",
        f"[profile work]\n{ROLE}source_profile=base\n{HERE}",
    ),
    "roles in a row": (
        f"[base]\n{ONE}",
        f"[profile mid]\n{ROLE}source_profile = base\nexternal_id = outside\n"
        f"[profile work]\nrole_arn = arn:aws:iam::444455556666:role/deep\nsource_profile = mid\n{HERE}",
    ),
    "a role of a process": (
        "",
        f"[profile base]\ncredential_process = <PROCESS>\n[profile work]\n{ROLE}source_profile=base\n{HERE}",
    ),
    "a web identity": ("", f"[profile work]\n{ROLE}web_identity_token_file = <TOKEN>\n{HERE}"),
    "a process": ("", f"[profile work]\ncredential_process = <PROCESS>\n{HERE}"),
    "a process before a key of config": ("", f"[profile work]\ncredential_process = <PROCESS>\n{ONE}{HERE}"),
    "a key before a process": (f"[work]\n{ONE}", f"[profile work]\ncredential_process = <PROCESS>\n{HERE}"),
    "single sign-on": ("", f"[profile work]\nsso_session = one\n{SSO}{HERE}[sso-session one]\n{CENTER}"),
    "the older single sign-on": ("", f"[profile work]\n{SSO}{CENTER}{HERE}"),
    "single sign-on before a key": (f"[work]\n{ONE}", f"[profile work]\n{SSO}{CENTER}{HERE}"),
    "a session without an account": (
        f"[work]\n{ONE}",
        f"[profile work]\nsso_session = one\n{HERE}[sso-session one]\n{CENTER}",
    ),
    "a login session": ("", f"[profile work]\nlogin_session = <LOGIN>\n{HERE}"),
    "an address with a path": (
        f"[work]\n{ONE}",
        "[profile work]\nregion = nova\nendpoint_url = <AMAZON>/services/Cloud\n",
    ),
    "an address of services": (
        f"[work]\n{ONE}",
        "[profile work]\nregion = eu-west-1\nservices = mine\nendpoint_url = http://127.0.0.1:1\n"
        "[services mine]\nec2 =\n  endpoint_url = <AMAZON>\n",
    ),
    "an address to be ignored": (
        f"[work]\n{ONE}",
        f"[profile work]\n{AT_AMAZON}endpoint_url=http://127.0.0.1:1\nignore_configured_endpoint_urls=true\n",
    ),
    "Amazon": (f"[work]\n{ONE}", f"[profile work]\n{AT_AMAZON}"),
    "a role at Amazon": (f"[base]\n{ONE}", f"[profile work]\n{ROLE}source_profile = base\n{AT_AMAZON}"),
    "fips": (f"[work]\n{ONE}", f"[profile work]\n{AT_AMAZON}use_fips_endpoint = True\n"),
    "dual stack": (f"[work]\n{ONE}", f"[profile work]\n{AT_AMAZON}use_dualstack_endpoint = true\n"),
    "both": (
        f"[work]\n{ONE}",
        f"[profile work]\n{AT_AMAZON}use_dualstack_endpoint=true\nuse_fips_endpoint=true\n",
    ),
    "fips of the government": (
        f"[work]\n{ONE}",
        "[profile work]\nregion = us-gov-west-1\nca_bundle = <CA>\nuse_fips_endpoint = true\n",
    ),
    "China": (f"[work]\n{ONE}", "[profile work]\nregion = cn-north-1\nca_bundle = <CA>\n"),
    "a new region": (f"[work]\n{ONE}", "[profile work]\nregion = eu-south-2\nca_bundle = <CA>\n"),
    "a quoted name": (f"[work]\n{ONE}", f'[profile "work"]\n{HERE}'),
    "colons and capitals": (
        "[work]\nAWS_Access_Key_ID: AKIAONE\naws_secret_access_key: s\n",
        f"[profile work]\n{HERE}",
    ),
    "common keys": (f"[DEFAULT]\n{TWO}[work]\naws_session_token = t1\n", f"[profile work]\n{HERE}"),
    "a section that is none": (f"[work]\n{ONE}", f"[work]\nregion = us-east-2\n[profile work]\n{HERE}"),
    "keys of others": (
        f"[work]\n{ONE}",
        f"[profile work]\n{HERE}output = json\ns3 =\n  max_queue_size = 10\n",
    ),
}


def signed_in(world):
    """The sessions that the command line keeps."""
    expires = "2999-01-01T00:00:00Z"
    kept = {"accessToken": "sso-token", "expiresAt": expires}
    for name in ("one", "https://one.example.org/start"):
        world.keep("sso", name, kept)
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    access = {"accessKeyId": "ASIALOGIN", "secretAccessKey": "s", "sessionToken": "t", "accountId": "1"}
    token = {"accessToken": {**access, "expiresAt": expires}, "refreshToken": "refresh", "clientId": "c"}
    world.keep("login", world.values["LOGIN"], {**token, "dpopKey": private.decode()}, hashlib.sha256)


@pytest.mark.parametrize(("credentials", "config"), SHAPES.values(), ids=SHAPES)
def test_a_profile_means_the_same_as_to_botocore(world, credentials, config):
    world.write(credentials, config)
    signed_in(world)
    theirs = world.botocore("work")
    assert theirs.call, theirs.error
    assert world.used("work").call == theirs.call
    cloud = world.found()["work"]
    assert not cloud.skipped and world.sent(cloud.section).call == theirs.call


SHELL = {"AWS_ACCESS_KEY_ID": "AKIASHELL", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "shell"}


@pytest.mark.parametrize(
    ("env", "shape", "who", "region", "path"),
    [
        (SHELL, "a key", "AKIAONE", "eu-west-1", "/"),
        ({**SHELL, "AWS_PROFILE": "base", "AWS_REGION": "sa-east-1"}, "a key", "AKIAONE", "eu-west-1", "/"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "<TOKEN>"}, "a key", "AKIAONE", "eu-west-1", "/"),
        ({"AWS_DEFAULT_REGION": "ap-south-1"}, "a key", "AKIAONE", "ap-south-1", "/"),
        ({"AWS_ENDPOINT_URL": "<AMAZON>/all"}, "an address of services", "AKIAONE", "eu-west-1", "/all"),
        (
            {"AWS_ENDPOINT_URL_EC2": "<AMAZON>/ec2", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
            *("a key", "AKIAONE", "eu-west-1", "/ec2"),
        ),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "a key", "AKIAONE", "eu-west-1", "/"),
        (SHELL, "a role of the shell", "ASIA", "eu-west-1", "/"),
    ],
)
def test_the_environment_counts_as_for_botocore_with_a_profile(world, env, shape, who, region, path):
    world.write(*SHAPES.get(shape, ("", f"[profile work]\n{ROLE}credential_source=Environment\n{HERE}")), env)
    theirs = world.botocore("work")
    assert world.used("work").call == theirs.call, theirs.error
    assert theirs.call[0].startswith(who) and (theirs.call[2], theirs.call[5]) == (region, path)


# Each is what a user may write into one of the files.
LINES = st.sampled_from(
    [
        *("aws_access_key_id = AKIAONE\naws_secret_access_key = s", "aws_access_key_id = AKIAHALF"),
        *("aws_secret_access_key = other", "aws_session_token = t1", "aws_security_token = t2"),
        *("region = eu-west-1", "region = us-gov-west-1", "region = us-west-2", "region ="),
        *("role_arn = arn:aws:iam::111122223333:role/a", "source_profile = base", "source_profile = work"),
        *(
            "credential_source = Environment",
            "web_identity_token_file = <TOKEN>",
            "web_identity_token_file =",
        ),
        *("credential_process = <PROCESS>", "credential_process = false", "login_session = <LOGIN>"),
        *("sso_session = one", "sso_account_id = 1\nsso_role_name = reader", "sso_role_name = reader"),
        *("sso_start_url = https://one.example.org/start\nsso_region = eu-west-1", "output = json"),
        *("endpoint_url = <AMAZON>", "endpoint_url = <AMAZON>/path", "services = mine", "services = other"),
        *("ignore_configured_endpoint_urls = true", "use_fips_endpoint = true", "ca_bundle = <CA>"),
        *("use_dualstack_endpoint = TRUE", "use_dualstack_endpoint = yes", "s3 =\n  a = b"),
    ]
)
# One of them is in most files; the lines above disturb it.
WAYS = [
    "aws_access_key_id = AKIAONE\naws_secret_access_key = s",
    "role_arn = arn:aws:iam::111122223333:role/a\nsource_profile = base",
    "role_arn = arn:aws:iam::111122223333:role/a\nweb_identity_token_file = <TOKEN>",
    "credential_process = <PROCESS>",
    "login_session = <LOGIN>",
    "sso_session = one\nsso_account_id = 1\nsso_role_name = reader",
]
USUAL = ["region = eu-west-1", "endpoint_url = <AMAZON>", "ca_bundle = <CA>"]
HEADERS = st.sampled_from(["[profile work]", '[profile "work"]', "[profile  'work']", "[work]", "[default]"])
VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "AWS_ACCESS_KEY_ID": st.just("AKIASHELL"),
        "AWS_SECRET_ACCESS_KEY": st.just("of the shell"),
        "AWS_SESSION_TOKEN": st.just("of the shell"),
        "AWS_PROFILE": st.just("base"),
        "AWS_REGION": st.just("sa-east-1"),
        "AWS_DEFAULT_REGION": st.sampled_from(["ap-south-1", ""]),
        "AWS_ENDPOINT_URL": st.sampled_from(["<AMAZON>/all", ""]),
        "AWS_ENDPOINT_URL_EC2": st.just("<AMAZON>/ec2"),
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": st.sampled_from(["true", "false"]),
        "AWS_USE_FIPS_ENDPOINT": st.sampled_from(["true", "false"]),
        "AWS_CA_BUNDLE": st.just("<CA>"),
    },
)


def unique(lines):
    """No key twice, which neither of us reads."""
    kept = {}
    for line in lines:
        if not kept.keys() & (keys := {each.partition(" =")[0] for each in line.split("\n")}):
            kept.update(dict.fromkeys(keys))
            yield line


def section(header, lines):
    return "\n".join([header, *unique(lines), ""])


@pytest.mark.slow
@hypothesis.settings(
    max_examples=50,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture, hypothesis.HealthCheck.too_slow],
    # To explain a failure takes minutes.
    phases=[
        hypothesis.Phase.explicit,
        hypothesis.Phase.reuse,
        hypothesis.Phase.generate,
        hypothesis.Phase.shrink,
    ],
)
@hypothesis.given(
    first=st.lists(LINES, max_size=4),
    way=st.lists(st.sampled_from(WAYS), min_size=1, max_size=2),
    second=st.lists(LINES, max_size=6),
    header=HEADERS,
    more=st.lists(LINES, max_size=2),
    env=VARIABLES,
)
def test_any_profile_means_the_same_as_to_botocore_or_its_difference_is_told(
    make_world, first, way, second, header, more, env
):
    world = make_world()
    base = f"[base]\n{ONE}"
    rest = f"[sso-session one]\n{CENTER}[services mine]\nec2 =\n  endpoint_url = <AMAZON>/mine\n"
    config = f"{section(header, way + second + USUAL)}{section('[profile more]', more)}{rest}"
    world.write(f"{section('[work]', first)}{base}", config, env)
    signed_in(world)
    theirs, ours = world.botocore("work"), world.used("work")
    hypothesis.event("botocore calls" if theirs.call else f"botocore: {type(theirs.error).__name__}")
    if ours.call:
        assert ours.call == theirs.call
    else:
        assert ours.error, "neither a call nor an error"
        assert not theirs.call, ours.error
    # What a file says counts when it is imported, not the environment of that moment.
    world.write(f"{section('[work]', first)}{base}", config, {k: v for k, v in env.items() if "KEY" in k})
    theirs, cloud = world.botocore("work"), world.found()["work"]
    if cloud.skipped or "TBD" in cloud.section["credentials"].values():
        return
    ours = world.sent(cloud.section)
    if ours.call and not (theirs.call is None and "no region" in " ".join(cloud.notes)):
        assert ours.call == theirs.call, cloud

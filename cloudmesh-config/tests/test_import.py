"""``cms config import``: the clouds of other programs' files, all or none, no secret shown, nothing run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudmesh.config.command.config import ConfigCommand
from cloudmesh.config.editing import starter
from cloudmesh.config.settings import aws_files
from cloudmesh.config.yaml import reader

Write = Callable[..., Path]
Give = Callable[[str, str | bytes], Path]
CMS = shutil.which("cms", path=str(Path(sys.executable).parent)) or "cms"
SECRET = "hunter2"
HEAD = "# mine\nclouds:\n  mine: {type: simulated}   # stays\n"

CLOUDS = f"""\
x-common: &common
  region_name: CHI@UC
  interface: public
clouds:
  chi:
    <<: *common
    auth_type: v3applicationcredential
    auth:
      auth_url: https://chi.uc.example.org:5000/v3
      application_credential_id: 0123e4
      application_credential_secret: {SECRET}-app
    identity_api_version: 3
    verify: false
    cacert: /etc/ssl/ca.pem
  devstack:
    profile: devstack
    auth:
      auth_url: https://dev.example.org/v3
      username: 007
      password: {SECRET}
      project_name: demo
      user_domain_name: Default
    regions: [{{name: one, values: {{}}}}]
"""
OPENRC = f"""\
#!/usr/bin/env bash
# To use an OpenStack cloud you need to authenticate: OS_PASSWORD={SECRET}
export OS_AUTH_URL=https://kvm.example.org:5000/v3
export OS_PROJECT_ID=0f0f; export OS_PROJECT_NAME="CH-818664"
export OS_USER_DOMAIN_NAME='Default'
if [ -z "$OS_USER_DOMAIN_NAME" ]; then unset OS_USER_DOMAIN_NAME; fi
export OS_TENANT_ID=old
unset OS_TENANT_ID
export OS_USERNAME="me \\"and\\" you"
echo "Please enter your OpenStack Password for project $OS_PROJECT_NAME as user $OS_USERNAME: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
export OS_REGION_NAME="KVM@TACC"  # a comment
if [ -z "$OS_REGION_NAME" ]; then export OS_REGION_NAME=other; fi
export OS_INTERFACE=public OS_IDENTITY_API_VERSION=3
"""
AWS_CREDENTIALS = f"""\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = {SECRET}/+%(x)s=
# a comment
[prod]
aws_access_key_id=AKIAPROD
aws_secret_access_key={SECRET}2
region = from-credentials
[tmp]
aws_access_key_id=ASIATMP
aws_secret_access_key={SECRET}2
aws_session_token={SECRET}3
region = from-credentials
"""
AWS_CONFIG = """\
[default]
region = us-east-1
aws_session_token = of-nothing
s3 =
    max_concurrent_requests = 20
[profile prod]
region = eu-west-1
role_arn = arn:aws:iam::1:role/x
source_profile = prod
[mistaken]
region = us-east-2
[profile sso]
sso_session = my
[sso-session my]
sso_region = us-east-1
"""
CLOUDMESH4 = f"""\
cloudmesh:
  version: 4.3.0
  profile: {{firstname: Ann, lastname: TBD, user: ann}}
  default: {{cloud: chameleon}}
  cloud:
    chameleon:
      cm: {{active: true, heading: Chameleon KVM, host: c.org, label: ch, kind: chameleon, version: train}}
      default: {{image: CC-Ubuntu18.04, size: m1.medium, username: TBD, network: net1}}
      credentials:
        auth:
          username: TBD
          password: {SECRET}
          auth_url: https://kvm.example.org:5000/v3
          project_name: CH
        region_name: KVM@TACC
    old:
      cm: {{kind: openstack}}
      credentials: {{OS_AUTH_URL: o.org/v3, OS_USERNAME: u, OS_PASSWORD: {SECRET}, OS_PROJECT_ID: 7}}
    applied:
      cm: {{kind: openstack}}
      credentials: {{OS_AUTH_URL: 'https://o.org/v3', OS_APPLICATION_CREDENTIAL_ID: i,
        OS_APPLICATION_CREDENTIAL_SECRET: {SECRET}}}
    several:
      cm: {{kind: openstack}}
      credentials: {{auth: {{auth_url: 'https://o.org/v3', username: u, user_domain_name: d,
        project_id: p}}, regions: [one, two], key_path: ~/.ssh/id}}
    refused: {{cm: {{kind: openstack}}, credentials: {{auth: 1}}}}
    aws:
      cm: {{kind: aws}}
      default: {{size: t2.micro}}
      credentials: {{region: us-west-2, EC2_ACCESS_ID: AKIA, EC2_SECRET_KEY: {SECRET},
        EC2_SECURITY_GROUP: web, EC2_PRIVATE_KEY_FILE_NAME: aws_cert}}
    azure:
      cm: {{kind: azure}}
      default: {{size: Basic_A0, group: research, network: vnet, subnet: sub, AZURE_VM_NIC: nic}}
      credentials: {{AZURE_SECRET_KEY: {SECRET}, AZURE_TENANT_ID: 't{{cloudmesh.profile.user}}',
        AZURE_APPLICATION_ID: app, AZURE_SUBSCRIPTION_ID: TBD, AZURE_REGION: eastus}}
    google:
      cm: {{kind: google, other: 1}}
      credentials: {{datacenter: us-central1-a, client_email: TBD, project: p, path_to_json_file: ~/key.json}}
"""
LAUGHS = "a0: &a0 x\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n},' * 9}]\n" for n in range(9))


@pytest.fixture
def give(tmp_path: Path) -> Give:
    """Write a file to import."""

    def function(name: str, content: str | bytes) -> Path:
        path = tmp_path / "theirs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return function


def take(*words: str | Path, code: int = 0) -> tuple[str, str]:
    """Run the command as the REPL does; what it printed, in which no secret is."""
    out, err, shell = io.StringIO(), io.StringIO(), SimpleNamespace()
    line = " ".join(f"'{word}'" for word in ("import", *words))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        ConfigCommand.do_config(shell, line)
    assert SECRET not in out.getvalue() + err.getvalue()
    assert shell.last_exit_code == code, err.getvalue()
    assert "an error of the program" not in err.getvalue()
    return out.getvalue(), err.getvalue()


def clouds(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = reader.load(path)["clouds"]
    return found


def test_clouds_yaml(write: Write, give: Give) -> None:
    path, file = write(HEAD), give("clouds.yaml", CLOUDS)
    _, notes = take(file)
    assert path.read_text().startswith(HEAD)
    assert f"  # Imported from {file}\n  chi:\n    type: openstack\n" in path.read_text()
    new = clouds(path)
    assert list(new) == ["mine", "chi", "devstack"]
    assert new["chi"] == {
        "type": "openstack",
        "credentials": {
            "OS_AUTH_URL": "https://chi.uc.example.org:5000/v3",
            "OS_APPLICATION_CREDENTIAL_ID": "0123e4",
            "OS_APPLICATION_CREDENTIAL_SECRET": f"{SECRET}-app",
            "OS_REGION_NAME": "CHI@UC",
            "OS_INTERFACE": "public",
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_VERIFY": "false",
        },
    }
    assert new["devstack"]["credentials"]["OS_USERNAME"] == "007", "as it is written"
    assert new["devstack"]["credentials"]["OS_REGION_NAME"] == "one"
    assert "cloud chi: cacert has no effect and is not taken over" in notes
    assert "cloud devstack: its profile devstack was found nowhere" in notes
    assert "2 clouds were written to" in notes


def test_secure_yaml_is_read_with_it(write: Write, give: Give) -> None:
    path = write(HEAD)
    file = give("clouds.yaml", CLOUDS.replace(f"password: {SECRET}\n", "password: wrong\n"))
    secure = give("secure.yaml", f"clouds:\n  devstack:\n    auth:\n      password: {SECRET}-secure\n")
    _, notes = take(file)
    assert f"{secure} was read as well" in notes
    assert clouds(path)["devstack"]["credentials"]["OS_PASSWORD"] == f"{SECRET}-secure"
    assert clouds(path)["devstack"]["credentials"]["OS_USERNAME"] == "007"
    assert "give that file" in take(secure, code=2)[1]


def test_openrc(write: Write, give: Give) -> None:
    path = write(HEAD)
    _, notes = take(give("CH-openrc.sh", OPENRC))
    assert clouds(path)["CH-818664"] == {
        "type": "openstack",
        "credentials": {
            "OS_AUTH_URL": "https://kvm.example.org:5000/v3",
            "OS_PROJECT_ID": "0f0f",
            "OS_PROJECT_NAME": "CH-818664",
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_USERNAME": 'me "and" you',
            "OS_PASSWORD": "TBD",
            "OS_REGION_NAME": "KVM@TACC",
            "OS_INTERFACE": "public",
            "OS_IDENTITY_API_VERSION": "3",
        },
    }
    assert "OS_PASSWORD" not in notes, "a password that is typed in is no surprise"


def test_nothing_of_an_openrc_is_run(write: Write, give: Give, tmp_path: Path) -> None:
    path, trace = write(HEAD), tmp_path / "trace"
    text = (
        "export OS_AUTH_URL=https://x.org/v3 OS_PROJECT_NAME=p\n"
        f"export OS_PASSWORD=$(touch {trace}; echo {SECRET})\nexport OS_USERNAME=`touch {trace}`\n"
        f'export OS_REGION_NAME="a$HOME" OS_CACERT=${{HOME}}/ca\ntouch {trace}\n'
        "export OS_INTERFACE='$HOME'\n"
    )
    _, notes = take(give("rc", text))
    values = clouds(path)["p"]["credentials"]
    asked = ("OS_PASSWORD", "OS_USERNAME", "OS_REGION_NAME", "OS_CACERT", "OS_INTERFACE")
    assert [values[key] for key in asked] == ["TBD"] * 5
    assert all(f"{key} is computed by the shell" in notes for key in asked[:4])
    assert str(Path.home()) not in path.read_text()
    assert not trace.exists()


@pytest.mark.parametrize(
    ("lines", "line", "told"),
    [
        ("setenv OS_AUTH_URL x", 2, "this is a file for csh"),
        ("set -gx OS_AUTH_URL x", 2, "this is a file for fish"),
        ("$env:OS_AUTH_URL = 'x'", 2, "this is a file for PowerShell"),
        ("set OS_AUTH_URL=x", 2, "this is a file for Windows' cmd"),
        ("export OS_AUTH_URL=x\nsource other", 3, "another file is read here; source it in a new shell"),
        ("export OS_AUTH_URL=x\r\nexport OS_CERT=y", 2, "some lines end as those of Windows do"),
        ("export OS_CLOUD=chi", None, "its cloud is described in a clouds.yaml; import that file"),
        (
            "export OS_AUTH_URL=x OS_REGION_NAME='{'",
            None,
            "openstacksdk cannot use what it sets: a brace in OS_REG",
        ),
    ],
)
def test_an_openrc_that_is_refused(write: Write, give: Give, lines: str, line: int | None, told: str) -> None:
    write(HEAD)
    file = give("rc", f"# {SECRET}\n{lines}\nexport OS_PASSWORD={SECRET}\n")
    error = take(file, code=3)[1]
    assert f"{file}:{line}: {told}" in error if line else told in error


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            f'export OS_PASSWORD="{SECRET[:2]}${SECRET}"',
            "OS_PASSWORD needs a variable, which the file does not set",
        ),
        ("export OS_REGION_NAME=${SITE:-one}", "taken as not set, as in a new shell: SITE"),
        ("export OS_REGION_NAME=$SITE", "OS_REGION_NAME needs SITE, which the file does not set"),
        ("OS_REGION_NAME=one", "not exported by the file, and so not taken over: OS_REGION_NAME"),
        ("OS_REGION_NAME=one openstack", "OS_REGION_NAME is only set for a command (line 3)"),
        ("( export OS_REGION_NAME=one )", "OS_REGION_NAME is only set in a subshell (line 3)"),
        (
            "[ -x /nowhere ] || return 1",
            "taken not to end early, which depends on the shell that reads it: line 3",
        ),
        ("export OS_CLOUD=chi", "OS_CLOUD was not taken over"),
        ("export OS_VERIFY=false", "OS_VERIFY was left out"),
        ("export OS_VOLUME_TYPE=x", "not taken over: OS_VOLUME_TYPE"),
        (
            "export OS_INTERFACE=public OS_ENDPOINT_TYPE=internalURL",
            "OS_ENDPOINT_TYPE is taken, and not OS_INTER",
        ),
    ],
)
def test_what_an_openrc_leaves_open_is_told(write: Write, give: Give, lines: str, told: str) -> None:
    write(HEAD)
    text = "export OS_AUTH_URL=https://x.org/v3 OS_USERNAME=u OS_PROJECT_NAME=p\nexport OS_USER_DOMAIN_ID=d\n"
    assert told in take(give("rc", text + lines + "\n"))[1]


def test_an_openrc_of_an_application_credential_needs_a_name(write: Write, give: Give) -> None:
    path = write(HEAD)
    text = (
        "export OS_AUTH_TYPE=v3applicationcredential\nexport OS_AUTH_URL=https://x.org/v3\n"
        f"export OS_APPLICATION_CREDENTIAL_ID=abc\nexport OS_APPLICATION_CREDENTIAL_SECRET={SECRET}\n"
    )
    file = give("app-cred.sh", text)
    assert "--name=NAME" in take(file, code=2)[1]
    assert path.read_text() == HEAD
    take(file, "--name=my.cloud")
    assert clouds(path)["my.cloud"]["credentials"]["OS_APPLICATION_CREDENTIAL_SECRET"] == SECRET
    assert "OS_PASSWORD" not in clouds(path)["my.cloud"]["credentials"]


@pytest.mark.parametrize("given", ["credentials", "config", ""])
def test_aws(write: Write, give: Give, given: str) -> None:
    path = write(HEAD)
    directory = give("credentials", AWS_CREDENTIALS).parent
    give("config", AWS_CONFIG)
    out, notes = take(directory / given, "--output=json")
    new = clouds(path)
    assert list(new) == ["mine", "aws", "tmp"]
    assert new["aws"] == {
        "type": "ec2",
        "credentials": {
            "EC2_ACCESS_KEY": "AKIADEFAULT",
            "EC2_SECRET_KEY": f"{SECRET}/+%(x)s=",
            "EC2_REGION": "us-east-1",
        },
    }
    assert new["tmp"]["credentials"]["EC2_SESSION_TOKEN"] == f"{SECRET}3"
    assert new["tmp"]["credentials"]["EC2_REGION"] == "from-credentials"
    assert "cloud tmp: its session token expires" in notes and "cloud aws: not taken over: s3" in notes
    # They are of another folder than the one in which a profile is looked up when it is used.
    for name, way in (("prod", "role_arn"), ("sso", "sso_session")):
        assert f"cloud {name}: skipped, because it signs in by {way}" in notes
    assert "[mistaken] in" in notes and "a profile is [profile mistaken]" in notes
    assert [(row["cloud"], row["action"]) for row in json.loads(out)] == [
        ("aws", "add"),
        ("prod", "skip"),
        ("tmp", "add"),
        ("sso", "skip"),
    ]
    assert take(directory / given, "--output=names", "--force")[0].split() == ["aws", "tmp"]


@pytest.mark.parametrize("installed", [True, False])
def test_aws_profiles_that_need_botocore(
    write: Write, give: Give, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    path, directory = write(HEAD), give("credentials", AWS_CREDENTIALS).parent
    marker = directory / "was-run"
    give(
        "config",
        f"{AWS_CONFIG}[profile tmp]\naws_access_key_id = AKIAOTHER\n"
        f"[profile tool]\ncredential_process = touch {marker}\nservices = mine\n"
        "[services mine]\nec2 =\n  endpoint_url = http://127.0.0.1:8773/x\n",
    )
    for variable, name in zip(aws_files.VARIABLES, aws_files.FILES, strict=True):
        monkeypatch.setenv(variable, str(directory / name))
    if not installed:
        monkeypatch.setattr("cloudmesh.config.importers.aws.find_spec", lambda name: None)
    _, notes = take(directory)
    new = clouds(path)
    if installed:
        assert new["prod"] == {
            "type": "ec2",
            "credentials": {"EC2_PROFILE": "prod", "EC2_REGION": "from-credentials"},
        }
        address = {"host": "127.0.0.1", "port": "8773", "secure": "false", "path": "/x"}
        assert new["tool"] == {"type": "ec2", **address, "credentials": {"EC2_PROFILE": "tool"}}
        assert "cloud tool: it has no region, which its use needs" in notes
        assert "cloud prod: its access key does not sign in to EC2, role_arn does" in notes
        assert "cloud tmp: the access key of config was ignored" in notes
        assert "cloud aws: a session token counts only beside its access key" in notes
    else:
        assert list(new) == ["mine", "aws", "tmp"]
        for name, way in (("prod", "role_arn"), ("sso", "sso_session"), ("tool", "credential_process")):
            assert (
                f"cloud {name}: skipped, because it signs in by {way}, which needs the library botocore"
                in notes
            )
        assert "pip install 'cloudmesh-cms[aws]'" in notes
    assert not marker.exists(), "no program is run by an import"


def test_cloudmesh_4(write: Write, give: Give) -> None:
    path = write("profile: {firstname: TBD}\n" + HEAD)
    _, notes = take(give("cloudmesh.yaml", CLOUDMESH4))
    data = reader.load(path)
    new = data["clouds"]
    assert new["chameleon"] == {
        "name": "Chameleon KVM",
        "host": "c.org",
        "version": "train",
        "type": "openstack",
        "credentials": {
            "OS_USERNAME": "TBD",
            "OS_PASSWORD": SECRET,
            "OS_AUTH_URL": "https://kvm.example.org:5000/v3",
            "OS_PROJECT_NAME": "CH",
            "OS_REGION_NAME": "KVM@TACC",
        },
        "default": {"image": "CC-Ubuntu18.04", "flavor": "m1.medium", "network": "net1"},
    }
    assert new["old"]["credentials"]["OS_PROJECT_ID"] == "7"
    assert list(new["applied"]["credentials"]) == [
        "OS_AUTH_URL",
        "OS_APPLICATION_CREDENTIAL_ID",
        "OS_APPLICATION_CREDENTIAL_SECRET",
        "OS_AUTH_TYPE",
    ]
    assert new["several"]["credentials"]["OS_REGION_NAME"] == "one"
    assert "cloud several: of its 2 regions only one is taken over" in notes
    assert "cloud several: not taken over: key_path" in notes
    assert "cloud refused: skipped, because auth is not a section" in notes
    assert new["aws"] == {
        "type": "ec2",
        "credentials": {"EC2_REGION": "us-west-2", "EC2_ACCESS_KEY": "AKIA", "EC2_SECRET_KEY": SECRET},
        "default": {"secgroup": "web", "flavor": "t2.micro"},
    }
    assert "cloud aws: not taken over: credentials.EC2_PRIVATE_KEY_FILE_NAME" in notes
    assert new["azure"] == {
        "type": "azure",
        "credentials": {
            "AZURE_TENANT_ID": "TBD",
            "AZURE_SUBSCRIPTION_ID": "TBD",
            "AZURE_CLIENT_SECRET": SECRET,
            "AZURE_CLIENT_ID": "app",
        },
        "region": "eastus",
        "resource_group": "research",
        "network": "vnet",
        "subnet": "sub",
        "default": {"flavor": "Basic_A0"},
    }
    assert "AZURE_TENANT_ID refers to another value" in notes
    assert "cloud azure: not taken over: default.AZURE_VM_NIC" in notes
    assert new["google"] == {
        "type": "google",
        "credentials": {"GOOGLE_PROJECT": "p", "GOOGLE_KEY_FILE": "~/key.json"},
        "zone": "us-central1-a",
    }
    assert "cloud google: not taken over: cm.other, credentials.client_email" in notes
    assert data["profile"] == {"firstname": "Ann"}
    assert data["cloudmesh"] == {"default": ["mine"]}


def test_what_the_user_has_is_not_carried_over(write: Write, give: Give) -> None:
    path = write("profile: {firstname: Eve}\ncloudmesh: {default: mine, active: [mine]}\n" + HEAD)
    _, notes = take(give("cloudmesh.yaml", CLOUDMESH4))
    assert reader.load(path)["profile"] == {"firstname": "Eve"}
    assert reader.load(path)["cloudmesh"] == {"default": "mine", "active": ["mine"]}
    assert "cms cloud activate chameleon old applied several aws azure google" in notes


def test_a_reference_of_a_foreign_file_reads_nothing_of_ours(write: Write, give: Give) -> None:
    path = write(HEAD)
    text = CLOUDS.replace(f"password: {SECRET}\n", 'password: "${AWS_SECRET_ACCESS_KEY}"\n')
    _, notes = take(give("clouds.yaml", text))
    assert clouds(path)["devstack"]["credentials"]["OS_PASSWORD"] == "TBD"
    assert "OS_PASSWORD refers to another value" in notes


def test_an_existing_cloud_is_replaced_only_with_force(write: Write, give: Give) -> None:
    text = (
        "clouds:\n  a: {type: simulated}\n  # above\n  chi:   # beside\n    type: simulated\n"
        "    note: gone\n  # below\n  z: {type: simulated}\n"
    )
    path, file = write(text), give("clouds.yaml", CLOUDS)
    _, error = take(file, code=2)
    assert "the cloud chi already exists" in error
    assert path.read_text() == text, "neither is the other one added"
    assert take(file, "--dryrun", code=2)
    out, _ = take(file, "--force", "--output=json")
    assert [row["action"] for row in json.loads(out)] == ["replace", "add"]
    assert list(clouds(path)) == ["a", "chi", "z", "devstack"]
    changed = path.read_text()
    assert changed.startswith(
        f"clouds:\n  a: {{type: simulated}}\n  # above\n  # Imported from {file}\n  chi:\n"
    )
    assert "note: gone" not in changed
    assert "\n  # below\n  z: {type: simulated}\n" in changed
    take(file, "--force")
    assert path.read_text() == changed, "once more is the same"


def test_a_dry_run_writes_nothing(write: Write, give: Give) -> None:
    path = write(HEAD)
    out, notes = take(give("clouds.yaml", CLOUDS), "--dryrun")
    assert path.read_text() == HEAD
    assert "nothing was written" in notes
    rows = [line.split() for line in out.splitlines()]
    assert ["chi", "openstack", "OS_APPLICATION_CREDENTIAL_SECRET", "***", "add"] in rows
    assert ["chi", "openstack", "OS_REGION_NAME", "CHI@UC", "add"] in rows


def test_one_of_several_and_another_type(write: Write, give: Give) -> None:
    path, file = write(HEAD), give("clouds.yaml", CLOUDS)
    assert "did you mean 'devstack'" in take(file, "--name=devstak", code=2)[1]
    out, notes = take(file, "--name=devstack", "--type=simulated", "--output=names")
    assert out == "devstack\n"
    assert "not installed" not in notes
    assert "cloud chi" not in notes
    assert (list(clouds(path)), clouds(path)["devstack"]["type"]) == (["mine", "devstack"], "simulated")


def test_a_cloud_whose_type_is_not_installed_is_told(write: Write, give: Give) -> None:
    path = write("clouds: {mine: {type: nosuch}}\n")
    _, notes = take(give("rc", OPENRC), "--type=nosuchtype")
    assert f"{path}:1: error: the type 'nosuchtype' of cloud 'CH-818664' is not installed" in notes
    assert "'nosuch' of" not in notes, "what was wrong before is not repeated"


def test_new_clouds_wait_for_activation(home: Path, give: Give) -> None:
    path = home / "class.yaml"
    starter.write(path)
    _, notes = take(give("rc", OPENRC))
    assert "cms cloud activate CH-818664" in notes
    assert reader.load(path)["cloudmesh"] == {"default": ["local"], "active": ["local"]}
    text = path.read_text()
    assert text.startswith(starter.TEXT), "the comments below the last cloud stay with it"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("binary", b"\x7fELF\x00\x01" + SECRET.encode()),
        ("latin", SECRET.encode() + b": \xff"),
        ("huge.yaml", f"clouds: {{a: {{auth: {{password: {SECRET}}}}}}}\n" + "# x\n" * 300_000),
        ("clouds.yaml", f"clouds:\n  a: {SECRET}: b\n"),
        ("tabs.yaml", f"clouds:\n\ta: {SECRET}\n"),
        ("twice.yaml", f"clouds:\n  a: {{auth: {{password: {SECRET}, password: {SECRET}}}}}\n"),
        ("laughs.yaml", f"{LAUGHS}clouds: {{a: {{auth: *a9}}}}\n"),
        ("noclouds.yaml", f"clouds: {{}}\nx: {SECRET}\n"),
        ("list.yaml", f"- {SECRET}\n"),
        ("flat.yaml", f"clouds: {{a: {{auth: {SECRET}}}}}\n"),
        ("text", f"{SECRET} is my: secret: [\n"),
        ("empty", ""),
        ("comment", f"# {SECRET}\n"),
        ("ini", f"[default]\naws_access_key_id = A\n{SECRET}\n"),
        ("ini2", f"[default]\nregion = A\nregion = {SECRET}\n"),
        ("ini3", f"[default]\nregion = {SECRET}\n[default]\n"),
        ("ini4", f"region = {SECRET}\n[profile a]\n"),
        ("only-sso", f"[profile a]\nsso_session = {SECRET}\n"),
        ("quote.sh", f'export OS_AUTH_URL=x\nexport OS_PASSWORD="{SECRET}\n'),
        ("quote2.sh", f"export OS_AUTH_URL=x\nexport OS_PASSWORD='{SECRET}\n"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    write: Write, give: Give, name: str, content: str | bytes
) -> None:
    path = write(HEAD)
    file = give(name, content)
    for words in ((), ("--force", "--name=x")):
        out, error = take(file, *words, code=3)
        assert out == ""
        assert error.count("\n") == 1
        assert str(file) in error
        assert ";" in error, "it says what to do"
    assert path.read_text() == HEAD


@pytest.mark.parametrize("form", ["clouds.yaml", "openrc", "aws", "cloudmesh4"])
@pytest.mark.parametrize("text", [CLOUDS, OPENRC, AWS_CREDENTIALS, CLOUDMESH4, "[]", "a: {b: c}\n", "x"])
def test_a_forced_format_that_is_wrong_is_an_error_or_takes_it(
    write: Write, give: Give, form: str, text: str
) -> None:
    path, file = write(HEAD), give("given", text)
    right = {"clouds.yaml": CLOUDS, "openrc": OPENRC, "aws": AWS_CREDENTIALS, "cloudmesh4": CLOUDMESH4}
    if right[form] == text:
        take(file, f"--format={form}")
        assert len(clouds(path)) > 1
    else:
        assert take(file, f"--format={form}", code=3)[1].count("\n") == 1
        assert path.read_text() == HEAD


def test_wrong_words(write: Write, give: Give, tmp_path: Path) -> None:
    file = give("rc", OPENRC)
    write(HEAD)
    assert "there is no file" in take(tmp_path / "nosuch", code=2)[1]
    assert "did you mean 'openrc'" in take(file, "--format=openr", code=2)[1]
    wrong = give("theirs.yaml", CLOUDS)
    assert "read as openrc; give another --format=KIND" in take(wrong, "--format=openrc", code=3)[1]
    assert "cannot be the name of a cloud" in take(file, "--name= x", code=2)[1]
    (tmp_path / "empty").mkdir()
    assert "give a file" in take(tmp_path / "empty", code=2)[1]
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in take(tmp_path / "pipe", code=3)[1]


def test_an_encrypted_file_gets_no_plain_secret(write: Write, give: Give, keys: dict[str, Path]) -> None:
    key = keys["ed25519"]
    public = key.with_suffix(".pub").read_text().strip()
    path = write(f"cloudmesh:\n  encryption:\n    recipients: ['{public}']\n    keys: ['{key}']\n{HEAD}")
    take(give("clouds.yaml", CLOUDS))
    text = path.read_text()
    assert SECRET not in text
    assert text.count("-----BEGIN AGE ENCRYPTED FILE-----") == 2
    assert "OS_USERNAME: '007'" in text
    value = clouds(path)["devstack"]["credentials"]["OS_PASSWORD"]
    opened = subprocess.run(
        ["age", "-d", "-i", str(key)], input=value.encode(), capture_output=True, check=True
    )
    assert opened.stdout.decode().endswith(f"]\n{SECRET}")


def test_imports_and_sets_at_once_lose_nothing(write: Write, give: Give) -> None:
    path, file = write(HEAD), give("rc", OPENRC)
    commands = [["import", str(file), f"--name=c{number}"] for number in range(4)]
    commands += [["set", f"clouds.mine.k{number}=v"] for number in range(4)]
    processes = [
        subprocess.Popen([CMS, "config", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for words in commands
    ]
    assert [process.wait() for process in processes] == [0] * 8
    found = clouds(path)
    assert {f"c{number}" for number in range(4)} < set(found)
    assert {f"k{number}" for number in range(4)} < set(found["mine"])


def _mutated(text: str, chance: random.Random) -> bytes:
    """The text with some bytes or lines lost, doubled, moved or made strange."""
    content = bytearray(text.encode())
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content) or 1)
        kind = chance.randrange(4)
        if kind == 0:
            content[at : at + chance.randint(1, 30)] = b""
        elif kind == 1:
            content[at:at] = chance.choice(
                (b"\t", b"\n", b":", b"{", b"[", b"'", b'"', b"$(", b"`", b"&a ", b"*a ")
            )
        elif kind == 2:
            content[at:at] = bytes([chance.randrange(256)])
        else:
            lines = content.splitlines(keepends=True)
            chance.shuffle(lines)
            content = bytearray(b"".join(lines))
    return bytes(content)


@pytest.mark.parametrize("count", [40, pytest.param(800, marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "text", [CLOUDS, OPENRC, AWS_CREDENTIALS, CLOUDMESH4], ids=["yaml", "rc", "aws", "cm4"]
)
def test_a_mutated_file_is_taken_or_refused(write: Write, give: Give, text: str, count: int) -> None:
    """Where it is taken, its secret may have come to stand under a name that is none."""
    chance = random.Random(count)
    for _ in range(count):
        path, file = write(HEAD), give("given.yaml", _mutated(text, chance))
        err, shell = io.StringIO(), SimpleNamespace()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            ConfigCommand.do_config(
                shell, f"import '{file}' --name=x" if chance.random() < 0.5 else f"import '{file}'"
            )
        assert shell.last_exit_code in (0, 2, 3), err.getvalue()
        assert "an error of the program" not in err.getvalue()
        if shell.last_exit_code:
            assert err.getvalue().count("\n") == 1
            assert SECRET not in err.getvalue()
            assert path.read_text() == HEAD
        else:
            assert path.read_text().startswith(HEAD)
            assert "mine" in clouds(path)

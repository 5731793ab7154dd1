"""A distribution of somebody else brings a cloud and a command, and nothing of ours has to know of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

METADATA = "import setuptools.build_meta as backend; backend.prepare_metadata_for_build_wheel('.')"
SUITE = """
    import pytest
    from cloudmesh.cloud.conformance import ProviderSuite
    from cloudmesh_acme import AcmeProvider

    class TestAcme(ProviderSuite):
        patience = 5.0

        @pytest.fixture
        def make_provider(self, tmp_path):
            return lambda: AcmeProvider("acme", {"account": str(tmp_path / "account.json")})
"""


@pytest.fixture(scope="module")
def outside(tmp_path_factory, root) -> Path:
    """A folder that looks like site-packages with the other distribution installed."""
    folder = tmp_path_factory.mktemp("outside") / "site"
    shutil.copytree(root / "tests" / "outside", folder, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", METADATA], cwd=folder, check=True, capture_output=True)
    assert list(folder.glob("*.dist-info/entry_points.txt"))
    return folder


@pytest.fixture
def acme_home(home, outside, cloud_settings):
    """A user with a cloud at Acme, for which all is configured."""
    home.extra["PYTHONPATH"] = str(outside)
    acme = {
        "type": "acme",
        "account": str(home.path / "account.json"),
        "credentials": {"ACME_TOKEN": "beep"},
        "default": {"image": "acme-linux", "flavor": "anvil"},
    }
    home.configure(local=cloud_settings(), acme=acme)
    return home


def test_it_passes_the_suite_that_every_provider_passes(acme_home):
    test = acme_home.path / "test_acme.py"
    test.write_text(textwrap.dedent(SUITE), encoding="utf-8")
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", test]
    ended = acme_home.run(sys.executable, *words)
    assert "skipped" not in ended.stdout and int(ended.stdout.split(" passed")[0].split()[-1]) > 15


def test_cloud_add_asks_for_what_its_provider_declares(acme_home):
    told = acme_home.cms("cloud", "add", "two", "--type=acme", code=2).stderr
    assert "cloud two of type acme needs ACME_TOKEN" in told
    acme_home.cms("cloud", "add", "two", "--type=acme", "ACME_TOKEN=beep", "account=other.json", "--check")
    assert "two" in acme_home.cms("cloud", "list").stdout


def test_its_machines_live_beside_ours(acme_home):
    acme_home.cms("vm", "boot", "acme:web1", "local:web2", "--wait")
    rows = acme_home.json("vm", "list", "--cloud=acme,local", "--refresh")
    assert [(row["cloud"], row["name"], row["state"]) for row in rows] == [
        ("acme", "web1", "active"),
        ("local", "web2", "active"),
    ]
    note = acme_home.cms("vm", "list", "--cloud=acme").stderr
    assert "simulated" not in note, "this cloud is not said to be simulated"
    acme_home.cms("vm", "delete", "--all", "--cloud=acme", "--yes", "--wait")
    assert acme_home.json("vm", "list", "--cloud=acme", "--refresh") == []


def test_what_it_cannot_do_is_said_in_the_table_and_the_others_are_done(acme_home):
    acme_home.cms("vm", "boot", "acme:web1", "local:web2", "--wait")
    rows = acme_home.json("vm", "suspend", "acme:web1,local:web2", code=1)
    assert [row["result"] for row in rows] == ["failed", "done"]
    assert "cannot suspend" in rows[0]["reason"] and "acme" in rows[0]["reason"]
    console = acme_home.cms("vm", "console", "acme:web1", code=4)
    assert "cannot show a console" in console.stderr and console.stdout == ""


def test_a_missing_credential_is_found(acme_home):
    assert "error" not in acme_home.cms("config", "check").stdout
    acme_home.change("acme", credentials={"ACME_USER": "me"})
    check = acme_home.cms("config", "check", code=3)
    lines = acme_home.config.read_text(encoding="utf-8").splitlines()
    section = lines.index("  acme:") + 1
    (finding,) = [line for line in check.stdout.splitlines() if "ACME_TOKEN" in line]
    number = int(finding.removeprefix(f"{acme_home.config}:").split(":")[0])
    assert section <= number <= len(lines), "the finding points into the section of the cloud"


def test_its_command_works_everywhere(acme_home):
    assert acme_home.json("acme", "greet", "a 'b' \\$HOME") == [
        {"name": "a 'b' $HOME", "greeting": "good day"}
    ]
    assert "'greet'" in acme_home.cms("acme", "gret", "you", code=2).stderr
    shell = acme_home.cms("-i", stdin="help\nacme greet you\nacme gret\nvm list\nquit\n")
    assert "good day" in shell.stdout and "'greet'" in shell.stderr
    assert "acme" in shell.stdout.split("Commands of other packages:")[1].split()
    batch = acme_home.cms("batch", "-", stdin="acme greet you --output=names\n")
    assert batch.stdout == "you\n"


def test_the_help_names_it(acme_home):
    assert "acme" in acme_home.cms("help").stdout.split()
    assert "acme greet NAME" in acme_home.cms("acme", "-h").stdout


def test_without_it_its_type_is_unknown(acme_home):
    acme_home.extra.clear()
    assert "'acme'" in acme_home.cms("vm", "list", "--cloud=acme", code=3).stderr

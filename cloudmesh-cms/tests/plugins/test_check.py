"""``cms plugin check``: the conformance suite on a provider that is installed, good or not."""

import functools
import json
import signal

import pytest

from cloudmesh.cms.plugins.generate import rendered

# A call of the generated provider, and the same with a mistake.
TOKEN = "self.settings['credentials']['ACME_TOKEN']"
START = ("self.service.act(verb, cloud_id)", f"raise RuntimeError('no ' + {TOKEN})")
SLOW = ("self.service.delete(cloud_id)", "import time; time.sleep(1); self.service.delete(cloud_id)")
NEEDY = ("required_credentials = ()", "required_credentials = ('ACME_TOKEN',)")


@pytest.fixture
def acme(home, site, cloud_settings):
    """Installs the generated provider, with changes of its text, and configures a cloud of it."""

    def install(*changes):
        files = {}
        for path, template in rendered("acme", "provider").items():
            text = functools.reduce(lambda text, change: text.replace(*change), changes, template)
            if path.startswith("src/"):
                files[path.removeprefix("src/")] = text
        points = "[cloudmesh.providers]\nacme = cloudmesh_acme.provider:AcmeProvider\n"
        site.install("cloudmesh-acme", files, points)
        settings = {"type": "acme", "credentials": {"ACME_TOKEN": "hush-hush"}}
        settings["default"] = {"image": "linux", "flavor": "small"}
        home.configure(local=cloud_settings(), work=settings)
        return home

    return install


@pytest.mark.slow
def test_a_good_provider_passes_on_an_account_of_its_own_and_on_a_cloud(acme):
    home = acme()
    ended = home.cms("plugin", "check", "acme")
    assert ended.stdout == "" and "provider 'acme' of cloudmesh-acme 1.0: 0 failed, " in ended.stderr
    assert not (home.directory / "machines").exists(), "it was elsewhere"
    rows = home.json("plugin", "check", "acme", "--cloud=work", "--yes")
    assert len(rows) > 50 and {row["result"] for row in rows} == {"passed"}
    assert (home.directory / "machines" / "acme-work" / "servers.json").read_text() == "{}"


@pytest.mark.slow
def test_a_mistake_is_a_row_without_what_is_secret_and_exit_code_1(acme):
    home = acme(START)
    ended = home.cms("plugin", "check", "acme", "--cloud=work", "--yes", code=1)
    rows = home.json("plugin", "check", "acme", "--cloud=work", "--yes", code=1)
    failed = [row for row in rows if row["result"] == "failed"]
    assert 0 < len(failed) < len(rows) and any("RuntimeError: no ***" in row["reason"] for row in failed)
    assert f"{len(failed)} failed, {len(rows) - len(failed)} passed" in ended.stderr
    assert "hush" not in ended.stdout + ended.stderr + json.dumps(rows)
    assert len(ended.stdout.splitlines()) == len(failed) + 2, "the table shows those that failed"


@pytest.mark.slow
def test_who_interrupts_it_leaves_no_machine_behind(acme):
    home = acme(SLOW)
    servers = home.directory / "machines" / "acme-work" / "servers.json"
    process = home.start("plugin", "check", "acme", "--cloud=work", "--yes")
    # It is interrupted wherever it happens to be, cleaning up included.
    while not servers.exists() or "conformance-" not in servers.read_text():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "are deleted first" in told
    assert servers.read_text() == "{}"


# The words, the exit code, and what is said.
REFUSED = {
    "nosuch": (2, "no provider 'nosuch'"),
    "acme": (2, "needs credentials (ACME_TOKEN): name a cloud"),
    "acme --cloud=work": (2, "refusing to run the suite: no terminal to confirm at; use --yes"),
    "acme --cloud=local --yes": (2, "cloud local has type 'simulated', not 'acme'"),
    "acme --cloud=nosuch --yes": (2, "nosuch"),
    "libcloud": (3, "cannot be used without settings"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_checked_is_said(acme, words):
    code, said = REFUSED[words]
    ended = acme(NEEDY).cms("plugin", "check", *words.split(), code=code)
    assert said in ended.stderr and ended.stdout == ""


def test_a_dry_run_boots_nothing(acme):
    home = acme()
    home.cms("dryrun", "on")
    assert "dryrun" in home.cms("plugin", "check", "acme", "--cloud=work", "--yes", code=2).stderr

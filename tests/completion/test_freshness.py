"""A script that was installed long ago completes what is there now, without Python, and is silent."""

import os
import shutil
import stat
import time
from pathlib import Path

import pytest

SHELLS = ["bash", "zsh", "fish"]


# The others are tested by ``make test-long``: the engine is the same in all three.
_SOME = [pytest.param(each, marks=() if each == "bash" else pytest.mark.long) for each in SHELLS]


@pytest.fixture(params=_SOME)
def late(home, root, make_user, request):
    """A shell that has sourced the script; and a counter of how often it has started cms since."""
    real = shutil.which("cms", path=home.env["PATH"])
    folder = home.path / "bin"
    folder.mkdir()
    for name in ("cms", "cloudmesh"):
        program = folder / name
        program.write_text(f'#!/bin/sh\necho >> "$HOME/starts"\nexec {real} "$@"\n')
        program.chmod(0o755)
    home.extra["PATH"] = f"{folder}:{home.env['PATH']}"
    extra = home.path / "packages"
    (extra / "cloudmesh").mkdir(parents=True)
    home.extra["PYTHONPATH"] = str(extra)
    user = make_user(home, request.param)
    user.packages, user.source = extra / "cloudmesh", root / "tests" / "outside" / "cloudmesh" / "acme"
    user.starts = lambda: len((home.path / "starts").read_text())
    return user


def test_no_program_is_started_but_once(late, home):
    assert late.tab("cms vm sto") == "cms vm stop "
    before = late.starts()
    for typed in ("cms vm sto", "cloudmesh vm sto", f"{home.path}/bin/cms vm sto"):
        assert late.tab(typed) == f"{typed}p "
    assert late.starts() == before


def test_plugins_and_clouds_that_come_and_go(late, home, cloud_settings):
    assert late.tab("cms acm") == "cms acm"
    shutil.copytree(late.source, late.packages / "acme")
    assert late.tab("cms acm") == "cms acme "
    assert late.tab("cms acme gre") == "cms acme greet "
    assert late.tab("cms acme greet x --output=j") == "cms acme greet x --output=json "
    shutil.rmtree(late.packages / "acme")
    assert late.tab("cms acm") == "cms acm"
    home.configure(local=cloud_settings(), tacc=cloud_settings())
    assert late.tab("cms vm list --cloud=t") == "cms vm list --cloud=tacc "
    home.cms("vm", "boot", "late1", "--wait")
    before = late.starts()
    assert late.tab("cms vm stop la") == "cms vm stop late1 "
    assert late.starts() == before


def test_a_command_that_cannot_be_loaded_hides_no_other(late):
    shutil.copytree(late.source, late.packages / "acme")
    broken = late.packages / "acme" / "command" / "acme.py"
    broken.write_text(f"print('noise')\nimport nosuchmodule\n{broken.read_text()}")
    assert late.tab("cms acm") == "cms acme "
    assert late.tab("cms vm sto") == "cms vm stop "


def test_a_table_from_the_future_is_not_made_again_at_each_key(late, home):
    assert late.tab("cms vm sto") == "cms vm stop "
    ahead = time.time() + 3600
    os.utime(home.config, (ahead, ahead))
    assert late.tab("cms vm sto") == "cms vm stop "
    before = late.starts()
    assert late.tab("cms vm sto") == "cms vm stop "
    assert late.starts() == before


@pytest.mark.parametrize("kind", _SOME)
def test_nothing_is_printed_whatever_is_missing(home, make_user, kind):
    """No program, rubbish in place of the files, no folder for them."""
    user = make_user(home, kind)
    table, names = home.directory / "completion-table", home.directory / "completion-names"
    screen = home.path / "screen"
    user.terminal.logfile_read = screen.open("w")
    assert user.tab("nosuch/cms vm sto") == "nosuch/cms vm sto"
    names.write_bytes(b"\xff\0\nmachine\n\tx\t\n")
    assert user.tab("cms vm sto") == "cms vm stop "
    table.write_bytes(b"\xff\0rubbish\n")
    assert user.tab("cms vm sto") == "cms vm stop "
    assert stat.S_IMODE(table.stat().st_mode) == 0o600
    shutil.rmtree(home.directory)
    home.directory.write_text("no folder")
    assert user.tab("cms vm sto") == "cms vm sto"
    user.terminal.logfile_read.close()
    shown = screen.read_text().lower()
    assert not [word for word in ("error", "traceback", "no such", "not found", "cannot") if word in shown]


def test_how_to_switch_it_on(home):
    home.cms("dryrun", "on")
    told = home.cms("completion").stdout
    for kind in SHELLS:
        assert f"cms completion {kind}" in told
        assert home.cms("completion", kind).stdout.startswith("#")
    assert home.cms("completion", "tcsh", code=2).stdout == ""


def test_a_script_in_a_file_of_fpath(home, make_user):
    """zsh loads it at the first Tab, as a function."""
    folder = home.path / "functions"
    folder.mkdir()
    (folder / "_cms").write_text(home.cms("completion", "zsh").stdout)
    user = make_user(home, "zsh", source=f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -D")
    assert user.tab("cms vm sto") == "cms vm stop "
    assert user.tab("cloudmesh vm sto") == "cloudmesh vm stop "


def test_a_script_in_the_folder_of_bash_completion(home, make_user):
    """The package bash-completion reads it at the first Tab."""
    package = Path("/usr/share/bash-completion/bash_completion")
    if not package.exists():
        pytest.skip("bash-completion is not installed (apt-get install bash-completion)")
    folder = home.path / ".local" / "share" / "bash-completion" / "completions"
    folder.mkdir(parents=True)
    (folder / "cms").write_text(home.cms("completion", "bash").stdout)
    (folder / "cloudmesh").symlink_to("cms")
    user = make_user(home, "bash", source=f"source {package}")
    assert user.tab("cms vm sto") == "cms vm stop "
    assert user.tab("cloudmesh vm sto") == "cloudmesh vm stop "

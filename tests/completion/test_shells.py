"""Tab in bash, zsh and fish, at a real terminal."""

import re

import pytest


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("cms confi", "cms config "),
        ("cloudmesh confi", "cloudmesh config "),
        ("cms vm sto", "cms vm stop "),
        ("cms vm stop w", "cms vm stop web0"),
        ("cms vm stop web01,w", "cms vm stop web01,web0"),
        ("cms vm stop web01 web02 w", "cms vm stop web01 web02 web03 "),
        ("cms vm stop my", r"cms vm stop my\ vm "),
        ("cms vm stop 'my", "cms vm stop 'my vm' "),
        ('cms vm stop "my', 'cms vm stop "my vm" '),
        ("cms vm stop me@", "cms vm stop me@lab "),
        ("cms vm stop üm", "cms vm stop ümlaut "),
        ("cms vm stop uc:f", "cms vm stop uc:far"),
        ("cms vm stop --cloud=uc f", "cms vm stop --cloud=uc far"),
        ("cms vm stop --cloud uc far1,f", "cms vm stop --cloud uc far1,far2 "),
        ("cms vm stop f", "cms vm stop f"),
        ("cms vm list --cl", "cms vm list --cloud="),
        ("cms vm list --cloud=u", "cms vm list --cloud=uc "),
        ("cms vm list --cloud u", "cms vm list --cloud uc "),
        ("cms vm list --cloud=local,u", "cms vm list --cloud=local,uc "),
        ("cms vm list --cloud=uc --cl", "cms vm list --cloud=uc --cl"),
        ("cms vm list --output=y", "cms vm list --output=yaml "),
        ("cms vm boot x --flavor=ti", "cms vm boot x --flavor=tiny "),
        ("cms vm boot x --image ub", "cms vm boot x --image ubuntu-24.04 "),
        ("cms vm boot x --secgroup=de", "cms vm boot x --secgroup=default "),
        ("cms vm wait web01 --state=act", "cms vm wait web01 --state=active "),
        ("cms job show 2", "cms job show 2 "),
        ("cms cloud info l", "cms cloud info local "),
        ("cms config get clouds.uc.default.im", "cms config get clouds.uc.default.image "),
        ("cms config set clouds.uc.default.im", "cms config set clouds.uc.default.image="),
        ("cms --deb", "cms --debug "),
        ("cms --debug vm rena", "cms --debug vm rename "),
        ("cms help secg", "cms help secgroup "),
        ("cms batch two", r"cms batch two\ words.txt "),
        ("cms vm boot x --userdata=two", r"cms vm boot x --userdata=two\ words.txt "),
        ("cms vm list > two", r"cms vm list > two\ words.txt "),
        ("cms nosuch wha", "cms nosuch wha"),
        ("cms vm stop -- --al", "cms vm stop -- --al"),
        ("true; cms vm sto", "true; cms vm stop "),
    ],
)
def test_tab(user, typed, found):
    assert user.tab(typed) == found


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("cms vm sta", "start"),
        ("cms vm st", "start stop"),
        ("cms vm re", "reboot rebuild rename resize restore resume revert-resize"),
        ("cms vm stop web", "web01 web02 web03"),
        ("cms vm stop web01 --t", "--timeout="),
        ("cms vm stop --all --d", "--dryrun"),
        ("cms key ", "add delete generate list"),
        ("cms secgroup rule add default --direction=", "egress ingress"),
    ],
)
def test_what_is_offered(user, typed, offered):
    # What stands before the sign is offered once by bash, and with each by the others.
    found = {each.removeprefix("--direction=") for each in user.offered(typed)}
    assert sorted(found) == offered.split()


def test_nothing_is_filled_in_that_would_be_deleted(user):
    """There is one group only."""
    assert user.tab("cms secgroup delete ") == "cms secgroup delete "
    assert user.tab("cms secgroup delete def") == "cms secgroup delete default "
    assert user.tab("cms secgroup list ") == "cms secgroup list default "


def test_descriptions_are_shown(known, make_user):
    user = make_user(known, "zsh")
    user.terminal.send("\x15cms vm st\t\t")
    user.terminal.expect(r"start +-- \w+")
    user.close()
    fish = known.run("fish", "--no-config", "-c", 'cms completion fish | source; complete -C "cms vm st"')
    assert all(re.match(r"(start|stop)\t\w+ \w+", line) for line in fish.stdout.splitlines())


SETTINGS = {
    "set -u": "set -u",
    "set -e": "set -e",
    "noglob": "set -f",
    "posix": "set -o posix; set +o posix; shopt -s extglob",
    "globs": "shopt -s nullglob dotglob nocasematch",
    "failglob": "shopt -s failglob",
    "IFS": "IFS=aw",
    "no breaks": "COMP_WORDBREAKS=$' \\t\\n'",
    "aliases": "alias awk=false cms='cms --debug'",
    "variables": "words=1 name=x typed=y",
    "bash-completion": "source /usr/share/bash-completion/bash_completion",
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_no_setting_of_bash_is_in_the_way(known, make_user, setting):
    user = make_user(known, "bash", setting)
    assert user.tab("cms vm stop my") == r"cms vm stop my\ vm "
    assert user.tab("cms vm stop web01,uc:f") == "cms vm stop web01,uc:far"
    assert user.tab("cms vm list --cloud=u") == "cms vm list --cloud=uc "
    assert user.tab("cms batch two") == r"cms batch two\ words.txt "

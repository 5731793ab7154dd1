"""``cms plugin generate``: a package that passes its own tests as it is written, or nothing at all."""

import sys

import pytest

LONG = "a_name_of_thirty_letters_in_al"
FILES = {
    "command": [
        *("README.md", "pyproject.toml", "src/cloudmesh/acme/command/acme.py", "tests/test_acme.py"),
    ],
    "provider": [
        *("README.md", "pyproject.toml", "src/cloudmesh_acme/provider.py", "src/cloudmesh_acme/service.py"),
        "tests/test_acme.py",
    ],
}
OPTIONS = {"command": [], "provider": ["--provider"]}


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize(
    "name", [pytest.param("acme", marks=pytest.mark.slow), pytest.param(LONG, marks=pytest.mark.long)]
)
def test_it_passes_its_own_tests_and_is_clean_and_typed(home, kind, name):
    home.cms("plugin", "generate", name, *OPTIONS[kind])
    folder = home.path / f"cloudmesh-{name.replace('_', '-')}"
    tools = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy", "src", "tests"], ["pytest", "-q"])
    printed = ""
    for module, *words in tools:
        inside = f"import os, runpy, sys; os.chdir({str(folder)!r}); sys.argv[:] = {[module, *words]!r}; "
        printed += home.run(
            sys.executable, "-c", f"{inside}runpy.run_module({module!r}, run_name='__main__')"
        ).stdout
    assert "passed" in printed and "skipped" not in printed
    assert home.cms("plugin", "check", f"--dir={folder}").stdout == ""


@pytest.mark.parametrize("kind", OPTIONS)
def test_what_is_written_is_told_and_a_dry_run_writes_nothing(home, kind):
    words = ["plugin", "generate", "acme", *OPTIONS[kind], "--output=names"]
    told = home.cms(*words, "--dryrun").stdout.split()
    folder = home.path / "cloudmesh-acme"
    assert not folder.exists() and list(home.path.iterdir()) == [home.directory]
    assert home.cms(*words).stdout.split() == told
    there = sorted(str(each.relative_to(home.path)) for each in folder.rglob("*") if each.is_file())
    assert sorted(told) == there
    assert {f"cloudmesh-acme/{each}" for each in FILES[kind]} <= {*there}
    assert folder.stat().st_mode & 0o777 == (folder / "src").stat().st_mode & 0o777


def test_the_variable_dryrun_is_heeded(home):
    home.cms("dryrun", "on")
    home.cms("plugin", "generate", "acme")
    assert not (home.path / "cloudmesh-acme").exists()


# A name, the options, and what is said of it.
REFUSED = {
    "My-Cloud": "did you mean 'my_cloud'?",
    "9lives": "did you mean 'lives'?",
    "a" * 31: "up to 30",
    "é": "lower-case letters",
    "": "beginning with a letter",
    "../x": "did you mean 'x'?",
    "class": "keyword",
    "match": "keyword",
    "exit": "ends the shell",
    "vm": "cloudmesh-vm 5.0.0 is installed already",
    "flavor": "the command 'flavor' exists already, in cloudmesh-cloud 5.0.0; choose another name",
    "common": "cloudmesh-common 5.",
    "shell": "the command 'shell' exists already, in cloudmesh-cmd5",
    "openstack --provider": "the provider 'openstack' exists already, in cloudmesh-cloud",
    "cloud --provider": "cloudmesh-cloud 5.0.0 is installed already",
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_name_that_cannot_be_is_refused_and_nothing_is_written(home, words):
    name, *options = words.split(" ")
    ended = home.cms("plugin", "generate", name, *options, code=2)
    assert REFUSED[words] in ended.stderr and ended.stdout == ""
    assert list(home.path.iterdir()) == [home.directory]


def test_a_name_of_a_package_of_others_is_refused(home, site):
    site.command("acme", version="2.0")
    (site.folder / "cloudmesh_other.py").touch()
    assert "cloudmesh-acme 2.0" in home.cms("plugin", "generate", "acme", code=2).stderr
    ended = home.cms("plugin", "generate", "other", "--provider", code=2)
    assert "the module cloudmesh_other exists already" in ended.stderr


@pytest.mark.parametrize("there", ["a folder", "a file", "a dead link", "no place", "no permission"])
def test_a_folder_that_exists_or_cannot_be_written_stays_as_it_was(home, there):
    place, code = home.path / "place", 2
    target = place / "cloudmesh-acme"
    place.mkdir()
    if there == "a folder":
        target.mkdir()
    elif there == "a file":
        target.touch()
    elif there == "a dead link":
        target.symlink_to("nowhere")
    elif there == "no place":
        place.rmdir()
    else:
        # A folder of the kernel takes no files, not even of the superuser.
        place, code = "/proc", 1
    before = sorted(home.path.rglob("*"))
    ended = home.cms("plugin", "generate", "acme", f"--dir={place}", code=code)
    assert str(place) in ended.stderr
    assert sorted(home.path.rglob("*")) == before


@pytest.fixture
def acme(home):
    home.cms("plugin", "generate", "acme")
    return home.path / "cloudmesh-acme"


def test_the_difference_to_what_is_generated_today_is_shown(home, acme):
    assert home.cms("plugin", "check", f"--dir={acme}").stderr.endswith("matches the current template\n")
    readme, toml = acme / "README.md", acme / "pyproject.toml"
    readme.unlink()
    toml.write_text(toml.read_text().replace('version = "0.1.0"', 'version = "9.9"'), encoding="utf-8")
    (acme / "own.txt").touch()
    shown = home.cms("plugin", "check", f"--dir={acme}").stdout
    assert '-version = "0.1.0"\n+version = "9.9"\n' in shown
    assert "--- template/README.md\n+++ /dev/null\n" in shown and "own.txt" not in shown
    patched = home.run("bash", "-c", f"cd {acme} && {home.program[0]} plugin check --dir=. | patch -R -p1")
    assert "README.md" in patched.stdout
    assert home.cms("plugin", "check", f"--dir={acme}").stdout == "", "the difference is one that patch takes"


NOT_GENERATED = {"no table": "[project]\n", "no TOML": "[", "no kind": "[tool.cloudmesh.plugin]\nname='x'\n"}


@pytest.mark.parametrize("case", ["nothing", *NOT_GENERATED])
def test_a_folder_that_holds_no_generated_package_is_refused(home, case):
    if case in NOT_GENERATED:
        (home.path / "pyproject.toml").write_text(NOT_GENERATED[case], encoding="utf-8")
    assert "pyproject.toml" in home.cms("plugin", "check", "--dir=.", code=2).stderr

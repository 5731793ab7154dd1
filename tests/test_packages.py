"""Each package is a distribution of its own, which works installed from its wheel and editable."""

import shutil
import subprocess
import sys
import venv
import zipfile

import pytest

pytestmark = pytest.mark.slow

# Lowest first, each with its commands.
PACKAGES = {
    "plugin": ["batch"],
    "config": ["config"],
    "db": ["db"],
    "cloud": ["cloud", "image", "flavor", "key", "secgroup", "ip", "network", "lease"],
    "vm": ["vm", "job", "ssh_config"],
    "dask": [],
    "rest": ["rest"],
    "cms": [],
}
# The types of clouds that come along.
OWN = ["aws", "azure", "digitalocean", "ec2", "google", "libcloud", "openstack", "qemu", "simulated"]
# A call of each command that works when all are installed and configured.
CALLS = {
    "batch": ["batch", "empty.txt"],
    "config": ["config", "path"],
    "db": ["db", "tables"],
    "cloud": ["cloud", "list"],
    "image": ["image", "list"],
    "flavor": ["flavor", "list"],
    "key": ["key", "list"],
    "secgroup": ["secgroup", "list"],
    "ip": ["ip", "list"],
    "network": ["network", "list"],
    "lease": ["lease", "list"],
    "vm": ["vm", "list"],
    "job": ["job", "list"],
    "ssh-config": ["ssh-config"],
    "rest": ["rest", "token", "list"],
}


def run(*words, **options):
    ended = subprocess.run(words, capture_output=True, text=True, check=False, **options)
    assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def source(root, tmp_path_factory):
    """A copy of the packages, so that building leaves nothing in the tree."""
    folder = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".*_cache")
    for package in PACKAGES:
        name = f"cloudmesh-{package}"
        shutil.copytree(root / name, folder / name, ignore=ignore)
    shutil.copytree(root / "tests" / "outside", folder / "outside", ignore=ignore)
    return folder


@pytest.fixture(scope="module")
def wheels(source, tmp_path_factory):
    """The wheel of each package."""
    out = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        words = ["-m", "build", "--no-isolation", "--wheel", "--outdir", out, source / f"cloudmesh-{package}"]
        run(sys.executable, *words)
    return {package: next(out.glob(f"cloudmesh_{package}-*.whl")) for package in PACKAGES}


@pytest.fixture(scope="module")
def new_venv(tmp_path_factory, root):
    """Makes a virtual environment and installs into it; gives its folder of programs."""

    def make(*steps):
        folder = tmp_path_factory.mktemp("venv")
        venv.create(folder, with_pip=True)
        for words in steps:
            pip(folder / "bin", root, "install", *words)
        return folder / "bin"

    return make


def pip(programs, root, *words):
    constraint = ["--constraint", root / "constraints.txt"] if words[0] == "install" else []
    options = ["--disable-pip-version-check", "--quiet"]
    run(programs / "python", "-m", "pip", *options, words[0], *constraint, *words[1:])


@pytest.fixture(scope="module")
def from_wheels(new_venv, wheels):
    return new_venv([*wheels.values()])


@pytest.fixture(scope="module")
def editable(new_venv, source):
    packages = [word for package in PACKAGES for word in ("--editable", source / f"cloudmesh-{package}")]
    return new_venv(["setuptools", "wheel"], ["--no-build-isolation", *packages])


@pytest.fixture(params=["from_wheels", pytest.param("editable", marks=pytest.mark.long)])
def user(request, home, make_home):
    """A user without a configuration, for whom the packages are installed in one of the ways."""
    return newcomer(home, request.getfixturevalue(request.param))


def newcomer(home, programs):
    shutil.rmtree(home.directory)
    home.program = [str(programs / "cms")]
    (home.path / "empty.txt").touch()
    return home


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_wheel_holds(wheels, package):
    wheel = wheels[package]
    assert wheel.name == f"cloudmesh_{package}-5.0.0-py3-none-any.whl"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "cloudmesh/__init__.py" not in names
    ours = [name for name in names if "/templates/" not in name]
    assert not [name for name in ours if "tests" in name or "conftest" in name]
    for folder in {package, *PACKAGES[package]}:
        assert f"cloudmesh/{folder}/__init__.py" in names
        assert f"cloudmesh/{folder}/py.typed" in names
    for command in PACKAGES[package]:
        assert f"cloudmesh/{command}/command/__init__.py" in names
        assert f"cloudmesh/{command}/command/{command}.py" in names
    others = {name.split("/")[1] for name in names if name.startswith("cloudmesh/")}
    assert others == {package, *PACKAGES[package]}


def test_wheels_share_no_file(wheels):
    names = [name for wheel in wheels.values() for name in zipfile.ZipFile(wheel).namelist()]
    assert len(names) == len(set(names))


def listed(told):
    """The commands in the list that ``help`` prints: that of ours, or that of cmd5 where only it is there."""
    if "Documented commands" in told:
        return set(told.split("Documented commands")[1].split())
    return {line.split()[0] for line in told.splitlines() if line.startswith("  ")}


def test_the_help_lists_every_command(user):
    assert listed(user.cms("help").stdout) >= set(CALLS)


def test_the_main_job(user):
    user.cms("config", "init")
    user.cms("config", "set", "clouds.local.boot_seconds=0.2")
    user.cms("vm", "boot", "vm[1-2]", "--wait")
    assert user.states() == {"vm1": "active", "vm2": "active"}
    user.cms("vm", "delete", "vm[1-2]", "--yes", "--wait")
    assert user.states() == {}


def test_every_command_runs_one_shot_and_in_the_shell(user):
    user.cms("config", "init")
    for words in CALLS.values():
        user.cms(*words)
    lines = [" ".join(words) for words in CALLS.values()]
    shell = user.cms("-i", stdin="\n".join([*lines, "help", "quit", ""]))
    assert str(user.config) in shell.stdout and "debian-12" in shell.stdout
    assert "Traceback" not in shell.stdout + shell.stderr
    assert "does not exist" not in shell.stdout + shell.stderr
    assert listed(shell.stdout) >= set(CALLS)


def test_the_provider_is_found(user):
    user.cms("config", "init")
    rows = user.json("cloud", "check")
    assert {row["result"] for row in rows} <= {"ok", "none"} and "simulated" in rows[0]["message"]
    python = user.program[0].replace("/cms", "/python")
    code = "from cloudmesh.cloud.provider.registry import provider_types; print(provider_types())"
    assert run(python, "-c", code, env=user.env, cwd=user.path) == f"{OWN}\n"


@pytest.mark.long
def test_each_package_needs_only_those_below_it(home, new_venv, wheels, root):
    """Every package is installed by pip beside those below it, and all that is there works."""
    programs = new_venv([wheels["plugin"]])
    user = newcomer(home, programs)
    there = []
    for number, package in enumerate(PACKAGES):
        if number:
            pip(programs, root, "install", wheels[package])
        there += PACKAGES[package]
        if package == "cms":
            # The script of cmd5 knows no command with a hyphen.
            there[there.index("ssh_config")] = "ssh-config"
        told = user.cms("help").stdout
        assert set(CALLS) & listed(told) == set(CALLS) & set(there)
        if package == "config":
            user.cms("config", "init")
        calls = [CALLS[command] for command in there if command in CALLS]
        for words in calls:
            user.cms(*words)
        shell = user.cms(
            *["-i"][: package == "cms"],
            stdin="\n".join([*map(" ".join, calls), "quit", ""]),
        )
        assert "Traceback" not in shell.stdout + shell.stderr
    pip(programs, root, "check")


def test_the_package_of_somebody_else_is_found_once_installed(home, new_venv, wheels, source):
    steps = [["setuptools", "wheel"], [*wheels.values()], ["--no-build-isolation", source / "outside"]]
    user = newcomer(home, new_venv(*steps))
    assert "acme" in listed(user.cms("help").stdout)
    assert user.json("acme", "greet", "you")[0]["greeting"] == "good day"
    code = "from cloudmesh.cloud.provider.registry import provider_types; print(provider_types())"
    python = user.program[0].replace("/cms", "/python")
    assert run(python, "-c", code, env=user.env, cwd=user.path) == f"{sorted(['acme', *OWN])}\n"

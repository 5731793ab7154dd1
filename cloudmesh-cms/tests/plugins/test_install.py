"""Plug-ins are installed into a fresh environment by the real pip, uv and pipx, used, and removed."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cloudmesh.cms.plugins.generate import rendered

from .conftest import command_module

pytestmark = pytest.mark.slow
HERE = Path(sys.executable).parent


def run(*words, **env):
    everything = {**os.environ, "PATH": f"{HERE}:{os.environ['PATH']}", **env}
    ended = subprocess.run(words, env=everything, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


@pytest.fixture(scope="module")
def dist(root, wheels_of_make, tmp_path_factory):
    """A folder with our wheels and with what builds others: pip and uv install from it without an index."""
    folder = shutil.copytree(wheels_of_make, tmp_path_factory.mktemp("offline") / "dist")
    tools = ["setuptools", "pytest>=8"]
    words = ["--quiet", "--dest", folder, "--constraint", root / "constraints.txt"]
    run(sys.executable, "-m", "pip", "download", *words, *tools)
    return folder


def of_tools(dist):
    """What installers of a user of these tests find in their environment."""
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))},
        **{"PIP_FIND_LINKS": str(dist), "UV_FIND_LINKS": str(dist), "PIP_NO_INDEX": "1"},
    }


@pytest.fixture(scope="module")
def venv(dist, root, tmp_path_factory):
    """An environment with cms, made as pip does it."""
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", folder)
    words = ["--quiet", "--find-links", dist, "--constraint", root / "constraints.txt", "cloudmesh-cms"]
    run(folder / "bin" / "python", "-m", "pip", "install", *words)
    return folder


@pytest.fixture
def user(home, venv, dist):
    """A user of that environment; plug-ins that are left there are removed at the end."""
    home.program = [str(venv / "bin" / "cms")]
    home.extra = of_tools(dist)
    yield home
    for name in packages(venv):
        if "acme" in name:
            run(venv / "bin" / "python", "-m", "pip", "uninstall", "--quiet", "--yes", name)


def packages(venv):
    """The distributions of an environment, with their versions."""
    infos = venv.glob("lib/python*/site-packages/*.dist-info")
    return dict(each.name.removesuffix(".dist-info").split("-") for each in infos)


def wheel(folder, name, files, version="1.0", points="", needs=()):
    """A wheel, written by hand, since to build one takes seconds."""
    name = name.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {each}\n" for each in needs)
    texts = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": points,
    }
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in texts.items():
            archive.writestr(each, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{each},,\n" for each in [*texts, f"{info}/RECORD"]))
    return path


def command(name, package=None):
    """The files of a command."""
    folder = f"cloudmesh/{package or name}"
    files = {f"{folder}/__init__.py": "", f"{folder}/command/__init__.py": ""}
    return {**files, f"{folder}/command/{package or name}.py": command_module(name)}


def provider(name="acme"):
    """The files and the entry points of a provider, as one is generated."""
    files = {
        path.removeprefix("src/"): text
        for path, text in rendered(name, "provider").items()
        if path.startswith("src/")
    }
    return files, f"[cloudmesh.providers]\n{name} = cloudmesh_{name}.provider:{name.title()}Provider\n"


def test_a_generated_provider_lives(user, venv, cloud_settings):
    user.cms("plugin", "generate", "acme", "--provider")
    (row,) = user.json("plugin", "install", "./cloudmesh-acme", "--yes")
    assert row == {
        **{"action": "install", "distribution": "cloudmesh-acme", "version": "0.1.0", "before": None},
        **{"commands": [], "providers": ["acme"], "executors": [], "files": 4},
    }
    listed = {(each["kind"], each["name"]): each for each in user.json("plugin", "list")}
    assert listed["provider", "acme"]["distribution"] == "cloudmesh-acme"
    acme = {"type": "acme", "default": {"image": "linux", "flavor": "small"}}
    user.configure(local=cloud_settings(), work=acme)
    assert {each["name"] for each in user.json("cloud", "list")} == {"local", "work"}
    user.cms("vm", "boot", "work:web[1-2],local:db1", "--wait")
    user.cms("vm", "stop", "work:web1", "--wait")
    rows = user.json("vm", "list", "--cloud=work,local", "--refresh")
    states = {(each["cloud"], each["name"]): each["state"] for each in rows}
    assert states == {("work", "web1"): "stopped", ("work", "web2"): "active", ("local", "db1"): "active"}

    missing = user.cms("plugin", "check", "acme", code=1).stderr
    assert "needs pytest, which is not installed" in missing
    user.run("sh", "-c", missing.partition("install it: ")[2])
    tests = user.json("plugin", "check", "acme")
    assert len(tests) > 50 and {each["result"] for each in tests} == {"passed"}
    rows = user.json("vm", "list", "--cloud=work", "--refresh")
    assert [each["state"] for each in rows] == ["stopped", "active"], "the suite was elsewhere"
    asked = user.cms("plugin", "check", "acme", "--cloud=work", code=2).stderr
    assert "machines named conformance-... on cloud work" in asked and "use --yes" in asked

    before = user.config.read_text(encoding="utf-8")
    told = user.cms("plugin", "remove", "cloudmesh-acme", "--yes").stderr
    assert "cloud work cannot be used without it, and is kept in the configuration" in told
    assert user.config.read_text(encoding="utf-8") == before
    assert "'acme'" in user.cms("vm", "list", "--cloud=work", "--refresh", code=3).stderr
    assert "cloudmesh_acme" not in packages(venv)


def test_a_generated_command_is_installed_used_and_removed_in_one_shell(user):
    user.cms("plugin", "generate", "acme")
    lines = ["acme hello web1", "plugin install ./cloudmesh-acme --yes", "acme hello web1", "help acme"]
    lines += ["plugin remove cloudmesh-acme --yes", "acme hello web1"]
    ended = user.cms("batch", "-", "--keep-going", stdin="\n".join([*lines, ""]), code=2)
    assert "web1    Hello" in ended.stdout and "acme hello NAMES" in ended.stdout
    assert "-:1: acme hello web1" in ended.stderr, "before it was installed"
    assert "this process still uses the old cloudmesh-acme" in ended.stderr
    assert "'acme'" in user.cms("acme", "hello", "web1", code=2).stderr


NAMESPACE = {"cloudmesh/__init__.py": ""}
SIMULATED = "[cloudmesh.providers]\nsimulated = acme:Acme\n"
SCRIPT = "[console_scripts]\ncms = acme:main\n"
# What a wheel holds beside a good command, and why it is refused.
CLASHES = {
    "a command": (
        {"files": command("vm", "acme")},
        "the command 'vm', which exists already in cloudmesh-vm 5.0.0",
    ),
    "a command of cmd5": (
        {"files": command("banner")},
        "the command 'banner', which exists already in cloudmesh-cmd5",
    ),
    "a type": (
        {"files": {}, "points": SIMULATED},
        "the provider 'simulated', which exists already in cloudmesh-cloud 5.0.0",
    ),
    "a file": ({"files": {"tabulate/__init__.py": ""}}, "which belongs to tabulate "),
    "a file of ours": ({"files": {"cloudmesh/plugin/output.py": ""}}, "which belongs to cloudmesh-plugin "),
    "a program": ({"files": {}, "points": SCRIPT}, "/bin/cms, which belongs to cloudmesh-"),
    "the namespace": ({"files": NAMESPACE}, "would hide all other packages"),
    "a part of cms": ({"files": {}, "needs": ["cloudmesh-db==4.0"]}, "would replace cloudmesh-db 5.0.0"),
    "nothing": (None, "has no command, provider or executor"),
}


@pytest.mark.parametrize("case", CLASHES)
def test_what_takes_from_others_is_refused_and_nothing_is_changed(user, venv, tmp_path, case):
    more, reason = CLASHES[case]
    wheel(tmp_path, "cloudmesh-db", {}, version="4.0")
    user.extra["PIP_FIND_LINKS"] += f" {tmp_path}"
    own = {"acme.py": ""} if more is None else {**command("acme1"), **more["files"]}
    path = wheel(tmp_path, "acme", **{**(more or {}), "files": own})
    before = packages(venv), sorted(map(str, venv.rglob("*.py")))
    ended = user.cms("plugin", "install", str(path), "--yes", code=1)
    assert reason in ended.stderr and ended.stdout == ""
    assert (packages(venv), sorted(map(str, venv.rglob("*.py")))) == before


def test_what_a_plugin_needs_is_shown_and_a_clash_in_it_is_refused(user, venv, tmp_path):
    user.extra["PIP_FIND_LINKS"] += f" {tmp_path}"
    wheel(tmp_path, "acme-lib", {"acme_lib.py": ""}, version="3.2")
    path = wheel(tmp_path, "acme", command("acme"), needs=["acme-lib"])
    rows = user.json("plugin", "install", str(path), "--dryrun")
    assert [(row["distribution"], row["version"]) for row in rows] == [("acme", "1.0"), ("acme-lib", "3.2")]
    assert "acme" not in packages(venv)
    wheel(tmp_path, "acme-lib", {"tabulate/__init__.py": ""}, version="3.3")
    assert "acme-lib 3.3 would overwrite" in user.cms("plugin", "install", str(path), code=1).stderr


def test_the_user_is_asked_and_told_what_comes(user, venv, tmp_path):
    path = wheel(tmp_path, "acme", command("acme"))
    ended = user.cms("plugin", "install", str(path), code=2)
    assert "install acme 1.0: command acme; 3 files" in ended.stderr and "use --yes" in ended.stderr
    for answer, code in (("n", 1), ("", 1), ("y", 0)):
        assert "acme" not in packages(venv)
        shell = user.terminal("plugin", "install", str(path))
        shell.expect_exact("Install acme? [y/N] ")
        shell.sendline(answer)
        shell.expect(["nothing was done", "install  *acme"])
        shell.wait()
        assert shell.exitstatus == code
    assert user.cms("acme").stdout == "acme of Acme\n"


@pytest.mark.long
def test_a_newer_version_is_found_by_name_and_an_older_one_is_no_update(user, tmp_path):
    user.extra["PIP_FIND_LINKS"] += f" {tmp_path}"
    assert "there is no plug-in 'acme'" in user.cms("plugin", "update", "acme", "--yes", code=2).stderr
    first = wheel(tmp_path, "acme", command("acme"))
    assert "is not installed" in user.cms("plugin", "update", str(first), "--yes", code=2).stderr
    user.cms("plugin", "install", "acme", "--yes")
    assert "is installed already" in user.cms("plugin", "install", "acme", "--yes").stderr
    assert "newest version" in user.cms("plugin", "update", "acme", "--yes").stderr
    wheel(tmp_path, "acme", command("acme2", "acme"), version="2.0")
    (row,) = user.json("plugin", "update", "acme", "--yes")
    assert (row["action"], row["before"], row["version"]) == ("update", "1.0", "2.0")
    names = {each["name"] for each in user.json("plugin", "list", code=None)}
    assert "acme2" in names


def test_what_is_installed_and_cannot_be_loaded_is_said(user, tmp_path):
    path = wheel(
        tmp_path, "acme", {**command("acme"), "cloudmesh/acme/command/acme.py": "import nosuchlibrary"}
    )
    ended = user.cms("plugin", "install", str(path), "--yes", code=1)
    assert "cannot be loaded: ModuleNotFoundError: No module named 'nosuchlibrary'" in ended.stderr


def test_what_must_stay_is_not_removed(user, tmp_path):
    wheel(tmp_path, "acme", command("acme"))
    user.extra["PIP_FIND_LINKS"] += f" {tmp_path}"
    user.cms("plugin", "install", str(wheel(tmp_path, "acme-b", command("acmeb"), needs=["acme"])), "--yes")
    refused = {
        "cloudmesh-vm": (1, "is a part of cms"),
        "cloudmesh-cmd5": (1, "is a part of cms"),
        "tabulate": (2, "is not a plug-in of cms"),
        "acme": (1, "is needed by acme-b 1.0"),
        "acmeb": (2, "the command 'acmeb' belongs to acme-b"),
        "acme-c": (2, "did you mean 'acme-b'?"),
    }
    for name, (code, reason) in refused.items():
        assert reason in user.cms("plugin", "remove", name, "--yes", code=code).stderr
    (row,) = user.json("plugin", "remove", "acme-b", "--dryrun")
    assert (row["action"], row["commands"]) == ("remove", ["acmeb"])
    assert "use --yes" in user.cms("plugin", "remove", "acme-b", code=2).stderr
    user.cms("plugin", "remove", "acme-b", "--yes")
    user.cms("plugin", "remove", "acme", "--yes")


def test_the_password_of_an_index_is_not_shown(user):
    user.extra.update(PIP_INDEX_URL="http://me:hush@127.0.0.1:9/simple", PIP_RETRIES="0", CLOUDMESH_DEBUG="1")
    del user.extra["PIP_NO_INDEX"]
    ended = user.cms("plugin", "install", "acme", "--yes", code=1)
    assert "hush" not in ended.stderr + ended.stdout and "pip install failed" in ended.stderr


@pytest.mark.parametrize(
    "tool", ["uv tool", *(pytest.param(each, marks=pytest.mark.long) for each in ("uv venv", "pipx"))]
)
def test_the_tool_that_made_an_environment_keeps_the_plugin_in_it(home, dist, root, tmp_path, tool):
    programs = tmp_path / "programs"
    home.extra = {
        **of_tools(dist),
        **{"PATH": f"{HERE}:{os.environ['PATH']}", "UV_CACHE_DIR": str(tmp_path / "cache")},
        **{"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(programs)},
        **{"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(programs)},
    }
    env = {name: value for name, value in home.extra.items() if name != "PIP_NO_INDEX"}
    options = ["--find-links", dist, "--constraints", root / "constraints.txt"]
    if tool == "uv venv":
        run("uv", "venv", "--quiet", tmp_path / "env", "--python", sys.executable, **env)
        python = tmp_path / "env" / "bin" / "python"
        run("uv", "pip", "install", "--quiet", "--python", python, *options, "cloudmesh-cms", **env)
        programs = tmp_path / "env" / "bin"
    elif tool == "uv tool":
        words = ["--python", sys.executable, *options, "cloudmesh-cms"]
        run("uv", "tool", "install", "--quiet", *words, **env)
    else:
        given = f"--pip-args=--find-links {dist} --constraint {root / 'constraints.txt'}"
        run("pipx", "install", "--quiet", "--python", sys.executable, given, "cloudmesh-cms", **env)
    home.program = [str(programs / "cloudmesh")]
    files, points = provider()
    first = wheel(tmp_path, "cloudmesh-acme", files, points=points)
    # What it made the environment from is in its cache.
    home.extra["UV_OFFLINE"] = "1"
    (row,) = home.json("plugin", "install", str(first), "--yes")
    assert row["providers"] == ["acme"]
    (row,) = home.json(
        "plugin", "update", str(wheel(tmp_path, "cloudmesh-acme", files, "2.0", points)), "--yes"
    )
    assert (row["action"], row["before"], row["version"]) == ("update", "1.0", "2.0")
    listed = {each["name"]: each for each in home.json("plugin", "list")}
    assert listed["acme"]["version"] == "2.0"
    if tool == "uv tool":
        receipt = next((tmp_path / "tools").glob("*/uv-receipt.toml")).read_text(encoding="utf-8")
        assert "cloudmesh-acme" in receipt and "constraints" in receipt
    home.cms("plugin", "remove", "cloudmesh-acme", "--yes")
    assert "acme" not in {each["name"] for each in home.json("plugin", "list")}

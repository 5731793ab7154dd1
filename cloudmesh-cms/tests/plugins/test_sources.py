"""What ``cms plugin install`` takes, and which program it finds to install it; nothing is installed here."""

import sys
import sysconfig

import pytest

from cloudmesh.cms.plugins import installers, receipt
from cloudmesh.cms.plugins.sources import source
from cloudmesh.plugin.errors import CloudmeshError

# What is asked for, and what is said of it.
REFUSED = {
    "https://me:hush@there/x.whl": "'https://me:***@there/x.whl' is a URL",
    "git+ssh://there/x": "is a URL",
    "./nowhere": "there is no file or folder ./nowhere",
    "x.whl": "there is no file or folder x.whl",
    "./empty": "the folder ./empty has no pyproject.toml",
    "./file.txt": "is neither a wheel nor a folder",
    "package": "package is a folder here: use ./package",
    "two words": "neither a folder, nor a wheel, nor the name",
    "--index-url=x": "unknown option",
    "-r": "unknown option",
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_is_no_source_is_refused(home, word):
    for folder in ("empty", "package"):
        (home.path / folder).mkdir()
    (home.path / "package" / "pyproject.toml").touch()
    (home.path / "file.txt").touch()
    ended = home.cms("plugin", "install", word, "--yes", code=2)
    assert REFUSED[word] in ended.stderr and "hush" not in ended.stderr


@pytest.mark.parametrize(
    "word", ["Acme_Cloud", "acme.cloud==1.0", "acme-cloud[x,y] >=1,<2.0", "acme-cloud~=1.2"]
)
def test_a_name_may_have_versions_and_extras(word):
    assert source(word) == (word, "acme-cloud")


@pytest.fixture
def prefix(tmp_path, monkeypatch):
    """An environment in which nothing is, and programs uv and pipx."""
    for folder in ("env", "bin"):
        (tmp_path / folder).mkdir()
    for name in ("uv", "pipx"):
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return tmp_path / "env"


# The files of an environment, whether pip is in it, what keeps it, and what finds out what is needed.
KINDS = {
    "venv": ({"pyvenv.cfg": "home = x\n"}, True, installers.Pip, None),
    "venv without pip": ({"pyvenv.cfg": "home = x\n"}, False, installers.Uv, None),
    "uv venv": ({"pyvenv.cfg": "home = x\nuv = 0.1\n"}, True, installers.Uv, None),
    "pipx": ({"pipx_metadata.json": "{}", "pyvenv.cfg": "home = x\n"}, True, installers.Pipx, installers.Pip),
    "pipx by uv": ({"pipx_metadata.json": "{}"}, False, installers.Pipx, installers.Uv),
    "uv tool": ({"uv-receipt.toml": "", "pyvenv.cfg": "\nuv = 1\n"}, False, installers.UvTool, installers.Uv),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_keeps_an_environment_is_found(prefix, monkeypatch, kind):
    files, pip, keeps, within = KINDS[kind]
    for name, text in files.items():
        (prefix / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(installers, "find_spec", lambda name: pip or None)
    found = installers.current()
    assert type(found) is keeps
    assert within is None or type(found.within) is within


@pytest.mark.parametrize("kind", ["venv without pip", "pipx", "uv tool"])
def test_a_program_that_is_not_there_is_named(prefix, monkeypatch, kind):
    for name, text in KINDS[kind][0].items():
        (prefix / name).write_text(text, encoding="utf-8")
    for each in (prefix.parent / "bin").iterdir():
        each.unlink()
    monkeypatch.setattr(installers, "find_spec", lambda name: None)
    with pytest.raises(CloudmeshError, match="uv|pipx"):
        installers.current()


def test_the_python_of_the_operating_system_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(CloudmeshError, match="PEP 668"):
        installers.current()


RECEIPT = """
[tool]
requirements = [
    { name = "cloudmesh-cms", extras = ["dask"], specifier = ">=5" },
    { name = "acme", directory = "/src/acme" },
    { name = "other", editable = "/src/other" },
    { name = "third", specifier = "==1", marker = "python_version > '3'" },
]
constraints = [{ name = "rich", specifier = "<99" }]
python = "3.11"
[tool.options]
find-links = ["file:///wheels"]
index-url = "https://me:hush@there/simple"
"""


def test_all_of_a_receipt_is_said_again_and_a_password_not_as_a_word(tmp_path):
    folder = tmp_path / "cloudmesh-cms"
    folder.mkdir()
    file = folder / "uv-receipt.toml"
    file.write_text(RECEIPT, encoding="utf-8")
    read = receipt.Receipt.of(folder)
    assert [*read.words(but="acme")] == [
        *("cloudmesh-cms[dask]>=5", "--with-editable", "/src/other"),
        *("--with", "third==1 ; python_version > '3'", "--find-links=/wheels", "--python", "3.11"),
    ]
    assert read.constraints == ("rich<99",)
    assert read.environment == {"UV_DEFAULT_INDEX": "https://me:hush@there/simple"}
    for more in ('resolution = "lowest"\n', "[tool.more]\nx = 1\n"):
        file.write_text(RECEIPT + more, encoding="utf-8")
        with pytest.raises(CloudmeshError, match="cannot reproduce"):
            receipt.Receipt.of(folder)


def test_an_installer_that_fails_says_why_in_one_line_without_secrets():
    script = (
        "echo working; echo 'ERROR: no https://me:hush@there/x' >&2; echo '  cause: it is away' >&2; exit 3"
    )
    with pytest.raises(CloudmeshError) as caught:
        installers.call(["sh", "-c", script])
    assert str(caught.value) == "sh failed: no https://me:***@there/x; it is away"

"""Homes with the real program, and packages of others as they look once they are installed."""

import importlib.util
import sys
import textwrap
from pathlib import Path

import pytest

_FILE = Path(__file__).parents[3] / "tests" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("fixtures_of_all", _FILE)
_MODULE = importlib.util.module_from_spec(_SPEC)
# Its dataclasses look their module up.
sys.modules[_SPEC.name] = _MODULE
_SPEC.loader.exec_module(_MODULE)

home, cloud_settings, make_home, root = (
    getattr(_MODULE, name) for name in ("home", "cloud_settings", "make_home", "root")
)

COMMAND = """
    from cloudmesh.plugin import Answer, PluginCommand, command

    class {title}Command(PluginCommand):
        @command(reads="{name}")
        def do_{name}(self, arguments):
            '''
            ::

              Usage:
                {name}
            '''
            return Answer(text="{name} of {title}")
"""


def command_module(name, title=""):
    """The text of a module with a command."""
    return textwrap.dedent(COMMAND).format(name=name, title=title or name.title())


class Site:
    """A folder on Python's path with distributions in it, as an installer leaves them."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def install(self, name, files=None, points="", version="1.0", metadata=None):
        """A distribution with these files, by path, and these entry points."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (info / "METADATA").write_text(text if metadata is None else metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(textwrap.dedent(points), encoding="utf-8")
        for path, content in (files or {}).items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(content), encoding="utf-8")
        (info / "RECORD").write_text("".join(f"{path},,\n" for path in files or {}), encoding="utf-8")

    def command(self, name, source=None, package=None, distribution=None, **more):
        """A distribution with one command, in the module of this name."""
        package = package or name
        folder = f"cloudmesh/{package}"
        module = command_module(name, package.title()) if source is None else source
        files = {f"{folder}/__init__.py": "", f"{folder}/command/__init__.py": ""}
        files[f"{folder}/command/{package}.py"] = module
        self.install(distribution or f"cloudmesh-{package.replace('_', '-')}", files, **more)


@pytest.fixture
def site(home, tmp_path):
    """A site of packages of others, for the user of ``home``."""
    site = Site(tmp_path / "site")
    home.extra["PYTHONPATH"] = str(site.folder)
    return site

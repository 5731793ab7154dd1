"""Files of other programs, read by the programs they are for and by ours, and compared on the wire."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.plugin.errors import CloudmeshError


@pytest.fixture(scope="session")
def recorder_class() -> Any:
    """The class of the server that keeps what it is sent."""
    folder = str(Path(__file__).resolve().parent)
    sys.path.append(folder)
    try:
        return importlib.import_module("recorder").Recorder
    finally:
        sys.path.remove(folder)


@pytest.fixture
def make_recorder(recorder_class: Any) -> Iterator[Callable[..., Any]]:
    """Starts such a server, which ends with the test; with ``folder=`` it speaks TLS."""
    with ExitStack() as servers:
        yield lambda **settings: servers.enter_context(recorder_class(**settings))


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a working directory of its own, and no variable of OpenStack; gives the home."""
    for name in [*os.environ]:
        if name.startswith("OS_") or name.endswith(("_CA_BUNDLE", "_proxy", "_PROXY")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CLOUDMESH_CONFIG_DIR", str(home / "cloudmesh"))
    monkeypatch.chdir(home)
    return home


@pytest.fixture
def by_us() -> Callable[..., str]:
    """Signs in and lists machines with a cloud's section, as ``cms vm list`` does; the error, if it fails."""

    def connect(section: Mapping[str, Any]) -> str:
        try:
            with OpenStackProvider("uc", dict(section)) as provider:
                # A kept token would hide what is sent.
                provider.check()
                list(provider.machines())
        except CloudmeshError as error:
            return str(error)
        return ""

    return connect


@pytest.fixture
def by_openstacksdk() -> Callable[..., str]:
    """Does the same as openstacksdk's loader reads a file; the error, if it fails.

    With ``file=None`` it reads the variables of the environment instead; with ``in_directory`` it runs where
    the file is, and looks for the others there.
    """
    from openstack.config.loader import OpenStackConfig
    from openstack.connection import Connection

    def connect(
        file: Path | None, cloud: str | None = None, in_directory: bool = False, **options: Any
    ) -> str:
        paths: dict[str, Any] = {"config_files": [str(file)]} if file else {"load_yaml_config": False}
        if file and in_directory:
            paths["secure_files"] = [str(file.with_name("secure.yaml"))]
            paths["vendor_files"] = [str(file.with_name("clouds-public.yaml"))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                loader = OpenStackConfig(**paths, load_envvars=file is None)
                with Connection(config=loader.get_one(cloud, **options)) as connection:
                    connection.compute.get("/servers/detail").raise_for_status()
            except Exception as error:  # noqa: BLE001 whatever it is, it did not get there
                return f"{type(error).__name__}: {error}"
        return ""

    return connect

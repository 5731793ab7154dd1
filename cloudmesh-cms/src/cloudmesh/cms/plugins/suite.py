"""The conformance suite on an installed provider: a module that pytest runs, in a process of its own.

``child`` is told on stdin what to test, and tells of each test in a line of JSON on stdout. This module needs
pytest; nobody else imports it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import pytest

from cloudmesh.cloud.conformance import ProviderSuite
from cloudmesh.cloud.provider.interface import Provider
from cloudmesh.cloud.provider.registry import provider_class
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.plain import harmless
from cloudmesh.plugin.report import mask_known, remember
from cloudmesh.plugin.secrets import mask_text

MakeProvider = Callable[[], Provider]


class TestProvider(ProviderSuite):
    """The suite; the account comes from ``Told``."""

    @pytest.fixture
    def make_provider(self, request: pytest.FixtureRequest) -> MakeProvider:
        """Makes a provider on the account that is tested."""
        self.patience = request.getfixturevalue("patience")
        make: MakeProvider = request.getfixturevalue("account")
        return make


class Told:
    """A plug-in of pytest: what is tested, and a line on each test."""

    def __init__(self, make: MakeProvider, patience: float, told: TextIO) -> None:
        self._make = make
        self._patience = patience
        self._told = told
        self._session: pytest.Session | None = None
        self._cleans_up = False

    def interrupt(self, number: int, frame: object) -> None:
        """Give up the test that runs, as Ctrl-C does, but never the deleting of its machines."""
        if self._session is not None:
            self._session.shouldstop = "interrupted"
        if not self._cleans_up:
            self._cleans_up = True
            raise KeyboardInterrupt

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, to be able to end it."""
        self._session = session

    def pytest_runtest_setup(self) -> None:
        """A test begins, which may be given up."""
        self._cleans_up = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """From here on the machines of the test are deleted."""
        self._cleans_up = True

    @pytest.fixture
    def account(self) -> MakeProvider:
        """Makes a provider."""
        return self._make

    @pytest.fixture
    def patience(self) -> float:
        """Seconds to wait for a machine to reach a state."""
        return self._patience

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a test that has ended, or whose preparation or cleaning-up failed."""
        if report.when != "call" and report.outcome == "passed":
            return
        reason = "" if report.outcome == "passed" else _reason(report)
        name = report.nodeid.rpartition("::")[2].removeprefix("test_")
        stage = {"setup": "preparing it: ", "teardown": "cleaning up: "}.get(report.when or "", "")
        row = {"test": name, "result": report.outcome, "reason": (stage + reason) if reason else None}
        print(json.dumps(row), file=self._told, flush=True)


def _reason(report: pytest.TestReport) -> str:
    """The first line of what went wrong, without secrets."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message) if crash else str(report.longrepr)
    line = next((each.strip() for each in text.splitlines() if each.strip()), "")
    return harmless(mask_known(mask_text(line, prose=True)))


def child() -> None:
    """Run the suite as stdin says: the type and name of a cloud, its settings, and the patience in seconds.

    What is told of an account that cannot be used at all is a line ``{"error": RECORD}``.
    """
    order = json.load(sys.stdin)
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    _remember(order["settings"])
    try:
        kind = provider_class(order["type"], order["cloud"])

        def make() -> Provider:
            return kind(order["cloud"], order["settings"])

        with make() as provider:
            provider.check()
    except CloudmeshError as error:
        print(json.dumps({"error": error.to_record()}), file=told, flush=True)
        sys.exit(0)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        words = [f"--rootdir={folder}", "-c", os.devnull, "-o", "python_files=suite.py"]
        quiet = ["-p", "no:cacheprovider", "-p", "no:terminal", "--import-mode=importlib"]
        plugin = Told(make, float(order["patience"]), told)
        signal.signal(signal.SIGINT, plugin.interrupt)
        sys.exit(pytest.main([*words, *quiet, __file__], plugins=[plugin]))


def _remember(settings: Mapping[str, Any]) -> None:
    """Hide the secrets of the settings in all that is told."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            _remember(value)
        else:
            remember(str(key), value)

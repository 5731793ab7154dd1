"""The conformance suite on an installed provider, run in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from cloudmesh.cms.plugins import installers
from cloudmesh.cms.plugins.asking import require_yes
from cloudmesh.cms.plugins.installed import everything
from cloudmesh.plugin import Answer
from cloudmesh.plugin.errors import CloudmeshError, ConfigError, UnknownName, UsageError, error_from_record
from cloudmesh.plugin.report import tell

if TYPE_CHECKING:
    from cloudmesh.cloud.provider.interface import Provider
    from cloudmesh.config.secrets.prompt import Prompter

# Seconds to wait for a machine: on an account of the user, and on one that is made for the suite.
_PATIENCE, _QUICK = 600.0, 60.0
_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from cloudmesh.cms.plugins.suite import child
child()
"""


def check_provider(kind: str, cloud: str | None, prompter: Prompter, *, yes: bool, form: str) -> Answer:
    """Run the suite on the provider of a type of clouds; a row for each test, in a table for each failure.

    Without a cloud the suite runs on an empty account in a folder that is removed afterwards, which only
    providers without credentials can.

    Args:
        cloud: the cloud of the configuration on which the suite boots and deletes machines.
        yes: whether the user is not asked about that.
        form: the output format.

    Raises:
        UnknownName: there is no such provider.
        UsageError: it needs a cloud, or the user cannot be asked.
        CloudmeshError: pytest is not installed, the provider cannot be used, or the user said no.
    """
    from cloudmesh.cloud.provider.registry import provider_class, provider_types

    if kind not in provider_types():
        raise UnknownName("provider", kind, provider_types())
    if find_spec("pytest") is None:
        line = installers.current().line("pytest>=8")
        raise CloudmeshError(
            f"the conformance suite needs pytest, which is not installed; install it: {line}"
        )
    provider = provider_class(kind, cloud or kind)
    settings = _settings(provider, kind, cloud, prompter)
    if cloud and not provider.simulated:
        sentence = f"the suite boots and deletes machines named conformance-... on cloud {cloud}"
        require_yes(f"{sentence}; this may cost money", "run the suite", yes=yes)
    rows = list(_run(kind, cloud, settings))
    failed = [row for row in rows if row["result"] == "failed"]
    owner = next((each for each in everything() if kind in each.names("provider")), kind)
    count = f"{len(failed)} failed, {len(rows) - len(failed)} passed"
    note = f"provider {kind!r} of {owner}: {count}"
    shown = failed if form == "table" else rows
    return Answer(shown, names="test", notes=[note], exit_code=1 if failed else 0)


def _settings(
    provider: type[Provider], kind: str, cloud: str | None, prompter: Prompter
) -> Mapping[str, Any]:
    """The settings of the cloud; of the account that is made for the suite there are none."""
    if cloud is None:
        if provider.required_credentials:
            needed = ", ".join(provider.required_credentials)
            raise UsageError(
                f"provider {kind!r} needs credentials ({needed}): "
                "name a cloud of the configuration to run the suite on, with --cloud"
            )
        return {}
    from cloudmesh.config import Config

    config = Config.load(prompter=prompter)
    settings = config.settings(cloud)
    if settings.get("type") != kind:
        raise UsageError(f"cloud {cloud} has type {settings.get('type')!r}, not {kind!r}")
    return settings


def _run(kind: str, cloud: str | None, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The row of each test, when it has ended."""
    patience = _QUICK if cloud is None else _PATIENCE
    order = {"type": kind, "cloud": cloud or kind, "settings": settings, "patience": patience}
    with tempfile.TemporaryDirectory(prefix="cloudmesh-conformance-") as folder:
        env = dict(os.environ) if cloud else {**os.environ, "CLOUDMESH_CONFIG_DIR": folder}
        words = [sys.executable, "-c", _START, json.dumps(sys.path)]
        # By a pipe, since what others can read must not hold credentials.
        with subprocess.Popen(
            words,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Ctrl-C must reach it once, by us: a second one would end it before it has cleaned up.
            start_new_session=True,
        ) as process:
            assert process.stdin and process.stdout  # noqa: S101 they were asked for
            try:
                process.stdin.write(json.dumps(order, default=str))
                process.stdin.close()
                for line in process.stdout:
                    row = json.loads(line)
                    if "error" in row:
                        raise _unusable(kind, cloud, error_from_record(row["error"]))
                    yield row
            except KeyboardInterrupt:
                tell("interrupted; the machines of the suite are deleted first")
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
    # 1: a test failed.
    if process.returncode not in (0, 1):
        raise CloudmeshError(f"the conformance suite ended early (exit code {process.returncode})")


def _unusable(kind: str, cloud: str | None, error: CloudmeshError) -> CloudmeshError:
    if cloud is None:
        return ConfigError(
            f"provider {kind!r} cannot be used without settings: {error}; "
            "name a cloud of the configuration to run the suite on, with --cloud"
        )
    return error

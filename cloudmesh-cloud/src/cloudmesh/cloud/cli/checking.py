"""``cms cloud check``: whether clouds can be used, step by step, and how long each step takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.client.lookup import defaults
from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.fanout.ask_all import ask_clouds
from cloudmesh.cloud.model.records import Quota
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.cloud.store.inventory import Inventory
from cloudmesh.config import Config
from cloudmesh.db import Database
from cloudmesh.plugin.errors import CloudmeshError, UnknownName
from cloudmesh.plugin.output import Answer

# Quotas that keep a machine from being booted when nothing is left of them.
_VITAL = ("machines", "vcpus", "ram")


def check_clouds(config: Config, names: Sequence[str]) -> Answer:
    """Check clouds side by side: connection, sign-in, quota, default image and flavor.

    A row each; what comes after a failed step of the first two is not tried. The exit code is that of the
    worst failure.
    """
    checks = {name: _Checks(config, name) for name in names}
    # It signs in though a token may be kept, so it needs all secrets.
    failed = config.unresolved(names)
    return _answer(
        checks, ask_each(config, names, lambda cloud: checks[cloud.name].run(cloud), failed=failed)
    )


def check_unsaved(config: Config, name: str) -> Answer:
    """The same for a cloud that is not in the configuration yet: whether it can be signed in to, and has the
    image and flavor that are given; nothing of it is stored.
    """
    checks = _Checks(config, name)

    def check(_: str) -> None:
        with Inventory(Database(":memory:")) as inventory, Cloud(name, config, inventory) as cloud:
            checks.run(cloud, sign_in_only=True)

    return _answer({name: checks}, ask_clouds(config, [name], check))


def _answer(checks: Mapping[str, _Checks], answers: Mapping[str, CloudmeshError | None]) -> Answer:
    """The rows and errors of all checks."""
    rows: list[dict[str, Any]] = []
    errors: list[CloudmeshError] = []
    for name, answer in answers.items():
        # One that was given up in the middle may go on in its thread.
        rows += list(checks[name].rows)
        errors += list(checks[name].errors)
        if isinstance(answer, CloudmeshError):
            step = "answer" if isinstance(answer, CloudTimeout) else "configuration"
            rows.append(_row(name, step, "failed", 0.0, str(answer)))
            errors.append(answer)
    code = max((error.exit_code for error in errors), default=0)
    return Answer(rows, columns=list(_row("", "", "", 0.0, "")), errors=errors, exit_code=code)


class _Remark(Exception):
    """A step that neither succeeded nor failed, but has something to say."""

    def __init__(self, result: str, message: str) -> None:
        super().__init__(message)
        self.result = result


class _Checks:
    """The checks of one cloud, and its rows while they come in."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name
        self.rows: list[dict[str, Any]] = []
        self.errors: list[CloudmeshError] = []

    def run(self, cloud: Cloud, sign_in_only: bool = False) -> None:
        """Check the cloud, step by step; with ``sign_in_only`` without what no setting is about."""
        # What is told is how it is now, and at once.
        cloud.read_retry = ONCE
        if self._passes(cloud, "connection", cloud.connection.calls.connect) and self._passes(
            cloud, "sign-in", cloud.check
        ):
            given = defaults(self._config, self._name)
            if not sign_in_only:
                self._passes(cloud, "quota", partial(_quota, cloud))
            for kind, find in (("image", cloud.image), ("flavor", cloud.flavor)):
                if given.get(kind) or not sign_in_only:
                    self._passes(cloud, kind, partial(self._default, cloud, kind, find))

    def _passes(self, cloud: Cloud, step: str, work: Callable[[], str]) -> bool:
        """Do one step and note how it went; one that has nothing to say is left out."""
        began = time.monotonic()
        try:
            message, result = work(), "ok"
        except _Remark as remark:
            message, result = str(remark), remark.result
        except CloudmeshError as error:
            cloud.forget_if_refused(error)
            self.errors.append(error)
            message, result = str(error), "failed"
        if message:
            self.rows.append(_row(self._name, step, result, time.monotonic() - began, message))
        return result != "failed"

    def _default(self, cloud: Cloud, kind: str, find: Callable[[str], Any]) -> str:
        name = defaults(self._config, self._name).get(kind)
        if not name:
            hint = f"cms config set clouds.{self._name}.default.{kind}=NAME"
            raise _Remark("none", f"no default {kind} configured; {hint}")
        try:
            return f"default {kind} {name} found ({find(name).cloud_id})"
        except UnknownName as error:
            if kind == "image" and _may_have_none(cloud):
                raise _Remark("none", str(error)) from error
            raise


def _may_have_none(cloud: Cloud) -> bool:
    """Whether a cloud has no image at all, and is one to which users add what they want."""
    return Capability.ADD_IMAGE in cloud.provider.capabilities and not cloud.images()


def _row(name: str, check: str, result: str, seconds: float, message: str) -> dict[str, Any]:
    return {"name": name, "check": check, "result": result, "seconds": round(seconds, 3), "message": message}


def _quota(cloud: Cloud) -> str:
    if Capability.QUOTAS not in cloud.provider.capabilities:
        raise _Remark("none", "not reported by this type of cloud")
    vital = [quota for quota in cloud.quotas() if quota.name in _VITAL]
    shown = ", ".join(map(_used, vital))
    if any(quota.left == 0 for quota in vital):
        raise _Remark("full", f"quota exhausted, no machine can be booted: {shown}")
    return shown or "no quota of machines reported"


def _used(quota: Quota) -> str:
    used = "?" if quota.used is None else quota.used
    limit = "unlimited" if quota.limit is None else quota.limit
    return f"{quota.name} {used}{f' {quota.unit}' if quota.unit else ''} of {limit}"

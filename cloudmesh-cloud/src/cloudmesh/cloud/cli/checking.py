"""``cms cloud check``: whether clouds can be used, step by step, and how long each step takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cloudmesh.cloud.client.cloud import Cloud, ask_each
from cloudmesh.cloud.client.lookup import defaults
from cloudmesh.cloud.errors import CloudTimeout
from cloudmesh.cloud.model.records import Quota
from cloudmesh.cloud.model.verbs import Capability
from cloudmesh.cloud.provider.endpoint import look_up, shake_hands
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.output import Answer

COLUMNS = ("name", "check", "result", "seconds", "message")
# Quotas that keep a machine from being booted when nothing is left of them.
_VITAL = ("machines", "vcpus", "ram")

Row = dict[str, Any]


def check_clouds(config: Config, names: Sequence[str]) -> Answer:
    """Check clouds side by side: name service, TLS, sign-in, quota, default image and flavor.

    A row each; what comes after a failed step of the first three is not tried. The exit code is that of the
    worst failure.
    """
    checks = {name: _Checks(name) for name in names}
    answers = ask_each(config, names, lambda cloud: _check(config, cloud, checks[cloud.name]))
    rows: list[Row] = []
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
    return Answer(rows, columns=COLUMNS, errors=errors, exit_code=code)


def _check(config: Config, cloud: Cloud, checks: _Checks) -> None:
    """Check one cloud, step by step."""
    # What is told is how it is now, and at once.
    cloud.read_retry = ONCE
    endpoint = cloud.provider.endpoint()
    steps: list[tuple[str, Callable[[], str]]] = [("sign-in", cloud.check)]
    if endpoint is not None:
        steps = [
            ("dns", partial(look_up, endpoint)),
            ("tls" if endpoint.has_tls else "connection", partial(shake_hands, endpoint)),
            *steps,
        ]
    if all(checks.passes(step, work) for step, work in steps):
        checks.passes("quota", partial(_quota, cloud))
        for kind in ("image", "flavor"):
            checks.passes(kind, partial(_default, config, cloud, kind))


class _Checks:
    """The rows of one cloud while they come in."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.rows: list[Row] = []
        self.errors: list[CloudmeshError] = []

    def passes(self, step: str, work: Callable[[], str]) -> bool:
        """Do one step and note how it went."""
        began = time.monotonic()
        try:
            message, result = work(), "ok"
        except _Remark as remark:
            message, result = str(remark), remark.result
        except CloudmeshError as error:
            self.errors.append(error)
            message, result = str(error), "failed"
        self.rows.append(_row(self._name, step, result, time.monotonic() - began, message))
        return result != "failed"


class _Remark(Exception):
    """A step that neither succeeded nor failed, but has something to say."""

    def __init__(self, result: str, message: str) -> None:
        super().__init__(message)
        self.result = result


def _row(name: str, check: str, result: str, seconds: float, message: str) -> Row:
    return {"name": name, "check": check, "result": result, "seconds": round(seconds, 3), "message": message}


def _quota(cloud: Cloud) -> str:
    if Capability.QUOTAS not in cloud.provider.capabilities:
        raise _Remark("none", "this type of cloud does not tell")
    quotas = cloud.quotas()
    shown = ", ".join(_used(quota) for quota in quotas if quota.name in _VITAL)
    if any(quota.left == 0 for quota in quotas if quota.name in _VITAL):
        raise _Remark("full", f"there is no room for another machine: {shown}")
    return shown or "nothing is told of machines"


def _used(quota: Quota) -> str:
    used = "?" if quota.used is None else str(quota.used)
    limit = "no limit" if quota.limit is None else str(quota.limit)
    unit = f" {quota.unit}" if quota.unit else ""
    return f"{quota.name} {used}{unit} of {limit}"


def _default(config: Config, cloud: Cloud, kind: str) -> str:
    name = defaults(config, cloud.name).get(kind)
    if not name:
        hint = f"cms config set clouds.{cloud.name}.default.{kind}=NAME"
        raise _Remark("none", f"no default {kind} is configured; {hint} sets one")
    found = cloud.image(name) if kind == "image" else cloud.flavor(name)
    return f"the default {kind} {name} is there ({found.cloud_id})"

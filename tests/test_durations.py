"""Durations with units, in options and in the configuration."""

from __future__ import annotations

import pytest

SENTENCE = "is not a duration; use 10s, 5m, 1h, or a number of seconds such as 90"


@pytest.mark.parametrize(
    "words", [("--timeout=1m",), ("--timeout", "90"), ("--call-timeout=1h30m", "--timeout=.5m")]
)
def test_an_option_takes_a_duration(machines, words):
    assert "stopped" in machines.cms("vm", "stop", "web01", "--wait", *words).stdout


@pytest.mark.parametrize(
    ("option", "reason"), [("5 minutes", SENTENCE), ("-1", SENTENCE), ("0s", "must be more than 0; use 10s")]
)
@pytest.mark.parametrize("name", ["--timeout", "--call-timeout"])
def test_what_is_no_duration_is_refused_with_the_accepted_forms(machines, name, option, reason):
    told = machines.cms("vm", "stop", "web01", f"{name}={option}", code=2).stderr
    assert f"{name}={option} {reason}" in told


def test_the_configuration_takes_durations(machines):
    machines.change("local", call_timeout="5m", boot_seconds="0.1s", latency_seconds="0s")
    machines.cms("vm", "boot", "new", "--wait")
    machines.cms("config", "set", "clouds.local.call_timeout=soon")
    told = machines.cms("config", "check", code=3).stdout
    assert "clouds.local.call_timeout must be a duration of more than 0; write 10s, 5m, 1h" in told


def test_a_time_limit_with_a_unit_ends_the_wait(machines):
    machines.change("local", action_seconds="1h")
    machines.cms("vm", "stop", "web01")
    told = machines.cms("vm", "wait", "web01", "--state=stopped", "--timeout=0.1s", code=1)
    assert "after 0.1 seconds" in told.stdout

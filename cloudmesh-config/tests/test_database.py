"""The key ``database``: a URL, wherever it is kept, and never on a screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloudmesh.config import Config
from cloudmesh.config.check.findings import check
from cloudmesh.plugin.errors import ConfigError, CredentialsError

Write = Callable[[str], Path]
URL = "postgresql://u@127.0.0.1/cloudmesh"


def test_without_it_the_store_is_the_file(write: Write) -> None:
    assert Config.load(write("clouds: {}\n")).database() is None
    assert Config.load(write("database:\nclouds: {}\n")).database() is None


@pytest.mark.parametrize("text", [URL, f"'{URL} '", "${STORE_URL}", "!env STORE_URL"])
def test_the_url_is_what_stands_there_or_in_the_environment(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("STORE_URL", URL)
    path = write(f"database: {text}\nclouds: {{}}\n")
    assert Config.load(path).database() == URL
    assert not [finding for finding in check(path) if "database" in finding.message]


def test_a_variable_that_is_not_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_URL", raising=False)
    with pytest.raises(CredentialsError, match="STORE_URL"):
        Config.load(write("database: ${STORE_URL}\nclouds: {}\n")).database()


@pytest.mark.parametrize(
    "text", ["mysql://u:hunter2secret@h/d", "[a, hunter2secret]", "5", "TBD", "{a: hunter2secret}"]
)
def test_what_is_no_url_is_told_with_its_line_and_without_itself(write: Write, text: str) -> None:
    path = write(f"clouds: {{}}\ndatabase: {text}\n")
    with pytest.raises(ConfigError, match=r":2: database is no URL") as error:
        Config.load(path).database()
    (finding,) = [finding for finding in check(path) if "database" in finding.message]
    assert (finding.level, finding.line) == ("error", 2)
    assert "hunter2secret" not in str(error.value) + str(finding)


@pytest.mark.parametrize(
    "url", ["postgresql://u:hunter2secret@h/d", "postgres://u@h/d?password=hunter2secret"]
)
def test_a_password_in_clear_text_is_warned_of(write: Write, url: str) -> None:
    (finding,) = [
        each for each in check(write(f"clouds: {{}}\ndatabase: {url}\n")) if "database" in each.message
    ]
    assert finding.level == "warning"
    assert "hunter2secret" not in str(finding)

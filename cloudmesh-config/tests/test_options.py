"""The options: parallel, call_timeout, engine, scheduler; and the URL of the database, never on a screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudmesh.config import Config
from cloudmesh.config.check.findings import check
from cloudmesh.config.settings import options
from cloudmesh.plugin.errors import ConfigError, CredentialsError, UnknownName

Write = Callable[[str], Path]
URL = "postgresql://u@127.0.0.1/cloudmesh"
CLOUD = "clouds:\n  uc:\n    type: simulated\n"


def errors(path: Path) -> list[tuple[int, str]]:
    """The findings about these keys; the simulated type may not be installed here."""
    keys = (*options.TOP, *options.CLOUD)
    return [(each.line, f"{each.message}; {each.remedy}") for each in check(path) if _about(each, keys)]


def _about(finding: Any, keys: tuple[str, ...]) -> bool:
    return any(f".{key}" in finding.message for key in keys)


def test_without_them_nothing_is_said(write: Write) -> None:
    config = Config.load(write(CLOUD))
    assert (config.parallel(), config.parallel("uc"), config.call_timeout("uc")) == (None, None, None)
    assert (config.engine(), config.scheduler()) == ("threads", None)


def test_they_are_read_as_they_stand(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULER", "tls://[::1]:8786/")
    path = write(
        "cloudmesh:\n  parallel: 64\n  engine: dask\n  scheduler: ${SCHEDULER}\n"
        f"{CLOUD}    parallel: '8'\n    call_timeout: 2.5\n"
    )
    config = Config.load(path)
    assert (config.parallel(), config.parallel("uc"), config.call_timeout("uc")) == (64, 8, 2.5)
    assert (config.engine(), config.scheduler()) == ("dask", "tls://[::1]:8786")
    assert errors(path) == []


def test_a_cloud_that_is_not_there(write: Write) -> None:
    config = Config.load(write(CLOUD))
    for ask in (config.parallel, config.call_timeout):
        with pytest.raises(UnknownName, match="did you mean 'uc'"):
            ask("ucc")


def test_a_variable_that_is_not_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SCHEDULER", raising=False)
    config = Config.load(write(f"cloudmesh: {{scheduler: '${{SCHEDULER}}'}}\n{CLOUD}"))
    with pytest.raises(CredentialsError, match=r"cloudmesh\.scheduler is taken from .* SCHEDULER"):
        config.scheduler()


@pytest.mark.parametrize("value", ["0", "-3", "1.0", "2.5", "many", "true", "[4]", "{a: 4}", "''"])
@pytest.mark.parametrize("of_cloud", [True, False])
def test_what_is_no_number_of_calls(write: Write, value: str, of_cloud: bool) -> None:
    text = f"{CLOUD}    parallel: {value}\n" if of_cloud else f"{CLOUD}cloudmesh:\n  parallel: {value}\n"
    path = write(text)
    line, key = (4, "clouds.uc.parallel") if of_cloud else (5, "cloudmesh.parallel")
    sentence = f"{key} must be a whole number of 1 or more; write a number such as 32, or remove the key"
    with pytest.raises(ConfigError) as caught:
        Config.load(path).parallel("uc" if of_cloud else None)
    assert str(caught.value) == f"{path}:{line}: {sentence}"
    assert errors(path) == [(line, sentence)]


@pytest.mark.parametrize("key", ["call_timeout", "wait_timeout"])
@pytest.mark.parametrize("value", ["0", "-1", ".nan", ".inf", "soon", "true", "[5]"])
def test_what_is_no_time_limit(write: Write, key: str, value: str) -> None:
    path = write(f"{CLOUD}    {key}: {value}\n")
    with pytest.raises(ConfigError, match=rf":4: clouds\.uc\.{key} must be a duration"):
        getattr(Config.load(path), key)("uc")
    ((line, sentence),) = errors(path)
    assert (line, "more than 0; write 10s, 5m, 1h, or a number" in sentence) == (4, True)


@pytest.mark.parametrize(
    ("value", "seconds"), [("60", 60), ("2.5", 2.5), ("'60'", 60), ("5m", 300), ("1h30m", 5400)]
)
def test_a_time_limit_is_a_duration(write: Write, value: str, seconds: float) -> None:
    path = write(f"{CLOUD}    call_timeout: {value}\n    wait_timeout: {value}\n")
    assert Config.load(path).call_timeout("uc") == Config.load(path).wait_timeout("uc") == seconds
    assert errors(path) == []


@pytest.mark.parametrize(("value", "is_mine"), [("true", True), ("false", False), ("1", None), ("me", None)])
def test_whether_only_our_machines_are_meant_is_true_or_false(
    write: Write, value: str, is_mine: bool | None
) -> None:
    path = write(f"{CLOUD}    mine: {value}\n")
    if is_mine is not None:
        assert Config.load(path).mine("uc") is is_mine and errors(path) == []
        return
    with pytest.raises(ConfigError, match=r":4: clouds\.uc\.mine must be true or false"):
        Config.load(path).mine("uc")
    assert [line for line, _ in errors(path)] == [4]


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("3", "rates must be a section"),
        ("{unit: SU}", "rates must have a rate; write 'vcpu: 1'"),
        ("{vcpu: 1}", "rates must name a unit; write 'unit: SU'"),
        ("{unit: 5, vcpu: 1}", "rates.unit must name a unit"),
        ("{unit: SU, vcpus: 1}", "rates.vcpus is not a known key; did you mean 'vcpu'?"),
        ("{unit: SU, vcpu: -1}", "rates.vcpu must be a number of 0 or more"),
        ("{unit: SU, vcpu: 0.1234567}", "rates.vcpu must be at most 10000000, with up to 6 digits"),
        ("{unit: SU, vcpu: .inf}", "rates.vcpu must be a number of 0 or more"),
        ("{unit: SU, flavors: [a]}", "rates.flavors must be a section; write flavors: {m1.small: 1}"),
        ("{unit: SU, flavors: {a: free}}", "rates.flavors.a must be a number of 0 or more"),
        ("{unit: SU, flavors: {a: true}}", "rates.flavors.a must be a number of 0 or more"),
        (
            "{unit: SU, vcpu: 1, states: {stoped: 50%}}",
            "rates.states.stoped is not a state of machines; did you",
        ),
        (
            "{unit: SU, vcpu: 1, states: {stopped: 50}}",
            "rates.states.stopped must be a part of the full rate",
        ),
        ("{unit: SU, vcpu: 1, states: {stopped: 101%}}", "rates.states.stopped must be a part of the full"),
        (
            "{unit: SU, vcpu: 1, states: {stopped: -5%}}",
            "rates.states.stopped must be a part of the full rate",
        ),
        ("{unit: SU, vcpu: 1, states: {deleted: 0}}", "rates.states.deleted is not a state of machines"),
    ],
)
def test_rates_that_cannot_be_used(write: Write, section: str, told: str) -> None:
    path = write(f"{CLOUD}    rates: {section}\n")
    assert told in errors(path)[0][1]
    with pytest.raises(ConfigError) as caught:
        Config.load(path).rates("uc")
    assert f"{path}:4: clouds.uc.{told}" in str(caught.value)


def test_each_mistake_in_rates_is_told_at_its_line(write: Write) -> None:
    rates = "    rates:\n      vcpu: x\n      states:\n        stopped: 200%\n        paused: 5%\n"
    assert [line for line, _ in errors(write(CLOUD + rates))] == [4, 5, 7]
    good = Config.load(write(f"{CLOUD}    rates: {{unit: SU, vcpu: 1, states: {{stopped: 50%}}}}\n")).rates(
        "uc"
    )
    assert good is not None and (good.unit, str(good.vcpu), str(good.part("stopped"))) == ("SU", "1", "0.5")
    assert Config.load(write(CLOUD)).rates("uc") is None


@pytest.mark.parametrize(
    ("engine", "told"),
    [
        ("5 threads", "must be the name of an executor; write"),
        ("dsak", "must be the name of an installed executor; did you mean 'dask'?"),
        ("dask", "cloudmesh.scheduler is not set; use: cms config set cloudmesh.scheduler=tcp"),
    ],
)
def test_an_engine_that_cannot_be_used(write: Write, engine: str, told: str) -> None:
    path = write(f"cloudmesh:\n  engine: {engine}\n{CLOUD}")
    ((line, sentence),) = errors(path)
    assert line == 2 and told in sentence
    if engine.isidentifier():
        assert Config.load(path).engine() == engine
    else:
        with pytest.raises(ConfigError, match=told):
            Config.load(path).engine()


@pytest.mark.parametrize(
    "value",
    [
        *("host:8786", "tcp://host", "http://host:8786", "tcp://:8786", "tcp://host:0", "tcp://host:99999"),
        *("tcp://me:hunter2@host:8786", "tcp://host:8786/path", "tcp://host:8786?a=b", "tcp://[::1:8786"),
        *("5", "[tcp://host:8786]"),
    ],
)
def test_what_is_no_scheduler_is_not_shown(write: Write, value: str) -> None:
    quoted = value if value.startswith("[tcp") or value == "5" else f"'{value}'"
    path = write(f"cloudmesh:\n  scheduler: {quoted}\n{CLOUD}")
    with pytest.raises(ConfigError, match=r":2: cloudmesh\.scheduler must be tcp://HOST:PORT") as caught:
        Config.load(path).scheduler()
    ((line, sentence),) = errors(path)
    assert line == 2
    assert "hunter2" not in sentence + str(caught.value)


def test_a_slip_in_their_names_is_an_error(write: Write) -> None:
    path = write(f"cloudmesh:\n  paralel: 4\n{CLOUD}    call_timout: 4\n")
    told = [str(each) for each in check(path) if each.level == "error"]
    for key in ("parallel", "call_timeout"):
        assert any(f"did you mean {key!r}?" in sentence for sentence in told)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_any_value_is_used_or_refused(value: Any) -> None:
    for read in (options.count, options.seconds, options.engine, options.scheduler):
        try:
            used = read(value)
        except options.WrongValueError:
            continue
        assert used and not isinstance(used, bool)


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
    assert not [each for each in check(path) if "database" in each.message]


def test_the_variable_of_the_database_is_not_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORE_URL", raising=False)
    with pytest.raises(CredentialsError, match="STORE_URL"):
        Config.load(write("database: ${STORE_URL}\nclouds: {}\n")).database()


@pytest.mark.parametrize(
    "text", ["mysql://u:hunter2secret@h/d", "[a, hunter2secret]", "5", "TBD", "{a: hunter2secret}"]
)
def test_what_is_no_url_is_told_with_its_line_and_without_itself(write: Write, text: str) -> None:
    path = write(f"clouds: {{}}\ndatabase: {text}\n")
    with pytest.raises(ConfigError, match=r":2: database is not a database URL") as error:
        Config.load(path).database()
    (finding,) = [each for each in check(path) if "database" in each.message]
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


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("3", "ssh must be a section"),
        ("{usr: x}", "ssh.usr is not a known key; did you mean 'user'?"),
        ("{user: 'a b'}", "ssh.user must be the name of a user"),
        ("{user: -oProxyCommand=x}", "ssh.user must be the name of a user"),
        ("{key: 5}", "ssh.key must be the path of a private key"),
        ("{key: /nowhere/id_x}", "ssh.key names the file /nowhere/id_x, which is not there"),
        ("{jump: ''}", "ssh.jump must be a host or a machine to go through"),
        ("{jump: [a, 5]}", "ssh.jump must be a host or a machine to go through"),
        ("{jump: 'a b'}", "ssh.jump must be a host or a machine to go through"),
        ("{jump: 'host:70000'}", "ssh.jump names a machine of the cloud 'host'"),
        ("{jump: 'cu:gateway'}", "ssh.jump names a machine of the cloud 'cu'; "),
        ("{images: 3}", "ssh.images must be a section"),
        ("{images: {'a*': ubuntu}}", "ssh.images.a* must be a section"),
        ("{images: {a: {images: {}}}}", "ssh.images.a.images is not a known key"),
    ],
)
def test_ssh_settings_that_cannot_be_used(write: Write, section: str, told: str) -> None:
    path = write(f"{CLOUD}    ssh: {section}\n")
    assert told in errors(path)[0][1]


def test_ssh_settings_that_can_be_used(write: Write, tmp_path: Path) -> None:
    (tmp_path / "id").touch()
    jumps = "[gateway, 'uc:gateway', 'me@bastion.example.org:2222', '[2001:db8::1]:22']"
    section = f"{{user: ubuntu, key: '{tmp_path}/id', jump: {jumps}, images: {{'a*': {{jump: x}}}}}}"
    assert errors(write(f"{CLOUD}    ssh: {section}\n")) == []


def test_the_public_key_in_place_of_the_private_one_is_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "id").touch()
    (tmp_path / "id.pub").touch()
    told = errors(write(f"{CLOUD}    ssh:\n      user: x\n      key: {tmp_path}/id.pub\n"))
    assert [line for line, _ in told] == [6]
    assert f"must be the private key, and not the public one; write {tmp_path}/id" in told[0][1]

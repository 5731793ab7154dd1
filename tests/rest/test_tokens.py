"""``cms rest token``, ``open`` and ``openapi``, through the program itself; others pay nothing for it."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import time

import pytest
import yaml

TOKEN = re.compile(r"cms_[0-9A-Za-z]{43}\n")


def test_a_token_is_told_once_and_nothing_else(home):
    told = home.cms("rest", "token", "create", "ci", "--scope=act", "--clouds=local", "--expires=30d")
    assert TOKEN.fullmatch(told.stdout)
    assert "local" in told.stderr and "30 days" not in told.stdout
    assert home.holding([told.stdout.strip()]) == []
    (row,) = home.json("rest", "token", "list")
    assert (row["name"], row["scope"], row["clouds"], row["state"]) == ("ci", "act", "local", "valid")
    assert row["expires"] > row["made"] and row["sessions"] == 0
    assert "hash" not in row


def test_names_of_tokens(home):
    home.cms("rest", "token", "create", "ci", "--scope=read")
    assert "already" in home.cms("rest", "token", "create", "ci", "--scope=read", code=1).stderr
    for name in ("page", "a b", "", "../x", "x" * 65):
        home.cms("rest", "token", "create", name, "--scope=read", code=2)
    assert "known: ci" in home.cms("rest", "token", "revoke", "nosuch", code=2).stderr
    home.cms("rest", "token", "revoke", "ci")
    assert home.json("rest", "token", "list") == []
    home.cms("rest", "token", "create", "ci", "--scope=read")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--scope=write"], "--scope=read"),
        (["--scope=raed"], "did you mean 'read'"),
        (["--scope=read", "--expires=0"], "more than 0"),
        (["--scope=read", "--expires=soon"], "duration"),
        (["--scope=read", "--expires=40000d"], "more than 100 years"),
        (["--scope=read", "--clouds=nosuch"], "no cloud 'nosuch'"),
        (["--scope=read", "--clouds=,"], "--clouds= is empty"),
        ([], "--scope"),
    ],
)
def test_wrong_options(home, words, sentence):
    told = home.cms("rest", "token", "create", "ci", *words, code=2)
    assert sentence in told.stderr and told.stdout == ""


def test_an_expired_token_gives_its_name_away(home):
    home.cms("rest", "token", "create", "ci", "--scope=read", "--expires=0.01s")
    assert home.json("rest", "token", "list")[0]["state"] == "expired"
    home.cms("rest", "token", "create", "ci", "--scope=act")
    assert [(row["scope"], row["state"]) for row in home.json("rest", "token", "list")] == [("act", "valid")]


def test_a_dry_run_makes_no_token(home):
    shell = home.cms(
        "-i", stdin="dryrun on\nrest token list\nrest token create ci --scope=read\nquit\n", code=None
    )
    assert "no dry run" in shell.stderr and not TOKEN.search(shell.stdout)


def test_the_description_needs_no_server(home):
    document = json.loads(home.cms("rest", "openapi").stdout)
    assert document["openapi"].startswith("3.1") and "/v1/session" in document["paths"]
    assert yaml.safe_load(home.cms("rest", "openapi", "--output=yaml").stdout) == document
    home.cms("rest", "openapi", "--output=csv", code=2)


def test_other_commands_do_not_load_it(home):
    home.program = [sys.executable, "-X", "importtime", *home.program]
    heavy = {"fastapi", "starlette", "uvicorn", "pydantic"}
    for words in (["help"], ["vm", "list"], ["rest", "token", "list"], ["rest", "stop"], ["rest", "openapi"]):
        told = home.cms(*words).stderr
        loaded = set(re.findall(r"\| +([\w.]+)$", told, re.MULTILINE)) & heavy
        assert bool(loaded) == (words == ["rest", "openapi"]), words


@pytest.mark.slow
def test_a_browser_is_signed_in_by_a_private_file(server):
    assert "no server is running" in server.home.cms("rest", "open", code=1).stderr
    server.start()
    told = server.home.cms("rest", "open")
    assert re.fullmatch(rf"http://127.0.0.1:{server.port}/#code=cms_\w+\n", told.stdout)
    assert "works once" in told.stderr
    browser = server.home.path / "browser"
    browser.write_text(
        textwrap.dedent(f"""\
        #!{sys.executable}
        import http.client, json, os, re, sys, urllib.parse
        file = urllib.parse.unquote(sys.argv[1].removeprefix("file://"))
        assert os.stat(file).st_mode & 0o777 == 0o600
        code = re.search("#code=([^\\"]+)", open(file).read())[1]
        origin = {{"Origin": "http://127.0.0.1:{server.port}", "Content-Type": "application/json"}}
        connection = http.client.HTTPConnection("127.0.0.1", {server.port})
        statuses = []
        for _ in range(2):
            connection.request("POST", "/v1/session", json.dumps({{"code": code}}), origin)
            answer = connection.getresponse()
            statuses.append(answer.status)
            answer.read()
        open("seen", "w").write(json.dumps([sys.argv[1:], statuses, code]))
        """)
    )
    browser.chmod(0o755)
    told = server.home.cms("rest", "open", BROWSER=str(browser))
    assert told.stdout == "" and "signed in" in told.stderr
    # The browser goes on when it is signed in.
    end = time.monotonic() + 30
    while not (server.home.path / "seen").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    words, statuses, code = json.loads((server.home.path / "seen").read_text())
    assert statuses == [201, 401] and code not in repr(words)
    assert not list((server.home.directory / "rest").glob("open-*"))
    (row,) = server.home.json("rest", "token", "list")
    assert (row["name"], row["scope"], row["sessions"]) == ("page", "destroy", 1)
    server.home.cms("rest", "token", "revoke", "page")

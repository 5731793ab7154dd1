"""The examples of docs/rest.md against a real server, as they stand there but for the number of the port."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
from collections import Counter

import pytest

from cloudmesh.rest.api.app import create_app

from .examples import Page

PORT = "8765"
NODE = "```console\n$ node three.mjs\n```\n"
SHAPE = re.compile(r"^```json (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def text(root):
    return (root / "docs" / "rest.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text, tmp_path_factory, make_home, cloud_settings):
    """The page after all its examples were run; without node, all but that one."""
    need("curl", "--json" in told_by_curl())
    folder = tmp_path_factory.mktemp("rest")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert text.count(NODE) == 1
    shown = text if shutil.which("node") else text.replace(NODE, "")
    file = folder / "rest.md"
    file.write_text(shown.replace(PORT, str(port)), encoding="utf-8")
    (folder / "home").mkdir()
    home = make_home(folder / "home")
    home.configure(local=cloud_settings(), uc=cloud_settings())
    page = Page(file, home)
    try:
        page.run()
        yield page
    finally:
        home.cms("rest", "stop", code=None)


@pytest.fixture
def curl(page):
    """What each line with curl has printed, in order."""
    return [printed for line, printed in page.printed if line.startswith("curl")]


@pytest.mark.slow
def test_a_server_is_started_and_asked_with_a_token(page, curl):
    printed = dict(page.printed)
    started = next(told for line, told in page.printed if line.startswith("cms rest start"))
    assert re.match(r"http://127\.0\.0\.1:\d+/ ", started)
    assert "running" in printed["cms rest status"]
    assert json.loads(curl[0])["total"] == 0
    for name in ("token", "header"):
        assert (page.home.path / name).stat().st_mode & 0o777 == 0o600
    token = (page.home.path / "token").read_text().strip()
    assert not any(token in told for _, told in page.printed)


@pytest.mark.slow
def test_curl_boots_waits_lists_follows_and_deletes_three_machines(curl):
    asked, booted, listed, stream, plan, deleting, deleted = curl[1:8]
    assert json.loads(asked)["machines"] == 3
    assert json.loads(booted)["counts"]["done"] == 3
    machines = json.loads(listed)["items"]
    assert [(each["name"], each["state"]) for each in machines] == [
        (f"web0{number}", "active") for number in (1, 2, 3)
    ]
    assert all(each["addresses"] for each in machines)
    assert "event: job" in stream and '"kind":"now"' in stream
    assert json.loads(plan)["expect"] == 3
    assert json.loads(deleting)["id"] == 2
    assert json.loads(deleted)["status"] == "done"


@pytest.mark.slow
def test_what_is_the_same_is_not_sent_again_and_a_socket_serves_as_well(page, curl):
    clouds = json.loads((page.home.path / "clouds.json").read_text())["items"]
    assert [each["name"] for each in clouds] == ["local", "uc"]
    assert not (page.home.path / "same.json").exists() or not (page.home.path / "same.json").read_bytes()
    assert json.loads(curl[-1])["status"] == "ok"
    assert page.home.json("rest", "status", code=1)["state"] == "stopped"


@pytest.mark.slow
def test_javascript_boots_follows_lists_and_deletes_three_machines(page):
    need("node", bool(shutil.which("node")))
    lines = dict(page.printed)["node three.mjs"].splitlines()
    check_lines(lines, "js")
    assert lines[-4:] == ["js03 active", "js02 active", "js01 active", "delete done"]


@pytest.mark.slow
def test_python_boots_follows_lists_and_deletes_three_machines(page):
    lines = page.home.path.joinpath("python-output.txt").read_text().splitlines()
    check_lines(lines, "py")
    assert lines[-5:-2] == ["py01 active", "py02 active", "py03 active"]
    assert lines[-2].startswith("3 machines would be meant, not 2 as expected; nothing was done;")
    assert lines[-1] == "delete done"


@pytest.mark.slow
def test_in_the_end_no_machine_is_left_and_each_was_booted_and_deleted_once(page):
    assert page.home.states() == {}
    tasks = Counter((each["verb"], each["name"]) for each in page.home.json("db", "list", "task"))
    words = ("web", "js", "py") if shutil.which("node") else ("web", "py")
    names = [f"{word}0{number}" for word in words for number in (1, 2, 3)]
    assert tasks == {(verb, name): 1 for verb in ("boot", "delete") for name in names}


def told_by_curl():
    """The options that curl has here, 7.82 or later in Debian 12."""
    if shutil.which("curl") is None:
        return ""
    return subprocess.run(["curl", "--help", "all"], capture_output=True, text=True, check=False).stdout


def need(program, is_there):
    """Skip what a program is missing for, but never in CI."""
    if not is_there:
        told = f"{program} is missing or too old, so its examples were not run (Debian: curl nodejs)"
        pytest.fail(told) if os.environ.get("CI") else pytest.skip(told)


def check_lines(lines, word):
    """Each machine was followed up to its state before the job was over."""
    events = [tuple(line.split()) for line in lines[: lines.index("boot done 3")]]
    assert {name for name, _ in events} == {f"{word}0{number}" for number in (1, 2, 3)}
    assert Counter(kind for _, kind in events)["reached"] == 3


def test_the_answers_that_are_shown_are_those_that_are_described(text):
    schemas = create_app().openapi()["components"]["schemas"]
    shapes = SHAPE.findall(text)
    assert [name for name, _ in shapes] == [
        "MachineList", "JobInfo", "JobMachine", "JobPlan", "ProblemDocument"
    ]  # fmt: skip
    for name, body in shapes:
        check(json.loads(body), schemas[name], schemas, name)


def check(value, schema, schemas, where):
    """Fail if a value is not as a schema of the description says, or has members that it does not know."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for each in schema.get("anyOf", ()):
        if (each.get("type") == "null") == (value is None):
            check(value, each, schemas, where)
            return
    assert value in schema.get("enum", [value]), where
    kinds = {"object": dict, "array": list, "string": str, "integer": int, "number": int | float}
    assert isinstance(value, kinds.get(schema.get("type"), object)), (where, value, schema)
    if isinstance(value, dict) and "properties" in schema:
        assert value.keys() <= schema["properties"].keys(), where
        for name, member in value.items():
            check(member, schema["properties"][name], schemas, f"{where}.{name}")
    if isinstance(value, list):
        for member in value:
            check(member, schema["items"], schemas, where)


def test_every_resource_and_every_status_of_the_description_is_on_the_page(text):
    described = create_app().openapi()
    for path in described["paths"]:
        short = re.sub(r"\{.*?\}", "{}", path)
        shown = re.sub(r"\{.*?\}", "{}", text)
        kind = short.rpartition("/")[2]
        assert f"`{short}`" in shown or f"`{kind}`" in shown, path
    statuses = {
        status
        for path in described["paths"].values()
        for each in path.values()
        for status in each["responses"]
    }
    table = text[text.index("| status | when |") :]
    assert {each for each in statuses if each >= "400"} <= set(re.findall(r"\b[45]\d\d\b", table))

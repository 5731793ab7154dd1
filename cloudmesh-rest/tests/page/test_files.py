"""The files of the page: only they are served, with their types, and they keep to a strict policy."""

import re
from importlib import resources

import pytest
from starlette.testclient import TestClient

from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.api.app import create_app
from cloudmesh.rest.page.files import add_page, files

UNSAFE = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(")
SHOWN = {name: file.body.decode() for name, file in files().items()}


@pytest.fixture
def client():
    app = create_app()
    add_page(app)
    return TestClient(Guard(app, lambda token: None))


def test_everybody_gets_the_files_and_nothing_else(client):
    assert client.get("/").text == SHOWN["index.html"]
    for name, file in files().items():
        if name == "index.html":
            continue
        answer = client.get(f"/page/{name}")
        assert answer.content == file.body and answer.headers["content-type"] == file.media_type
        assert client.head(f"/page/{name}").status_code == 200
    for path in ("/page/", "/page/files.py", "/page/../page/files.py", "/page/%2e%2e/files.py", "/page/x.js"):
        assert client.get(path).status_code == 404
    assert client.get("/index.html").status_code == 401
    assert client.post("/page/app.js").status_code in (401, 405)


def test_a_browser_asks_again_and_gets_only_what_is_new(client):
    first = client.get("/page/app.js")
    assert first.headers["cache-control"] == "no-cache"
    etag = first.headers["etag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = client.get("/page/app.js", headers={"If-None-Match": given})
        assert again.status_code == 304 and not again.content and again.headers["etag"] == etag
    assert client.get("/page/app.js", headers={"If-None-Match": '"other"'}).status_code == 200


def test_the_policy_of_the_page_is_strict_and_the_page_keeps_to_it(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "style-src 'self'" in policy
    assert "unsafe" not in policy
    page = SHOWN["index.html"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert not re.findall(r"<script(?![^>]*\ssrc=)", page)
    used = {*re.findall(r'(?:src|href)="/page/([^"]+)"', page)}
    for name, text in SHOWN.items():
        if name.endswith(".js"):
            used |= {*re.findall(r'from "\./([^"]+)"', text)}
            assert not [word for word in UNSAFE if word in text], name
        assert not re.search(r"(?:https?:)?//(?!www\.w3\.org)[a-z0-9-]+\.[a-z]", text), name
    assert used == SHOWN.keys() - {"index.html"}


def test_all_files_are_in_the_package():
    there = {each.name for each in resources.files("cloudmesh.rest.page").iterdir()}
    assert {name for name in there if not name.startswith(("__", "files"))} == files().keys()

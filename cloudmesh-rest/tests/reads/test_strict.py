"""What a request must be like, and how the interface is described."""

import pytest

from cloudmesh.rest.api.app import create_app

METHODS = ("get", "put", "post", "delete", "patch")


@pytest.fixture(scope="module")
def description():
    return create_app().openapi()


def operations(description):
    return [
        (path, method, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def test_every_operation_tells_its_problems_and_has_a_name_for_clients(description):
    names = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(names) == len(set(names)) > 15 and all(name.islower() and " " not in name for name in names)
    for _, _, operation in operations(description):
        told = operation["responses"]
        for status in ("401", "403", "404", "405", "422", "500", "502", "503"):
            (content,) = told[status]["content"].items()
            assert content[0] == "application/problem+json"
            assert content[1]["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}
        assert ("415" in told) == ("requestBody" in operation)
    assert description["openapi"].startswith("3.1") and description["security"] == [{"token": []}]
    assert "HTTPValidationError" not in description["components"]["schemas"]


def test_every_parameter_and_every_model_is_explained(description):
    for path, _, operation in operations(description):
        assert operation["description"], path
    for name, schema in description["components"]["schemas"].items():
        assert "enum" in schema or "const" in schema or schema.get("description"), name


def test_405_names_all_methods(description, ask):
    for path, methods in description["paths"].items():
        told = {method.upper() for method in methods} | ({"HEAD"} if "get" in methods else set())
        filled = path.replace("{id}", "1").replace("{", "").replace("}", "")
        answer = ask(filled, method="PATCH", code=405)
        assert set(answer.headers["allow"].split(", ")) == told
        assert answer.json()["detail"].startswith("PATCH has no meaning at this address")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_called_json(ask, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = ask("/v1/session", method="POST", content=b'{"token": "x"}', headers=headers, code=415)
    assert "Content-Type: application/json" in answer.json()["detail"]
    assert answer.headers["accept"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/verbs", "/v1/health", "/v1/clouds", "/v1/jobs", "/v1/clouds/a/quotas"])
def test_parameters_that_there_are_not(ask, path):
    answer = ask(path, nosuch="1", code=422)
    assert answer.json()["type"] == "urn:cloudmesh:problem:unknown-parameter"
    assert "'nosuch'" in answer.json()["detail"]


def test_head_is_like_get(ask):
    for path in ("/v1/verbs", "/v1/machines", "/v1/clouds"):
        head, whole = ask(path, method="HEAD"), ask(path)
        assert head.content == b"" and head.headers["content-length"] == str(len(whole.content))
    assert ask("/v1/nothing", method="HEAD", code=404).content == b""


def test_an_address_with_nothing_is_a_problem(ask):
    assert ask("/v1/machine", code=404).json()["type"] == "urn:cloudmesh:problem:not-found"

"""Serves the page: the files beside this one, each from memory, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

# Where the page lies, and its parts; the guard lets everybody have them, since nothing in them is the user's.
INDEX, FOLDER = "/", "/page/"
TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FIRST = "index.html"


class File(NamedTuple):
    """A file as it is sent."""

    body: bytes
    media_type: str
    etag: str


def files() -> dict[str, File]:
    """All files of the page, by name."""
    found: dict[str, File] = {}
    for each in resources.files(__package__).iterdir():
        media_type = TYPES.get(each.name.rpartition(".")[2])
        if media_type and each.is_file():
            body = each.read_bytes()
            found[each.name] = File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
    return found


def add_page(app: FastAPI) -> None:
    """Let an application also serve the page."""
    for name, file in files().items():
        path = INDEX if name == _FIRST else FOLDER + name
        app.router.routes.append(Route(path, _Sender(file), methods=["GET"], name=f"page {name}"))


class _Sender:
    """Answers requests for one file."""

    def __init__(self, file: File) -> None:
        self._file = file

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        """Send the file, or that the client has it already: it asks each time, and mostly gets nothing."""
        request = Request(scope)  # type: ignore[arg-type]
        headers = {"ETag": self._file.etag, "Cache-Control": "no-cache"}
        known = [
            each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
        ]
        if self._file.etag in known or "*" in known:
            answer = Response(status_code=304, headers=headers)
        else:
            answer = Response(self._file.body, headers=headers, media_type=self._file.media_type)
        await answer(scope, receive, send)  # type: ignore[arg-type]

"""What ``cms rest start``, ``stop``, ``status``, ``open`` and ``openapi`` do."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from cloudmesh.plugin import Answer
from cloudmesh.plugin.errors import UsageError
from cloudmesh.plugin.output import write
from cloudmesh.plugin.report import tell
from cloudmesh.rest.server import place
from cloudmesh.rest.server.settings import Settings, whole_path

Arguments = Mapping[str, Any]

_DOCUMENTS = ("json", "yaml")


def start(arguments: Arguments) -> Answer | None:
    """Serve until Ctrl-C; with --detach only until another process does."""
    settings = _settings(arguments)
    settings.check()
    if settings.socket is None and not settings.is_loopback():
        tell(
            f"warning: {settings.host} can be reached from the network, and HTTP hides nothing: whoever is "
            "on the way reads the tokens; put a reverse proxy with TLS before it, or use ssh"
        )
    if arguments["--detach"]:
        from cloudmesh.rest.server import detach

        return Answer(text=_next_steps(detach.start(settings), "until 'cms rest stop'"))
    from cloudmesh.rest.server.serve import serve

    serve(
        settings,
        logging.StreamHandler(sys.stderr),
        lambda running: write(_next_steps(running, "until Ctrl-C")),
    )
    return None


def stop(_: Arguments) -> Answer:
    """End the server in good order."""
    from cloudmesh.rest.server.stop import stop as end

    ended = end()
    return Answer(
        text="", notes=[f"the server at {ended.place} has ended" if ended else "no server is running"]
    )


def status(_: Arguments) -> Answer:
    """Where the server listens, and since when."""
    running = place.running()
    if running is None:
        return Answer(record={"state": "stopped", "url": None}, names="url", exit_code=1)
    return Answer(
        names="url" if running.url else "socket",
        record={
            "state": "running" if running.is_ready else "starting",
            "url": running.url or None,
            "socket": running.socket or None,
            "pid": running.pid,
            "host": running.host,
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(running.since)),
            "version": running.version,
            "log": str(place.log_file()),
        },
    )


def open(_: Arguments) -> Answer:
    """Open the page in a browser, signed in."""
    from cloudmesh.rest.cli.browser import open_page

    return open_page()


def openapi(arguments: Arguments) -> Answer:
    """The description of all resources."""
    form = arguments["--output"] or "json"
    if form not in _DOCUMENTS:
        raise UsageError(f"cannot print it as {form}; use --output={' or --output='.join(_DOCUMENTS)}")
    from cloudmesh.plugin.output import render
    from cloudmesh.rest.api.app import create_app

    return Answer(text=render(Answer(record=create_app().openapi()), form))


def _settings(arguments: Arguments) -> Settings:
    """Where to listen, of the options. Raises UsageError."""
    text = arguments["--port"]
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise UsageError(f"--port={text} is no port; use a number such as --port=8765")
    path = arguments["--socket"]
    if path is not None and not path:
        raise UsageError("--socket= is empty; give the path of a socket")
    names = arguments["--allow-host"] or ""
    return Settings(
        host=arguments["--host"],
        port=int(text),
        socket=whole_path(path) if path else None,
        insecure=arguments["--insecure-address"],
        allowed=tuple(name.strip() for name in names.split(",") if name.strip()),
    )


def _next_steps(running: place.Running, until: str) -> str:
    """The lines that a person needs next."""
    if running.url:
        page = f"{running.url}  serves {until}; 'cms rest open' opens the page, signed in"
    else:
        page = (
            f"{running.socket}  serves {until}: curl --unix-socket {running.socket} http://localhost/v1/..."
        )
    return f"{page}\nfor programs: 'cms rest token create NAME --scope=read' makes a token"

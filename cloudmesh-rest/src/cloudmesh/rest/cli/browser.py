"""Opens the page, signed in by a code that works once.

The code stands behind the ``#`` of an address, which browsers send to no server and tell no other page; ours
takes it out of the address at once. A browser is given a private file that leads there, since the words
that a program is started with can be read by every user of this computer.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from cloudmesh.db import Database, open_store
from cloudmesh.plugin import Answer
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.files import replace_private
from cloudmesh.plugin.report import tell
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.server import place

_STEP = 0.1
_FILE = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>cloudmesh</title>
<p><a href="{address}">Open the page of cloudmesh</a>
"""


def open_page() -> Answer:
    """Open the page; without a browser the answer is its address."""
    running = place.running()
    if running is None or not running.is_ready:
        raise CloudmeshError("no server is running; start one with 'cms rest start --detach'")
    if not running.url:
        raise CloudmeshError(
            f"the server listens on the socket {running.socket}, which browsers cannot open; forward a port "
            "to it, as with ssh -L 8765:SOCKET HOST, and sign in with a token"
        )
    with open_store() as database:
        code = token_rows.add_code(database)
        address = f"{running.url}#code={code}"
        if not _has_browser():
            note = f"open it within {token_rows.CODE_SECONDS:.0f} seconds; it works once"
            return Answer(text=address, notes=[note])
        return _opened(database, code, address)


def _opened(database: Database, code: str, address: str) -> Answer:
    """Have a browser open the address, and wait until it has signed in. Raises CloudmeshError."""
    import webbrowser

    file = place.folder() / f"open-{os.urandom(6).hex()}.html"
    try:
        replace_private(file, _FILE.format(address=address).encode(), sync=False)
        if not webbrowser.open(file.absolute().as_uri()):
            return Answer(
                text=address, notes=["no browser could be started; open this address within a minute"]
            )
        tell("waiting for the browser to sign in")
        end = time.monotonic() + token_rows.CODE_SECONDS
        while token_rows.is_waiting(database, code):
            if time.monotonic() > end:
                raise CloudmeshError(
                    "the browser has not signed in within a minute; 'cms rest open' gives a new code"
                )
            time.sleep(_STEP)
    except OSError as error:
        raise CloudmeshError(f"{file} cannot be written: {error.strerror}") from error
    finally:
        Path(file).unlink(missing_ok=True)
    return Answer(text="", notes=["the browser is signed in; 'cms rest token revoke page' signs it out"])


def _has_browser() -> bool:
    """Whether there is a browser with a window; those of a terminal would take it from the user."""
    shown = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform == "darwin" or any(os.environ.get(name) for name in shown)

"""A server that goes on when the command that started it has ended.

The command starts a process of Python with this module, gives it the settings, and reads one line from it:
where it listens, or why it does not. From then on the two have nothing to do with each other.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import select
import subprocess
import sys
import time
from typing import IO, Any

from cloudmesh.config.settings import places
from cloudmesh.plugin.errors import CloudmeshError, error_from_record
from cloudmesh.rest.server import place
from cloudmesh.rest.server.settings import Settings

# Until the server answers; a store on a busy computer may take its time.
_PATIENCE = 60.0
_READY, _FAILED = "ready", "failed"


def start(settings: Settings) -> place.Running:
    """Start a server that outlives us, and give where it listens once it answers.

    Raises CloudmeshError, and whatever keeps it from starting.
    """
    settings.check()
    with place.claim():
        # Nobody else is the server, and all folders are there.
        pass
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        cwd="/",
        start_new_session=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise CloudmeshError("the server's process has no pipes")
        process.stdin.write(settings.to_json().encode())
        process.stdin.close()
        return _answer(_line(process.stdout))


def _environment() -> dict[str, str]:
    """Our environment, with paths that mean the same in another directory."""
    own = {"CLOUDMESH_CONFIG_DIR": str(places.directory().absolute())}
    if os.environ.get("CLOUDMESH_CONFIG"):
        own["CLOUDMESH_CONFIG"] = str(places.config_file().absolute())
    return {**os.environ, **own}


def _line(pipe: IO[bytes]) -> bytes:
    """What the server says, up to the end of the line; raises CloudmeshError if it says nothing in time."""
    text, end = b"", time.monotonic() + _PATIENCE
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([pipe], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise CloudmeshError(
                f"the server has not answered within {_PATIENCE:.0f} seconds; its log is {place.log_file()}, "
                "and 'cms rest stop' ends it"
            )
        part = os.read(pipe.fileno(), 65536)
        if not part:
            raise CloudmeshError(f"the server ended before it answered; its log is {place.log_file()}")
        text += part
    return text


def _answer(line: bytes) -> place.Running:
    told: dict[str, Any] = json.loads(line)
    if _FAILED in told:
        raise error_from_record(told[_FAILED])
    return place.Running(**told[_READY])


def _main() -> int:
    """Be the server."""
    os.umask(0o077)
    settings = Settings.of(sys.stdin.read())
    # A process that leads no session never gets a terminal, and one without a parent is nobody's to wait for.
    if os.fork():
        os._exit(0)
    from cloudmesh.rest.server import log, serve

    pipe = os.dup(1)
    os.set_inheritable(pipe, False)
    with open(os.devnull, "r+b") as nothing:  # noqa: PTH123 it is no file
        for number in (0, 1, 2):
            os.dup2(nothing.fileno(), number)
    try:
        handler = log.PrivateLog(place.log_file())
        with log.writing(handler):
            serve.serve(settings, handler, lambda running: _tell(pipe, _READY, dataclasses.asdict(running)))
    except CloudmeshError as error:
        _tell(pipe, _FAILED, error.to_record())
        return error.exit_code
    except OSError as error:
        _tell(pipe, _FAILED, CloudmeshError(f"{place.log_file()}: {error.strerror}").to_record())
        return 1
    return 0


def _tell(pipe: int, kind: str, what: dict[str, Any]) -> None:
    """Tell whoever started us, once; after that nobody listens."""
    try:
        os.write(pipe, json.dumps({kind: what}).encode() + b"\n")
        os.close(pipe)
    except OSError:
        # The command was interrupted, or we had told before.
        logging.getLogger(__name__).info("nobody waits for the server to start")


if __name__ == "__main__":
    # All is over, but threads that ask a cloud for somebody who has gone would be waited for.
    code = _main()
    logging.shutdown()
    os._exit(code)

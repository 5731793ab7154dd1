"""Ends a server in good order."""

from __future__ import annotations

import os
import signal
import time

from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.rest.server import place

# Jobs in hand finish their calls to clouds, which takes as long as their clouds take.
_PATIENCE = 60.0
_STEP = 0.05


def stop(patience: float = _PATIENCE) -> place.Running | None:
    """End the server of this directory, and give what it was once it has ended; None if there is none.

    Raises CloudmeshError if it runs on another computer, or has not ended in time.
    """
    running = place.running()
    if running is None:
        return None
    if running.host != os.uname().nodename:
        raise CloudmeshError(f"the server runs on {running.host}; stop it there")
    _ask(running)
    end = time.monotonic() + patience
    while place.is_claimed() and place.running() in (None, running):
        if time.monotonic() > end:
            raise CloudmeshError(
                f"the server has not ended within {patience:.0f} seconds, since a job still waits for a "
                "cloud; 'cms rest stop' once more ends it at once, and its jobs go on at the next start"
            )
        time.sleep(_STEP)
    return running


def _ask(running: place.Running) -> None:
    """Send SIGTERM to the server, and to no process that has got its number meanwhile.

    Raises CloudmeshError if that is not allowed.
    """
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(running.pid, signal.SIGTERM)
            return
        descriptor = os.pidfd_open(running.pid)
        try:
            # While the server still has its lock, its number is nobody else's.
            now = place.running()
            if now is not None and now.pid == running.pid:
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        finally:
            os.close(descriptor)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise CloudmeshError(f"process {running.pid} is the server of somebody else") from error

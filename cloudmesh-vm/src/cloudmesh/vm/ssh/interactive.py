"""Hands the terminal over to ssh, until it ends."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from cloudmesh.cloud.access.route import Route
from cloudmesh.vm.ssh.command import not_started
from cloudmesh.vm.ssh.command_line import session_options, ssh_words
from cloudmesh.vm.ssh.log import FAILED, LOG_LEVEL, log_file, log_text
from cloudmesh.vm.ssh.reading import failure

# What the terminal sends to all of its programs is for ssh alone; what is sent to us alone is passed on.
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)
_PASSED_ON = (signal.SIGTERM, signal.SIGHUP)


def hand_over(route: Route, command: str = "", timeout: float = 10.0) -> int:
    """Sign in to a machine, or run a command there, at the terminal of this process; ssh may ask questions.

    Gives the exit status of the shell or the command there.

    Raises:
        MachineUnreachable, ConnectionLost, SignInRefused, HostKeyChanged: why no session came to its end.
        CloudmeshError: ssh is not installed.
    """
    with log_file() as log:
        # A shell there is as the user's configuration wants it; a command is run in any case.
        more = ["-o", f"LogLevel={LOG_LEVEL}", *(session_options() if command else ())]
        words = ssh_words(route, batch=False, timeout=timeout, more=more, log=log)
        sys.stdout.flush()
        try:
            process = subprocess.Popen([*words, *([command] if command else [])])
        except OSError as error:
            raise not_started(error) from error
        with _signals_to(process):
            status = process.wait()
        if status == FAILED:
            failed = failure(route, log_text(log))
            if failed is not None:
                raise failed
        return 128 - status if status < 0 else status


@contextlib.contextmanager
def _signals_to(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Within the block signals are for the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def pass_on(number: int, frame: object) -> None:
        process.send_signal(number)

    before = {number: signal.getsignal(number) for number in (*_FROM_TERMINAL, *_PASSED_ON)}
    for number, usual in before.items():
        if usual is not None and usual != signal.SIG_IGN:
            # Not ignored, which the process would inherit.
            signal.signal(number, pass_on if number in _PASSED_ON else lambda *_: None)
    try:
        yield
    finally:
        for number, usual in before.items():
            if usual is not None and usual != signal.SIG_IGN:
                signal.signal(number, usual)
        if process.poll() is None:
            process.terminate()
            process.wait()

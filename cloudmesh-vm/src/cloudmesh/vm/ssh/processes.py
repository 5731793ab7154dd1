"""The processes of OpenSSH that are running for us: each ends with us, however we end.

Each is the leader of a session of its own, so that a Ctrl-C at the terminal does not reach it, and so that it
can be ended with all that it started.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, BinaryIO, Protocol

# So many bytes of each output are kept at least, and of all outputs together at most.
_FIRST, _TOGETHER = 64 * 1024, 256 * 1024 * 1024
_CHUNK = 64 * 1024
# Seconds between two looks whether the work is to end, and that an ended process may take to say so.
_LOOK, _GRACE = 0.2, 2.0
_NEVER = float("inf")
# Reads the numbers of processes; when nobody is left who writes them, ends those that still run.
_WATCHER = """trap '' HUP INT TERM
all=' '
while read -r sign pid; do
  case $sign in +) all="$all$pid " ;; -) all="${all%% $pid *} ${all#* $pid }" ;; esac
done
for pid in $all; do kill -TERM "-$pid"; done"""

Out = BinaryIO | None


class Running(Protocol):
    """What prints something and comes to an end, as a process of ``subprocess`` does."""

    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def poll(self) -> int | None:
        """The exit status; None while it runs."""

    def wait(self, seconds: float | None = None, /) -> int:
        """The same, when it has ended. Raises subprocess.TimeoutExpired."""


class Session(Running, Protocol):
    """What runs without a process of its own."""

    def close(self) -> None:
        """End it."""


@dataclass(frozen=True)
class Beginning:
    """What must have come about some time before a process has ended.

    Args:
        ends: until when, by ``time.monotonic``.
        has_come: whether it has; gets what the process has printed on stderr so far.
    """

    ends: float
    has_come: Callable[[bytes], bool]


@dataclass
class Ended:
    """How a process ended.

    Attributes:
        status: its exit status, negative for a signal.
        stdout, stderr: what it printed, as far as it is kept.
        truncated: whether it printed more.
        timed_out, stopped: whether it was ended, since its time was over, or since the work was to end.
        not_begun: whether its time was over since what it begins with had not come about.
        not_written: why a file that was to get its output did not; it was ended then. None if there is none.
    """

    status: int
    stdout: bytes = b""
    stderr: bytes = b""
    truncated: bool = False
    timed_out: bool = False
    stopped: bool = False
    not_begun: bool = False
    not_written: OSError | None = None


@dataclass
class Processes:
    """Runs programs, from any number of threads at once.

    Args:
        stopped: whether all of them are to be ended.
        kept: so many bytes of each output are kept.
    """

    stopped: Callable[[], bool] = lambda: False
    kept: int = 1024 * 1024
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: set[int] = field(default_factory=set)
    _watcher: subprocess.Popen[bytes] | None = None
    _held: int = 0
    _closed: bool = False

    def run(
        self,
        words: Sequence[str],
        *,
        stdin: BinaryIO | int = subprocess.DEVNULL,
        stdout: Out = None,
        stderr: Out = None,
        ends: float = _NEVER,
        beginning: Beginning | None = None,
    ) -> Ended:
        """Run a program to its end.

        Args:
            words: the program and its arguments; no shell stands between.
            stdin: what it reads.
            stdout, stderr: open files that get what it prints; None to keep it.
            ends: when it is ended, by ``time.monotonic``.
            beginning: what it must begin with in time, else it is ended.

        Raises:
            OSError: the program is not there, or the system has no room for it.
        """
        process = self._start(words, stdin)
        try:
            return self._collect(process, (stdout, stderr), ends, beginning, lambda: self._end(process))
        finally:
            # Whatever happens here, it does not go on alone.
            self._end(process)
            self._forget(process)

    def attend(
        self, session: Session, *, stdout: Out = None, stderr: Out = None, ends: float = _NEVER
    ) -> Ended:
        """Wait until a session has ended, or end it; as ``run`` does with a program."""
        try:
            return self._collect(session, (stdout, stderr), ends, None, session.close)
        finally:
            session.close()

    def is_wanted(self, ends: float) -> bool:
        """Whether what is to end then, by ``time.monotonic``, may go on."""
        return not (self._closed or self.stopped()) and time.monotonic() < ends

    def close(self) -> None:
        """End all that is running."""
        with self._lock:
            self._closed = True
            for pid in self._running:
                _signal(pid, signal.SIGTERM)
            watcher, self._watcher = self._watcher, None
        if watcher is not None and watcher.stdin is not None:
            watcher.stdin.close()
            watcher.wait()

    def _start(self, words: Sequence[str], stdin: BinaryIO | int) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise OSError("the work has ended")
            self._watch()
        process = subprocess.Popen(
            words,
            bufsize=0,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        with self._lock:
            self._running.add(process.pid)
            self._tell(f"+ {process.pid}\n")
            if self._closed:
                _signal(process.pid, signal.SIGTERM)
        return process

    def _watch(self) -> None:
        """Let somebody watch who outlives us."""
        if self._watcher is None:
            nowhere = subprocess.DEVNULL
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHER],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=nowhere,
                stderr=nowhere,
                start_new_session=True,
            )

    def _tell(self, line: str) -> None:
        watcher = self._watcher
        if watcher is not None and watcher.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                watcher.stdin.write(line.encode())

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process.pid)
            self._tell(f"- {process.pid}\n")

    def _collect(
        self,
        process: Running,
        files: tuple[Out, Out],
        ends: float,
        beginning: Beginning | None,
        end: Callable[[], None],
    ) -> Ended:
        """Read what it prints until it has ended, or is to be ended."""
        ended, streams = Ended(0), _Streams(process, self, files)
        died = _NEVER
        while not (streams.error or self._is_over(ended, ends)):
            if beginning is not None and time.monotonic() >= beginning.ends:
                if not beginning.has_come(streams.stderr):
                    ended.timed_out = ended.not_begun = True
                    break
                beginning = None
            if not streams.read(max(0.0, min(_LOOK, ends - time.monotonic()))):
                if process.poll() is None:
                    continue
                # What it has left behind, such as a shared connection, may hold the streams open.
                died = min(died, time.monotonic())
                if not streams.left or time.monotonic() - died >= _LOOK:
                    break
        end()
        ended.status = process.wait()
        streams.close(ended)
        ended.not_written = streams.error
        return ended

    def take(self, chunk: bytes, room: int) -> bytes:
        """As much of what a stream gave as is kept of it, if it still has so much room."""
        if self._held > _TOGETHER and self.kept - room >= _FIRST:
            return b""
        part = chunk[:room]
        with self._lock:
            self._held += len(part)
        return part

    def give_back(self, count: int) -> None:
        """So many bytes are not held here any more."""
        with self._lock:
            self._held -= count

    def _is_over(self, ended: Ended, ends: float) -> bool:
        """Whether a process is to be ended now, which is noted."""
        if not (ended.timed_out or ended.stopped):
            ended.stopped = self._closed or self.stopped()
            ended.timed_out = not ended.stopped and time.monotonic() >= ends
        return ended.timed_out or ended.stopped

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """End a process with what it started, if it runs."""
        if process.poll() is not None:
            return
        _signal(process.pid, signal.SIGTERM)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            _signal(process.pid, signal.SIGKILL)
            process.wait()


class _Streams:
    """What one process prints: stdout and stderr, which are kept, or written to files.

    The process does not write to the files itself: with a shared connection nobody would hear that the disk
    is full.

    Attributes:
        left: the descriptors of those that are not at their end.
        error: why a file could not be written; None if all is well.
    """

    def __init__(self, process: Running, owner: Processes, files: tuple[Out, Out]) -> None:
        self._process, self._owner = process, owner
        self._files: dict[int, BinaryIO] = {}
        self.error: OSError | None = None
        self._kept: dict[int, list[bytes]] = {}
        self._room: dict[int, int] = {}
        self._truncated = False
        self._poll = select.poll()
        for each, file in zip((process.stdout, process.stderr), files, strict=True):
            if each is not None:
                if file is not None:
                    self._files[each.fileno()] = file
                os.set_blocking(each.fileno(), False)
                self._kept[each.fileno()], self._room[each.fileno()] = [], owner.kept
                self._poll.register(each.fileno(), select.POLLIN)
        self.left = set(self._kept)

    def read(self, seconds: float) -> bool:
        """Wait so long for something to read, or for the end of the process; whether anything came."""
        if not self.left:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return False
        ready = self._poll.poll(seconds * 1000)
        for number, _ in ready:
            self._read(number)
        return bool(ready)

    def _read(self, number: int) -> None:
        """Read once what a stream has."""
        try:
            chunk = os.read(number, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self.left.discard(number)
            self._poll.unregister(number)
            return
        if number in self._files:
            left = memoryview(chunk)
            try:
                while left:
                    left = left[self._files[number].write(left) :]
            except OSError as error:
                self.error = self.error or error
            return
        part = self._owner.take(chunk, self._room[number])
        self._room[number] -= len(part)
        self._kept[number].append(part)
        self._truncated = self._truncated or len(part) < len(chunk)

    @property
    def stderr(self) -> bytes:
        """What it has printed there so far, as far as it is kept."""
        stream = self._process.stderr
        return b"" if stream is None else b"".join(self._kept[stream.fileno()])

    def close(self, ended: Ended) -> None:
        """Hand over what was kept."""
        while self.read(0) and self.left:
            pass
        texts = [
            b"" if each is None else b"".join(self._kept[each.fileno()])
            for each in (self._process.stdout, self._process.stderr)
        ]
        ended.stdout, ended.stderr, ended.truncated = *texts, self._truncated
        self._owner.give_back(sum(map(len, texts)))
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to the leader of a session and all in it."""
    with contextlib.suppress(OSError):
        os.killpg(pid, number)

"""Downloads of large files, which go on after a break where they ended.

What has come so far is kept as ``KEY.part``, KEY being a hash of the address, with ``KEY.json`` that says
which version of the file it is of (its ETag, else when it was last modified). The server is asked for the
rest of just that version; if it has another one by now, or gives no parts, it is begun anew. Proxies and
certificates are those of the environment (https_proxy, no_proxy, REQUESTS_CA_BUNDLE).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from cloudmesh.cloud.cli.download_errors import (
    ended_early,
    http_error,
    no_room,
    request_error,
    shown,
)
from cloudmesh.cloud.errors import BadAnswer, CloudError, Conflict, Refused, is_transient
from cloudmesh.plugin.errors import Interrupted, UsageError
from cloudmesh.plugin.files import make_private_directory, replace_private

# Seconds to connect, and without a byte.
_PATIENCE = (15.0, 60.0)
# What is lost of it where it breaks off.
_CHUNK = 1 << 16
_MOST_REDIRECTS = 10
# How often it is tried again without a byte more, and for how many seconds it is waited before each.
_PAUSES = (1.0, 2.0, 5.0, 10.0)
# What stays free on the file system, in bytes.
_SPARE = 64 << 20
_LARGEST_LIST = 4 << 20
# Parts that nobody went on with for so many seconds are removed.
_FORGOTTEN = 30 * 86400
_OK, _PART, _NO_SUCH_PART = 200, 206, 416
_REDIRECTS = (301, 302, 303, 307, 308)
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

# Told how many bytes have come, and how many there are in all, 0 if that is not known.
Watch = Callable[[int, int], None]


@dataclass
class Download:
    """One file to be downloaded.

    Attributes:
        url: its address, with https; with http only if ``safe`` says that what comes is checked.
        folder: where parts are kept; made if need be, mode 0700.
        safe: whether the digest of the file is known.
        watch: told of the progress.
        pause: waits for so many seconds; replaced in tests.
    """

    url: str
    folder: Path
    safe: bool = False
    watch: Watch = lambda done, total: None
    pause: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Refuse what is no address to download from. Raises UsageError."""
        require_address(self.url, self.safe)
        key = hashlib.sha256(self.url.encode()).hexdigest()[:32]
        self.part = self.folder / f"{key}.part"
        self._about = self.folder / f"{key}.json"
        self.total = 0

    @property
    def kept(self) -> int:
        """How many bytes have come so far."""
        try:
            return self.part.stat().st_size
        except FileNotFoundError:
            return 0

    def run(self) -> Path:
        """Download the file, or the rest of it; call ``forget`` when it has been used.

        Raises:
            NotFound, Refused, CredentialsError: the server does not give it.
            Unreachable, TlsFailure, BadAnswer: it does not answer, or ended early again and again.
            NoCapacity: there is no room for it; nothing more is downloaded than there was room for.
            Conflict: another process downloads it.
            Interrupted: by Ctrl-C; what has come is kept.
        """
        try:
            make_private_directory(self.folder)
            self._remove_forgotten()
            with self._opened() as file, requests.Session() as session:
                self._fetch(session, file)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {self._come()}; the same command goes on from there") from None
        except OSError as error:
            raise no_room(error, self.folder) from error
        return self.part

    def forget(self) -> None:
        """Remove what was downloaded."""
        for path in (self.part, self._about):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _come(self) -> str:
        if not self.kept:
            return f"nothing of {shown(self.url)} has come yet"
        of = f" of {_mib(self.total)}" if self.total else ""
        return f"{_mib(self.kept)}{of} of {shown(self.url)} are kept"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        """The part, which no other process writes to meanwhile."""
        descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"{shown(self.url)} is being downloaded by another process; wait until that has ended"
                ) from None
            yield file

    def _fetch(self, session: requests.Session, file: Any) -> None:
        """Ask for the rest until all is there; give up when nothing more comes for some times."""
        pauses = iter(_PAUSES)
        while True:
            before = self.kept
            try:
                return self._fetch_once(session, file)
            except CloudError as error:
                if not is_transient(error):
                    raise
                if self.kept > before:
                    pauses = iter(_PAUSES)
                pause = next(pauses, None)
                if pause is None:
                    raise ended_early(error, self._come() if self.kept else "") from error
                self.pause(pause)

    def _fetch_once(self, session: requests.Session, file: Any) -> None:
        have, validator = self.kept, self._validator()
        headers = {"Accept-Encoding": "identity"}
        if have and validator:
            headers |= {"Range": f"bytes={have}-", "If-Range": validator}
        with request_errors(self.url), answered(session, self.url, headers) as response:
            if response.status_code == _NO_SUCH_PART:
                if response.headers.get("Content-Range", "").endswith(f"/{have}"):
                    self.total = have
                    return
                self._begin_anew(file)
                raise BadAnswer(f"{shown(self.url)} has changed in the middle of the download")
            start = self._start(response, have)
            self._note(response)
            if start == 0:
                self._begin_anew(file)
                self._note(response)
            self._require_room()
            self._write(response, file, start)

    def _start(self, response: requests.Response, have: int) -> int:
        """Where what comes belongs; notes how much there is in all."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(f"{shown(self.url)} is sent compressed, as no download is; use another address")
        length = response.headers.get("Content-Length", "")
        if response.status_code == _OK:
            self.total = int(length) if length.isdecimal() else 0
            return 0
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code != _PART or not match or int(match[1]) != have:
            raise Refused(
                f"{shown(self.url)} is answered with a part that was not asked for; use another address"
            )
        self.total = int(match[3]) if match[3] != "*" else 0
        return have

    def _write(self, response: requests.Response, file: Any, start: int) -> None:
        done = start
        file.seek(start)
        self.watch(done, self.total)
        try:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                self.watch(done, self.total)
        finally:
            file.flush()
        if self.total and done != self.total:
            raise BadAnswer(f"{shown(self.url)} ended after {done} of {self.total} bytes")

    def _begin_anew(self, file: Any) -> None:
        file.truncate(0)
        file.seek(0)

    def _validator(self) -> str:
        """What tells the server which version the part is of; empty if that is not known."""
        try:
            found = json.loads(self._about.read_bytes())["validator"]
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return found if isinstance(found, str) else ""

    def _note(self, response: requests.Response) -> None:
        """Write down which version it is; one that cannot be told apart is not gone on with."""
        etag = response.headers.get("ETag", "")
        strong = etag if etag.startswith('"') else ""
        validator = strong or response.headers.get("Last-Modified", "")
        replace_private(self._about, json.dumps({"validator": validator}).encode(), sync=False)

    def _require_room(self) -> None:
        """Refuse what is larger than what is free, before it is downloaded."""
        # It is copied into the cloud before it is removed here.
        needed = 2 * self.total - self.kept
        free = shutil.disk_usage(self.folder).free
        if self.total and needed + _SPARE > free:
            raise no_room(None, self.folder, needed, free)

    def _remove_forgotten(self) -> None:
        now = time.time()
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):
                if path.suffix in (".part", ".json") and now - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink()


def require_address(url: str, safe: bool) -> None:
    """Raise UsageError for what is no address, or one whose content anybody on the way could have changed."""
    try:
        parts = urlsplit(url)
        fine = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        fine = False
    if not fine or parts.scheme not in ("http", "https"):
        raise UsageError(f"{shown(url)} is no address to download from; use https://HOST/PATH, or a file")
    if parts.scheme == "http" and not safe:
        raise UsageError(
            f"{shown(url)} is not protected by TLS, so anybody on the way could change it; use https, or say "
            "with --sha256 what it must be"
        )


def fetch_text(url: str) -> str:
    """A small text, such as a list of checksums; only by https. Raises CloudError."""
    require_address(url, safe=False)
    with requests.Session() as session, request_errors(url), answered(session, url, {}) as response:
        content = b""
        for chunk in response.iter_content(_CHUNK):
            content += chunk
            if len(content) > _LARGEST_LIST:
                raise Refused(f"{shown(url)} is too long for a list of checksums")
        return content.decode("utf-8", errors="replace")


@contextlib.contextmanager
def request_errors(url: str) -> Iterator[None]:
    """Errors of ``requests`` and below as those of our tree, without what is secret in an address."""
    try:
        yield
    except requests.RequestException as error:
        raise request_error(error, url) from None


@contextlib.contextmanager
def answered(session: requests.Session, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    """The answer to a request, redirects followed but never from https to anything else."""
    place = url
    for _ in range(_MOST_REDIRECTS):
        response = session.get(place, headers=headers, stream=True, timeout=_PATIENCE, allow_redirects=False)
        with response:
            if response.status_code not in _REDIRECTS or not response.headers.get("Location"):
                if response.status_code not in (_OK, _PART, _NO_SUCH_PART):
                    raise http_error(response, url)
                yield response
                return
            following = urljoin(place, response.headers["Location"])
            if urlsplit(place).scheme == "https" and urlsplit(following).scheme != "https":
                raise Refused(f"{shown(url)} leads to {shown(following)}, which is not protected by TLS")
            require_address(following, safe=True)
            place = following
    raise BadAnswer(f"{shown(url)} leads from one address to the next without an end", outcome_unknown=False)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"

"""Downloads from servers that break off, change their minds, lie, or hang; on loopback."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.cli import download as module
from cloudmesh.cloud.cli.download import Download
from cloudmesh.cloud.cli.download_errors import shown
from cloudmesh.cloud.errors import (
    BadAnswer,
    CloudTimeout,
    Conflict,
    NoCapacity,
    NotFound,
    OutOfService,
    Refused,
    Unreachable,
)
from cloudmesh.plugin.errors import UsageError

from .web import CHUNK, CONTENT, Server, download


def test_a_file_is_downloaded_privately_and_told_of(server: Server, place: Path) -> None:
    told: list[tuple[int, int]] = []
    got = download(server, place, watch=lambda done, total: told.append((done, total)))
    assert got.run().read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT))
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert place.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    got.forget()
    assert list(place.iterdir()) == []


def test_a_download_that_breaks_off_goes_on_where_it_ended(server: Server, place: Path) -> None:
    server.cuts = [4 * CHUNK, 0, CHUNK]
    assert download(server, place).run().read_bytes() == CONTENT
    assert [each.get("Range") for each in server.requests] == [
        None,
        f"bytes={4 * CHUNK}-",
        f"bytes={4 * CHUNK}-",
        f"bytes={5 * CHUNK}-",
    ]
    assert [each.get("If-Range") for each in server.requests[1:]] == ['"one"'] * 3


def test_it_goes_on_in_the_next_command_too(server: Server, place: Path) -> None:
    server.cuts = [300_000, *[0] * 20]
    with pytest.raises(BadAnswer, match=r"0\.2 MiB of 0\.7 MiB .* are kept; the same command goes on"):
        download(server, place).run()
    server.cuts = []
    server.requests.clear()
    assert download(server, place).run().read_bytes() == CONTENT
    assert [each.get("Range") for each in server.requests] == [f"bytes={4 * CHUNK}-"]


def test_a_server_without_parts_begins_anew(server: Server, place: Path) -> None:
    server.cuts, server.ranges = [300_000], False
    assert download(server, place).run().read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['"two"', ""])
def test_parts_of_two_versions_are_never_joined(server: Server, place: Path, etag: str) -> None:
    server.modified = "Mon, 02 Nov 2026 10:00:00 GMT"
    server.cuts = [300_000, *[0] * 20]
    with pytest.raises(BadAnswer):
        download(server, place).run()
    server.cuts, server.content, server.etag = [], os.urandom(500_000), etag
    assert download(server, place).run().read_bytes() == server.content


def test_a_weak_version_is_not_gone_on_with(server: Server, place: Path) -> None:
    server.etag, server.cuts = 'W/"one"', [300_000]
    assert download(server, place).run().read_bytes() == CONTENT
    assert [each.get("Range") for each in server.requests] == [None, None]


def test_what_is_there_already_is_not_downloaded_again(server: Server, place: Path) -> None:
    download(server, place).run()
    server.requests.clear()
    assert download(server, place).run().read_bytes() == CONTENT
    assert server.requests[0]["Range"] == f"bytes={len(CONTENT)}-"


def test_a_file_that_became_shorter_is_begun_anew(server: Server, place: Path) -> None:
    download(server, place).run()
    server.content = CONTENT[:1000]
    assert download(server, place).run().read_bytes() == CONTENT[:1000]


def test_a_file_of_unknown_length_is_downloaded(server: Server, place: Path) -> None:
    server.length = False
    assert download(server, place).run().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "kind", "asked"),
    [(404, NotFound, 1), (403, Refused, 1), (503, OutOfService, 5)],
)
def test_a_refusal_is_told_and_only_tried_again_if_that_helps(
    server: Server, place: Path, status: int, kind: type[Exception], asked: int
) -> None:
    server.statuses = [status] * 20
    with pytest.raises(kind, match=f"HTTP {status}"):
        download(server, place).run()
    assert len(server.requests) == asked


def test_a_server_that_is_not_there_is_told(server: Server, place: Path) -> None:
    gone = Download("http://127.0.0.1:1/x", place, safe=True, pause=lambda seconds: None)
    with pytest.raises(Unreachable, match="refused"):
        gone.run()
    unknown = Download("http://nowhere.invalid/x", place, safe=True, pause=lambda seconds: None)
    with pytest.raises(Unreachable, match="not found"):
        unknown.run()


def test_a_server_that_sends_nothing_any_more_is_given_up(
    server: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", (1.0, 0.1))
    server.cuts = [-1000] * 10
    with pytest.raises(CloudTimeout, match="sends nothing any more"):
        download(server, place).run()


def test_what_is_sent_compressed_is_refused(server: Server, place: Path) -> None:
    server.encoding = "gzip"
    with pytest.raises(Refused, match="compressed"):
        download(server, place).run()


def test_too_large_a_file_is_refused_before_it_is_downloaded(
    server: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    got = download(server, place)
    with pytest.raises(NoCapacity, match=r"needs 1 MiB more and 1 MiB are free"):
        got.run()
    assert got.kept == 0


def test_a_disk_that_becomes_full_is_told(
    server: Server, small: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 40))
    with pytest.raises(NoCapacity, match="is full"):
        download(server, small / "downloads").run()


def test_two_processes_do_not_write_to_one_part(server: Server, place: Path) -> None:
    server.cuts = [-300_000]
    first = threading.Thread(target=lambda: download(server, place).run())
    first.start()
    second = download(server, place)
    while second.kept < 4 * CHUNK:
        time.sleep(0.01)
    with pytest.raises(Conflict, match="another process"):
        second.run()
    server.hang.set()
    first.join()


@pytest.mark.parametrize(
    "url", ["ftp://h/x", "file:///etc/passwd", "https://", "https://h:99999/x", "disk.qcow2"]
)
def test_what_is_no_address_is_refused(place: Path, url: str) -> None:
    with pytest.raises(UsageError, match="no address to download from"):
        Download(url, place)


def test_without_tls_a_digest_is_needed(server: Server, place: Path) -> None:
    with pytest.raises(UsageError, match="--sha256"):
        download(server, place, safe=False)


def test_nothing_secret_of_an_address_is_shown(server: Server, place: Path) -> None:
    assert shown("https://me:secret@h:8443/a?token=secret#x") == "https://h:8443/a"
    assert shown("https://[::1]:1/a\x1b[2J") == r"https://[::1]:1/a\x1b[2J"
    server.statuses = [404]
    url = server.url.replace("//", "//me:secret@") + "?token=secret"
    with pytest.raises(NotFound) as told:
        Download(url, place, safe=True).run()
    assert "secret" not in str(told.value)


def test_ctrl_c_keeps_what_has_come_and_says_so(server: Server, place: Path) -> None:
    server.cuts = [-300_000]
    code = (
        "import sys, pathlib\n"
        "from cloudmesh.cloud.cli.download import Download\n"
        "from cloudmesh.plugin.errors import Interrupted\n"
        "try: Download(sys.argv[1], pathlib.Path(sys.argv[2]), safe=True).run()\n"
        "except Interrupted as error: print(error)\n"
    )
    words = [sys.executable, "-c", code, server.url, str(place)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        mine = download(server, place)
        while mine.kept < 250_000:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate()
    assert "MiB of 0.7 MiB of" in told
    assert "the same command goes on from there" in told
    server.hang.set()
    kept = mine.kept
    assert hashlib.sha256(mine.run().read_bytes()).digest() == hashlib.sha256(CONTENT).digest()
    assert server.requests[-1]["Range"] == f"bytes={kept}-"


def test_parts_that_nobody_went_on_with_are_removed(server: Server, place: Path) -> None:
    got = download(server, place)
    got.run()
    old = time.time() - 40 * 86400
    for path in place.iterdir():
        os.utime(path, (old, old))
    other = Download(server.url + "2", place, safe=True)
    other.run()
    assert sorted(path.name for path in place.iterdir()) == sorted(
        [other.part.name, other.part.with_suffix(".json").name]
    )

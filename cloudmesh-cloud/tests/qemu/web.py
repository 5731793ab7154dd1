"""A web server of one file, on loopback, that does what servers do wrong."""

from __future__ import annotations

import os
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cloudmesh.cloud.cli.download import Download

CONTENT, CHUNK = os.urandom(700_000), 1 << 16


class Server:
    """A web server with one file.

    Attributes:
        content, etag, modified: of the file; empty for no such header.
        cuts: after how many bytes of each answer the connection is closed, one after the other; after a
            negative number of bytes nothing more comes.
        ranges: whether parts are given.
        statuses: of the next answers, in place of the file.
        redirect: where every request is sent to instead.
        requests: the headers of each request.
    """

    def __init__(self) -> None:
        self.content = CONTENT
        self.etag, self.modified = '"one"', ""
        self.cuts: list[int] = []
        self.ranges = True
        self.statuses: list[int] = []
        self.redirect = ""
        self.encoding = ""
        self.length = True
        self.hang = threading.Event()
        self.requests: list[dict[str, str]] = []
        self.scheme = "http"

    def start(self, context: ssl.SSLContext | None = None) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if context:
            self.scheme = "https"
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.hang.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.http.server_port}/disk.qcow2"

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        self.requests.append(dict(to.headers))
        if self.redirect and to.path != "/moved":
            to.send_response(302)
            to.send_header("Location", self.redirect)
            to.end_headers()
            return
        if self.statuses:
            to.send_response(self.statuses.pop(0))
            to.end_headers()
            return
        start = 0
        wanted = to.headers.get("Range", "")
        fits = to.headers.get("If-Range") in (None, self.etag or self.modified)
        if self.ranges and wanted and fits:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.content):
                to.send_response(416)
                to.send_header("Content-Range", f"bytes */{len(self.content)}")
                to.end_headers()
                return
            to.send_response(206)
            to.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        else:
            to.send_response(200)
        if self.length:
            to.send_header("Content-Length", str(len(self.content) - start))
        for name, value in (
            ("ETag", self.etag),
            ("Last-Modified", self.modified),
            ("Content-Encoding", self.encoding),
        ):
            if value:
                to.send_header(name, value)
        to.end_headers()
        rest = self.content[start:]
        cut = self.cuts.pop(0) if self.cuts else None
        if cut is not None and cut < 0:
            to.wfile.write(rest[:-cut])
            to.wfile.flush()
            self.hang.wait(30)
        else:
            to.wfile.write(rest if cut is None else rest[:cut])


def download(server: Server, place: Path, **more: Any) -> Download:
    more.setdefault("safe", True)
    return Download(server.url, place, pause=lambda seconds: None, **more)

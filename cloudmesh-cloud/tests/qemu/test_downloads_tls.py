"""Downloads by TLS: redirects, certificates, and lists of checksums."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudmesh.cloud.cli.download import fetch_text
from cloudmesh.cloud.errors import BadAnswer, Refused, TlsFailure
from cloudmesh.plugin.errors import UsageError

from .web import CONTENT, Server, download


def test_redirects_are_followed_but_never_out_of_tls(secure: Server, server: Server, place: Path) -> None:
    secure.redirect = "/moved"
    assert download(secure, place, safe=False).run().read_bytes() == CONTENT
    secure.redirect = server.url
    with pytest.raises(Refused, match="not protected by TLS"):
        download(secure, place / "other", safe=True).run()
    assert server.requests == []
    server.redirect = secure.url.replace("disk.qcow2", "moved")
    assert download(server, place / "third").run().read_bytes() == CONTENT
    server.redirect = server.url
    with pytest.raises(BadAnswer, match="without an end"):
        download(server, place / "fourth").run()
    server.redirect = "file:///etc/passwd"
    with pytest.raises(UsageError, match="no address"):
        download(server, place / "fifth").run()


def test_a_certificate_that_is_not_trusted_is_told(
    secure: Server, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(TlsFailure, match="REQUESTS_CA_BUNDLE"):
        download(secure, place).run()


def test_a_list_of_checksums_is_fetched_by_tls_only_and_has_an_end(secure: Server, server: Server) -> None:
    secure.content = b"0" * 64 + b"  disk\n"
    assert fetch_text(secure.url) == "0" * 64 + "  disk\n"
    with pytest.raises(UsageError, match="TLS"):
        fetch_text(server.url)
    secure.content = b"x" * (5 << 20)
    with pytest.raises(Refused, match="too long"):
        fetch_text(secure.url)

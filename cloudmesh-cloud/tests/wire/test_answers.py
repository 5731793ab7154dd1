"""Answers of every form that HTTP/1.1 allows are read, however their bytes are divided."""

import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudmesh.cloud.errors import BadAnswer
from cloudmesh.cloud.providers.libcloud.connection_settings import ConnectionSettings
from cloudmesh.cloud.wire.answer import AnswerReader
from cloudmesh.cloud.wire.budget import AnswerBudget
from cloudmesh.cloud.wire.errors import (
    AnswerCutError,
    ConnectionLostError,
    NoHttpError,
    UnreadableAnswerError,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BODY = b'{"servers": []}'
SIZED = OK + b"Content-Length: 15\r\n\r\n" + BODY
CHUNKED = (
    OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\n" + BODY[:3] + b"\r\nC\r\n" + BODY[3:] + b"\r\n0\r\n\r\n"
)
ANNOUNCED = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"


def packed(kind, data):
    return OK + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n%b" % (kind, len(data), data)


FORMS = {
    "sized": SIZED,
    "chunked": CHUNKED,
    "announced": ANNOUNCED + SIZED,
    "gzip": packed(b"gzip", gzip.compress(BODY)),
    "trailer": CHUNKED[:-2] + b"Content-Type: text/html\r\n\r\n",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 15\r\n\r\n" + BODY,
}


def read(*parts, ended=False, answer_mib=1):
    reader = AnswerReader(AnswerBudget(ConnectionSettings(cloud="probe", answer_mib=answer_mib)))
    for part in parts:
        reader.take(part)
    if ended and not reader.complete:
        reader.end()
    return reader


@pytest.mark.parametrize("name", FORMS)
@given(data=st.data())
def test_an_answer_is_the_same_in_whatever_parts_it_comes(name, data):
    whole = FORMS[name]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=12)))
    reader = read(*(whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)))
    answer = reader.answer()
    assert reader.complete and reader.keeps is (name != "old")
    assert (answer.status_code, answer.content, answer.json()) == (200, BODY, {"servers": []})
    assert name == "old" or answer.headers.get("Content-Type") == "application/json"


@pytest.mark.parametrize("name", FORMS)
@given(data=st.data())
def test_no_answer_that_is_cut_is_taken_for_whole(name, data):
    whole = FORMS[name]
    end = data.draw(st.integers(0, len(whole) - 1))
    reader = read(whole[:end])
    assert not reader.complete
    with pytest.raises(AnswerCutError if end else ConnectionLostError):
        reader.end()


def test_content_whose_length_is_not_told_ends_with_the_connection():
    reader = read(OK + b"\r\n", BODY[:5], BODY[5:], ended=True)
    assert reader.complete and not reader.keeps and reader.answer().content == BODY


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_content_is_whole_with_its_head(status):
    reader = read(b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert reader.complete and reader.keeps and reader.answer().content == b""


def test_a_server_that_will_close_gets_no_further_call():
    assert not read(OK + b"Connection: close\r\nContent-Length: 15\r\n\r\n" + BODY).keeps


@pytest.mark.parametrize("more", [SIZED, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", b"garbage"])
@pytest.mark.parametrize("first", [SIZED, CHUNKED])
def test_what_comes_behind_an_answer_belongs_to_nobody(first, more):
    for reader in (read(first, more), read(first + more)):
        answer = reader.answer()
        assert reader.complete and not reader.keeps
        assert (answer.status_code, answer.content) == (200, BODY)


@pytest.mark.parametrize("head", [OK + b"X-Long: ", b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"A: b\r\n"])
def test_a_head_without_an_end_is_no_http(head):
    parts = [head, *[head.rpartition(b"\r\n")[2] * 2**12 or head * 2**12] * 64]
    with pytest.raises(NoHttpError):
        read(*parts)


@given(st.integers(2**19, 2**21))
@settings(max_examples=10)
def test_a_large_content_is_unpacked_whole(size):
    content = bytes(size)
    assert read(packed(b"gzip", gzip.compress(content)), answer_mib=4).answer().content == content


@pytest.mark.parametrize(
    "greeting",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\x01\x02", b"HTTP/1.1 2x0 OK\r\n\r\n", b"* OK IMAP4rev1\r\n"],
)
def test_what_is_no_http(greeting):
    with pytest.raises(NoHttpError):
        read(greeting)


# With names of their own: what gzip makes holds the time, and workers side by side must name a test alike.
@pytest.mark.parametrize(
    "content",
    [b"this is not gzip", gzip.compress(BODY)[:-9], gzip.compress(BODY) * 2],
    ids=["other", "cut off", "twice"],
)
def test_content_that_is_not_packed_as_is_said(content):
    with pytest.raises(UnreadableAnswerError):
        read(packed(b"gzip", content)).answer()


def test_limits_hold_for_what_comes_and_for_what_it_becomes():
    with pytest.raises(BadAnswer, match="larger than 1 MiB"):
        read(OK + b"\r\n", *[b"x" * 2**18] * 5)
    with pytest.raises(BadAnswer, match="larger than 1 MiB"):
        read(packed(b"gzip", gzip.compress(b" " * 2**21))).answer()

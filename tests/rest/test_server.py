"""``cms rest start``, ``stop`` and ``status``, through the program itself."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def read_to_end(link):
    text = b""
    with contextlib.suppress(ConnectionResetError):
        while part := link.recv(65536):
            text += part
    return text


def test_a_server_is_started_asked_and_stopped(server):
    told = server.start()
    first, second = told.stdout.splitlines()
    assert first.startswith(f"http://127.0.0.1:{server.port}/ ") and "cms rest open" in first
    assert "cms rest token create" in second
    token = server.token()
    assert server.get()[0] == 401
    assert server.get(token=token)[0] == 200
    status = server.status()
    assert (status["state"], status["url"]) == ("running", f"http://127.0.0.1:{server.port}/")
    assert status["version"] == "5.0.0" and status["since"].endswith("Z")
    os.kill(status["pid"], 0)
    assert server.home.cms("rest", "status", "-q").stdout == f"{status['url']}\n"
    told = server.home.cms("rest", "stop")
    assert "has ended" in told.stderr
    with pytest.raises(ConnectionRefusedError):
        server.get()
    assert server.status(code=1) == {"state": "stopped", "url": None}
    quiet = server.home.cms("rest", "status", "-q", code=1)
    assert quiet.stdout + quiet.stderr == ""
    assert "no server is running" in server.home.cms("rest", "stop").stderr


def test_what_a_server_keeps_is_private_and_has_no_token(server):
    server.start()
    token = server.token()
    server.get(f"/v1/verbs?token={token}", token)
    server.get(f"/v1/{token}", token)
    server.get("/v1/machines?filter=state=active", token)
    pid = server.status()["pid"]
    words = Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
    server.home.cms("rest", "stop")
    folder = server.home.directory / "rest"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    log = (folder / "server.log").read_text()
    assert "ci GET /v1/machines 200" in log and "filter" not in log and "***" in log
    assert server.home.holding([token]) == [] and token not in words


def test_one_server_for_a_directory(server):
    server.start()
    for words in (["--detach"], []):
        told = server.home.cms("rest", "start", "--port=0", *words, code=1)
        assert f"http://127.0.0.1:{server.port}/" in told.stderr and "cms rest stop" in told.stderr
        assert told.stdout == "" and told.stderr.count("\n") == 1


def test_a_port_in_use_is_told(server):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for words in (["--detach"], []):
            told = server.home.cms("rest", "start", f"--port={port}", *words, code=1)
            assert f"port {port} of 127.0.0.1 is in use" in told.stderr and told.stderr.count("\n") == 1
    assert server.status(code=1) == {"state": "stopped", "url": None}


def test_a_killed_server_is_not_taken_for_a_running_one(server):
    server.start()
    killed = server.status()["pid"]
    os.kill(killed, signal.SIGKILL)
    end = time.monotonic() + 30
    while server.home.cms("rest", "status", code=None).returncode == 0:
        assert time.monotonic() < end
    # Somebody else has got the number.
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        file = server.home.directory / "rest" / "server.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "pid": bystander.pid}))
        server.status(code=1)
        server.home.cms("rest", "stop")
        server.start()
        server.home.cms("rest", "stop")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_in_the_foreground_ends_with_its_streams(server, number):
    process = server.home.start("rest", "start", "--port=0")
    first = process.stdout.readline()
    server.port = int(first.split("/")[2].split(":")[1])
    assert "until Ctrl-C" in first and "token create" in process.stdout.readline()
    token = server.token()
    with server.stream(token) as link, server.connection() as idle, server.connection() as late:
        idle.connect()
        late.connect()
        late.sock.sendall(b"POST /v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Len")
        process.send_signal(number)
        assert read_to_end(link).endswith(b"0\r\n\r\n")
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0, told
    assert "Traceback" not in told and "ci GET /v1/events 200" in told and token not in told


def test_what_is_revoked_ends_at_once(server):
    server.start()
    token = server.token()
    with server.stream(token) as link:
        server.home.cms("rest", "token", "revoke", "ci")
        assert read_to_end(link).endswith(b"0\r\n\r\n")
    assert server.get(token=token)[0] == 401


def test_an_expired_token_ends_its_stream(server):
    server.start()
    token = server.token("short", "read", "--expires=4s")
    with server.stream(token) as link:
        assert read_to_end(link).endswith(b"0\r\n\r\n")
    assert server.get(token=token)[0] == 401


def test_a_socket_is_for_its_owner_alone(server):
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / f"rest-{os.getpid()}.sock"
    before = os.umask(0)
    try:
        told = server.start(f"--socket={path}")
    finally:
        os.umask(before)
    assert str(path) in told.stdout
    mode = path.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600
    token = server.token()
    assert _through(path, token) == 200 and _through(path, "wrong") == 401
    assert server.status()["socket"] == str(path)
    assert "ssh -L" in server.home.cms("rest", "open", code=1).stderr
    # A socket that a killed server has left is replaced.
    os.kill(server.status()["pid"], signal.SIGKILL)
    end = time.monotonic() + 30
    while server.home.cms("rest", "status", code=None).returncode == 0:
        assert time.monotonic() < end
    assert path.exists()
    server.start(f"--socket={path}")
    assert _through(path, token) == 200
    server.home.cms("rest", "stop")
    assert not path.exists()


def test_what_is_no_socket_of_ours_is_left_alone(server, tmp_path):
    path = Path(os.environ["XDG_RUNTIME_DIR"]) / f"other-{os.getpid()}.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        told = server.home.cms("rest", "start", f"--socket={path}", code=1)
        assert "in use" in told.stderr
    path.unlink()
    file = tmp_path / "file"
    file.write_text("mine")
    assert "no socket" in server.home.cms("rest", "start", f"--socket={file}", code=1).stderr
    assert file.read_text() == "mine"
    long = tmp_path / ("x" * 200)
    assert "cannot listen" in server.home.cms("rest", "start", f"--socket={long}", code=1).stderr
    assert (
        "cannot listen" in server.home.cms("rest", "start", "--socket=/nowhere/x", "--detach", code=1).stderr
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_only_loopback_without_being_asked(server, host):
    told = server.home.cms("rest", "start", f"--host={host}", code=2)
    assert "--insecure-address" in told.stderr
    # The address of somebody else; what is told does not depend on it.
    told = server.home.cms("rest", "start", "--host=192.0.2.1", "--insecure-address", code=1)
    assert told.stderr.startswith("warning: 192.0.2.1 can be reached from the network")


def test_wrong_words(server):
    for words in (["--port=x"], ["--port=70000"], ["--socket="], ["--allow-host=a b"]):
        server.home.cms("rest", "start", *words, code=2)
    assert "no address" in server.home.cms("rest", "start", "--host=no.invalid", code=1).stderr


def test_what_is_wrong_with_the_configuration_is_told(server):
    server.home.config.write_text("cloudmesh: [\n")
    for words in ([], ["--detach"]):
        told = server.home.cms("rest", "start", "--port=0", *words, code=3)
        assert "class.yaml" in told.stderr and "Traceback" not in told.stderr


def test_a_directory_that_is_named_from_here(server):
    server.home.extra["CLOUDMESH_CONFIG_DIR"] = "cloudmesh"
    server.start()
    assert server.get(token=server.token())[0] == 200


def _through(path, token):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    with contextlib.closing(connection):
        connection.sock.connect(str(path))
        connection.request("GET", "/v1/verbs", headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse().status

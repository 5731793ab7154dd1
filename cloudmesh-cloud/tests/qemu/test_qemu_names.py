"""The script that new machines run keeps the names of the others in /etc/hosts, and mends the clock."""

import re
import socket
import subprocess
import threading
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.providers.qemu import names


@pytest.fixture
def server():
    """A server of TFTP that has one file, as QEMU's: blocks of 512 bytes, the last one shorter."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(20)
        served = []

        def serve(content):
            request, client = listening.recvfrom(600)
            served.append(request)
            blocks = [content[start : start + 512] for start in range(0, len(content) + 1, 512)]
            for number, block in enumerate(blocks, 1):
                listening.sendto(b"\0\3" + number.to_bytes(2, "big") + block, client)
                served.append(listening.recvfrom(600)[0])

        yield SimpleNamespace(serve=serve, served=served, port=listening.getsockname()[1])


def program(kind):
    """The program for python3 or for a shell, out of the script."""
    word = "PYTHON" if kind == "python" else "SHELL"
    return re.search(rf"<<'{word}'\n(.*?)^{word}$", names.VENDOR_DATA, re.DOTALL | re.MULTILINE)[1]


@pytest.fixture
def guest(tmp_path):
    """The functions of the program for python3, with files of our own in place of the guest's."""
    hosts, clock = tmp_path / "hosts", tmp_path / "since_epoch"
    code = program("python").replace("/etc/hosts", str(hosts)).split("while True:\n    for")[0]
    code = code.replace("/sys/class/rtc/rtc0/since_epoch", str(clock))
    scope = {}
    exec(compile(code, "cloudmesh-names", "exec"), scope)
    return scope, hosts, clock


def test_the_script_is_one_that_a_shell_understands():
    for shell in ("sh", "bash"):
        subprocess.run([shell, "-n"], input=names.VENDOR_DATA, text=True, check=True)
        subprocess.run([shell, "-n"], input=program("shell"), text=True, check=True)
    compile(program("python"), "cloudmesh-names", "exec")
    assert names.VENDOR_DATA.startswith("#!/bin/sh\n")


@pytest.mark.parametrize("length", [0, 20, 512, 1500])
def test_the_table_is_read_whole(server, guest, monkeypatch, length):
    scope, _, _ = guest

    class Redirected(socket.socket):
        def sendto(self, data, address):
            to = ("127.0.0.1", server.port) if address == ("10.0.2.2", 69) else address
            return super().sendto(data, to)

    monkeypatch.setattr(scope["socket"], "socket", Redirected)
    content = ("10.152.0.2 web01\n" * 100)[:length]
    thread = threading.Thread(target=server.serve, args=[content.encode()])
    thread.start()
    assert scope["fetch"]() == content
    thread.join()
    assert server.served[0] == b"\0\1hosts\0octet\0"


def test_a_guest_without_a_file_of_hosts_gets_one(guest):
    scope, hosts, _ = guest
    scope["place"]("10.152.0.2 web01\n")
    assert hosts.read_text() == f"{names.BEGIN}\n10.152.0.2 web01\n{names.END}\n"


def test_what_else_is_in_the_file_of_hosts_stays(guest):
    scope, hosts, _ = guest
    hosts.write_text("127.0.0.1 localhost")
    scope["place"]("10.152.0.2 web01\n")
    ours = f"{names.BEGIN}\n10.152.0.2 web01\n{names.END}\n"
    assert hosts.read_text() == f"127.0.0.1 localhost\n{ours}"
    with hosts.open("a") as file:
        file.write("192.0.2.1 mine\n")
    scope["place"]("10.152.0.3 web02\n")
    assert hosts.read_text() == f"127.0.0.1 localhost\n{ours.replace('2 web01', '3 web02')}192.0.2.1 mine\n"


def test_a_clock_that_is_behind_is_set_and_no_other(guest, monkeypatch):
    scope, _, clock = guest
    now, done = scope["time"].time(), []
    monkeypatch.setattr(scope["time"], "time", lambda: now)
    monkeypatch.setattr(scope["time"], "clock_settime", lambda which, seconds: done.append(seconds))
    for ahead in (-3600, 0, 1, 3600):
        clock.write_text(f"{int(now) + ahead}\n")
        scope["mend_clock"]()
    assert done == [int(now) + 3600]

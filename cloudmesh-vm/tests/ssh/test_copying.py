"""Files and folders to machines and from them, by rsync and by sftp; tunnels to their ports."""

import os
import shutil
import socket
import stat
import threading

import pytest

from cloudmesh.plugin.errors import UsageError
from cloudmesh.vm import Machines
from cloudmesh.vm.ssh import copy
from cloudmesh.vm.ssh.copy import CopyFailed
from cloudmesh.vm.ssh.tunnel import Tunnel


@pytest.fixture(params=["rsync", "sftp"])
def way(request, monkeypatch):
    """Each way to copy in turn."""
    if request.param == "rsync" and not shutil.which("rsync"):
        pytest.skip("rsync is not installed")
    if request.param == "sftp":
        monkeypatch.setattr(copy.shutil, "which", lambda program: None)
    return request.param


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "from" / "a folder"
    (top / "sub").mkdir(parents=True)
    (top / "sub" / 'it\'s "one" *').write_text("one")
    program = top / "program"
    program.write_text("two")
    program.chmod(0o750)
    os.utime(program, (1_500_000_000, 1_500_000_000))
    return top


def test_a_folder_goes_there_and_back(machine, way, folder, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    assert machine.put(folder, f"{there}/") == f"{there}/a folder"
    back = machine.get(f"{there}/a folder", tmp_path / "back")
    assert back == str(tmp_path / "back" / "web1" / "a folder")
    for top in (there / "a folder", tmp_path / "back" / "web1" / "a folder"):
        assert (top / "sub" / 'it\'s "one" *').read_text() == "one"
        about = (top / "program").stat()
        assert stat.S_IMODE(about.st_mode) == 0o750
        assert int(about.st_mtime) == 1_500_000_000
    assert [each.name for each in there.iterdir()] == ["a folder"]


def test_what_a_folder_has_beside_it_stays(machine, way, folder, tmp_path):
    there, back = tmp_path / "there", tmp_path / "back"
    there.mkdir()
    for _ in range(2):
        machine.put(folder, str(there))
        machine.get(f"{there}/a folder", back)
        (there / "a folder" / "own").write_text("")
        (back / "web1" / "a folder" / "mine").write_text("")
    machine.put(folder, str(there))
    machine.get(f"{there}/a folder", back)
    assert (there / "a folder" / "own").exists()
    assert (back / "web1" / "a folder" / "mine").exists()


@pytest.mark.parametrize("name", ["plain", "with blank", "star*", "[x]", "quote'\"", "back\\slash", "$HOME"])
def test_a_name_means_only_itself(machine, way, tmp_path, name):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / name).write_text("this")
    (tmp_path / "from" / "starx").write_text("not this")
    there = tmp_path / "there"
    there.mkdir()
    machine.put(tmp_path / "from" / name, str(there / name))
    assert [(each.name, each.read_text()) for each in there.iterdir()] == [(name, "this")]
    machine.get(str(there / name), tmp_path / "back")
    assert (tmp_path / "back" / "web1" / name).read_text() == "this"


def test_what_is_not_there_leaves_nothing(machine, way, tmp_path):
    with pytest.raises(CopyFailed):
        machine.get(f"{tmp_path}/nothing", tmp_path / "back")
    assert list((tmp_path / "back" / "web1").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(CopyFailed):
        machine.put(tmp_path / "file", f"{tmp_path}/no/such/folder")
    with pytest.raises(CopyFailed, match="is not there"):
        machine.put(tmp_path / "none", "x")


def test_a_link_that_leads_out_is_not_kept(machine, way, tmp_path):
    source = tmp_path / "from"
    source.mkdir()
    (source / "inside").symlink_to("file")
    (source / "file").write_text("")
    (source / "outside").symlink_to("/etc/passwd")
    (source / "above").symlink_to("../x")
    machine.get(str(source), tmp_path / "back")
    kept = {each.name for each in (tmp_path / "back" / "web1" / "from").iterdir()}
    assert "file" in kept
    assert not kept & {"outside", "above"}


def test_a_folder_of_ours_that_is_a_link_is_not_followed(machine, way, tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "file").write_text("new")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "back" / "web1").mkdir(parents=True)
    (tmp_path / "back" / "web1" / "from").symlink_to(elsewhere)
    with pytest.raises(CopyFailed, match="is a link"):
        machine.get(str(tmp_path / "from"), tmp_path / "back")
    assert list(elsewhere.iterdir()) == []


def test_each_machine_has_a_folder(cloud, cms, tmp_path):
    (tmp_path / "log").write_text("text")
    code, out, _ = cms(f"vm get 'web*' {tmp_path}/log {tmp_path}/logs/")
    assert (code, "web[1-3]" in out) == (0, True)
    files = sorted(
        str(each.relative_to(tmp_path)) for each in (tmp_path / "logs").rglob("*") if each.is_file()
    )
    assert files == [f"logs/web{number}/log" for number in (1, 2, 3)]
    assert cms(f"vm put 'web*' {tmp_path}/none x")[0] == 2


@pytest.fixture
def echo():
    """A server that says hello to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello")

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def greeting(address):
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        return connection.recv(100)


def test_a_tunnel_leads_to_a_port_of_the_machine_and_ends_with_its_block(machine, echo):
    with machine.tunnel(echo) as address:
        # Its own port is taken, by the very server, so that a free one is used.
        assert address.startswith("127.0.0.1:")
        assert address != f"127.0.0.1:{echo}"
        assert greeting(address) == b"hello"
    with pytest.raises(OSError, match="refused"):
        greeting(address)


def test_a_tunnel_comes_back_when_its_connection_breaks(cloud, echo):
    with Machines("web1") as machines:
        route = machines.route()
    told, again = [], threading.Event()

    def tell(sentence):
        told.append(sentence)
        if "there again" in sentence:
            again.set()

    tunnel = Tunnel(route, echo, tell=tell)
    with tunnel as address:
        assert greeting(address) == b"hello"
        (pid,) = tunnel._processes._running
        os.kill(pid, 15)
        assert again.wait(30), told
        assert greeting(address) == b"hello"
    assert "the connection to web1 is lost" in told[0]


def test_a_tunnel_says_why_it_cannot_be(machine, echo):
    with pytest.raises(UsageError, match=f"port {echo} of this computer is taken"), machine.tunnel(80, echo):
        pass
    with pytest.raises(UsageError, match="no port"):
        machine.tunnel(70000)

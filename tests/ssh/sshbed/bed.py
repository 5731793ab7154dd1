"""``Bed``: many pretended machines at addresses of loopback, each with a home folder of its own."""

from __future__ import annotations

import getpass
import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from .faults import FullQueue, Listener
from .processes import having, kill
from .servers import Server, make_key, sftp_server, split

# What a machine may be like. Those of the first line have an ssh server; OWN has one for itself alone.
GOOD, OWN, NO_SFTP, DENIES = "good", "own", "no sftp", "denies"
REFUSES, SILENT, HANGS, SWALLOWS = "refuses", "silent", "hangs", "swallows"
GREETING = b"SSH-2.0-OpenSSH_9.2p1\r\n"
# What every command on a machine is started by. MACHINE is set by the server.
SHELL = """\
#!/bin/sh
cd "$HOME" || exit 111
if [ -e "{folder}/doors/$MACHINE" ]; then . "{folder}/doors/$MACHINE"; fi
if [ -z "$SSH_ORIGINAL_COMMAND" ]; then exec sh; fi
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""
# For doors: the machine goes down in the middle of a command.
DROPS = "echo begun; sleep 0.3; kill -9 $PPID; exit 1\n"
# For doors: a machine that has all programs of this computer but one.
NO_RSYNC = 'PATH="{folder}/programs"; export PATH\n'
# Cheap for both sides; OpenSSH's default since 9.0 costs a processor 80 ms a connection.
QUICK = "KexAlgorithms curve25519-sha256"
MARK = "CLOUDMESH_TEST_BED"


class Bed:
    """Pretended machines, all with one port; who may sign in is the user who runs this, with ``key``.

    ``settings`` are lines of the configuration of all servers. A ``bare`` bed takes as little processor time
    as OpenSSH's server can: it has no doors and counts no connections.

    Attributes:
        folder: where all of it is; it is the caller's to remove.
        addresses: by the name of the machine.
        key: the private key that all accept.
        port: where each of them answers.
    """

    def __init__(
        self, folder: Path, kinds: Mapping[str, str], settings: Iterable[str] = (QUICK,), bare: bool = False
    ) -> None:
        self.folder = folder
        self.kinds = dict(kinds)
        self.addresses = {name: f"127.0.1.{number}" for number, name in enumerate(kinds, 1)}
        self.key = folder / "id_of_bed"
        self.port = _free_port(self.addresses.values())
        self.user = getpass.getuser()
        self.listeners: dict[str, Listener] = {}
        self._settings = [*settings, f"LogLevel {'ERROR' if bare else 'VERBOSE'}"]
        self._bare = bare
        self._queues: list[FullQueue] = []
        self._servers: list[Server] = []

    def __enter__(self) -> Bed:
        try:
            self._start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.end()

    def named(self, *kinds: str) -> list[str]:
        """The machines that are like this."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def home(self, name: str) -> Path:
        """The folder in which a command on this machine finds itself."""
        return self.folder / "homes" / name

    def set_door(self, name: str, script: str) -> None:
        """Let this be run before each command on the machine; empty lets all pass as usual."""
        file = self.folder / "doors" / name
        if script == NO_RSYNC and not (self.folder / "programs").exists():
            _link_programs(self.folder / "programs", "rsync")
        if script:
            file.write_text(script.replace("{folder}", str(self.folder)))
        else:
            file.unlink(missing_ok=True)

    def connections(self, name: str) -> int:
        """How many connections the machine has had that were signed in."""
        server = self._server(name)
        told = server.log.read_text(errors="replace")
        address = re.escape(self.addresses[name])
        came = re.findall(rf"Connection from (\S+ port \d+) on {address} port", told)
        accepted = re.findall(r"Accepted publickey for \S+ from (\S+ port \d+)", told)
        return sum(each in accepted for each in came)

    def forget_log(self) -> None:
        """Count connections anew."""
        for server in self._servers:
            os.truncate(server.log, 0)

    def stop(self, name: str) -> None:
        """Take the machine from the net: its server ends, and so do those who are signed in. OWN only."""
        server = self._server(name)
        assert list(server.environments) == [self.addresses[name]], "others share it"
        server.end()
        kill(self.running(name))

    def restart(self, name: str, new_key: bool) -> None:
        """Bring it back, with its old host key or with another one."""
        self._server(name).start(new_key)

    def running(self, name: str) -> set[int]:
        """The process ids of what runs on the machine, by whoever signed in."""
        return having(f"{MARK}_MACHINE={name}@{self.folder}")

    def end(self) -> None:
        """End every process and every listener."""
        for server in self._servers:
            server.end()
        deadline = time.monotonic() + 20
        while left := having(f"{MARK}={self.folder}"):
            assert time.monotonic() < deadline, left
            kill(left)
            time.sleep(0.02)
        for each in (*self.listeners.values(), *self._queues):
            each.close()

    def _start(self) -> None:
        for name in ("doors", "homes", "servers"):
            (self.folder / name).mkdir(parents=True)
        make_key(self.key)
        shell = self.folder / "shell"
        shell.write_text(SHELL.format(folder=self.folder))
        shell.chmod(0o755)
        for name in self.kinds:
            self.home(name).mkdir()
        self._start_servers(shell)
        greetings = {SILENT: b"", HANGS: GREETING}
        for name, kind in self.kinds.items():
            if kind in greetings:
                self.listeners[name] = Listener(self.addresses[name], self.port, greetings[kind])
            elif kind == SWALLOWS:
                self._queues.append(FullQueue(self.addresses[name], self.port))

    def _start_servers(self, shell: Path) -> None:
        sftp, allowed = f"Subsystem sftp {sftp_server()}", f"AuthorizedKeysFile {self.key}.pub"
        lines = {GOOD: [sftp, allowed], OWN: [sftp, allowed], NO_SFTP: [allowed]}
        lines[DENIES] = [sftp, "AuthorizedKeysFile none"]
        for kind, settings in lines.items():
            names = self.named(kind)
            groups = [[name] for name in names] if kind == OWN else split(names)
            for group in groups:
                about = {self.addresses[name]: self._environment(name) for name in group}
                folder = self.folder / "servers" / str(len(self._servers))
                own = [*settings, *self._settings, *([] if self._bare else [f"ForceCommand {shell}"])]
                # It does not start its program anew for each connection.
                server = Server(folder, self.port, about, own, ["-r"] if self._bare else [])
                self._servers.append(server)
                server.start()

    def _environment(self, name: str) -> dict[str, str]:
        marks = {MARK: str(self.folder), f"{MARK}_MACHINE": f"{name}@{self.folder}"}
        return {"HOME": str(self.home(name)), "MACHINE": name, **marks}

    def _server(self, name: str) -> Server:
        return next(each for each in self._servers if self.addresses[name] in each.environments)


def _link_programs(folder: Path, missing: str) -> None:
    """A folder with all programs of this computer but one."""
    folder.mkdir()
    for place in ("/usr/bin", "/bin"):
        for program in Path(place).iterdir():
            if program.name != missing and not (folder / program.name).exists():
                (folder / program.name).symlink_to(program)


def _free_port(addresses: Iterable[str]) -> int:
    """A port that is free at all of these, and that Linux gives to no outgoing connection."""
    addresses = list(addresses)
    for _ in range(100):
        port = random.randrange(20000, 32000)
        if all(_is_free(address, port) for address in addresses):
            return port
    raise AssertionError("no port is free at all addresses")


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def wait_until(condition: Callable[[], object], patience: float = 30) -> None:
    """Wait until it is so; fails after ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)

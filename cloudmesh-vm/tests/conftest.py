"""A home of its own for each test, two clouds that count their calls, and time that passes on demand."""

import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from cloudmesh.cloud.client.connection import Connection
from cloudmesh.cloud.provider.retry import ONCE
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.job.command.job import JobCommand
from cloudmesh.ssh_config.command.ssh_config import SshConfigCommand
from cloudmesh.vm.command.vm import VmCommand

METHODS = (
    *("check", "machines", "machine", "boot", "start", "stop", "suspend", "resume", "reboot", "delete"),
    *("images", "flavors", "key_pairs"),
)


class Spy:
    """What was called on all clouds, and the trouble that calls are to make.

    ``trouble[cloud, method]`` is an error to raise, or a function of the machine's name that may raise.
    """

    def __init__(self):
        self.calls = []
        self.trouble = {}

    def refuse(self, cloud, method, name, error):
        """Trouble for the machine of this name alone."""

        def check(called):
            if called == name:
                raise error

        self.trouble[cloud, method] = check

    def taken(self):
        """What was called since the last look: cloud, method and machine."""
        calls, self.calls = self.calls, []
        return calls

    def called(self, method):
        """The machines for which the clouds got such calls since the last look."""
        return [name for _, each, name in self.taken() if each == method]


def _spied(spy, method):
    original = getattr(SimulatedProvider, method)

    def call(self, *args):
        name = ""
        if args:
            name = getattr(args[0], "name", "") or SimulatedProvider.machine(self, args[0]).name
        spy.calls.append((self.name, method, name))
        trouble = spy.trouble.get((self.name, method))
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble:
            trouble(name)
        return original(self, *args)

    return call


@pytest.fixture(autouse=True)
def asked_once(monkeypatch):
    """Trouble is told at once; what is tried again is tested where that is meant."""
    monkeypatch.setattr(Connection, "read_retry", ONCE)


@pytest.fixture
def spy(monkeypatch):
    watcher = Spy()
    spied = type("SpiedProvider", (SimulatedProvider,), {name: _spied(watcher, name) for name in METHODS})
    monkeypatch.setattr("cloudmesh.cloud.client.cloud.provider_class", lambda kind, cloud: spied)
    return watcher


@pytest.fixture
def config(configure, spy):
    """Clouds a and b, both default; c is not active."""
    return configure({"a": {}, "b": {}, "c": {}}, active=["a", "b"], default=["a", "b"])


@pytest.fixture
def boot(config, spy):
    """Boots machines and forgets that it called the clouds: ``boot("web[1-3]", "a")``."""
    from cloudmesh.vm import Machines

    def make(names, cloud):
        # One after the other: they are listed in the order in which they were booted.
        with Machines(names, cloud, parallel=1) as machines:
            machines.boot().raise_for_failures()
            machines.session.cloud(cloud).machines()
        spy.taken()

    return make


@pytest.fixture
def behind(config):
    """Does something at a cloud past the store: ``behind("a", "delete", "web1")``."""

    def do(cloud, method, name):
        with SimulatedProvider(cloud, config.cloud(cloud)) as provider:
            (machine,) = [each for each in provider.machines() if each.name == name]
            getattr(provider, method)(machine.cloud_id)

    return do


@pytest.fixture
def opened_by_main(monkeypatch):
    """The clouds that the main thread opens from now on: while one signs in, all others wait."""
    opened, original = [], SimulatedProvider.open

    def spied(self):
        if threading.current_thread() is threading.main_thread():
            opened.append(self.name)
        original(self)

    monkeypatch.setattr(SimulatedProvider, "open", spied)
    return opened


@pytest.fixture
def cms(capsys):
    """Runs a line of cms vm, or one that begins with another command; gives exit code, stdout and stderr."""
    commands = {"job": JobCommand.do_job, "ssh-config": SshConfigCommand.do_ssh_config}

    def run(line):
        shell = SimpleNamespace(one_shot_done=True)
        name, _, rest = line.partition(" ")
        command = commands.get(name, VmCommand.do_vm)
        # An interrupted line ends a shell that is not on a terminal.
        with suppress(SystemExit):
            command(shell, rest if name in ("vm", *commands) else line)
        captured = capsys.readouterr()
        return shell.last_exit_code, captured.out, captured.err

    return run

"""A real OpenStack on loopback, for tests.

    python tests/openstack/bed install     install what is missing, and start nothing
    python tests/openstack/bed up          install what is missing, start everything, fill it
    python tests/openstack/bed down        stop everything; the data stays
    python tests/openstack/bed wipe        the same, and delete the data
    python tests/openstack/bed status      what runs
    python tests/openstack/bed env         the administrator's OS_* variables, for a shell
    python tests/openstack/bed run WORDS   up, run a program, down if it was; its exit code
    python tests/openstack/bed leases      start Blazar in it, which leases two hosts of their own
    python tests/openstack/bed missing     the Debian packages that are missing

Keystone, Glance, Neutron, Placement and, in each of two regions, Nova with its pretended hypervisor; and a
second address of Keystone for the users of an OpenID provider. All
listen on 127.0.0.1 only. ``$CLOUDMESH_TESTBED`` names another directory than ``.openstack``.
"""

from __future__ import annotations

import fcntl
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from base import start_mariadb, start_rabbitmq
from federation import start_apache, start_provider
from install import install_openid, install_openstack, missing_packages, require_packages
from place import REGIONS, Bed, BedError, is_free
from processes import Processes
from seed import Seed
from services import Services
from settings import KEYSTONE, write_all

FEDERATION = ["uwsgi", "federation", "openid"]
NOVAS = [f"nova-{region}" for region in REGIONS]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BASE = ["mariadb", "rabbitmq", "epmd", "erlang"]
PORTS = [*BASE, "keystone", *FEDERATION, "placement", "neutron", "glance", "blazar", *NOVAS]


def up(bed: Bed, processes: Processes) -> None:
    """Bring everything up; if that fails, nothing stays behind."""
    began = time.monotonic()
    require_packages()
    bed.make()
    with _alone(bed):
        try:
            _start(bed, processes)
        except BaseException:
            for number in STOPPING:
                signal.signal(number, signal.SIG_IGN)
            say("stopping again")
            processes.stop_all()
            raise
    say(f"up after {time.monotonic() - began:.0f} s; Keystone is {bed.url('keystone', KEYSTONE)}")


def _start(bed: Bed, processes: Processes) -> None:
    _install(bed)
    bed.settle(PORTS)
    if not processes.names():
        _require_ports(bed)
    write_all(bed)
    services = Services(bed, processes)
    say("starting MariaDB and RabbitMQ")
    start_rabbitmq(bed, processes)
    start_mariadb(bed, processes)
    services.wait_for("mariadb")
    say("tables")
    services.make_databases()
    say("starting the interfaces")
    services.start_apis()
    start_provider(bed, processes)
    start_apache(bed, processes)
    _fill(bed, services)
    processes.wait_for_port("apache", bed.ports["federation"])
    processes.wait_for_port("openid", bed.ports["openid"])


def install(bed: Bed, processes: Processes) -> None:
    """Install what is missing."""
    require_packages()
    bed.make()
    _install(bed)


def _install(bed: Bed) -> None:
    """Install what is missing, or wait for another process that does so."""
    say("installing, if need be")
    with (bed.directory / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install_openstack(bed)
        install_openid(bed)


def _fill(bed: Bed, services: Services) -> None:
    if "identity" not in bed.done:
        say("accounts and endpoints")
        Seed(bed).identity()
        bed.mark("identity")
    if "federation" not in bed.done:
        Seed(bed).federation()
        bed.mark("federation")
    # Nova's workers sign in to Keystone at their start, and end if they cannot.
    say("starting the workers")
    services.wait_for("rabbitmq")
    services.start_workers()
    services.wait_for("placement", "glance", "neutron", *NOVAS)
    seed = Seed(bed)
    if "cloud" not in bed.done:
        say("flavors, images, networks")
        seed.cloud()
        services.make_known()
        bed.mark("cloud")
    seed.warm_up()


def _require_ports(bed: Bed) -> None:
    for name, port in bed.ports.items():
        if not is_free(port):
            raise BedError(
                f"port {port} of {name} is taken by another program; after 'wipe' there are new ones"
            )


def down(bed: Bed, processes: Processes) -> None:
    """Stop everything."""
    say("stopping")
    processes.stop_all()


def wipe(bed: Bed, processes: Processes) -> None:
    """Stop everything and delete the data."""
    down(bed, processes)
    bed.wipe()


def status(bed: Bed, processes: Processes) -> int:
    """Tell what runs; 1 if anything does not."""
    leaders = {name: processes.leader(name) for name in processes.names()}
    for name, leader in leaders.items():
        print(f"{name:28} {f'pid {leader.pid}' if leader else 'ended'}")
    return int(not (leaders and all(leaders.values())))


def env(bed: Bed, processes: Processes) -> None:
    """Print the administrator's variables as shell lines."""
    if "cloud" not in bed.done:
        raise BedError("this test-bed was never up")
    values = {
        "OS_AUTH_URL": bed.url("keystone", KEYSTONE),
        "OS_AUTH_TYPE": "password",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_USERNAME": "admin",
        "OS_PASSWORD": bed.passwords["admin"],
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_REGION_NAME": REGIONS[0],
    }
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


def run(bed: Bed, processes: Processes, words: list[str]) -> int:
    """Up, a program, down; the program's exit code. A test-bed that was up before stays so."""
    if processes.names() and all(processes.leader(name) for name in processes.names()):
        return subprocess.run(words, check=False).returncode
    try:
        up(bed, processes)
        return subprocess.run(words, check=False).returncode
    finally:
        # A second Ctrl-C must not leave half of it behind.
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        down(bed, processes)


def leases(bed: Bed, processes: Processes) -> None:
    """Start Blazar in a test-bed that is up."""
    from leases import start

    if "cloud" not in bed.done:
        raise BedError("this test-bed is not up")
    began = time.monotonic()
    start(bed, processes, Services(bed, processes))
    say(f"Blazar is up after {time.monotonic() - began:.0f} s")


def missing(bed: Bed, processes: Processes) -> int:
    """Print the Debian packages that are missing; 1 if there are any."""
    print(" ".join(missing_packages()))
    return int(bool(missing_packages()))


@contextmanager
def _alone(bed: Bed) -> Iterator[None]:
    """Hold the lock of the test-bed: two that start it at once would spoil it."""
    with (bed.run / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BedError(f"another process is starting the test-bed in {bed.directory}") from None
        yield


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"{time.strftime('%H:%M:%S')} test-bed: {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """What the words ask for; the exit code."""
    verbs = {each.__name__: each for each in (install, up, down, wipe, status, env, leases, missing)}
    bed = Bed.load()
    processes = Processes(bed)
    for number in STOPPING:
        signal.signal(number, processes.interrupt)
    try:
        if words[:1] == ["run"] and words[1:]:
            return run(bed, processes, words[1:])
        if len(words) == 1 and words[0] in verbs:
            return verbs[words[0]](bed, processes) or 0
    except BedError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

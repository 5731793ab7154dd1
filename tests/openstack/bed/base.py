"""What OpenStack stands on: a database server and a message broker, both of this test-bed alone."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable

from place import LOOPBACK, REGIONS, Bed, BedError
from processes import Processes, environment

SHARED_DATABASES = ("keystone", "glance", "placement", "neutron", "blazar")


def nova_databases(region: str) -> list[str]:
    """The databases of one region's Nova: of its API, of its only cell, and of cell 0.

    The last one's name is what Nova takes for it unless told.
    """
    return [f"nova_{region.lower()}{part}" for part in ("_api", "", "_cell0")]


def start_mariadb(bed: Bed, processes: Processes) -> None:
    """Start the database server; the first time it is made, with the databases and the user of the bed."""
    if "mariadb" not in bed.done:
        _initialise(bed)
        bed.mark("mariadb")
    names = [*SHARED_DATABASES, *(name for region in REGIONS for name in nova_databases(region))]
    setup = bed.run / "etc" / "mariadb.sql"
    setup.write_text("\n".join(_statements(names, bed.passwords["service"])), encoding="utf-8")
    processes.start(
        "mariadb", ["/usr/sbin/mariadbd", "--no-defaults", *_options(bed), f"--init-file={setup}"]
    )


def _initialise(bed: Bed) -> None:
    words = ["mariadb-install-db", "--no-defaults", f"--datadir={bed.run / 'mariadb'}", "--skip-test-db"]
    words += ["--auth-root-authentication-method=normal", "--innodb-use-native-aio=0", *_user()]
    log = bed.run / "log" / "mariadb-install.out"
    with log.open("ab") as out:
        if subprocess.run(words, stdout=out, stderr=out, env=environment(), check=False).returncode:
            raise BedError(f"no database could be made; see {log}")


def _user() -> list[str]:
    # As root the server wants to be told that this is meant.
    return ["--user=root"] if os.geteuid() == 0 else []


def _options(bed: Bed) -> Iterable[str]:
    """Loopback only; and as all can be made again, speed goes before safety from a power cut."""
    return [
        *_user(),
        f"--datadir={bed.run / 'mariadb'}",
        # Relative to the data, as the path of a socket must be short.
        "--socket=mariadb.sock",
        "--pid-file=mariadb.pid",
        f"--bind-address={LOOPBACK}",
        f"--port={bed.ports['mariadb']}",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--performance-schema=OFF",
        "--max-connections=800",
        "--character-set-server=utf8mb3",
        "--collation-server=utf8mb3_general_ci",
        "--innodb-buffer-pool-size=256M",
        "--innodb-log-file-size=64M",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=0",
        "--innodb-use-native-aio=0",
    ]


def _statements(databases: Iterable[str], password: str) -> Iterable[str]:
    """What the server carries out at each start; afterwards nobody but the bed can sign in."""
    yield f"CREATE USER IF NOT EXISTS 'bed'@'{LOOPBACK}' IDENTIFIED BY '{password}';"
    for name in databases:
        yield f"CREATE DATABASE IF NOT EXISTS {name};"
        yield f"GRANT ALL ON {name}.* TO 'bed'@'{LOOPBACK}';"
    yield "DELETE FROM mysql.global_priv WHERE User <> 'bed' AND User <> 'mariadb.sys';"
    yield "FLUSH PRIVILEGES;"


def start_rabbitmq(bed: Bed, processes: Processes) -> None:
    """Start the broker, with a virtual host for each region, and before it Erlang's directory of names."""
    etc, home = bed.run / "etc", bed.run / "rabbitmq"
    home.mkdir(exist_ok=True)
    (etc / "rabbitmq.json").write_text(json.dumps(_definitions(bed)), encoding="utf-8")
    (etc / "rabbitmq.conf").write_text(
        f"listeners.tcp.1 = {LOOPBACK}:{bed.ports['rabbitmq']}\n"
        f"load_definitions = {etc / 'rabbitmq.json'}\n"
        "disk_free_limit.absolute = 50MB\nlog.console = false\nlog.file.level = warning\n",
        encoding="utf-8",
    )
    (etc / "rabbitmq.plugins").write_text("[].\n", encoding="utf-8")
    env = {
        # Its home holds the cookie by which Erlang's nodes know each other.
        "HOME": str(home),
        "ERL_EPMD_PORT": str(bed.ports["epmd"]),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "RABBITMQ_NODENAME": f"bed{bed.ports['rabbitmq']}@localhost",
        "RABBITMQ_CONFIG_FILE": str(etc / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "rabbitmq.plugins"),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(bed.run / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_DIST_PORT": str(bed.ports["erlang"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
        ),
    }
    processes.start("epmd", ["epmd"], env)
    processes.wait_for_port("epmd", bed.ports["epmd"])
    processes.start("rabbitmq", ["/usr/lib/rabbitmq/bin/rabbitmq-server"], env)


def _definitions(bed: Bed) -> dict[str, list[dict[str, object]]]:
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    user = {"name": "bed", "password": bed.passwords["service"], "tags": ["administrator"]}
    return {
        "users": [user],
        "vhosts": [{"name": region} for region in REGIONS],
        "permissions": [{"user": "bed", "vhost": region, **every} for region in REGIONS],
    }

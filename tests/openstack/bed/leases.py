"""Blazar, and the hosts that it leases: started in a test-bed that is up, by ``bed leases``.

It is in the first region only. Its hosts are nova-computes of their own: on a host that Blazar has, nobody
boots without a lease.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from place import REGIONS, Bed
from processes import PATIENCE, Processes
from seed import Seed
from services import Services
from settings import KEYSTONE, Sections, etc, nova, tokens, write

HERE = Path(__file__).resolve().parent
REGION = REGIONS[0]
# By these properties users choose.
HOSTS = {
    "leased-1": {"node_type": "compute_skylake"},
    "leased-2": {"node_type": "gpu_p100", "gpu.gpu": "True"},
}


def start(bed: Bed, processes: Processes, services: Services) -> None:
    """Start all of it, and give the hosts to Blazar the first time."""
    seed, is_new = Seed(bed), "blazar" not in bed.done
    write(bed, "blazar/blazar.conf", _settings(bed))
    config = f"--config-file={etc(bed, 'blazar') / 'blazar.conf'}"
    for host in HOSTS:
        (bed.run / host).mkdir(exist_ok=True)
        write(bed, f"{host}/nova.conf", _host(bed, host))
        words = [bed.bin / "nova-compute", f"--config-file={etc(bed, host) / 'nova.conf'}"]
        processes.start(f"nova-compute-{host}", words)
    if is_new:
        seed.blazar()
        services.manage("blazar-db-manage", config, "upgrade", "head")
    # Blazar's own program for it ends as soon as it has begun.
    services.api("blazar", "blazar.wsgi.api", OS_BLAZAR_CONFIG_DIR=etc(bed, "blazar"))
    processes.start("blazar-manager", [bed.bin / "blazar-manager", config])
    services.wait_for("blazar")
    for queue in (*(f"compute.{host}" for host in HOSTS), "blazar.manager"):
        words = (str(HERE / "listeners.py"), queue, str(PATIENCE))
        services.manage("python", *words, BED_BROKER=bed.queue(REGION))
    if is_new:
        services.make_known()
        seed.leasable(HOSTS)
        bed.mark("blazar")


def _settings(bed: Bed) -> Sections:
    keystone = urlsplit(bed.url("keystone", KEYSTONE))
    return {
        "DEFAULT": {
            "log_file": bed.run / "log" / "blazar.log",
            "transport_url": bed.queue(REGION),
            "os_auth_host": keystone.hostname,
            "os_auth_port": keystone.port,
            # The address is put together from host, port, prefix and version, each with a slash before it.
            "os_auth_prefix": KEYSTONE.strip("/"),
            "os_auth_version": "",
            "os_admin_username": "blazar",
            "os_admin_password": bed.passwords["service"],
            "os_admin_project_name": "service",
            "os_region_name": REGION,
        },
        "database": {"connection": bed.database("blazar")},
        "keystone_authtoken": tokens(bed, "blazar"),
        "manager": {"plugins": "physical.host.plugin,virtual.instance.plugin", "minutes_before_end_lease": 0},
        "oslo_concurrency": {"lock_path": bed.run / "lock"},
    }


def _host(bed: Bed, host: str) -> Sections:
    """A host of its own, which keeps its identity in a folder of its own."""
    usual = nova(bed, REGION)
    place = {"host": host, "state_path": bed.run / host, "log_dir": bed.run / "log"}
    return {**usual, "DEFAULT": {**usual["DEFAULT"], **place}}

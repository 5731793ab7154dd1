"""The services of OpenStack: their databases, and starting them in the order of their needs."""

from __future__ import annotations

import getpass
import grp
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from base import nova_databases
from place import LOOPBACK, REGIONS, Bed
from processes import PATIENCE, Processes
from settings import KEYSTONE, etc

HERE = Path(__file__).resolve().parent
THREADS = 8


class Services:
    """The services of one test-bed."""

    def __init__(self, bed: Bed, processes: Processes) -> None:
        self._bed = bed
        self._processes = processes

    def make_databases(self) -> None:
        """Fill the databases with their tables, side by side: this is what takes longest."""
        self._make_folders()
        steps = [self._keystone_tables, self._nova_tables, self._neutron_tables, self._small_tables]
        with ThreadPoolExecutor(len(steps)) as pool:
            futures = [pool.submit(self._once, step) for step in steps]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._processes.stop_all()
                raise

    def _make_folders(self) -> None:
        glance = [f"glance/{name}" for name in ("images", "staging", "tasks", "cache")]
        nova = [f"{place}nova-{region}" for place in ("", "log/") for region in REGIONS]
        for folder in ("neutron", *glance, *nova):
            (self._bed.run / folder).mkdir(parents=True, exist_ok=True)

    def _once(self, step: Callable[[], None]) -> None:
        if step.__name__ not in self._bed.done:
            step()
            self._bed.mark(step.__name__)

    def _keystone_tables(self) -> None:
        config = f"--config-file={etc(self._bed, 'keystone') / 'keystone.conf'}"
        for keys in ("fernet", "credential"):
            (self._bed.run / "keystone" / keys).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.manage("keystone-manage", config, "db_sync")
        owner = ["--keystone-user", getpass.getuser(), "--keystone-group", grp.getgrgid(os.getegid()).gr_name]
        self.manage("keystone-manage", config, "fernet_setup", *owner)
        self.manage("keystone-manage", config, "credential_setup", *owner)
        words = ["bootstrap", "--bootstrap-region-id", REGIONS[0], "--bootstrap-service-name", "keystone"]
        for interface in ("admin", "internal", "public"):
            words += [f"--bootstrap-{interface}-url", self._bed.url("keystone", KEYSTONE)]
        self.manage("keystone-manage", config, *words, OS_BOOTSTRAP_PASSWORD=self._bed.passwords["admin"])

    def _small_tables(self) -> None:
        self.manage("placement-manage", f"--config-dir={etc(self._bed, 'placement')}", "db", "sync")
        config = etc(self._bed, "glance") / "glance-api.conf"
        self.manage("glance-manage", f"--config-file={config}", "db_sync")

    def _neutron_tables(self) -> None:
        names = ("neutron.conf", "ml2_conf.ini")
        config = [f"--config-file={etc(self._bed, 'neutron') / name}" for name in names]
        self.manage("neutron-db-manage", *config, "upgrade", "heads")

    def _nova_tables(self) -> None:
        """The tables of the first region by Nova's own tool; the others are copies."""
        first = REGIONS[0]
        config = self._nova_config(first)
        self.manage("nova-manage", *config, "api_db", "sync")
        self.manage("nova-manage", *config, "cell_v2", "map_cell0")
        self.manage("nova-manage", *config, "cell_v2", "create_cell", "--name", "cell1")
        self.manage("nova-manage", *config, "db", "sync")
        for region in REGIONS[1:]:
            self._copy_nova(first, region)

    def _copy_nova(self, source: str, target: str) -> None:
        pairs = zip(nova_databases(source), nova_databases(target), strict=True)
        words = [f"{one}={other}" for one, other in pairs]
        words.append(f"/{source}=/{target}")
        self.manage("python", str(HERE / "copy_nova.py"), *words, BED_SERVER=self._bed.database(""))

    def manage(self, tool: str, *words: str, **env: str) -> None:
        """Run one of OpenStack's own tools to its end."""
        self._processes.run(tool, [self._bed.bin / tool, *words], env)

    def _nova_config(self, region: str) -> list[str]:
        folder = etc(self._bed, f"nova-{region}")
        return [f"--config-file={folder / name}" for name in ("nova.conf", "databases.conf")]

    def start_apis(self) -> None:
        """Start what answers to HTTP; return when Keystone does."""
        self.api(
            "keystone",
            "keystone.wsgi.api",
            "--uwsgi-socket",
            f"{LOOPBACK}:{self._bed.ports['uwsgi']}",
            OS_KEYSTONE_CONFIG_DIR=etc(self._bed, "keystone"),
        )
        self.api("placement", "placement.wsgi.api", OS_PLACEMENT_CONFIG_DIR=etc(self._bed, "placement"))
        self.api(
            "neutron",
            "neutron.wsgi.api",
            OS_NEUTRON_CONFIG_DIR=etc(self._bed, "neutron"),
            OS_NEUTRON_CONFIG_FILES="neutron.conf;ml2_conf.ini",
            PYTHONPATH=self._plugins(),
        )
        for region in REGIONS:
            self.api(
                f"nova-{region}",
                "nova.wsgi.osapi_compute",
                OS_NOVA_CONFIG_DIR=etc(self._bed, f"nova-{region}"),
                OS_NOVA_CONFIG_FILES="api-paste.ini;nova.conf;databases.conf",
            )
        self.api("glance", "glance.wsgi.api", OS_GLANCE_CONFIG_DIR=etc(self._bed, "glance"))
        self.wait_for("keystone")

    def start_workers(self) -> None:
        """Start what listens to the broker: of Nova all but its API. Return when all listen."""
        for region in REGIONS:
            for name in ("conductor", "scheduler"):
                words = [self._bed.bin / f"nova-{name}", *self._nova_config(region)]
                self._processes.start(f"nova-{name}-{region}", words)
        # nova-compute asks the conductor at its start, and waits long for an answer that does not come.
        self._listening("conductor")
        for region in REGIONS:
            words = [self._bed.bin / "nova-compute", self._nova_config(region)[0]]
            self._processes.start(f"nova-compute-{region}", words)
        self._listening("scheduler")
        self._listening("compute")

    def make_known(self) -> None:
        """Tell Nova's API of its host, which it does not look for by itself."""
        for region in REGIONS:
            self.manage(
                "nova-manage", *self._nova_config(region), "cell_v2", "discover_hosts", "--by-service"
            )

    def wait_for(self, *names: str) -> None:
        """Return when these answer."""
        for name in names:
            self._processes.wait_for_port(name, self._bed.ports[name])

    def _listening(self, worker: str) -> None:
        """Return when this worker of each region listens: what is sent to it before that is lost."""
        for region in REGIONS:
            queue = f"compute.host-{region.lower()}" if worker == "compute" else worker
            script = str(HERE / "listeners.py")
            self.manage("python", script, queue, str(PATIENCE), BED_BROKER=self._bed.queue(region))

    def _plugins(self) -> Path:
        """A folder with our driver for Neutron, which is found by the entry point of a distribution."""
        folder = self._bed.run / "plugins"
        known = folder / "bed_ml2-1.0.dist-info"
        known.mkdir(parents=True, exist_ok=True)
        (known / "METADATA").write_text("Metadata-Version: 2.1\nName: bed-ml2\nVersion: 1.0\n")
        (known / "entry_points.txt").write_text("[neutron.ml2.mechanism_drivers]\nbed = bed_ml2:AnyPort\n")
        (folder / "bed_ml2.py").write_bytes((HERE / "plugins" / "bed_ml2.py").read_bytes())
        return folder

    def api(self, name: str, module: str, *options: str, **env: object) -> None:
        """Start what answers to HTTP under this name."""
        # One process: a second one would meet its first requests cold and all at once, and Neutron then
        # answers some of them with "not found".
        words = [self._bed.bin / "uwsgi", "--http-socket", f"{LOOPBACK}:{self._bed.ports[name]}"]
        words += ["--module", f"{module}:application", "--master", "--single-interpreter", "--lazy-apps"]
        words += ["--need-app", "--die-on-term", "--enable-threads", "--processes", "1"]
        words += ["--threads", str(THREADS), "--buffer-size", "65535", "--listen", "100"]
        words += ["--add-header", "Connection: close", *options]
        self._processes.start(name, words, {key: str(value) for key, value in env.items()})

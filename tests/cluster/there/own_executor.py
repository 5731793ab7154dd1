"""A user's program that brings an executor of its own: ``own_executor.py parsl|mpi FOLDER``.

It prints, as JSON, how each verb ended for each machine.
"""

import json
import sys
from concurrent.futures import Executor

from cloudmesh.vm import Machines


def parsl(folder: str) -> Executor:
    """Two workers of Parsl, which writes down in the folder what it does."""
    from parsl.concurrent import ParslPoolExecutor
    from parsl.config import Config
    from parsl.executors import HighThroughputExecutor
    from parsl.providers import LocalProvider

    here = LocalProvider(init_blocks=1, max_blocks=1)
    workers = HighThroughputExecutor(
        address="127.0.0.1", worker_debug=True, max_workers_per_node=2, provider=here
    )
    return ParslPoolExecutor(config=Config(executors=[workers], run_dir=folder))


def mpi(folder: str) -> Executor:
    """The other processes of ``mpiexec``."""
    from mpi4py.futures import MPIPoolExecutor

    return MPIPoolExecutor()


def main(kind: str, folder: str) -> None:
    """Boot machines, and lead them through what an executor has to do."""
    opened = {"parsl": parsl, "mpi": mpi}[kind](folder)
    told = []
    with opened as executor, Machines("fake:web[1-6]", executor=executor, parallel=2) as machines:
        steps = [machines.boot(wait=True), machines.start(), machines.stop(wait=True), machines.suspend()]
        for result in [*steps, machines.delete(wait=True)]:
            told.append([[each.status.value, type(each.error).__name__] for each in result])
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

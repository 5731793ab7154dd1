"""Threads that ask their clouds at the same time import the same packages, each in its own order."""

import subprocess
import sys

import pytest

# Both are in the middle of it at the same time.
SIDE_BY_SIDE = """
import sys, threading
sys.setswitchinterval(1e-6)
errors, together = [], threading.Barrier(2)

def run(work):
    together.wait()
    try:
        exec(work, {})
    except Exception as error:
        errors.append(repr(error))

threads = [threading.Thread(target=run, args=[each]) for each in sys.argv[1:]]
for each in threads:
    each.start()
for each in threads:
    each.join(60)
sys.exit("; ".join(errors) or 0)
"""
CALLS = "import cloudmesh.cloud.providers.libcloud.transport"
FAILURE = (
    "from cloudmesh.cloud.providers.libcloud.network_errors import network_error\n"
    "network_error(ConnectionRefusedError(), 'c', 'host')"
)
AMAZON = (
    "from cloudmesh.cloud.providers.libcloud.whole import import_whole\n"
    "import_whole('requests', 'libcloud')\n"
    "import libcloud.compute.drivers.ec2"
)


@pytest.mark.parametrize("first", [CALLS, FAILURE], ids=["calls", "failure"])
@pytest.mark.parametrize("second", ["import requests", AMAZON], ids=["requests", "amazon"])
def test_no_thread_sees_a_package_that_is_half_there(first, second):
    ended = subprocess.run(
        [sys.executable, "-c", SIDE_BY_SIDE, first, second], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")

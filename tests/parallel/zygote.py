"""Forks a process for each line of standard input: everything is imported once, so that kills are cheap.

A line is JSON: after how many seconds the child is killed (or null), the name of a function below, and its
words. The wait status of the child is printed when it has ended. With an argument, a boot that was lost is
looked for during so many seconds on an OpenStack.
"""

import json
import os
import signal
import sys
import time
import traceback

from cloudmesh.cloud.providers.openstack.provider import OpenStackProvider
from cloudmesh.vm import Machines
from cloudmesh.vm.jobs.jobs import Jobs


def act(verb, names):
    with Machines(names, parallel=4) as machines:
        result = machines.boot() if verb == "boot" else machines.act(verb)
    return result.exit_code


def resume(number):
    return Jobs().resume(number).exit_code


def child(name, words):
    try:
        code = {"act": act, "resume": resume}[name](*words)
    except BaseException:  # noqa: BLE001 a child must not go on with the loop of its parent
        traceback.print_exc()
        code = 99
    sys.stderr.flush()
    os._exit(code)


def main():
    if sys.argv[1:]:
        OpenStackProvider.settling = float(sys.argv[1])
    for line in sys.stdin:
        kill_after, name, *words = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(name, words)
        if kill_after is not None:
            # Whether it lives or not, the number is its own until we have waited for it.
            time.sleep(kill_after)
            os.kill(pid, signal.SIGKILL)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()

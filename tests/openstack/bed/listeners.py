"""Waits until somebody listens to a queue; run with the Python of the test-bed: QUEUE SECONDS.

``$BED_BROKER`` is the address of the broker; it holds a password, and words of a program can be seen.
"""

from __future__ import annotations

import os
import sys
import time
from urllib.parse import urlsplit

import amqp


def wait(broker: str, queue: str, seconds: float) -> bool:
    address = urlsplit(broker)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with amqp.Connection(
            f"{address.hostname}:{address.port}",
            userid=address.username,
            password=address.password,
            virtual_host=address.path.removeprefix("/"),
        ) as connection:
            try:
                if connection.channel().queue_declare(queue, passive=True).consumer_count:
                    return True
            except amqp.NotFound:
                pass
        time.sleep(0.2)
    return False


if __name__ == "__main__":
    there = wait(os.environ["BED_BROKER"], sys.argv[1], float(sys.argv[2]))
    sys.exit(0 if there else f"nobody listens to {sys.argv[1]}")

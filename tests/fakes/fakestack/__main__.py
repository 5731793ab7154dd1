"""``python -m fakestack [SETTINGS]``: print the port, serve, and end when standard input is closed.

So it never outlives whoever started it. SETTINGS are JSON, see ``Settings``.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys

from fakestack.cloud import FakeCloud
from fakestack.connection import Connection
from fakestack.settings import Settings


async def serve(settings: Settings) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(cloud), "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    cloud = FakeCloud(f"http://127.0.0.1:{port}", settings)
    print(port, flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), lambda: sys.stdin.buffer.read1(4096) or ended.set())
    await ended.wait()


if __name__ == "__main__":
    # Records live to the end; looking through them for garbage again and again is most of the work otherwise.
    gc.disable()
    asyncio.run(serve(Settings(**json.loads(sys.argv[1] if sys.argv[1:] else "{}"))))

"""An application whose jobs run, and clients with tokens of each scope."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from starlette.testclient import TestClient

from cloudmesh.db import open_store
from cloudmesh.rest.access import token_rows
from cloudmesh.rest.access.caller import Scope
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts
from cloudmesh.rest.api.app import create_app

BASE = "http://127.0.0.1:8765"


class Client:
    """What a program does over HTTP, with a token of this name."""

    def __init__(self, client, token):
        self._client, self._headers = client, {"Authorization": f"Bearer {token}"}

    def ask_get(self, path, **query):
        """The whole answer to a GET."""
        return self._client.get(f"/v1{path}", params=query, headers=self._headers)

    def get(self, path, code=200, **query):
        answer = self.ask_get(path, **query)
        assert answer.status_code == code, answer.text
        return answer.json()

    def ask(self, path, body=None, **headers):
        """The whole answer to a POST."""
        more = {key.replace("_", "-"): value for key, value in headers.items()}
        return self._client.post(f"/v1{path}", json=body, headers={**self._headers, **more})

    def post(self, path, body=None, code=202, **headers):
        answer = self.ask(path, body, **headers)
        assert answer.status_code == code, answer.text
        return answer.json()

    def job(self, code=202, **body):
        return self.post("/jobs", body, code)

    def over(self, job, seconds=30):
        """The job once it is over."""
        told = self.get(f"/jobs/{job['id']}", wait=seconds)
        assert told["status"] not in ("pending", "running"), told
        return told

    def do(self, **body):
        """Do something and wait for its end; raise nothing."""
        return self.over(self.job(**body))

    def machines(self, job):
        """Outcomes by name."""
        return {each["name"]: each for each in self.get(f"/jobs/{job['id']}/machines", limit=1000)["items"]}


@pytest.fixture
def make_token(home):
    """Makes a token: ``make_token("ci", "act", ["a"])``."""

    def make(name, scope, clouds=None):
        with open_store() as store:
            return token_rows.create(store, name, Scope[scope.upper()], clouds, None)

    return make


@pytest.fixture
def serve(make_token):
    """Starts an application for the configuration as it is; ``with serve() as clients: ...``."""

    @contextmanager
    def run():
        app = create_app()
        guard = Guard(app, app.state.tokens.find, app.state.tokens, Hosts("127.0.0.1", 8765))
        with TestClient(guard, base_url=BASE) as client:
            made = {}

            def of(name="boss", scope="destroy", clouds=None):
                if name not in made:
                    made[name] = make_token(name, scope, clouds)
                return Client(client, made[name])

            yield SimpleNamespace(app=app, of=of)

    return run


@pytest.fixture
def rest(configure, serve):
    """A server for clouds a (default) and b."""
    configure({"a": {}, "b": {}}, default="a")
    with serve() as running:
        yield running


@pytest.fixture
def boss(rest):
    """Somebody who may do everything."""
    return rest.of()


# As ``cms rest start``, without the lock by which only one serves a directory.
BARE = """
import sys, uvicorn
from cloudmesh.rest.access.guard import Guard
from cloudmesh.rest.access.hosts import Hosts
from cloudmesh.rest.api.app import create_app

port = int(sys.argv[1])
app = create_app()
guard = Guard(app, app.state.tokens.find, app.state.tokens, Hosts("127.0.0.1", port))
uvicorn.run(guard, host="127.0.0.1", port=port, log_level="warning")
"""


class Process:
    """A server in a process of its own, on a free port of loopback."""

    def __init__(self, token, directory=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.token, self.directory = token, directory
        self.process = self.client = self.boss = None

    def _words(self):
        if self.directory is None:
            return ["-c", BARE, str(self.port)]
        return ["-m", "cloudmesh.cms", "rest", "start", f"--port={self.port}"]

    def start(self):
        """Start it, and wait until it answers."""
        self.launch()
        return self.answering()

    def launch(self):
        """Start it."""
        env = {**os.environ, **({"CLOUDMESH_CONFIG_DIR": str(self.directory)} if self.directory else {})}
        self.process = subprocess.Popen(
            [sys.executable, *self._words()], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=90)
        self.boss = Client(self.client, self.token)

    def answering(self):
        """Wait until it answers."""
        end = time.monotonic() + 60
        while True:
            try:
                assert self.boss.get("/verbs")
                return self
            except httpx2.TransportError:
                assert self.process.poll() is None and time.monotonic() < end
                time.sleep(0.1)

    def until(self, job, done):
        """Wait until so many machines of a job are done."""
        end = time.monotonic() + 60
        while (told := self.boss.get(f"/jobs/{job['id']}"))["counts"]["done"] < done:
            assert time.monotonic() < end, told
            time.sleep(0.05)

    def healthy(self):
        """Wait until it says that jobs run."""
        end = time.monotonic() + 90
        while self.boss.ask_get("/health").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.5)

    def end(self, number=signal.SIGKILL, seconds=60):
        """End it by a signal, and give its exit code."""
        if self.process is None:
            return None
        self.client.close()
        self.process.send_signal(number)
        code = self.process.wait(seconds)
        self.process = None
        return code


@pytest.fixture
def new_server(make_token):
    """Makes servers of a directory, or bare ones, that ``start()`` starts; all are gone after the test."""
    made, token = [], []

    def make(directory=None):
        token.append(token[0] if token else make_token("boss", "destroy"))
        made.append(Process(token[0], directory))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def counted(home):
    """Settings of a simulated cloud that counts its calls, as it does where a rule names some machine."""
    rule = {"verb": "*", "names": "nobody", "error": "refused"}
    return {"fail": rule, "file": str(home / "a.db")}


@pytest.fixture
def attempts(home):
    """How often each machine was called with a verb: ``attempts("boot")``."""

    def count(verb):
        with sqlite3.connect(home / "a.db") as world:
            return dict(world.execute("SELECT name, count FROM attempt WHERE verb = ?", [verb]))

    return count


class Store:
    """A PostgreSQL of its own, which can be started again."""

    def __init__(self, server):
        self._server = server
        self._process = server.start()
        self.url = server.new_place()

    def restart(self, number=signal.SIGINT):
        """End it, with all its connections, and start it again."""
        self.stop(number)
        self._process = self._server.run()

    def stop(self, number=signal.SIGQUIT):
        self._process.send_signal(number)
        self._process.wait(60)


@pytest.fixture
def store(postgresql):
    with tempfile.TemporaryDirectory(prefix="cloudmesh-postgresql-") as folder:
        made = Store(postgresql.another(Path(folder)))
        yield made
        made.stop()


@pytest.fixture
def team(configure, counted, home, store, new_server):
    """Makes servers whose store is in PostgreSQL, with a cloud that is slow and counts its calls."""
    configure({"a": {"latency_seconds": 0.3, "parallel": 4, **counted}})
    file = home / "class.yaml"
    file.write_text(json.dumps({"database": store.url, **json.loads(file.read_text())}))

    def make():
        directory = home / f"server{len(made)}"
        directory.mkdir(mode=0o700)
        shutil.copy(file, directory)
        made.append(new_server(directory))
        return made[-1]

    made = []
    return make

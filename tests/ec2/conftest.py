"""moto's server on loopback, behind a gate that counts calls and looks at who calls, as Amazon does."""

import gzip
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cloudmesh.cloud.providers.ec2.provider import Ec2Provider

MOTO = Path(sys.prefix) / "moto" / "bin" / "moto_server"
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI-secret"
IMAGE = "ubuntu/images/hvm-ssd/ubuntu-trusty-14.04-amd64-server-20170727"
CANONICAL = "099720109477"
REFUSED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message>'
    "</Error></Errors><RequestID>r</RequestID></Response>"
)
IN_USE = REFUSED.format("DependencyViolation", "resource has a dependent object")
RUNNING = REFUSED.format("IncorrectInstanceState", "the instance is not in the state 'stopped'")
NOTHING = b"<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>"
DENIED = REFUSED.format("AuthFailure", "AWS was not able to validate the provided access credentials")
# What moto told of the types of machines, by region and question: to write all 800 down takes it seconds.
TYPES = {}


class Gate(ThreadingHTTPServer):
    """Hands calls on to moto.

    Attributes:
        calls: how often each action was called, under its name.
        booted: the answers to RunInstances, by the token that was sent.
        answers: actions that are answered here, once or as often as listed, with (status, body); None cuts
            the connection after moto has done what was asked.
        hidden: ids of machines that are not shown (yet).
        lag: for how many seconds new machines are neither shown nor can be tagged, as at Amazon.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), Call)
        self.behind = port
        self.lock = threading.Lock()
        self.calls = Counter()
        self.sent = []
        self.headers = []
        self.booted = {}
        self.answers = {}
        self.hidden, self.late, self.lag = set(), set(), 0.0
        self.delay = 0.0

    def taken(self):
        """What was called since the last look."""
        with self.lock:
            calls, self.calls = self.calls, Counter()
        return dict(calls)

    def refuse(self, action, code, message="no", status=400):
        """Answer the next call of an action with an error."""
        self.answers[action] = [(status, REFUSED.format(code, message))]

    def lose(self, action):
        """Do what the next call of an action asks for, and lose the answer."""
        self.answers[action] = [None]

    def handle_error(self, request, client_address):
        """Callers that go away are part of some tests."""


class Call(BaseHTTPRequestHandler):
    """One call of EC2."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.moto = HTTPConnection("127.0.0.1", self.server.behind, timeout=60)

    def finish(self):
        self.moto.close()
        super().finish()

    def _handle(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = dict(urllib.parse.parse_qsl(self.path.partition("?")[2] or body.decode()))
        action = sent.get("Action", "")
        with self.server.lock:
            self.server.calls[action] += 1
            self.server.sent.append((self.command, self.path, sent))
            self.server.headers.append(dict(self.headers))
            prepared = self.server.answers.get(action)
            answer = prepared.pop(0) if prepared else ()
        if self.server.delay:
            time.sleep(self.server.delay)
        if not re.search(rf"Credential={ACCESS}/\d+/[\w-]+/ec2/", self.headers.get("Authorization", "")):
            return self._answer(401, DENIED.encode())
        if answer:
            return self._answer(answer[0], answer[1].encode())
        status, content = self._ask(sent, body)
        if action == "RunInstances" and self.server.lag:
            made = {each.decode() for each in re.findall(rb"<instanceId>(i-[0-9a-f]+)", content)}
            self.server.late |= made
            threading.Timer(self.server.lag, self.server.late.difference_update, [made]).start()
        if action == "DescribeInstances" and (hidden := self.server.hidden | self.server.late):
            content = without(content, hidden)
        if answer is None:
            self.close_connection = True
            return None
        return self._answer(status, content)

    def _ask(self, sent, body):
        """What moto answers, with what Amazon does and moto does not.

        It takes no notice of ClientToken, knows no filter by it, deletes a security group that a machine is
        under, and gives a running machine another type.
        """
        action = sent["Action"]
        if action == "CreateTags" and sent["ResourceId.1"] in self.server.late:
            return 400, REFUSED.format("InvalidInstanceID.NotFound", "it does not exist").encode()
        if action == "DeleteSecurityGroup" and self._runs("instance.group-id", sent["GroupId"]):
            return 400, IN_USE.encode()
        resizes = action == "ModifyInstanceAttribute" and "InstanceType.Value" in sent
        if resizes and self._runs("instance-id", sent["InstanceId"]):
            return 400, RUNNING.encode()
        if sent.get("Filter.1.Name") == "client-token":
            return self._booted_by(sent["Filter.1.Value.1"])
        token = sent.get("ClientToken")
        if token in self.server.booted:
            return self.server.booted[token]
        answer = self._types(sent, body) if action == "DescribeInstanceTypes" else self._ask_moto(body)
        if token:
            self.server.booted[token] = answer
        return answer

    def _types(self, sent, body):
        region = re.search(r"Credential=\w+/\d+/([\w-]+)", self.headers["Authorization"])[1]
        asked = (region, *sorted(sent.items()))
        if asked not in TYPES:
            TYPES[asked] = self._ask_moto(body)
        return TYPES[asked]

    def _booted_by(self, token):
        _, answer = self.server.booted.get(token, (200, b""))
        found = re.search(rb"<instanceId>(i-\w+)", answer)
        return self._described(f"InstanceId.1={found[1].decode()}") if found else (200, NOTHING)

    def _runs(self, name, value):
        """Whether a machine runs of which this filter is true."""
        filters = f"Filter.1.Name={name}&Filter.1.Value.1={value}"
        states = "Filter.2.Name=instance-state-name&Filter.2.Value.1=running&Filter.2.Value.2=pending"
        return b"<instanceId>" in self._described(f"{filters}&{states}")[1]

    def _described(self, query):
        """What moto tells of machines."""
        path = f"/?Action=DescribeInstances&Version=2016-11-15&{query}"
        headers = {"Host": self.headers["Host"], "Authorization": self.headers["Authorization"]}
        self.moto.request("GET", path, headers=headers)
        answer = self.moto.getresponse()
        return answer.status, answer.read()

    def _ask_moto(self, body):
        headers = {key: value for key, value in self.headers.items() if key.lower() != "accept-encoding"}
        self.moto.request(self.command, self.path, body or None, headers)
        answer = self.moto.getresponse()
        return answer.status, answer.read()

    def _answer(self, status, content):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        pass


def without(content, hidden):
    """EC2's answer without these machines."""
    root = ElementTree.fromstring(content)
    for machines in root.iterfind(".//{*}instancesSet"):
        for each in list(machines):
            if each.findtext("{*}instanceId") in hidden:
                machines.remove(each)
    return ElementTree.tostring(root)


for method in ("GET", "POST"):
    setattr(Call, f"do_{method}", Call._handle)


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The port of a moto server, which runs as long as the tests."""
    assert MOTO.exists(), f"{MOTO} is missing; make test-slow installs it"
    log = tmp_path_factory.mktemp("moto") / "log"
    # For each empty account moto makes all its images anew: 44 are enough, 1,300 more take most of its time.
    (packed,) = MOTO.parent.parent.glob("lib/*/site-packages/moto/ec2/resources/amis.json.gz")
    images = log.with_name("images")
    images.write_bytes(gzip.decompress(packed.read_bytes()))
    env = {**os.environ, "MOTO_AMIS_PATH": str(images)}
    with log.open("w") as file:
        words = [str(MOTO), "-H", "127.0.0.1", "-p", "0"]
        server = subprocess.Popen(words, stdout=file, stderr=file, env=env)
    try:
        yield _port(server, log)
    finally:
        server.terminate()
        server.wait(60)


def _port(server, log):
    """The port that moto chose, once it listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"moto did not start: {log.read_text()}")


@pytest.fixture
def gate(moto):
    """An empty account behind a gate."""
    reset = urllib.request.Request(f"http://127.0.0.1:{moto}/moto-api/reset", method="POST")
    with urllib.request.urlopen(reset):
        pass
    server = Gate(moto)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def settings(gate):
    """The configuration of a cloud behind the gate."""
    return {
        "type": "ec2",
        "host": "127.0.0.1",
        "port": gate.server_port,
        "secure": False,
        "image_owners": ["self", CANONICAL],
        "image_names": ["ubuntu/images/*"],
        "credentials": {"EC2_ACCESS_KEY": ACCESS, "EC2_SECRET_KEY": SECRET, "EC2_REGION": "us-east-1"},
        "default": {"image": IMAGE, "flavor": "t3.nano"},
    }


@pytest.fixture
def make_provider(settings):
    """Makes a provider on the account, with some settings changed."""
    return lambda **changes: Ec2Provider("aws", {**settings, **changes})


@pytest.fixture
def provider(make_provider):
    with make_provider() as made:
        yield made


@pytest.fixture
def await_that():
    """Waits until something is so, for ten seconds at most."""

    def wait(holds):
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "it did not come about"
            time.sleep(0.05)

    return wait


@pytest.fixture
def arrive(await_that):
    """Waits until machines are in a state; gives them as they are then."""

    def wait(provider, state, *machines):
        await_that(lambda: all(provider.machine(each.cloud_id).state is state for each in machines))
        return [provider.machine(each.cloud_id) for each in machines]

    return wait

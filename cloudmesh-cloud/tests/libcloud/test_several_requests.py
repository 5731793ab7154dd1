"""Drivers that ask for something and then look how it goes: libcloud's own for CloudStack."""

from urllib.parse import parse_qs, urlsplit

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.model.records import Flavor, Image
from cloudmesh.cloud.provider.boot import BootRequest
from cloudmesh.cloud.providers.libcloud.connection_settings import ConnectionSettings
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider
from cloudmesh.cloud.providers.libcloud.tracker import CallTracker
from cloudmesh.cloud.providers.openstack.rest import RestClient

REQUEST = BootRequest("web1", Image("cs", "ubuntu", "t"), Flavor("cs", "small", "s"), token="1" * 32)
CATALOG = {
    "listZones": {"zone": [{"id": "z", "name": "z"}]},
    "listServiceOfferings": {
        "serviceoffering": [{"id": "s", "name": "small", "cpunumber": 1, "memory": 512}]
    },
    "listTemplates": {
        "template": [
            {"id": "t", "name": "ubuntu", "displaytext": "", "hypervisor": "", "format": "", "ostypename": ""}
        ]
    },
}
BUSY = 503


class CloudStack:
    """What is on the cloud; calls are answered with a status of ``fails`` as long as there is one."""

    def __init__(self, answers):
        self.say = answers.say
        self.asked = []
        self.machines = []
        self.fails = {}
        self.listings = 0

    def __call__(self, request):
        query = {key: value[0] for key, value in parse_qs(urlsplit(request.path).query).items()}
        command = query["command"]
        self.asked.append(command)
        if self.fails.get(command):
            return self.say("", self.fails[command].pop(0))(request)
        return self.say({f"{command.lower()}response": self.answer(command, query)})(request)

    def answer(self, command, query):
        if command == "deployVirtualMachine":
            machine = {"id": f"vm-{len(self.machines) + 1}", "name": query["name"], "state": "Running"}
            self.machines.append({**machine, "nic": []})
            return {"id": machine["id"], "jobid": machine["id"]}
        if command == "queryAsyncJobResult":
            return {"jobstatus": 1, "jobresult": {"virtualmachine": self.machines[0]}}
        if command == "listVirtualMachines":
            wanted = query.get("id")
            self.listings += wanted is None
            found = [each for each in self.machines if wanted in (None, each["id"])]
            return {"virtualmachine": found} if found else {}
        return CATALOG.get(command, {"jobid": "vm-1"} if not command.startswith("list") else {})


@pytest.fixture
def cloudstack(answers):
    return CloudStack(answers)


@pytest.fixture
def provider(serve, cloudstack):
    url = f"http://{serve(cloudstack).place}/client/api"
    given = {"secure": False, "key": "k", "secret": "s", "url": url}
    with DriverProvider("cs", {"type": "libcloud", "driver": "cloudstack", "arguments": given}) as made:
        yield made


def test_a_machine_whose_building_could_not_be_watched_is_perhaps_there(provider, cloudstack):
    cloudstack.fails["queryAsyncJobResult"] = [BUSY]
    with pytest.raises(errors.OutOfService) as caught:
        provider.boot(REQUEST)
    assert caught.value.outcome_unknown
    assert provider.find_booted(REQUEST).cloud_id == "vm-1"


def test_a_reboot_that_could_not_be_watched_is_perhaps_done(provider, cloudstack):
    provider.boot(REQUEST)
    cloudstack.fails["queryAsyncJobResult"] = [BUSY]
    with pytest.raises(errors.OutOfService) as caught:
        provider.reboot("vm-1")
    assert caught.value.outcome_unknown


def test_a_verb_needs_no_listing_where_the_driver_finds_one_machine_by_its_id(provider, cloudstack):
    provider.boot(REQUEST)
    provider.reboot("vm-1")
    assert cloudstack.listings == 0
    with pytest.raises(errors.NotFound):
        provider.reboot("vm-2")
    assert cloudstack.listings == 1, "what the driver says of a machine that is not there is not relied upon"
    assert cloudstack.asked.count("rebootVirtualMachine") == 1


def test_another_machine_than_the_one_that_was_asked_for_is_not_touched(provider, cloudstack, monkeypatch):
    provider.boot(REQUEST)
    monkeypatch.setattr(
        cloudstack, "answer", lambda *_, old=cloudstack.answer: old(_[0], {**_[1], "id": "vm-1"})
    )
    with pytest.raises(errors.NotFound):
        provider.reboot("vm-2")
    assert "rebootVirtualMachine" not in cloudstack.asked


@pytest.mark.parametrize("command", ["rebootVirtualMachine", "listVirtualMachines"])
def test_what_was_refused_at_once_was_not_done(provider, cloudstack, command):
    provider.boot(REQUEST)
    cloudstack.fails[command] = [BUSY]
    with pytest.raises(errors.OutOfService) as caught:
        provider.reboot("vm-1")
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("looked", "get_reads", "outcome_unknown"),
    [("GET", True, False), ("GET", False, True), ("POST", True, True)],
)
def test_what_may_have_been_done_before_the_last_request(
    serve, probe, answers, looked, get_reads, outcome_unknown
):
    """A look beforehand changes nothing, where it is known to be a look."""
    server = serve(lambda request: answers.say("", BUSY if request.path == "/last" else 200)(request))
    provider = probe(server)
    provider.tracker.get_reads = get_reads
    with pytest.raises(errors.OutOfService) as caught, provider.changing("boot web1"):
        provider.request(looked, "/first")
        provider.request("POST", "/last")
    assert caught.value.outcome_unknown is outcome_unknown


def test_what_is_sent_elsewhere_is_asked_for_once_and_was_not_done(serve, probe, answers):
    server = serve(answers.say("", 302, Location="/here"))
    provider = probe(server)
    with pytest.raises(errors.Refused, match="redirects to") as caught, provider.changing("delete web1"):
        provider.request("DELETE", "/there")
    assert not caught.value.outcome_unknown and server.asked == ["DELETE /there"]
    assert provider.tracker.changes == 0


def test_a_look_is_sent_on(serve, probe, answers):
    server = serve(
        lambda request: answers.say("{}", 302 if request.path == "/there" else 200, Location="/here")(request)
    )
    provider = probe(server)
    for _ in range(2):
        provider.request("GET", "/there")
    assert server.asked[-2:] == ["GET /there", "GET /here"]


def test_the_proxy_of_one_scheme_says_nothing_of_the_other(monkeypatch):
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    settings = ConnectionSettings(cloud="uc")
    tracker = CallTracker(settings)
    client = RestClient(settings, tracker)
    assert client._lean_client(urlsplit("http://cloud.test/x"))
    assert client._lean_client(urlsplit("https://cloud.test/x")) is None
    tracker.close()

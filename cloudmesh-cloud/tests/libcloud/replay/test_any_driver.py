"""The type ``libcloud``: drivers by their names, by answers recorded from their clouds."""

import pytest

from cloudmesh.cloud import errors
from cloudmesh.cloud.provider.interface import BootRequest, Capability
from cloudmesh.cloud.providers.libcloud.provider import DriverProvider
from cloudmesh.plugin.errors import ConfigError

_C = Capability
RUN = {_C.START, _C.STOP, _C.REBOOT}
PAIR = {"key": "a", "secret": "b"}
# driver, arguments, host, module and class of the recorded answers, what it can do
CLOUDS = [
    ("vultr", {"key": "foo"}, "api.vultr.com", "vultr_v2.VultrMockHttpV2", {*RUN, _C.KEYS}),
    ("linode", {"key": "foo", "api_version": "4.0"}, "api.linode.com", "linode_v4.LinodeMockHttpV4", RUN),
    ("cloudscale", {"key": "foo"}, "api.cloudscale.ch", "cloudscale.CloudscaleMockHttp", RUN),
    ("maxihost", {"key": "foo"}, "api.maxihost.com", "maxihost.MaxihostMockHttp", RUN),
    ("scaleway", PAIR, "cp-par1.scaleway.com", "scaleway.ScalewayMockHttp", {_C.REBOOT, _C.KEYS}),
    (
        "upcloud",
        {"username": "a", "password": "b"},
        "api.upcloud.com",
        "upcloud.UpcloudMockHttp",
        {_C.REBOOT},
    ),
    ("equinixmetal", {"key": "foo"}, "api.equinix.com", "equinixmetal.EquinixMetalMockHttp", RUN),
]


@pytest.fixture
def cloud(request, replay, recorded):
    driver, arguments, host, mocked, can = request.param
    module, _, name = mocked.partition(".")
    mock = recorded(f"compute.test_{module}", name)
    mock.type = None
    server = replay([host, f"ams1.{host}"], {"": mock})
    settings = {"driver": driver, "arguments": arguments}
    with DriverProvider("other", settings) as made:
        yield made, server, can


each_cloud = pytest.mark.parametrize("cloud", CLOUDS, ids=[each[0] for each in CLOUDS], indirect=True)


@each_cloud
def test_machines_images_and_flavors(cloud):
    provider, _, _ = cloud
    machines = list(provider.machines())
    assert machines and all(each.cloud_id and each.name and each.raw_state for each in machines)
    assert provider.machine(machines[0].cloud_id) == machines[0]
    assert all(each.cloud_id and each.name for each in provider.images())
    assert all(each.cloud_id and each.name for each in provider.flavors())
    assert provider.images() and provider.flavors()
    assert provider.check()


@each_cloud
def test_what_the_driver_can_do_is_found(cloud):
    provider, _, can = cloud
    assert provider.capabilities == can
    for verb in {_C.START, _C.STOP, _C.REBOOT, _C.SUSPEND, _C.RESUME, _C.PAUSE} - can:
        with pytest.raises(errors.Unsupported, match="other"):
            getattr(provider, verb.value)("1")


@each_cloud
def test_a_machine_that_is_not_there_is_not_found(cloud):
    provider, server, can = cloud
    for verb in ("machine", "delete", *(each.value for each in can & RUN)):
        with pytest.raises(errors.NotFound):
            getattr(provider, verb)("no-such-machine")
    assert not [line for line in server.lines() if not line.startswith("GET")]


VULTR = pytest.mark.parametrize("cloud", [CLOUDS[0]], ids=["vultr"], indirect=True)


@VULTR
@pytest.mark.parametrize(
    ("verb", "line"),
    [
        ("start", "POST /v2/instances/{}/start"),
        ("stop", "POST /v2/instances/halt"),
        ("reboot", "POST /v2/instances/{}/reboot"),
        ("delete", "DELETE /v2/instances/{}"),
    ],
)
def test_verbs(cloud, verb, line):
    provider, server, _ = cloud
    machine = next(each for each in provider.machines())
    getattr(provider, verb)(machine.cloud_id)
    assert server.lines()[-1] == line.format(machine.cloud_id)


@VULTR
def test_a_machine_is_booted_where_the_configuration_says(cloud):
    provider, server, _ = cloud
    flavor, image = provider.flavors()[0], provider.images()[0]
    with pytest.raises(ConfigError, match=r"boot\.location"):
        provider.boot(BootRequest("new", image, flavor))
    provider.settings = {**provider.settings, "boot": {"location": "nowhere"}}
    with pytest.raises(ConfigError, match="nowhere"):
        provider.boot(BootRequest("new", image, flavor))
    assert not [line for line in server.lines() if line.startswith("POST")]
    provider.settings = {**provider.settings, "boot": {"location": "ams"}}
    assert provider.boot(BootRequest("new", image, flavor)).cloud_id
    assert server.lines()[-1] == "POST /v2/instances"


@VULTR
def test_keys(cloud):
    provider, _, _ = cloud
    keys = provider.key_pairs()
    assert keys and keys[0].name
    with pytest.raises(errors.Refused, match="use another name"):
        provider.add_key(keys[0].name, "ssh-rsa AAAA x")
    with pytest.raises(errors.NotFound):
        provider.delete_key("never")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "clouds.other.driver"),
        ({"driver": ["vultr"]}, "clouds.other.driver"),
        ({"driver": "vulture"}, "did you mean 'vultr'"),
        ({"driver": "dummy"}, "simulated"),
        ({"driver": "vultr"}, "arguments lacks 'key'"),
        ({"driver": "vultr", "arguments": "key"}, "clouds.other.arguments"),
        ({"driver": "azure_arm", "arguments": {"key": "hush-hush"}}, "tenant_id"),
    ],
)
def test_what_cannot_be_used_is_told_without_its_values(settings, word):
    provider = DriverProvider("other", settings)
    with pytest.raises(ConfigError, match=word) as caught:
        provider.open()
    assert "hush" not in str(caught.value)


def test_every_driver_of_libcloud_has_a_name_here():
    """Each can be asked for; what its library lacks is told."""
    import warnings

    from libcloud.compute.providers import DRIVERS

    from cloudmesh.cloud.providers.libcloud.provider import find_driver_class

    found = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in DRIVERS:
            try:
                found += isinstance(find_driver_class("other", str(getattr(name, "value", name))), type)
            except ConfigError as error:
                assert "library" in str(error) or name == "dummy"
    assert found > 40

"""Providers of other packages, found by the entry points of packages installed for the test."""

import pytest

from cloudmesh.cloud.provider.registry import provider_class, provider_types
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import ConfigError

ACME = """
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
class Acme(SimulatedProvider):
    pass
not_a_class = 7
class Stranger:
    pass
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package with one provider by what pip would leave of it on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def package(name, kind, target, source=ACME):
        module = target.partition(":")[0]
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[cloudmesh.providers]\n{kind} = {target}\n")

    return package


def test_our_own_type_is_there():
    assert "simulated" in provider_types()
    assert provider_class("simulated", "local") is SimulatedProvider


def test_a_type_of_an_outside_package_is_found_by_its_name(install):
    install("acme", "acme", "acme_ok:Acme")
    assert "acme" in provider_types()
    assert provider_class("acme", "uc").__name__ == "Acme"


def test_an_unknown_type_names_the_cloud_and_the_nearest():
    with pytest.raises(ConfigError) as caught:
        provider_class("simulatd", "uc")
    assert "cloud uc has type 'simulatd'" in str(caught.value)
    assert "did you mean 'simulated'?" in str(caught.value)


@pytest.mark.parametrize(
    "source",
    ["import no_such_module_anywhere", "def broken(:", "raise RuntimeError('no')", "Other = 1"],
    ids=["import", "syntax", "runtime", "attribute"],
)
def test_a_module_that_cannot_be_loaded_is_one_sentence(install, source):
    module = f"acme_{abs(hash(source))}"
    install("acme", "acme", f"{module}:Acme", source)
    with pytest.raises(
        ConfigError, match=rf"provider 'acme' \({module}:Acme, .*\) cannot be loaded: "
    ) as caught:
        provider_class("acme", "uc")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("attribute", ["Stranger", "not_a_class"])
def test_what_is_no_provider_is_refused(install, attribute):
    install("acme", "acme", f"acme_strange:{attribute}")
    with pytest.raises(ConfigError, match=r"is not a subclass of cloudmesh\.cloud\.Provider"):
        provider_class("acme", "uc")


def test_a_type_that_two_packages_bring_names_both(install):
    install("acme", "acme", "acme_one:Acme")
    install("acme_too", "acme", "acme_two:Acme")
    with pytest.raises(ConfigError) as caught:
        provider_class("acme", "uc")
    assert "acme_one:Acme" in str(caught.value)
    assert "acme_two:Acme" in str(caught.value)


def test_a_package_seen_twice_on_the_path_is_one(install, tmp_path, monkeypatch):
    install("acme", "acme", "acme_same:Acme")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert provider_class("acme", "uc").__name__ == "Acme"

"""What was unpacked is compared with what is installed, editable installations included."""

import pytest

from cloudmesh.cms.plugins import plan
from cloudmesh.cms.plugins.installed import everything
from cloudmesh.plugin.errors import CloudmeshError

from .conftest import Site, command_module


@pytest.fixture
def unpacked(tmp_path):
    return Site(tmp_path / "unpacked")


def changes(unpacked):
    installed = everything()
    found = plan.staged(unpacked.folder, installed)
    plan.refuse_clashes(found, installed)
    return found


def test_what_a_package_brings_is_read_and_told(unpacked):
    unpacked.command("acme", command_module("acme") + command_module("acme2"), version="2.0")
    points = "[cloudmesh.providers]\na = x:A\nb = x:B\n[console_scripts]\nacme-tool = x:main\n"
    unpacked.install("acme-lib", {"x.py": ""}, points)
    lib, command = changes(unpacked)
    assert str(lib) == "install acme-lib 1.0: providers a, b; 2 files"
    assert str(command) == "install cloudmesh-acme 2.0: commands acme, acme2; 3 files"
    assert command.row()["before"] is None and lib.scripts == ["acme-tool"]


def test_a_file_of_an_editable_installation_would_be_hidden(unpacked):
    unpacked.command("acme")
    unpacked.install("acme-lib", {"cloudmesh/plugin/output.py": ""})
    with pytest.raises(CloudmeshError, match=r"acme-lib 1.0 would hide .*/plugin/output.py"):
        changes(unpacked)


def test_two_new_packages_may_not_share_a_file_or_a_name(unpacked):
    unpacked.install("acme-a", {"acme.py": ""})
    unpacked.install("acme-b", {"acme.py": ""})
    with pytest.raises(CloudmeshError, match="acme-b 1.0 would overwrite .*, which belongs to acme-a"):
        changes(unpacked)
    unpacked.install("acme-c", points="[cloudmesh.executors]\nx = a:b\n")
    unpacked.install("acme-d", points="[cloudmesh.executors]\nx = a:c\n")
    with pytest.raises(
        CloudmeshError, match="acme-d 1.0 has the executor 'x', which exists already in acme-c 1.0"
    ):
        changes(unpacked)


def test_a_part_of_cms_is_not_replaced(unpacked):
    unpacked.install("Cloudmesh_DB", {"cloudmesh/db/x.py": ""}, version="4.0")
    with pytest.raises(CloudmeshError, match=r"would replace cloudmesh-db 5\.0\.0"):
        changes(unpacked)


def test_an_executor_of_ours_may_be_replaced_by_a_newer_one(unpacked):
    points = "[cloudmesh.executors]\ndask = cloudmesh.dask.x:run\n"
    unpacked.install("cloudmesh-dask", {"cloudmesh/dask/connect.py": ""}, points, version="6.0")
    (change,) = changes(unpacked)
    assert change.action == "update" and str(change).startswith("update cloudmesh-dask 6.0 (now 5.0.0): ")

"""What a name of an image, a flavor or a network means."""

import pytest

from cloudmesh.cloud.client.cloud import Cloud
from cloudmesh.cloud.client.lookup import pick
from cloudmesh.cloud.errors import NotFound
from cloudmesh.cloud.model.records import Image
from cloudmesh.cloud.providers.simulated.provider import SimulatedProvider
from cloudmesh.plugin.errors import UnknownName, UsageError

IMAGES = [
    Image("uc", "ubuntu-22.04", "1"),
    Image("uc", "ubuntu-24.04", "2"),
    Image("uc", "twice", "3"),
    Image("uc", "twice", "4"),
    Image("uc", "[raw]", "5"),
    Image("uc", "1", "6"),
]


@pytest.mark.parametrize(
    ("name", "cloud_id"),
    [("ubuntu-24.04", "2"), ("2", "2"), ("ubuntu-24*", "2"), ("[raw]", "5"), ("1", "1"), ("*22*", "1")],
)
def test_a_name_an_id_or_a_glob_that_means_one(name, cloud_id):
    assert pick("image", name, "uc", IMAGES).cloud_id == cloud_id


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "ubuntu*",
            r"image 'ubuntu\*' is ambiguous on cloud uc: ubuntu-22.04 \(1\), ubuntu-24.04 \(2\); use",
        ),
        ("twice", r"image 'twice' is ambiguous on cloud uc: twice \(3\), twice \(4\)"),
    ],
)
def test_what_is_ambiguous_lists_the_candidates(name, told):
    with pytest.raises(UsageError, match=told):
        pick("image", name, "uc", IMAGES)


def test_many_candidates_are_counted():
    many = [Image("uc", f"image-{number}", str(number)) for number in range(20)]
    with pytest.raises(UsageError, match=r"image-7 \(7\), \.\.\. \(20 in all\)"):
        pick("image", "*", "uc", many)


@pytest.mark.parametrize("name", ["ubuntu-24.4", "Ubuntu-24.04"])
def test_what_is_missing_names_the_nearest(name):
    with pytest.raises(UnknownName, match="did you mean 'ubuntu-24.04'"):
        pick("image", name, "uc", IMAGES)


def test_an_image_that_is_not_listed_is_found_by_its_id(configure, monkeypatch):
    hidden = Image("uc", "hidden", "image-hidden")

    def image(self, cloud_id):
        if cloud_id != hidden.cloud_id:
            raise NotFound("no such image")
        return hidden

    monkeypatch.setattr(SimulatedProvider, "image", image)
    with Cloud("uc", configure({"uc": {}})) as cloud:
        assert cloud.image("image-hidden") == hidden
        with pytest.raises(UnknownName):
            cloud.image("image-other")

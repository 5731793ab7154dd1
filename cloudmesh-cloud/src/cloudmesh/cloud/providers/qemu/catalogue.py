"""Cloud images of distributions for 64-bit PCs: where they are, how they are checked, who signs in.

They all have cloud-init (or, CirrOS, a small program of that kind) and read the seed that is made for them.
The addresses are those of the distributions' own pages:

=============  ==========================================================================================
Debian         cloud.debian.org: ``generic``, which also has the drivers of real hardware
Ubuntu         cloud-images.ubuntu.com, releases, as its reference of public images names them
Fedora         fedoraproject.org/cloud/download; a release keeps its name, so it is named with its version
Rocky Linux    rockylinux.org/download, "Cloud images", GenericCloud-Base
AlmaLinux      wiki.almalinux.org/cloud/Generic-cloud
openSUSE       get.opensuse.org/leap, Minimal-VM for clouds
CirrOS         download.cirros-cloud.net, which publishes MD5 only, so the SHA-256 of the release is here
=============  ==========================================================================================

What they publish is trusted as far as TLS goes: the signatures of the checksum lists are not verified.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloudmesh.plugin.errors import UnknownName


@dataclass(frozen=True)
class CatalogueImage:
    """A distribution's image.

    Attributes:
        name: what users call it here.
        title: the distribution and its version.
        url: the address of the image, which may lead to a newer build each month.
        user: the login user that the distribution sets up.
        checksums: the address of the list that has its digest; empty if ``digest`` is given.
        digest: its SHA-256 or SHA-512, for a file that never changes.
        format: of the file; qcow2 of all that are here.
    """

    name: str
    title: str
    url: str
    user: str
    checksums: str = ""
    digest: str = ""
    format: str = "qcow2"


_DEBIAN = "https://cloud.debian.org/images/cloud"
_UBUNTU = "https://cloud-images.ubuntu.com/releases"
_FEDORA = "https://dl.fedoraproject.org/pub/fedora/linux/releases/44/Cloud/x86_64/images"
_ROCKY = "https://dl.rockylinux.org/pub/rocky/9/images/x86_64/Rocky-9-GenericCloud-Base.latest.x86_64.qcow2"
_ALMA = "https://repo.almalinux.org/almalinux/9/cloud/x86_64/images"
_SUSE = "https://download.opensuse.org/distribution/leap"

CATALOGUE = (
    CatalogueImage(
        "almalinux-9",
        "AlmaLinux 9",
        f"{_ALMA}/AlmaLinux-9-GenericCloud-latest.x86_64.qcow2",
        "almalinux",
        f"{_ALMA}/CHECKSUM",
    ),
    CatalogueImage(
        "cirros-0.6",
        "CirrOS 0.6.2, tiny, for tests",
        "https://download.cirros-cloud.net/0.6.2/cirros-0.6.2-x86_64-disk.img",
        "cirros",
        digest="07e44a73e54c94d988028515403c1ed762055e01b83a767edf3c2b387f78ce00",
    ),
    CatalogueImage(
        "debian-12",
        "Debian 12 (bookworm)",
        f"{_DEBIAN}/bookworm/latest/debian-12-generic-amd64.qcow2",
        "debian",
        f"{_DEBIAN}/bookworm/latest/SHA512SUMS",
    ),
    CatalogueImage(
        "debian-13",
        "Debian 13 (trixie)",
        f"{_DEBIAN}/trixie/latest/debian-13-generic-amd64.qcow2",
        "debian",
        f"{_DEBIAN}/trixie/latest/SHA512SUMS",
    ),
    CatalogueImage(
        "fedora-44",
        "Fedora 44 Cloud",
        f"{_FEDORA}/Fedora-Cloud-Base-Generic-44-1.7.x86_64.qcow2",
        "fedora",
        f"{_FEDORA}/Fedora-Cloud-44-1.7-x86_64-CHECKSUM",
    ),
    CatalogueImage(
        "opensuse-leap-16.0",
        "openSUSE Leap 16.0",
        f"{_SUSE}/16.0/appliances/Leap-16.0-Minimal-VM.x86_64-Cloud.qcow2",
        "opensuse",
        f"{_SUSE}/16.0/appliances/Leap-16.0-Minimal-VM.x86_64-Cloud.qcow2.sha256",
    ),
    CatalogueImage("rocky-9", "Rocky Linux 9", _ROCKY, "rocky", f"{_ROCKY}.CHECKSUM"),
    CatalogueImage(
        "ubuntu-22.04",
        "Ubuntu 22.04 LTS (Jammy)",
        f"{_UBUNTU}/jammy/release/ubuntu-22.04-server-cloudimg-amd64.img",
        "ubuntu",
        f"{_UBUNTU}/jammy/release/SHA256SUMS",
    ),
    CatalogueImage(
        "ubuntu-24.04",
        "Ubuntu 24.04 LTS (Noble)",
        f"{_UBUNTU}/noble/release/ubuntu-24.04-server-cloudimg-amd64.img",
        "ubuntu",
        f"{_UBUNTU}/noble/release/SHA256SUMS",
    ),
)


def in_catalogue(name: str) -> CatalogueImage:
    """The image of this name. Raises UnknownName."""
    for each in CATALOGUE:
        if each.name == name:
            return each
    raise UnknownName("image", name, [each.name for each in CATALOGUE], "in the catalog (cms image catalog)")

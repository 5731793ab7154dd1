"""Who to sign in as where the configuration does not say: what images tell, and what their names mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from cloudmesh.config.settings.ssh import USER

# By what stands in the name of an image; the first that fits counts. What cloud-init makes by default:
# https://github.com/canonical/cloud-init/blob/main/config/cloud.cfg.tmpl; of CentOS 7 and 8 and of CirrOS
# what their own images have.
_USERS: tuple[tuple[str, str], ...] = (
    (r"cirros", "cirros"),
    (r"amzn|amazon.?linux|\bal20\d\d\b", "ec2-user"),
    (r"alma.?linux|\balma\b", "almalinux"),
    (r"rocky", "rocky"),
    (r"centos\D{0,8}[78](?!\d)", "centos"),
    (r"centos", "cloud-user"),
    (r"\brhel\b|red.?hat", "cloud-user"),
    (r"fedora", "fedora"),
    (r"open.?suse|\bleap\b|tumbleweed", "opensuse"),
    (r"free.?bsd", "freebsd"),
    (r"open.?bsd", "openbsd"),
    (r"net.?bsd", "netbsd"),
    (r"open.?euler", "openeuler"),
    (r"alpine", "alpine"),
    (r"gentoo", "gentoo"),
    (r"\barch\b|arch.?linux", "arch"),
    (r"flatcar|core.?os", "core"),
    (r"ubuntu", "ubuntu"),
    (r"debian", "debian"),
)
# The images of Amazon's users differ: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/managing-users.html
_EC2_USERS: tuple[tuple[str, str], ...] = (
    (r"debian", "admin"),
    (r"alma.?linux", "ec2-user"),
    (r"centos.{0,8}stream", "ec2-user"),
    (r"centos", "centos"),
    (r"\brhel\b|red.?hat|suse|free.?bsd", "ec2-user"),
)
_EC2 = ("ec2", "aws")
# What cloud-init lets root's keys say in place of a shell.
_TOLD = re.compile(r"log ?in as the user [\"'`]?([^\s\"'`]{1,64}?)[\"'`.]*\s+rather than", re.IGNORECASE)
# Properties of images that name their user: of the Sovereign Cloud Stack and OVH, and older ones.
_PROPERTIES = ("image_original_user", "default_user", "os_admin_user")


def user_of_image(name: str, settings: Mapping[str, Any]) -> str:
    """Who an image of this name most likely lets in; empty if nothing tells.

    Args:
        name: of the image.
        settings: the section of its cloud in the configuration: the types of clouds differ.
    """
    kind = settings.get("type")
    if kind == "azure":
        # The user is made at boot, whatever the image.
        user = settings.get("user")
        return user if isinstance(user, str) and USER.fullmatch(user) else "azureuser"
    if kind == "digitalocean":
        return "root"
    if kind == "google":
        # Users come with their keys in the metadata of the project, which nobody tells.
        return ""
    return _user_of(name.lower(), kind in _EC2)


@lru_cache(maxsize=256)
def _user_of(name: str, on_ec2: bool) -> str:
    """The user by the name alone; thousands of machines have few images."""
    table = (*_EC2_USERS, *_USERS) if on_ec2 else _USERS
    return next((user for pattern, user in table if re.search(pattern, name)), "")


def user_of_properties(properties: Mapping[str, Any]) -> str:
    """The user that the properties of an OpenStack image name; empty for none, and for what is no name."""
    for key in _PROPERTIES:
        value = properties.get(key)
        if isinstance(value, str) and USER.fullmatch(value) and value.lower() != "none":
            return value
    return ""


def user_told(output: str) -> str:
    """The user that a machine names when one signs in as root; empty if it names none.

    cloud-init lets root in only to print: Please login as the user "X" rather than the user "root".
    """
    found = _TOLD.search(output)
    user = found[1] if found else ""
    return user if USER.fullmatch(user) and user != "root" else ""

"""What openstacksdk's own loader makes of the clouds of a clouds.yaml, where it is installed.

It is given the sections that were read, so that it reads no file itself, and it looks at no variable of the
environment. It is not asked for a profile that it would fetch, and makes no connection.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cloudmesh.config.importers.clouds_yaml_rules import (
    RefusedCloud,
    Settings,
    auth_keys,
    profile_name,
    promote,
)

_REFUSALS = (AttributeError, IndexError, KeyError, TypeError, ValueError)


class OpenStackSdk:
    """Its loader, and its profiles."""

    def __init__(self, config: Any) -> None:
        self._config = config

        class Loader(config.loader.OpenStackConfig):  # type: ignore[misc]
            """Knows the sections that were read, and only moves the keys of ``auth`` to their place."""

            profiles: Settings

            def _load_vendor_file(self) -> tuple[str, Settings]:
                return "clouds-public.yaml", {"public-clouds": self.profiles}

            def auth_config_hook(self, found: Settings) -> Settings:
                if found["auth_type"] in (None, "None", ""):
                    found["auth_type"] = "none"
                promote(found, auth_keys(found))
                return found

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._loader = Loader(config_files=[], secure_files=[], vendor_files=[], load_envvars=False)

    def profile(self, name: str) -> dict[str, Any] | None:
        """A profile of a vendor that comes with it; None if there is none.

        Raises RefusedCloud for one of a cloud that has ended, or that it would have to fetch.
        """
        if urlsplit(name).netloc:
            raise RefusedCloud("its profile is a URL, which is not fetched")
        found: dict[str, Any] | None = self._config.vendors.get_profile(name)
        if found and "profile" in found:
            raise RefusedCloud(f"its profile {name} is one that openstacksdk fetches, which is not done here")
        if found and found.get("status") == "shutdown":
            raise RefusedCloud(f"its profile {name} is that of a cloud that no longer exists")
        return found and {key: value for key, value in found.items() if key not in ("status", "message")}

    def settings(
        self, name: str, cloud: Mapping[str, Any], profile: Mapping[str, Any], region: str
    ) -> Settings:
        """The settings of a cloud with its profile in one of its regions; raises RefusedCloud."""
        self._loader.profiles = {profile_name(cloud): dict(profile)}
        self._loader.cloud_config = {"clouds": {name: dict(cloud)}}
        refusals = (self._config.loader.exceptions.ConfigException, *_REFUSALS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = self._loader.get_one(name, validate=False, region_name=region)
        except refusals as error:
            raise RefusedCloud(f"openstacksdk cannot use it ({type(error).__name__})") from None
        return dict(found.config)


def installed() -> OpenStackSdk | None:
    """The loader; None where openstacksdk is not installed."""
    try:
        from openstack import config
        from openstack.config import loader, vendors  # noqa: F401 they become attributes
    except ImportError:
        return None
    return OpenStackSdk(config)

"""Where a profile of Amazon's command line leads EC2's calls to: region, address, certificates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cloudmesh.config.settings.aws_files import AwsFiles, Profile
from cloudmesh.plugin.errors import ConfigError

# Of a cloud that names no region, and no profile.
DEFAULT_REGION = "us-east-1"
# What is read here of a profile.
KEYS = (
    "region",
    "endpoint_url",
    "services",
    "ignore_configured_endpoint_urls",
    "use_fips_endpoint",
    "use_dualstack_endpoint",
    "ca_bundle",
)
# The partitions of Amazon: regions, and the end of their names, the second for IPv4 and IPv6.
# Source: partitions.json of botocore 1.44.8
_PARTITIONS = (
    (r"cn-\w+-\d+", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    (r"us-gov-\w+-\d+", "amazonaws.com", "api.aws"),
    (r"us-iso-\w+-\d+", "c2s.ic.gov", "api.aws.ic.gov"),
    (r"us-isob-\w+-\d+", "sc2s.sgov.gov", "api.aws.scloud"),
    (r"us-isof-\w+-\d+", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    (r"eu-isoe-\w+-\d+", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    (r"eusc-de-\w+-\d+", "amazonaws.eu", "api.amazonwebservices.eu"),
    (r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+", "amazonaws.com", "api.aws"),
)


@dataclass(frozen=True)
class Address:
    """Where calls go to, as the settings of a cloud say it.

    Attributes:
        host, port, secure, path: as in a cloud's section; ``host`` is empty for Amazon's usual address.
    """

    host: str = ""
    port: int | None = None
    secure: bool = True
    path: str = "/"

    def settings(self) -> dict[str, str]:
        """What is to stand in a cloud's section: the settings that are not the usual ones."""
        port = "" if self.port is None else str(self.port)
        secure, path = "" if self.secure else "false", self.path if self.path != "/" else ""
        given = {"host": self.host, "port": port, "secure": secure, "path": path}
        return {key: value for key, value in given.items() if value}


class Place:
    """What a profile says, and before it the environment, as botocore looks at them.

    ``environment``: empty where only the files count.
    """

    def __init__(self, files: AwsFiles, profile: Profile, environment: Mapping[str, str]) -> None:
        self._files, self._profile, self._environment = files, profile, environment

    @property
    def region(self) -> str:
        """The region; empty if none is given."""
        return self._value("region", "AWS_DEFAULT_REGION")

    @property
    def ca_bundle(self) -> str:
        """The file of certificates to trust; empty for the usual ones."""
        return self._value("ca_bundle", "AWS_CA_BUNDLE")

    def address(self, region: str) -> Address:
        """The address of EC2 in a region. Raises ConfigError for what botocore refuses as well."""
        if url := "" if self._is_true("ignore_configured_endpoint_urls") else self._endpoint_url():
            # botocore takes no notice of the other two then.
            return self._parts(url)
        return Address(host=self.amazon(region))

    def amazon(self, region: str) -> str:
        """The name of Amazon's own address; empty for the usual one."""
        fips, dual = self._is_true("use_fips_endpoint"), self._is_true("use_dualstack_endpoint")
        return amazon_host(region, fips=fips, dual=dual) if fips or dual else ""

    def _value(self, key: str, variable: str) -> str:
        if variable in self._environment:
            return self._environment[variable]
        value = self._profile.keys.get(key)
        return value if isinstance(value, str) else ""

    def _is_true(self, key: str) -> bool:
        return self._value(key, f"AWS_{key.upper()}").lower() == "true"

    def _endpoint_url(self) -> str:
        for variable in ("AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"):
            if url := self._environment.get(variable):
                return url
        section = self._profile.keys.get("services")
        if section is not None:
            found = self._files.services.get(section) if isinstance(section, str) else None
            of_ec2 = (found or {}).get("ec2", {})
            if not found or isinstance(of_ec2, str):
                raise ConfigError(
                    f"the profile {self._profile.name!r} names services that are not a section [services "
                    "NAME] with 'ec2 =' and indented keys; correct it"
                )
            if url := of_ec2.get("endpoint_url"):
                return url
        whole = self._profile.keys.get("endpoint_url")
        return whole if isinstance(whole, str) else ""

    def _parts(self, url: str) -> Address:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.query:
            raise ConfigError(
                f"the endpoint_url of the profile {self._profile.name!r} is no address of EC2; "
                "use https://HOST:PORT/PATH"
            )
        shown = f"[{host}]" if ":" in host else host
        return Address(shown, port, parts.scheme == "https", parts.path or "/")


def amazon_host(region: str, *, fips: bool = False, dual: bool = False) -> str:
    """The name of Amazon's EC2 in a region; empty if no partition of Amazon has such regions.

    fips: with cryptography that is validated for the government; dual: by IPv6 as well.
    """
    for pattern, usual, both in _PARTITIONS:
        if re.fullmatch(pattern, region):
            # The government's regions have no other.
            service = "ec2-fips" if fips and (dual or not region.startswith("us-gov-")) else "ec2"
            return f"{service}.{region}.{both if dual else usual}"
    return ""

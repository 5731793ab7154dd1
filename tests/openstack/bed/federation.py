"""The federated part of Keystone: an OpenID provider, and a web server that checks the provider's tokens.

The web server is a second address of the same Keystone. What mod_auth_openidc learns of a token reaches
Keystone in variables that a request cannot set, and there a mapping makes a user of it.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from place import LOOPBACK, Bed
from processes import Processes
from settings import KEYSTONE

MODULES = ["mpm_event", "authn_core", "authz_core", "authz_user", "proxy", "proxy_uwsgi", "auth_openidc"]
IDENTITY_PROVIDER, PROTOCOL = "bed", "openid"
PROVIDER = f"/OS-FEDERATION/identity_providers/{IDENTITY_PROVIDER}"
# Each user is a member of a project of the same name, which Keystone makes when the user first comes.
MAPPING = [
    {
        "remote": [{"type": "OIDC-preferred_username"}, {"type": "OIDC-email"}],
        "local": [
            {"user": {"name": "{0}", "email": "{1}"}},
            {"projects": [{"name": "{0}", "roles": [{"name": "member"}]}]},
        ],
    }
]


def start_provider(bed: Bed, processes: Processes) -> None:
    """Start the OpenID provider; its users and their sessions last as long as it runs."""
    settings = bed.run / "etc" / "openid.json"
    known = {
        "port": bed.ports["openid"],
        "password": bed.passwords["federated"],
        "secret": bed.passwords["client"],
        "introspector": bed.passwords["service"],
    }
    settings.write_text(json.dumps(known), encoding="utf-8")
    node = shutil.which("node") or "node"
    processes.start("openid", [node, bed.directory / "openid" / "provider.mjs", settings])


def start_apache(bed: Bed, processes: Processes) -> None:
    """Start the web server, with nothing of the system's own configuration."""
    root = bed.run / "apache"
    root.mkdir(exist_ok=True)
    config = bed.run / "etc" / "apache.conf"
    config.write_text("\n".join(_apache(bed)) + "\n", encoding="utf-8")
    processes.start("apache", ["/usr/sbin/apache2", "-D", "FOREGROUND", "-d", root, "-f", config])


def _apache(bed: Bed) -> list[str]:
    lines = [
        f"ServerName {LOOPBACK}",
        f"Listen {LOOPBACK}:{bed.ports['federation']}",
        f'DefaultRuntimeDir "{bed.run / "apache"}"',
        "PidFile apache.pid",
        f'ErrorLog "{bed.run / "log" / "apache.log"}"',
        "LogLevel warn",
        # One process.
        *("StartServers 1", "ServerLimit 1", "ThreadsPerChild 16", "MaxRequestWorkers 16"),
        *("MinSpareThreads 1", "MaxSpareThreads 16"),
        *(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in MODULES),
    ]
    if os.geteuid() == 0:
        lines += ["User www-data", "Group www-data"]
    provider = bed.url("openid")
    return [
        *lines,
        f"OIDCCryptoPassphrase {bed.passwords['service']}",
        "OIDCClaimPrefix OIDC-",
        # From here it knows where to ask of a token; told of that address alone, it insists on https.
        f"OIDCOAuthServerMetadataURL {provider}/.well-known/openid-configuration",
        "OIDCOAuthClientID keystone",
        f"OIDCOAuthClientSecret {bed.passwords['service']}",
        "OIDCOAuthRemoteUserClaim preferred_username",
        f"ProxyPass {KEYSTONE} uwsgi://{LOOPBACK}:{bed.ports['uwsgi']}{KEYSTONE}",
        f"<Location {KEYSTONE}{PROVIDER}/protocols/{PROTOCOL}/auth>",
        "  AuthType oauth20",
        "  Require valid-user",
        "  OIDCPassClaimsAs environment",
        "</Location>",
    ]


def things(bed: Bed) -> list[tuple[str, dict[str, Any]]]:
    """What Keystone is told of it: path and body of each request, in their order."""
    # The domain is that of its users and of their projects.
    known = {"enabled": True, "domain_id": "default", "remote_ids": [bed.url("openid")]}
    protocol = {"mapping_id": IDENTITY_PROVIDER, "remote_id_attribute": "OIDC-iss"}
    return [
        (f"{KEYSTONE}/OS-FEDERATION/mappings/{IDENTITY_PROVIDER}", {"mapping": {"rules": MAPPING}}),
        (f"{KEYSTONE}{PROVIDER}", {"identity_provider": known}),
        (f"{KEYSTONE}{PROVIDER}/protocols/{PROTOCOL}", {"protocol": protocol}),
    ]

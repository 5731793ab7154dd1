"""The configuration files of the OpenStack services."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

from base import nova_databases
from place import LOOPBACK, REGIONS, Bed

Sections = Mapping[str, Mapping[str, object]]
KEYSTONE = "/v3"
# Nova's usual ones, and those by which a lease keeps its hosts for itself.
_FILTERS = (
    *("ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter"),
    *("ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter"),
    *("AggregateInstanceExtraSpecsFilter", "AggregateMultiTenancyIsolation", "BlazarFilter"),
)


def write_all(bed: Bed) -> None:
    """Write them for all services of all regions."""
    write(bed, "keystone/keystone.conf", _keystone(bed))
    write(bed, "placement/placement.conf", _placement(bed))
    write(bed, "glance/glance-api.conf", _glance(bed))
    write(bed, "neutron/neutron.conf", _neutron(bed))
    write(bed, "neutron/ml2_conf.ini", _ml2())
    for region in REGIONS:
        write(bed, f"nova-{region}/nova.conf", nova(bed, region))
        write(bed, f"nova-{region}/databases.conf", _nova_databases(bed, region))
        paste = bed.bin.parent / "etc" / "nova" / "api-paste.ini"
        (etc(bed, f"nova-{region}") / "api-paste.ini").write_bytes(paste.read_bytes())


def etc(bed: Bed, service: str) -> Path:
    """The folder of a service's configuration."""
    return bed.run / "etc" / service


def write(bed: Bed, name: str, sections: Sections) -> None:
    """Write one file of settings, below the folder ``etc``."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_dict(sections)
    file = bed.run / "etc" / name
    file.parent.mkdir(exist_ok=True)
    with file.open("w", encoding="utf-8") as out:
        parser.write(out)


def account(bed: Bed, user: str, region: str = REGIONS[0]) -> dict[str, object]:
    """How a service signs in to another one."""
    return {
        "auth_type": "password",
        "auth_url": bed.url("keystone", KEYSTONE),
        "username": user,
        "password": bed.passwords["service"],
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
        "region_name": region,
    }


def tokens(bed: Bed, user: str) -> dict[str, object]:
    """How a service looks at the tokens of its users; not for long, so that a revoked one is noticed."""
    return {
        **account(bed, user),
        "www_authenticate_uri": bed.url("keystone", KEYSTONE),
        "service_token_roles_required": True,
        "service_token_roles": "service",
        "token_cache_time": 1,
    }


def _keystone(bed: Bed) -> Sections:
    keys = bed.run / "keystone"
    return {
        "DEFAULT": {"log_file": bed.run / "log" / "keystone.log", "public_endpoint": bed.url("keystone")},
        "database": {"connection": bed.database("keystone")},
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": keys / "fernet"},
        "fernet_receipts": {"key_repository": keys / "fernet"},
        "credential": {"key_repository": keys / "credential"},
        # Not "external": it would believe the web server of the federated address that a user has signed in.
        "auth": {"methods": "password,token,totp,application_credential,mapped,openid"},
        "federation": {"assertion_prefix": "OIDC-"},
        "security_compliance": {"lockout_failure_attempts": 8, "lockout_duration": 60},
        # Real hashing of passwords, at its lowest price.
        "identity": {"password_hash_rounds": 4},
        "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
    }


def _placement(bed: Bed) -> Sections:
    return {
        "DEFAULT": {"log_file": bed.run / "log" / "placement.log"},
        "api": {"auth_strategy": "keystone"},
        "placement_database": {"connection": bed.database("placement")},
        "keystone_authtoken": tokens(bed, "placement"),
    }


def _glance(bed: Bed) -> Sections:
    store = bed.run / "glance"
    return {
        "DEFAULT": {
            "log_file": bed.run / "log" / "glance.log",
            "enabled_backends": "disk:file",
            "enabled_import_methods": "[]",
            "image_cache_dir": store / "cache",
        },
        "glance_store": {"default_backend": "disk"},
        "disk": {"filesystem_store_datadir": store / "images"},
        "os_glance_staging_store": {"filesystem_store_datadir": store / "staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": store / "tasks"},
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": bed.bin.parent / "etc" / "glance" / "glance-api-paste.ini",
        },
        "database": {"connection": bed.database("glance")},
        "keystone_authtoken": tokens(bed, "glance"),
        "oslo_concurrency": {"lock_path": bed.run / "lock"},
    }


def _neutron(bed: Bed) -> Sections:
    return {
        "DEFAULT": {
            "log_file": bed.run / "log" / "neutron.log",
            "core_plugin": "ml2",
            "service_plugins": "router",
            "auth_strategy": "keystone",
            "api_paste_config": bed.bin.parent / "etc" / "neutron" / "api-paste.ini",
            "state_path": bed.run / "neutron",
            "transport_url": bed.queue(REGIONS[0]),
            # By these Nova learns of floating IPs.
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": True,
            "send_events_interval": 1,
            "dhcp_agent_notification": False,
        },
        "quotas": {"quota_port": 5000, "quota_floatingip": 200, "quota_security_group": 50},
        "database": {"connection": bed.database("neutron")},
        "keystone_authtoken": tokens(bed, "neutron"),
        "nova": account(bed, "nova"),
        "placement": account(bed, "placement"),
        "oslo_concurrency": {"lock_path": bed.run / "lock"},
    }


def _ml2() -> Sections:
    return {
        "ml2": {
            "type_drivers": "local,flat",
            "project_network_types": "local",
            "mechanism_drivers": "bed",
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": "*"},
        "securitygroup": {"enable_security_group": True},
    }


def nova(bed: Bed, region: str) -> Sections:
    return {
        "DEFAULT": {
            "log_dir": bed.run / "log" / f"nova-{region}",
            "state_path": bed.run / f"nova-{region}",
            "my_ip": LOOPBACK,
            "host": f"host-{region.lower()}",
            "transport_url": bed.queue(region),
            # Nova's own pretended hypervisor: machines are entries of a table in its memory.
            "compute_driver": "fake.FakeDriverWithoutFakeNodes",
            "allow_resize_to_same_host": True,
            "initial_cpu_allocation_ratio": 64.0,
            "initial_ram_allocation_ratio": 64.0,
            "initial_disk_allocation_ratio": 64.0,
            "service_down_time": 180,
            "sync_power_state_interval": -1,
            "heal_instance_info_cache_interval": -1 if region == REGIONS[0] else 5,
        },
        "api": {"auth_strategy": "keystone"},
        "wsgi": {"api_paste_config": "api-paste.ini"},
        "keystone_authtoken": tokens(bed, "nova"),
        "service_user": {**account(bed, "nova", region), "send_service_user_token": True},
        "keystone": account(bed, "nova", region),
        "glance": {"region_name": region},
        "neutron": account(bed, "neutron", region),
        "placement": account(bed, "placement", region),
        "quota": {"instances": 2000, "cores": 8000, "ram": 16_000_000, "key_pairs": 100},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": -1},
        "filter_scheduler": {
            "available_filters": "blazarnova.scheduler.filters.blazar_filter.BlazarFilter",
            "enabled_filters": ",".join(_FILTERS),
        },
        "vnc": {"enabled": False},
        "oslo_concurrency": {"lock_path": bed.run / "lock"},
    }


def _nova_databases(bed: Bed, region: str) -> Sections:
    """Apart from the rest, for nova-compute must not be told of the databases."""
    api, cell, _ = nova_databases(region)
    return {
        "api_database": {"connection": bed.database(api)},
        "database": {"connection": bed.database(cell)},
        # One in each file, as a file cannot say the same key twice here.
        "filter_scheduler": {"available_filters": "nova.scheduler.filters.all_filters"},
    }

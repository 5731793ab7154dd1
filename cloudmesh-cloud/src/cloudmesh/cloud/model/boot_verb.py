"""The verb ``boot``: it makes the machine that the others work on, so it stands beside their table."""

from __future__ import annotations

from cloudmesh.cloud.model.parameters import Kind, Parameter, option
from cloudmesh.cloud.model.records import State
from cloudmesh.cloud.model.verbs import Verb, states

#: What the shell and Python take of a new machine.
BOOT = Verb(
    "boot",
    "booted",
    *states(set(), set(), State.ACTIVE, State.BUILDING),
    help="boot new machines, on each cloud that --cloud names",
    parameters=(
        option(Kind.IMAGE, "--image=IMAGE", "the image to boot; else the cloud's default"),
        option(Kind.FLAVOR, "--flavor=FLAVOR", "the flavor (size); else the cloud's default"),
        option(Kind.KEY, "--key=KEY", "the key pair for SSH; else the default"),
        option(Kind.NETWORKS, "--network=NETWORKS", "networks, comma-separated; else the default"),
        option(
            Kind.SECURITY_GROUPS, "--secgroup=GROUPS", "security groups, comma-separated; else the default"
        ),
        option(Kind.FILE, "--userdata=FILE", "a user-data file for cloud-init; else the default"),
        option(Kind.METADATA, "--metadata=PAIR", "set KEY=VALUE; can be repeated"),
        option(
            Kind.HINTS,
            "--hint=PAIR",
            "a hint KEY=VALUE for the scheduler, such as group=ID; can be repeated",
        ),
        option(
            Kind.LEASE,
            "--lease=LEASE",
            "lease hosts for this long (90m, 3h, 2d), or boot on this lease (name or id)",
        ),
        Parameter(
            "lease_start",
            Kind.TIME,
            "when the lease starts",
            (
                (
                    "--lease-start=TIME",
                    "when the new lease starts: '2026-12-24 14:00' (local time), +2h; else now",
                ),
            ),
            required=False,
        ),
        option(
            Kind.HOST,
            "--host=PROPERTIES",
            "lease whole hosts with these properties: 'node_type=gpu_p100,vcpus>=16'; or any",
        ),
        option(
            Kind.FLAG,
            "--public",
            "create a public address for each machine; cms vm delete releases it",
        ),
    ),
    everywhere=True,
)

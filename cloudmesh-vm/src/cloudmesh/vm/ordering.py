"""The order in which machines are shown and worked on where a user gave none."""

from __future__ import annotations

import re

from cloudmesh.cloud.model import Machine

_DIGITS = re.compile("([0-9]+)")


def by_name(machine: Machine) -> list[tuple[int, str]]:
    """A key that orders names as people count: web9 before web10.

    Machines that were booted side by side become known in whatever order their cloud answered.
    """
    parts = _DIGITS.split(machine.name)
    return [(int(part), part) if part.isdecimal() else (0, part) for part in parts]

"""What the file or folder of a machine is called."""

from __future__ import annotations

from urllib.parse import quote

from cloudmesh.cloud.model.records import MachineRecord


def file_name(machine: MachineRecord, alone: bool = True) -> str:
    """A name for what belongs to a machine: its own, or ``CLOUD:NAME`` if it is not alone in having that.

    What a file cannot be called, or what would lead elsewhere, is written as in a URL.
    """
    text = machine.name if alone else machine.qualified_name
    name = quote(text, safe=" :@+,=()[]")
    return f"%2E{name[1:]}" if name.startswith(".") else name or "%00"

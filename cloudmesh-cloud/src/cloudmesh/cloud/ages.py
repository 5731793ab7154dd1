"""How long ago something was learned, as users read it."""

from __future__ import annotations


def age_text(seconds: float) -> str:
    """``8s``, ``12m``, ``5h`` or ``3d``."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"

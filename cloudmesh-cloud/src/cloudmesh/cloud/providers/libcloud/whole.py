"""Imports packages whole, before parts of them, where several threads may be at it.

``import requests.adapters`` locks the part and then waits for its package, which another thread may import,
and which itself waits for the part. Python ends that by giving one of them a module that is half there.
"""

from __future__ import annotations

from importlib import import_module


def import_whole(*packages: str) -> None:
    """Import these packages; if another thread is at it, wait until it is done."""
    for name in packages:
        import_module(name)

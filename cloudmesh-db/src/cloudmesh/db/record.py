"""What the database gives back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Record(dict[str, Any]):
    """The dict that was stored; ``id`` is the number the database gave it, which is no key of the dict."""

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]], id: int) -> None:
        super().__init__(values)
        self.id = id

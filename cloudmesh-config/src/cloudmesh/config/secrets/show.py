"""Values of the configuration as they may be shown."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from cloudmesh.config.yaml.keys import hidden, is_encrypted, map_leaves
from cloudmesh.plugin.plain import plain
from cloudmesh.plugin.secrets import MASK, mask_value


def masked(parts: Sequence[str], value: Any, secrets: bool) -> Any:
    """The value under these parts, its secrets as ``***`` unless ``secrets``."""
    if secrets:
        return value
    if hidden(parts):
        return map_leaves(value, (), lambda *_: MASK)
    shown = map_leaves(value, (), lambda item, _: MASK if is_encrypted(item) else item)
    # The items of a list are secret where the list is.
    name = next((part for part in reversed(parts) if not part.isdigit()), "")
    return mask_value(name, shown)


def scalar(value: Any) -> str:
    """A value as the file would spell it, a text without quotes; nothing for null."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)


def document(value: Any, form: str) -> str:
    """The value as ``json`` or ``yaml``, in its order."""
    if form == "json":
        return json.dumps(plain(value), indent=2)
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(plain(value), stream)
    return stream.getvalue().removesuffix("...\n")

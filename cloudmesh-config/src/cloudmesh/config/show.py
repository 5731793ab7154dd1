"""Values of the configuration as they may be shown."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from cloudmesh.config.keys import hidden
from cloudmesh.plugin.plain import plain
from cloudmesh.plugin.secrets import MASK, mask_value


def masked(parts: Sequence[str], value: Any, secrets: bool) -> Any:
    """The value under these parts, its secrets as ``***`` unless ``secrets``."""
    if secrets:
        return value
    return _all_masked(value) if hidden(parts) else mask_value(parts[-1] if parts else "", value)


def _all_masked(value: Any) -> Any:
    """Everything of a secret section masked; its keys stay."""
    if isinstance(value, dict):
        return {key: _all_masked(item) for key, item in value.items()}
    return [_all_masked(item) for item in value] if isinstance(value, list) else MASK


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

"""Values of the configuration as they may be shown."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from cloudmesh.config.secrets.age_armor import is_encrypted
from cloudmesh.config.yaml.keys import hidden
from cloudmesh.plugin.plain import plain
from cloudmesh.plugin.secrets import MASK, mask_value


def masked(parts: Sequence[str], value: Any, secrets: bool) -> Any:
    """The value under these parts, its secrets as ``***`` unless ``secrets``."""
    if secrets:
        return value
    shown = _without_armour(value)
    # The items of a list are secret where the list is.
    name = next((part for part in reversed(parts) if not part.isdigit()), "")
    return _all_masked(shown) if hidden(parts) else mask_value(name, shown)


def _without_armour(value: Any) -> Any:
    """The value with what is encrypted, whatever its name, as ``***``."""
    if isinstance(value, dict):
        return {key: _without_armour(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_armour(item) for item in value]
    return MASK if is_encrypted(value) else value


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

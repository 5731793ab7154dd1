"""The variables of the shell, as ``cms set name=value`` keeps them; only to be read."""

from __future__ import annotations

from pathlib import Path

from cloudmesh.plugin.errors import ConfigError


def variable(name: str) -> str | None:
    """The value of a variable of the shell; None if it is not set or empty.

    cmd5's own class rewrites the file each time it is made, so two processes that only read can lose the
    values; hence the file is read here. While it is half-written, nothing is known.

    Raises:
        ConfigError: the file is there and cannot be read.
    """
    # cmd5 has loaded both already.
    import yaml  # type: ignore[import-untyped]

    from cloudmesh.common.base import Base

    path = Path(Base(create=False).path) / "variables.dat"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError, yaml.YAMLError):
        return None
    except OSError as error:
        raise ConfigError(f"the variables of the shell cannot be read: {error.strerror}: {path}") from None
    value = values.get(name) if isinstance(values, dict) else None
    return None if value is None or value == "" else str(value)

"""What a user must be told beside the rows, or in place of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cloudmesh.config import Config
from cloudmesh.plugin.errors import CloudmeshError
from cloudmesh.plugin.output import Answer


def is_simulated(config: Config, cloud: str) -> bool:
    """Whether the cloud's type says that no real machine runs there; loads no provider."""
    return config.cloud(cloud).get("type") == "simulated"


def simulated_notes(config: Config, clouds: Iterable[str]) -> list[str]:
    """One sentence that names the simulated ones among these clouds, or nothing."""
    names = [cloud for cloud in dict.fromkeys(clouds) if is_simulated(config, cloud)]
    if not names:
        return []
    verb = "is a simulated cloud" if len(names) == 1 else "are simulated clouds"
    return [f"note: {', '.join(names)} {verb}: no real machine runs there and nothing costs money"]


def no_rows(errors: Mapping[str, CloudmeshError]) -> Answer:
    """What is shown where no cloud answered: not an empty list. A single error is raised."""
    if len(errors) == 1:
        raise next(iter(errors.values()))
    notes = [f"error: {name}: {error}" for name, error in errors.items()]
    code = max(error.exit_code for error in errors.values())
    return Answer(text="", notes=notes, errors=list(errors.values()), exit_code=code)


def age_text(seconds: float) -> str:
    """``8s``, ``12m``, ``5h`` or ``3d``."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"

"""At which steps machines are that are waited for, told in a few words."""

from __future__ import annotations

from collections.abc import Sequence

from cloudmesh.cloud.fanout.query import CloudProgress

# So many names are shown of the machines at one step.
_NAMES = 3


def steps_of(each: CloudProgress, most: int) -> list[tuple[str, str]]:
    """Names of machines and the step they are at, for so many steps: first those where most of them are."""
    if not each.steps or most < 1:
        return []
    from cloudmesh.plugin.names import fold

    by_count = sorted(each.steps.items(), key=lambda pair: -len(pair[1]))
    shown = by_count if len(by_count) <= most else by_count[: most - 1]
    told = [(_few(fold(names)), step) for step, names in shown]
    left = sum(len(names) for _, names in by_count[len(shown) :])
    return [*told, (f"{left} more", "at other steps")] if left else told


def _few(names: Sequence[str]) -> str:
    """Some names, and how many there are beside them."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ",".join(names[:_NAMES]) + more

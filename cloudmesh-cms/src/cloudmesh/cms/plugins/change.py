"""Installing, updating and removing plug-ins: what will be done is shown first, and the user agrees."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cloudmesh.cms.plugins import installers, plan, probe
from cloudmesh.cms.plugins.asking import require_yes
from cloudmesh.cms.plugins.installed import GROUPS, Brought, core, everything, normalized
from cloudmesh.cms.plugins.sources import Source, source
from cloudmesh.plugin import Answer, catalogue
from cloudmesh.plugin.errors import CloudmeshError, UnknownName, UsageError


def install(word: str, *, update: bool, yes: bool, dryrun: bool) -> Answer:
    """Install a plug-in with what it needs, or a newer version of one; a row for each distribution.

    Args:
        word: a name, a folder or a wheel.
        update: whether it must be installed already, and a newer version of a name is looked for.
        yes: whether the user is not asked.
        dryrun: whether nothing is done but showing what would be.

    Raises:
        UsageError: the word is none of these, there is no terminal to ask at, or, for an update, it is not
            installed.
        CloudmeshError: it cannot be found or built, brings nothing, or would take from others what is theirs.
    """
    given, installed = source(word), everything()
    if update and not given.is_path:
        _require_plugin(given.name, installed)
    installer = installers.current()
    pins = installer.resolve(given, upgrade=update)
    if not pins:
        return Answer(notes=[f"{word} is installed already{', in its newest version' if update else ''}"])
    with tempfile.TemporaryDirectory(prefix="cloudmesh-plugin-") as folder:
        installer.stage(pins, Path(folder))
        changes = plan.staged(Path(folder), installed)
    main = _main(given, pins, changes)
    if not main.brought.is_plugin:
        raise CloudmeshError(
            f"{main.brought} has no command, provider or executor, so it is not a plug-in of cms; "
            "nothing was installed"
        )
    if update and not main.before:
        raise UsageError(f"{main.brought.distribution} is not installed; cms plugin install {word}")
    plan.refuse_clashes(changes, installed)
    changes.sort(key=lambda each: (each is not main, not each.brought.is_plugin, each.brought.distribution))
    if dryrun:
        return Answer(
            [each.row() for each in changes], names="distribution", notes=["dry run: nothing was installed"]
        )
    action, replaced = "update" if update else "install", {each.brought.distribution for each in changes}
    require_yes("\n".join(map(str, changes)), f"{action} {main.brought.distribution}", yes=yes)
    loaded = [note for each in installed if each.distribution in replaced for note in _loaded(each)]
    installer.install(pins, [each.brought.distribution for each in changes], given)
    return _done(changes, loaded)


def _main(given: Source, pins: Sequence[str], changes: Sequence[plan.Change]) -> plan.Change:
    """The change that was asked for; the others are what it needs."""
    others = {normalized(pin.partition("==")[0]) for pin in pins if "==" in pin}
    for each in changes:
        name = each.brought.distribution
        if name == given.name or (given.is_path and name not in others):
            return each
    raise CloudmeshError(f"{given.requirement} is not among what would be installed for it")


def _loaded(replaced: Brought) -> list[str]:
    """A sentence, if this process has imported what is replaced or removed, as a shell may have."""
    modules = {catalogue.places()[name][0].module for name in replaced.commands}
    modules |= {point.value.partition(":")[0].strip() for point in replaced.points}
    if modules.isdisjoint(sys.modules):
        return []
    return [f"this process still uses the old {replaced.distribution}: start a new shell"]


def _done(changes: Sequence[plan.Change], loaded: Sequence[str]) -> Answer:
    """What was done; what now cannot be loaded is said, with exit code 1."""
    importlib.invalidate_caches()
    catalogue.places.cache_clear()
    now = {each.distribution: each for each in everything()}
    rows = [each.row() for each in changes]
    missing = [str(each.brought) for each in changes if each.brought.distribution not in now]
    if missing:
        raise CloudmeshError(f"{', '.join(missing)} is not found after the installation; see cms plugin list")
    things = []
    for change in changes:
        owner = now[change.brought.distribution]
        places = [catalogue.places()[name][0] for name in owner.commands]
        things += [probe.Thing("command", each.name, each.module, str(each.file)) for each in places]
        things += [probe.Thing(GROUPS[each.group], each.name, each.value) for each in owner.points]
    reasons = probe.reasons(things)
    notes = [
        f"the {thing.kind} {thing.name!r} is installed and cannot be loaded: {reason}"
        for thing, reason in zip(things, reasons, strict=True)
        if reason and not (thing.kind == "command" and reason.startswith(probe.NO_METHOD))
    ]
    code = 1 if notes else 0
    return Answer(rows, names="distribution", notes=[*notes, *loaded], exit_code=code)


def remove(name: str, *, yes: bool, dryrun: bool) -> Answer:
    """Remove a plug-in; the configuration, and what else the user has, stays.

    Args:
        name: a distribution.
        yes: whether the user is not asked.
        dryrun: whether nothing is done but showing what would be.

    Raises:
        UsageError: no plug-in has this name, or there is no terminal to ask at.
        CloudmeshError: it is a part of cms, or needed by another package, or cannot be removed.
    """
    installed = everything()
    found = _require_plugin(normalized(name), installed)
    if found.distribution in core(installed):
        raise CloudmeshError(f"{found} is a part of cms, which does not work without it; nothing was removed")
    needing = [str(each) for each in installed if found.distribution in each.needs]
    if needing:
        raise CloudmeshError(
            f"{found} is needed by {', '.join(needing)}; nothing was removed: remove that first"
        )
    change = plan.Change(found, found.version)
    notes = _left(found)
    row = {key: value for key, value in change.row("remove").items() if key not in ("before", "files")}
    if dryrun:
        return Answer([row], names="distribution", notes=["dry run: nothing was removed"])
    goes = "; ".join(
        f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}"
        for kind in plan.KINDS
        if (names := found.names(kind))
    )
    sentence = f"remove {found}: {goes}"
    require_yes("\n".join([sentence, *notes]), f"remove {found.distribution}", yes=yes)
    loaded = _loaded(found)
    installers.current().remove(found.distribution)
    importlib.invalidate_caches()
    catalogue.places.cache_clear()
    if any(each.distribution == found.distribution for each in everything()):
        raise CloudmeshError(f"{found} is still installed after its removal; see cms plugin list")
    return Answer([row], names="distribution", notes=[*(notes if yes else []), *loaded])


def _require_plugin(name: str, installed: Sequence[Brought]) -> Brought:
    """The installed plug-in of this name. Raises UsageError if there is none."""
    for each in installed:
        if each.distribution == name and each.is_plugin:
            return each
        if each.distribution == name:
            raise UsageError(f"{each} has no command, provider or executor, so it is not a plug-in of cms")
    for each in installed:
        for kind in plan.KINDS:
            if name in (normalized(one) for one in each.names(kind)) and each.distribution:
                raise UsageError(
                    f"there is no plug-in {name!r}; the {kind} {name!r} belongs to {each.distribution}: "
                    "give the name of the package"
                )
    own = core(installed)
    names = [
        each.distribution for each in installed if each.is_plugin and each.distribution not in own | {""}
    ]
    if not names:
        raise UsageError(f"there is no plug-in {name!r}; none is installed")
    raise UnknownName("plug-in", name, names)


def _left(found: Brought) -> list[str]:
    """A sentence on the clouds of the configuration that cannot be used without a package."""
    types = found.names("provider")
    if not types:
        return []
    from cloudmesh.config import Config

    try:
        clouds: dict[str, Any] = Config.load().clouds
    except CloudmeshError:
        # Whatever is wrong with it, nothing of it is changed.
        return []
    names = [name for name, each in clouds.items() if isinstance(each, dict) and each.get("type") in types]
    if not names:
        return []
    plural = "s" if len(names) > 1 else ""
    shown = f"cloud{plural} {', '.join(names)}"
    return [f"{shown} cannot be used without it, and {'are' if plural else 'is'} kept in the configuration"]

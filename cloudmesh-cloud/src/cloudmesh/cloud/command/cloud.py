"""``cms cloud``: the clouds of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, PluginCommand, command

if TYPE_CHECKING:
    from cloudmesh.config import Config


class CloudCommand(PluginCommand):
    """The command ``cloud`` of the shell."""

    @command(
        reads="list info check default",
        unless="default+NAMES",
        group="Clouds",
        summary="list and check clouds, set the default cloud",
    )
    def do_cloud(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            cloud list [--filter=FILTER] [--sort=COLUMNS] [--columns=COLUMNS]
                    [--output=FORMAT]
            cloud info NAME [--refresh] [--output=FORMAT]
            cloud check [NAMES...] [--output=FORMAT]
            cloud default [NAMES...] [--output=FORMAT]
            cloud activate NAMES...
            cloud deactivate NAMES...

          Arguments:
            NAME   a cloud of the configuration
            NAMES  clouds, as in: uc,tacc  aws[1-3]  'uc*'

          Options:
            --refresh          ask the cloud for its quotas
            --filter=FILTER    only clouds that meet all conditions: 'active=yes,type=open*'
            --sort=COLUMNS     order, with - for the greatest first: type,-name
            --columns=COLUMNS  columns to show, or globs
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            cloud list        all clouds of the configuration, in its order
            cloud info        what is configured for a cloud and what its type can do;
                              secrets are masked
            cloud check       tries the active (or the named) clouds, side by side: the
                              connection, sign-in, quota, default image and flavor
            cloud default     shows, or sets, the clouds used when none is named
            cloud activate    lets clouds be used
            cloud deactivate  keeps clouds in the configuration, but never calls them

            Exit codes: 2 unknown cloud, 3 configuration or credentials, 4 a cloud
            could not be reached.
        """
        from cloudmesh.cloud.cli.checking import check_clouds
        from cloudmesh.cloud.cli.overview import cloud_info, list_clouds
        from cloudmesh.cloud.fanout.query import expand_clouds
        from cloudmesh.config import Config
        from cloudmesh.config.secrets.prompt import prompter_of

        config, names = Config.load(prompter=prompter_of(self)), arguments["NAMES"]
        if arguments["list"]:
            return list_clouds(config, arguments)
        if arguments["info"]:
            return cloud_info(config, arguments["NAME"], arguments["--refresh"])
        if arguments["check"]:
            return check_clouds(config, expand_clouds(config, names) if names else config.active_clouds())
        if arguments["default"]:
            return _default(config, names)
        return _activate(config, names) if arguments["activate"] else _deactivate(config, names)


def _default(config: Config, words: list[str]) -> Answer:
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.plugin.errors import ConfigError

    if not words:
        return Answer([{"name": name} for name in config.default_clouds()])

    def change(now: Config) -> list[str]:
        names = expand_clouds(now, words, active=False)
        inactive = [name for name in names if name not in _active(now)]
        if inactive:
            raise ConfigError(f"{', '.join(inactive)} is not active; cms cloud activate {','.join(inactive)}")
        return names

    return _write(config, "default", change)


def _activate(config: Config, words: list[str]) -> Answer:
    from cloudmesh.cloud.fanout.query import expand_clouds

    def change(now: Config) -> list[str]:
        return list(dict.fromkeys([*_active(now), *expand_clouds(now, words, active=False)]))

    return _write(config, "active", change)


def _deactivate(config: Config, words: list[str]) -> Answer:
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.plugin import UsageError

    def change(now: Config) -> list[str]:
        # A name that is no cloud must be removable too: it keeps the whole configuration from working.
        named = [word for word in words if word in _active(now)]
        others = [word for word in words if word not in named]
        named += expand_clouds(now, others, active=False) if others else []
        used = [name for name in named if name in (now.written("default") or [])]
        if used:
            raise UsageError(f"{', '.join(used)} is a default; choose another first: cms cloud default NAME")
        return [name for name in _active(now) if name not in named]

    return _write(config, "active", change)


def _active(config: Config) -> list[str]:
    """The active clouds as they are written; without a list, all."""
    written = config.written("active")
    return list(config.clouds) if written is None else written


def _write(config: Config, section: str, change: Callable[[Config], list[str]]) -> Answer:
    """Set the names to what ``change`` makes of the configuration as it is once nobody else writes it."""
    from cloudmesh.config import Config
    from cloudmesh.config.editing.edit import change_list

    path = config.path
    names = change_list(path, f"cloudmesh.{section}", lambda _: change(Config.load(path)))
    return Answer(text=f"{section}: {', '.join(names) or 'none'}")

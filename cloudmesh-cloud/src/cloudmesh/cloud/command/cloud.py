"""``cms cloud``: the clouds of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudmesh.plugin import Answer, PluginCommand, command

if TYPE_CHECKING:
    from cloudmesh.config import Config
    from cloudmesh.config.secrets.prompt import Prompter


class CloudCommand(PluginCommand):
    """The command ``cloud`` of the shell."""

    @command(
        reads="list info check cost default",
        unless="default+NAMES",
        braces=True,
        group="Clouds",
        summary="list, add and check clouds, set the default cloud, show costs",
    )
    def do_cloud(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            cloud list [--filter=FILTER] [--sort=COLUMNS] [--columns=COLUMNS]
                    [--output=FORMAT]
            cloud info NAME [--refresh] [--output=FORMAT]
            cloud check [NAMES...] [--output=FORMAT]
            cloud cost [NAMES...] [--by=COLUMNS] [--refresh | --cached] [--output=FORMAT]
            cloud add NAME [--type=TYPE] [--check | --no-check] [SETTINGS...]
            cloud remove NAME [--yes]
            cloud default [NAMES...] [--output=FORMAT]
            cloud activate NAMES...
            cloud deactivate NAMES...

          Arguments:
            NAME      a cloud of the configuration; for add a new name
            NAMES     clouds, such as: uc,tacc  'aws[1-3]'  'uc*'
            SETTINGS  KEY=VALUE, such as OS_USERNAME=me, region=fra1, image=ubuntu

          Options:
            --refresh          ask the cloud for its quotas; for cost, for its machines
            --cached           ask no cloud, however old the rows are
            --by=COLUMNS       one row for each flavor, state, owner, key, zone or name;
                               several, comma-separated
            --filter=FILTER    only clouds that meet all conditions: 'active=yes,type=open*'
            --sort=COLUMNS     sort by these columns, - is descending: type,-name
            --columns=COLUMNS  columns to show, or globs
            --type=TYPE        type of the new cloud, such as openstack, ec2 or simulated
            --check            sign in before the new cloud is written (default at a
                               terminal); if that fails, you can retry, keep or abandon
            --no-check         do not sign in
            --yes              remove without confirmation
            --output=FORMAT    table, json, yaml, csv or names [default: table]

          Description:
            cloud list        list all clouds of the configuration, in file order
            cloud info        show the settings of a cloud (secrets masked) and what
                              its type can do
            cloud check       check the active (or the named) clouds in parallel:
                              connection, sign-in, quota, default image and flavor
            cloud cost        show what the machines of the active (or the named) clouds
                              cost per hour now. Rates are set for each cloud:
                              rates.unit=SU, rates.vcpu=1 (a core, per hour); also
                              rates.flavors, rates.states
            cloud add         add a cloud to the configuration, which is created if
                              there is none. At a terminal you are asked for what the
                              type needs; a secret is not echoed and by default not
                              stored. Without a terminal give all as KEY=VALUE
            cloud remove      remove a cloud from the configuration; its machines are
                              not deleted
            cloud default     show or set the clouds used when no cloud is named;
                              without it the only active cloud is the default
            cloud activate    enable clouds
            cloud deactivate  disable clouds: they stay in the configuration and are
                              never contacted

            Exit codes: 2 usage or unknown cloud, 3 configuration or credentials,
            4 a cloud could not be reached or refused.

          Examples:
            cms cloud add uc --type=openstack
            cms cloud add test --type=simulated image=debian-12 flavor=small
            cms cloud check uc
            cms cloud default uc
        """
        from cloudmesh.config.secrets.prompt import prompter_of

        if arguments["add"]:
            return _add(arguments, prompter_of(self))
        if arguments["cost"]:
            return _cost(arguments, prompter_of(self))
        return _of_configured(arguments, prompter_of(self))


def _of_configured(arguments: dict[str, Any], prompter: Prompter) -> Answer:
    """The sub-commands about clouds that are in the configuration."""
    from cloudmesh.cloud.cli.checking import check_clouds
    from cloudmesh.cloud.cli.overview import cloud_info, list_clouds
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.config import Config

    config, names = Config.load(prompter=prompter), arguments["NAMES"]
    if arguments["list"]:
        return list_clouds(config, arguments)
    if arguments["info"]:
        return cloud_info(config, arguments["NAME"], arguments["--refresh"])
    if arguments["check"]:
        return check_clouds(config, expand_clouds(config, names) if names else _active_clouds(config))
    if arguments["remove"]:
        from cloudmesh.cloud.cli.adding import remove_cloud

        return remove_cloud(config, arguments["NAME"], arguments["--yes"])
    if arguments["default"]:
        return _default(config, names)
    return _activate(config, names) if arguments["activate"] else _deactivate(config, names)


def _cost(arguments: dict[str, Any], prompter: Prompter) -> Answer:
    from cloudmesh.cloud.cli.costs import clouds_cost
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.config import Config

    config, names = Config.load(prompter=prompter), arguments["NAMES"]
    return clouds_cost(config, expand_clouds(config, names) if names else _active_clouds(config), arguments)


def _active_clouds(config: Config) -> list[str]:
    """The active clouds; raises ConfigError if there are none, so that a check of nothing is no success."""
    from cloudmesh.plugin.errors import ConfigError

    if active := config.active_clouds():
        return active
    what = "active: cms cloud activate NAME" if config.clouds else "defined; add one: cms cloud add NAME"
    raise ConfigError(f"no cloud in {config.path} is {what}")


def _add(arguments: dict[str, Any], prompter: Prompter) -> Answer:
    from cloudmesh.cloud.cli.adding import AddOptions, add_cloud
    from cloudmesh.config.settings.places import config_file

    check = True if arguments["--check"] else False if arguments["--no-check"] else None
    options = AddOptions(arguments["--type"], arguments["SETTINGS"], check)
    return add_cloud(config_file(), arguments["NAME"], options, prompter)


def _default(config: Config, words: list[str]) -> Answer:
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.plugin.errors import ConfigError

    if not words:
        return Answer([{"name": name} for name in config.default_clouds()])

    def change(now: Config) -> list[str]:
        names = expand_clouds(now, words, active=False)
        inactive = [name for name in names if name not in _active(now)]
        if inactive:
            raise ConfigError(
                f"{', '.join(inactive)} is not active; 'cms cloud activate {','.join(inactive)}' activates it"
            )
        return names

    return _write(config, "default", change)


def _activate(config: Config, words: list[str]) -> Answer:
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.config import Config
    from cloudmesh.config.editing import clouds, edit

    def change(text: str) -> str:
        now = Config.load(config.path)
        # What is no list of names is refused.
        now.written("active")
        return clouds.activated(text, expand_clouds(now, words, active=False), config.path)

    edit.rewrite(config.path, change)
    return Answer(text=f"active: {', '.join(_active(Config.load(config.path)))}")


def _deactivate(config: Config, words: list[str]) -> Answer:
    from cloudmesh.cloud.fanout.query import expand_clouds
    from cloudmesh.plugin.errors import ConfigError

    def change(now: Config) -> list[str]:
        # A name that is no cloud must be removable too: it keeps the whole configuration from working.
        named = [word for word in words if word in _active(now)]
        others = [word for word in words if word not in named]
        named += expand_clouds(now, others, active=False) if others else []
        used = [name for name in named if name in (now.written("default") or [])]
        if used:
            raise ConfigError(f"{', '.join(used)} is a default; choose another first: cms cloud default NAME")
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

"""``cms plugin``: packages that bring commands and providers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudmesh import plugin
from cloudmesh.plugin import Answer, command


class PluginCommand(plugin.PluginCommand):
    """The command ``plugin`` of the shell."""

    @command(
        reads="list check", unless="check+--cloud", group="Shell", summary="install, write and check plug-ins"
    )
    def do_plugin(self, arguments: dict[str, Any]) -> Answer:
        """
        ::

          Usage:
            plugin list [--output=FORMAT]
            plugin check NAME [--cloud=CLOUD] [--yes] [--output=FORMAT]
            plugin check --dir=DIR
            plugin generate NAME [--provider] [--dir=DIR] [--dryrun] [--output=FORMAT]
            plugin install SOURCE [--yes] [--dryrun] [--output=FORMAT]
            plugin update SOURCE [--yes] [--dryrun] [--output=FORMAT]
            plugin remove NAME [--yes] [--dryrun] [--output=FORMAT]

          Arguments:
            NAME    check: a type of clouds; generate: of the new command or provider;
                    remove: an installed package, such as cloudmesh-acme
            SOURCE  the name of a package, a folder that holds one, or a wheel

          Options:
            --provider       a provider for a type of clouds, in place of a command
            --dir=DIR        generate: the folder that gets the new package, by default the
                             current one; check: the folder of a package
            --cloud=CLOUD    run the tests on this cloud of the configuration, where they boot
                             and delete machines named conformance-...
            --yes            do not ask
            --dryrun         only show what would be done
            --output=FORMAT  table, json, yaml, csv or names  [default: table]

          Description:
            A plug-in is a package with commands or providers (types of clouds).

            plugin list      all commands, providers and executors that are installed, with
                             their packages; exit code 1 if one cannot be used: it cannot
                             be loaded, or two packages bring it
            plugin check     runs the tests that every provider must pass; with --dir, shows
                             how a generated package differs from the current template
            plugin generate  writes a new package into DIR/cloudmesh-NAME: a command or a
                             provider that works as generated, with tests
            plugin install   shows what a package contains, and installs it with pip, uv or pipx;
                             refused if it would overwrite files of another package, or
                             has a command or a type of clouds that exists
            plugin update    the same for a newer version of one that is installed
            plugin remove    removes a package; the configuration stays as it is

          Examples:
            cms plugin generate acme --provider
            cms plugin install ./cloudmesh-acme
            cms plugin check acme
        """
        if arguments["list"]:
            from cloudmesh.cms.plugins import listing

            return listing.listing()
        if arguments["check"]:
            return _check(self, arguments)
        if arguments["generate"]:
            return _generate(arguments)
        from cloudmesh.cms.plugins import change

        yes, dryrun = arguments["--yes"], arguments["--dryrun"]
        if arguments["remove"]:
            return change.remove(arguments["NAME"], yes=yes, dryrun=dryrun)
        return change.install(arguments["SOURCE"], update=arguments["update"], yes=yes, dryrun=dryrun)


def _check(shell: object, arguments: dict[str, Any]) -> Answer:
    if arguments["--dir"]:
        from cloudmesh.cms.plugins import generate

        folder = Path(arguments["--dir"]).expanduser()
        text = generate.difference(folder)
        notes = [] if text else [f"{folder} matches the current template"]
        return Answer(text=text, notes=notes)
    from cloudmesh.cms.plugins import check
    from cloudmesh.config.secrets.prompt import prompter_of

    return check.check_provider(
        arguments["NAME"],
        arguments["--cloud"],
        prompter_of(shell),
        yes=arguments["--yes"],
        form=arguments["--output"],
    )


def _generate(arguments: dict[str, Any]) -> Answer:
    from cloudmesh.cms.plugins import generate, naming

    kind = naming.PROVIDER if arguments["--provider"] else naming.COMMAND
    where = Path(arguments["--dir"] or ".").expanduser()
    return generate.generate(arguments["NAME"], kind, where, dryrun=arguments["--dryrun"])

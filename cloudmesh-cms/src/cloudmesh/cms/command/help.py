"""``cms help``: the commands in groups, or the help of one of them."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class HelpCommand(PluginCommand):
    """The command ``help`` of the shell."""

    @command(reads="help", group="Shell", summary="list the commands, or show the help of one")
    def do_help(self, arguments: dict[str, Any]) -> Answer:
        """
        ::

          Usage:
            help [COMMAND] [WORD...]

          Arguments:
            COMMAND  a command, such as vm
            WORD     a sub-command of it, such as boot: only its usage is shown

          Description:
            Lists the commands with a short description, or shows the help of one of them, as
            cms COMMAND --help does.

          Examples:
            cms help
            cms help vm
            cms help vm boot
        """
        from cloudmesh.cms import overview

        if arguments["COMMAND"] is None:
            return overview.all_commands()
        return Answer(text=overview.one_command(self, arguments["COMMAND"], arguments["WORD"]))

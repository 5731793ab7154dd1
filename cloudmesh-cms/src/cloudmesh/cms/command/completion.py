"""``cms completion``: Tab completion for the user's own shell."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class CompletionCommand(PluginCommand):
    """The command ``completion`` of the shell."""

    @command(
        reads="completion bash zsh fish refresh", group="Shell", summary="complete cms in bash, zsh or fish"
    )
    def do_completion(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            completion
            completion (bash|zsh|fish)
            completion refresh [--quick]

          Options:
            --quick  do not read the store, if names have been read before

          Description:
            completion            show how to enable completion
            completion bash       print the script for bash 4.4 or later
            completion zsh        print the script for zsh
            completion fish       print the script for fish
            completion refresh    read commands, options and names again; the scripts do
                                  this after packages or the configuration changed

            Commands, options, clouds, machines, images, flavors, keys, networks, security
            groups, states and jobs are completed. The names are those that cms has seen:
            no cloud is asked, and Python is not started.

          Examples:
            cms completion
            source <(cms completion bash)
            cms completion fish > ~/.config/fish/completions/cms.fish
        """
        from cloudmesh.cms.completion import setup

        shell = next((shell for shell in setup.SCRIPTS if arguments[shell]), None)
        if not (shell or arguments["refresh"]):
            return Answer(text=setup.HOWTO)
        setup.refresh(quick=bool(shell or arguments["--quick"]))
        return Answer(text=setup.script(shell)) if shell else None

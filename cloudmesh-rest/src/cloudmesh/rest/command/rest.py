"""``cms rest``: the REST services and their page, for programs in other languages and for browsers."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command

_SUBCOMMANDS = ("start", "stop", "status", "open", "openapi")
_TOKEN_SUBCOMMANDS = ("create", "list", "revoke")


class RestCommand(PluginCommand):
    """The command ``rest`` of the shell."""

    @command(
        reads="status openapi token list",
        group="Machines",
        summary="serve machines over HTTP, with a page for browsers",
    )
    def do_rest(self, arguments: dict[str, Any]) -> Answer | None:
        """
        ::

          Usage:
            rest start [--host=HOST] [--port=PORT] [--socket=PATH] [--allow-host=NAMES]
                    [--insecure-address] [--detach]
            rest stop
            rest status [--output=FORMAT]
            rest open
            rest openapi [--output=FORMAT]
            rest token create NAME --scope=SCOPE [--clouds=CLOUDS] [--expires=DURATION]
            rest token list [--output=FORMAT]
            rest token revoke NAME

          Arguments:
            NAME  of a token; it stands on the jobs that are made with it

          Options:
            --host=HOST         address to listen on [default: 127.0.0.1]
            --port=PORT         port there; 0 for any that is free [default: 8765]
            --socket=PATH       listen on a unix socket of your own instead
            --allow-host=NAMES  more names of this server, comma-separated, such as that of a
                                reverse proxy: cms.example.org
            --insecure-address  allow an address that the network reaches; HTTP hides
                                nothing on its way
            --detach            run on in the background; rest stop ends it
            --scope=SCOPE       read, act or destroy; each includes those before it
            --clouds=CLOUDS     only these clouds can be seen: uc,tacc  'uc*'
            --expires=DURATION  valid for so long: 1h, 30d; else until it is revoked
            --output=FORMAT     table, json, yaml, csv or names; of openapi json or yaml

          Description:
            Serves what cms does as resources below /v1, and a page at /. Each request needs a
            token or a session of a browser, on loopback too, which is open to every user of
            this computer.

            rest start         serve until Ctrl-C, or with --detach until rest stop
            rest stop          end the server; jobs finish their calls to clouds
            rest status        show where the server listens; exit code 1 if none runs
            rest open          open the page in a browser, signed in
            rest openapi       print the description of all resources, as OpenAPI 3.1
            rest token create  make a token, and print it once
            rest token list    list the tokens, which are not shown again
            rest token revoke  end a token at once, with its sessions and streams

            One server runs for each cloudmesh directory. Its log is rest/server.log there.

          Examples:
            rest start --detach
            rest token create ci --scope=read --expires=30d
            rest token create night --scope=act --clouds=uc
            rest open
        """
        if arguments["token"]:
            from cloudmesh.config import Config
            from cloudmesh.config.secrets.prompt import prompter_of
            from cloudmesh.rest.cli import tokens

            word = next(each for each in _TOKEN_SUBCOMMANDS if arguments[each])
            answer: Answer = getattr(tokens, word)(Config.load(prompter=prompter_of(self)), arguments)
            return answer
        from cloudmesh.rest.cli import serving

        word = next(each for each in _SUBCOMMANDS if arguments[each])
        done: Answer = getattr(serving, word)(arguments)
        return done

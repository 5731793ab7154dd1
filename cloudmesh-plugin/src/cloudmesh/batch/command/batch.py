"""``cms batch``: the lines of a script in one process."""

from __future__ import annotations

from typing import Any

from cloudmesh.plugin import Answer, PluginCommand, command


class BatchCommand(PluginCommand):
    """The command ``batch``."""

    @command(reads="batch", group="Shell", summary="run the lines of a script in one process")
    def do_batch(self, arguments: dict[str, Any]) -> Answer:
        """
        ::

          Usage:
            batch [--dryrun] [--echo] [--keep-going] FILE [NAME=VALUE...]

          Arguments:
            FILE         a script with one command of the shell on each line; - reads
                         it from stdin
            NAME=VALUE   a variable for this script alone: $NAME in its lines

          Options:
            --dryrun       run nothing: show each line with its variables replaced, and
                           check its command, options and variables
            --echo         print each line on stderr before it is run
            --keep-going   continue after a line that failed

          Description:
            Runs the lines of a script in one process, which is faster than one cms for
            each. From stdin, each line is run as it comes. "!program" runs a program,
            "quit" or "exit" ends the script.

            A line is one command, as in the interactive shell. A backslash at its end
            continues it in the next line. A # that begins a word starts a comment.
            Quotes and backslashes work as in a POSIX shell. The operators ; && || | >
            < & are refused unless they are quoted. After -- no word is an option.

            $name, ${name}, var.NAME, os.NAME and default.NAME are variables; one that
            is not defined is an error, and '$name' in single quotes is literal. A variable
            given as NAME=VALUE overrides one of cms set. It is passed to programs and to
            scripts that this one runs with batch, and is not stored. Other users of this
            computer can read the command line: put a password into the environment.

            The script stops at the first line that fails. That line is shown on stderr
            with its file and number, and its exit code becomes the one of batch.
            With --keep-going the others are run too, and the exit code is that of the
            first line that failed. With --dryrun all lines are checked, and the exit
            code is 2 if one of them has an error.

          Examples:
            cms batch setup.txt
            cms batch deploy.txt release=42 cloud=uc --dryrun
            cms batch --keep-going nightly.txt
            echo "vm list --output=json" | cms batch - | jq .
        """
        from cloudmesh.plugin import batch

        file, given = str(arguments["FILE"]), batch.variables_in(arguments["NAME=VALUE"])
        if arguments["--dryrun"]:
            from cloudmesh.plugin import rehearsal

            return Answer(exit_code=rehearsal.check(self, file, given))
        options = {"keep_going": bool(arguments["--keep-going"]), "echo": bool(arguments["--echo"])}
        return Answer(exit_code=batch.run(self, file, given=given, **options))

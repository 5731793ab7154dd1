"""``cms batch``: the lines of a script in one process."""

from __future__ import annotations

import glob

from cloudmesh.plugin import Answer, PluginCommand, command


class BatchCommand(PluginCommand):
    """The command ``batch``."""

    @command(reads="batch", group="Shell", summary="run the lines of a script in one process")
    def do_batch(self, arguments: dict[str, str | bool]) -> Answer:
        """
        ::

          Usage:
            batch [--keep-going] FILE

          Arguments:
            FILE   a script with one command of the shell on each line; - reads it from stdin

          Options:
            --keep-going   go on after a line that failed

          Description:
            Runs the lines of a script in one process, which is faster than one cms for each. From
            stdin, each line is run as it comes. "!program" runs a program, "quit" ends the script.

            A line is one command, as in the interactive shell. A # that begins a word starts a
            comment. Quotes and backslashes work as in a POSIX shell. The operators ; && || | > < &
            are refused unless they are quoted. $name, ${name}, var.NAME, os.NAME and default.NAME
            are variables; one that nobody knows is an error, and '$name' is the text itself. After
            -- no word is an option.

            The script stops at the first line that fails. That line is shown on stderr with its file
            and number, and its exit code becomes the one of batch. With --keep-going the others are
            run too, and the exit code is that of the first line that failed.

          Examples:
            cms batch setup.txt
            cms batch --keep-going nightly.txt
            echo "vm list --output=json" | cms batch - | jq .
        """
        from cloudmesh.plugin import batch

        return Answer(exit_code=batch.run(self, str(arguments["FILE"]), bool(arguments["--keep-going"])))

    def complete_batch(self, text: str, line: str, begidx: int, endidx: int) -> list[str]:
        """The files whose name begins with what is typed, or the option."""
        word = line[:endidx].rpartition(" ")[2]
        if word.startswith("-"):
            found = [option for option in ["--keep-going"] if option.startswith(word)]
        else:
            # A path would lose the ./ that is typed.
            found = glob.glob(glob.escape(word) + "*")  # noqa: PTH207
        # The line is completed from begidx on, which may be inside of the word.
        return sorted(name[len(word) - len(text) :] for name in found)

"""The shell that commands run in: what they get as ``self``, from wherever their lines come.

It is light: cmd5's own shell, with all that it imports, is added when a command of cmd5 or one made for it is
used, see ``commands``.
"""

from __future__ import annotations

import cmd


class Shell(cmd.Cmd):
    """Finds and runs commands by line or by words; the class of each command that is found is added to it."""

    # A shell of cmd5 asks whether it is at the call that its process was started for; see ``front``.
    one_shot_done = True
    lines_begun = True
    # Of the command that ran last.
    last_exit_code = 0

    def onecmd(self, line: str) -> bool:
        """Run a line; whether it ends the shell."""
        from cloudmesh.plugin import lines  # a one-shot call has none

        return lines.run_in_shell(self, line) is None

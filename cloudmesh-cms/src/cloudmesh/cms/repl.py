"""The interactive shell."""

from __future__ import annotations

from cloudmesh.plugin.shell import Shell


def run(shell: Shell, *, splash: bool) -> int:
    """Read lines from the terminal and run them, until one ends the shell; give the exit code."""
    if splash:
        print("cms: type help for the commands, exit to leave")
    while True:
        try:
            line = input("cms> ")
        except EOFError:
            print()
            return 0
        except KeyboardInterrupt:
            print()
            continue
        if shell.onecmd(line):
            return 0

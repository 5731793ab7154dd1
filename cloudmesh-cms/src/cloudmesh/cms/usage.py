"""The usage of the program itself: its options before any command."""

from __future__ import annotations

PROGRAM = "cms"
OPTIONS = """\
Options:
  -h, --help     show this help and the list of commands
  --version      show the version; cms version shows those of all packages
  --debug        show the traceback of an error, as CLOUDMESH_DEBUG=1 does
  --echo         show each line before it is run
  --file=SCRIPT  run a script, as cms batch SCRIPT does
  -i             stay in the shell after the command
  --nosplash     start the shell without its banner
"""
# What docopt reads: the options may stand together as they like.
DOC = f"Usage: cms [options]\n\n{OPTIONS}"
HELP = f"""\
Manage virtual machines on all your clouds, from one shell.

Usage:
  cms [--debug] [--echo] [-i] COMMAND [WORD...]
  cms [--debug] [--echo] --file=SCRIPT
  cms [--debug] [--nosplash] [-i]
  cms (-h | --help | --version)

{OPTIONS}
Options of the program go before the command; all words after the command
belong to the command. Without a command, cms starts the interactive shell; if
stdin is not a terminal, it runs the lines of stdin.

"""

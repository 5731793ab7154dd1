"""What may stand next on a line: for the interactive shell, and for bash, zsh and fish.

``sources`` reads the usage of all commands into a ``Table``, which is kept as a file; ``engine`` completes
from it in Python, and ``scripts/match.awk`` does the same in the user's own shell.
"""

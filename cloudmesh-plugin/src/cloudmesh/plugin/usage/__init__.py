"""Why the words of a command were refused: a sentence that names the wrong word.

When docopt refuses, ``refusal`` explains it; for that ``grammar`` holds the usage as graphs, and ``words``
splits what was typed.
"""

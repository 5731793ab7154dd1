"""The usage of a command: docopt reads it, and here a refusal becomes a sentence that helps.

``parse`` is all that commands need: it gives the arguments. When docopt refuses the words, ``refusal``
explains why; for that ``grammar`` holds the usage as graphs, and ``words`` splits what was typed.
"""

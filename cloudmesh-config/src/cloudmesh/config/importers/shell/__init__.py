"""What a shell script leaves behind in its variables, found out without running anything.

``parser`` reads a subset of the grammar of bash and refuses what is not in it, ``evaluation`` follows the
commands as a bash that begins without an environment would. What only a running shell can know stays unknown,
with its reason.
"""

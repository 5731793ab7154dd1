"""What a user installs: the program ``cms``, its interactive shell, completion, and the care of plug-ins."""

from __future__ import annotations


def main() -> int:
    """Run the program ``cms`` with the words of its call; give its exit code, see ``cloudmesh.cms.main``.

    What the program needs is imported here, so that Ctrl-C is answered from the beginning.
    """
    try:
        from cloudmesh.cms.main import main as run

        return run()
    except KeyboardInterrupt:
        import sys

        print("cms: interrupted", file=sys.stderr)
        return 130

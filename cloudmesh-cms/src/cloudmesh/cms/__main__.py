"""``python -m cloudmesh.cms``: the program ``cms``."""

import sys

from cloudmesh.cms import main

if __name__ == "__main__":
    sys.exit(main())

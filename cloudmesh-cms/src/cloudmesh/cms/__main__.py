"""``python -m cloudmesh.cms``: the program ``cms``."""

import sys

from cloudmesh.cms.main import main

if __name__ == "__main__":
    sys.exit(main())

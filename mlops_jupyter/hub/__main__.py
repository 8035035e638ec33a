"""``python -m mlops_jupyter.hub``: run the hub in this process."""

import sys

from mlops_jupyter.hub.daemon import main

if __name__ == "__main__":
    sys.exit(main())

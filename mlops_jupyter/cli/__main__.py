"""``python -m mlops_jupyter.cli``: the same as ``mlops-jupyter``."""

import sys

from mlops_jupyter.cli import main

if __name__ == "__main__":
    sys.exit(main())

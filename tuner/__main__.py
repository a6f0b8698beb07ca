"""``python -m tuner`` is the command ``algodock``."""

import sys

from tuner.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

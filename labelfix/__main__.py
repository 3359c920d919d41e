"""`python -m labelfix`."""

from __future__ import annotations

import sys

from labelfix.cli import main

if __name__ == "__main__":
    sys.exit(main())

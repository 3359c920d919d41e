"""`python -m labelfix`."""

from __future__ import annotations

import os
import sys

from labelfix.cli import INTERRUPTED, main

if __name__ == "__main__":
    code = main()
    if code == INTERRUPTED:
        # At its own end Python would turn some interrupts into a death by SIGINT, after all has been said.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)

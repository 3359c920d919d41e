"""`python -m labelfix`."""

from __future__ import annotations

from labelfix.cli import run_process

if __name__ == "__main__":
    run_process()

"""Whether this process may ask a hub: its own flags, variables and arguments alone decide, never what a file says."""

from __future__ import annotations

import os

VARIABLES = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "LABELFIX_OFFLINE")
"""Environment variables that forbid it, labelfix's own and those of the libraries that would ask."""

YES = ("1", "true", "yes", "on")

HUB = "hub:"
"""What the name of a dataset of a hub begins with."""

_forbidden = [False]


def forbid(wanted: bool = True) -> None:
    """Keep this process off the network from now on, or no longer."""
    _forbidden[0] = wanted


def off_network() -> bool:
    """Whether a flag or labelfix's own variable keeps this process off the network, and not only off a hub."""
    return _forbidden[0] or os.environ.get("LABELFIX_OFFLINE", "").strip().lower() in YES


def forbidden() -> bool:
    """Whether a flag or a variable keeps this process off the network."""
    return _forbidden[0] or any(os.environ.get(name, "").strip().lower() in YES for name in VARIABLES)

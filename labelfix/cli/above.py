"""The one way to exit code 1: a verdict of `flag` or `certify`."""

from __future__ import annotations


class AboveTheGate(Exception):
    """More looks wrong than the gate lets through, or a certificate cannot be given."""

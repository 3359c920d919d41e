"""Meta Label Correction."""

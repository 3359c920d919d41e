"""How far a structured correction network may trust the classifier (a) and the given label (b)."""

from __future__ import annotations

CLASSIFIER_TRUST, LABEL_TRUST = (0.3, 2.5), (0.0, 2.5)
"""Between which a and b stay."""

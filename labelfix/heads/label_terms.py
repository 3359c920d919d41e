"""What given labels add to what the classifier says of a row: one label, or the opinions of several sources.

Legend: R rows, S sources, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.data.tables import Codes
from labelfix.numerics.source_terms import Spoken, evidence


@dataclass(frozen=True)
class SourceTerms:
    """Label terms of several sources: Σ_s w_s L_s[·, y'_s], with silence as one more label.

    Attributes:
        label_terms: `(S, K, K + 1)` L, of log T or like it.
    """

    label_terms: Floats
    weights: Floats

    def of(self, spoken: Spoken) -> Floats:
        """`(R, K)` the sum of the terms of all opinions of each row."""
        return evidence(spoken, self.label_terms, self.weights).astype(np.float64)

    def __rmul__(self, kappa: float) -> SourceTerms:
        """The same terms, weighted by kappa."""
        return replace(self, weights=kappa * self.weights)


LabelTerms = Floats | SourceTerms
"""`(K, K)` for one column of given labels, rows = true class; or the terms of several sources."""

Labels = Codes | Spoken
"""`(R,)` given labels; or the opinions about R rows."""


def terms_of(terms: LabelTerms, labels: Labels) -> Floats:
    """`(R, K)` the terms of each row's labels; terms and labels both come from one column or both from several."""
    if isinstance(terms, SourceTerms):
        assert isinstance(labels, Spoken)
        return terms.of(labels)
    assert not isinstance(labels, Spoken)
    return terms[:, labels].T

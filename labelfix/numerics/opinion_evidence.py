"""What opinions of several sources say of rows, without SciPy: for finished runs on new rows.

See `numerics.source_terms`, which training uses.

Legend: N rows, S sources, K classes, O opinions.
"""

from __future__ import annotations

import numpy as np

from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions


def evidence_of(opinions: Opinions, label_terms: Floats, weights: Floats) -> Floats:
    """`(N, K)` Σ_s w_s L_s[·, y'_s], including the silence of sources that were asked.

    Args:
        label_terms: `(S, K, K + 1)` L.
        weights: `(S,)` w.
    """
    scaled = np.where(opinions.asked, weights, 0.0)[:, None, None] * label_terms
    silent, times = scaled[:, :, -1], opinions.repeated
    said = scaled[opinions.source, :, opinions.label] * (times**-0.5)[:, None]
    said -= silent[opinions.source] / times[:, None]
    found = np.tile(silent.sum(axis=0), (len(opinions), 1))
    heard = np.flatnonzero(np.diff(opinions.start) > 0)
    if len(heard):
        found[heard] += np.add.reduceat(said, opinions.start[heard], axis=0)
    return found

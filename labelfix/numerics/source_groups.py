"""Which sources go wrong together, so that none of them counts for more than it knows.

What source s says of a row, silence too, is a vector over the classes, g_s = log T_s[·, y'_s] less its mean. Two
sources that err independently of each other agree in it only as far as the class explains; one that is copied from the
other, or read off the same rows of a codebook, agrees beyond that. The surplus over the rows,

    Σ_st = Σ_i (⟨g_is, g_it⟩ − Σ_c f_ic ⟨μ_sc, μ_tc⟩),

with μ_sc the mean of g_s on rows of class c, is what is left of it: as a share r of the most there could be,
√(Σ_ss Σ_tt), 1 for a copy, also for one with two classes swapped, and 0 for strangers and for sources that say
nothing. It is shrunk towards 0 as far as chance could have made it. Of a rule that says one class or nothing all that
it knows is when it speaks, so that silence has to count.

Weights are those of the best sum of evidence that errs by Σ, as in a linear discriminant: Σ w = diag(Σ), w ≥ 0. A
source and its copy weigh half each, and take nothing from the others.

Legend: N rows, S sources, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from labelfix.data.arrays import Floats
from labelfix.numerics.source_terms import Spoken

RIDGE, SWEEPS = 0.02, 200
"""In the search for weights: what holds copies alike, as a share of the diagonal, and passes over all sources."""


@dataclass(frozen=True)
class Surplus:
    """Agreement between sources beyond what the class explains.

    Attributes:
        own: `(S,)` diag(Σ), above 0.
        shared: `(S, S)` r in [0, 1], zeros on the diagonal.
        cross: `(S, S)` Σ_st, zeros on the diagonal.
        rows: `(S, S)` rows of which both speak.
    """

    own: Floats
    shared: Floats
    cross: Floats
    rows: Floats

    def weights(self, informed: Floats, without: int | None = None) -> Floats:
        """`(S,)` w; of one source that is left out 0.

        Args:
            informed: `(S,)` what evidence of each source is multiplied by first, in (0, 1].
            without: That source.
        """
        scale = np.maximum(informed, 1e-3)
        alone, cross = self.own * scale**2, self.cross * np.outer(scale, scale)
        found = 1 / (1 + self.shared.sum(axis=1))
        if without is not None:
            found[without] = 0
        for _ in range(SWEEPS):
            before = found.copy()
            for source in range(len(found)):
                if source != without:
                    rest = alone[source] - cross[source] @ found
                    found[source] = max(rest / ((1 + RIDGE) * alone[source]), 0.0)
            if np.abs(found - before).max() < 1e-4:
                break
        return np.asarray(found * scale)


def surplus(spoken: Spoken, shares: Floats, transitions: Floats) -> Surplus:
    """Compare all sources.

    Args:
        shares: `(N, K)` how likely each class is of each row.
        transitions: `(S, K, K + 1)` T.
    """
    classes, sources, rows = spoken.classes, spoken.speaks.shape[1], len(spoken)
    log_t, of_class = np.log(transitions), shares.sum(axis=0, dtype=np.float64)
    terms = log_t - log_t.mean(axis=1, keepdims=True)  # source, class that it speaks for, label
    means = np.einsum("scj,skj->sck", transitions, terms)
    silent = terms[:, :, -1]
    present = (spoken.speaks > 0).astype(np.float64)
    both = np.asarray((present.T @ present).todense())
    cross, varies = np.zeros_like(both), np.zeros(sources)
    for c in range(classes):
        said = (terms[:, c, :-1] - silent[:, [c]]).reshape(sources * classes)[spoken.says.indices]
        told = sparse.csr_matrix((said, spoken.says.indices // classes, spoken.says.indptr), shape=present.shape)
        sums = np.asarray(told.sum(axis=0)).ravel()
        said_alike = np.asarray((told.T @ told).todense())
        varies += said_alike.diagonal() - sums**2 / max(rows, 1)
        cross += said_alike + np.outer(sums, silent[:, c]) + np.outer(silent[:, c], sums)
        cross += rows * np.outer(silent[:, c], silent[:, c]) - of_class[c] * (means[:, c] @ means[:, c].T)
    own = np.maximum(np.diagonal(cross), 1e-9)
    most = np.sqrt(np.outer(own, own))
    # No two agree beyond the class by more than they vary, and what T has wrong of a source that never does is nothing.
    varies = np.maximum(varies, 0)
    share = np.clip(np.minimum(cross, np.sqrt(np.outer(varies, varies))) / most, 0, 1)
    # On this many rows independent sources do not look like copies by chance.
    beyond = np.maximum(1 - (1 - share**2) ** 2 / np.maximum(share**2 * rows, 1e-9), 0)
    shared = share * beyond
    np.fill_diagonal(shared, 0)
    return Surplus(own, shared, shared * most, both)

"""Which sources go wrong together, so that none of them counts for more than it knows.

What source s says of a row is a vector over the classes, g_s = log T_s[·, y'_s] less its mean. Two sources that err
independently of each other agree in it only as far as the class explains; one that is copied from the other, or read
off the same rows of a codebook, agrees beyond that. The surplus over the rows of which both speak,

    Σ_st = Σ_i (⟨g_is, g_it⟩ − Σ_c f_ic ⟨μ_sc, μ_tc⟩),   Σ_ss = Σ_i Σ_c f_ic W_sc,

with μ_sc the mean of g_s on rows of class c and W_sc its variance there, is what is left of it: as a share r of the
most there could be 1 for a copy, also for one with two classes swapped, and 0 for strangers and for sources that say
nothing. It is shrunk towards 0 by the rows that it rests on.

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

FEW = 20.0
"""A surplus on so many rows is halved."""


RIDGE, SWEEPS = 0.02, 200
"""Of the search for weights: what holds copies alike, as a share of the diagonal, and passes over all sources."""


@dataclass(frozen=True)
class Surplus:
    """What sources say alike beyond what the class explains.

    Attributes:
        own: `(S,)` diag(Σ).
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
        alone, cross = np.maximum(self.own, 1e-9) * scale**2, self.cross * np.outer(scale, scale)
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
        spoken: The opinions of some rows.
        shares: `(N, K)` how likely each class is of each row.
        transitions: `(S, K, K + 1)` T.
    """
    classes, sources = spoken.classes, spoken.speaks.shape[1]
    speech = transitions[:, :, :-1] / np.maximum(transitions[:, :, :-1].sum(axis=2, keepdims=True), 1e-12)
    log_t = np.log(transitions[:, :, :-1])
    terms = log_t - log_t.mean(axis=1, keepdims=True)  # source, class that it speaks for, label
    means = np.einsum("scj,skj->sck", speech, terms)
    spread = np.einsum("scj,skj->sc", speech, terms**2) - (means**2).sum(axis=2)
    present = (spoken.speaks > 0).astype(np.float64)
    both = np.asarray((present.T @ present).todense())
    cross, most = np.zeros_like(both), np.zeros_like(both)
    for c in range(classes):
        cells = terms[:, c].reshape(sources * classes)[spoken.says.indices]
        told = sparse.csr_matrix((cells, spoken.says.indices // classes, spoken.says.indptr), shape=present.shape)
        weighted = np.asarray((present.multiply(shares[:, [c]]).tocsr().T @ present).todense())
        cross += np.asarray((told.T @ told).todense()) - weighted * (means[:, c] @ means[:, c].T)
        deviation = np.sqrt(np.maximum(spread[:, c], 0))
        most += weighted * np.outer(deviation, deviation)
    own = np.diagonal(most).copy()
    share = np.clip(cross / np.maximum(most, 1e-9 + 0.01 * both), 0, 1)
    beyond = 1 - 1 / np.maximum(share**2 * both, 1.0)  # what chance makes of strangers on so many rows is none
    shared = share * beyond * both / (both + FEW)
    np.fill_diagonal(shared, 0)
    return Surplus(own, shared, shared * most, both)

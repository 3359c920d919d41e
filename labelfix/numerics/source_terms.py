"""How each source errs, and what its opinions say of a row's class.

T_s is the transition matrix of source s, with silence as one more label: T_s[c, j] = P(s says j | y = c), j = K for
silence. What all opinions of a row say together is a vector over the classes,

    E_i = Σ_s w_s log T_s[·, y'_is]

with a weight w_s for each source, below 1 where it goes wrong together with others (`source_groups`). It is the sum of
what silence of all sources says, which is the same for every row, and of a term for each opinion: the cost is linear in
opinions, and a copied source of weight 1/2 says with its original what that says alone.

Source: Dawid and Skene, Applied Statistics 1979 (a matrix for each source, fitted by EM).

Legend: N rows, S sources, K classes, O opinions, P pairs: trusted rows that have opinions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import gammaln

from labelfix.data.arrays import Floats
from labelfix.data.opinions import Opinions
from labelfix.data.tables import Codes
from labelfix.numerics.transition import FLOOR, PAIR_STRENGTHS

MANY, OTHERS = 50.0, 5.0
"""With this many pairs a source has half a say in how strong its prior is; so many sources' say has the mean of all."""

CHANCE = 20.0
"""With this many pairs a source that seems to answer at random loses half its weight."""

POOLED = 4.0
"""The accuracy of all sources together counts as this many opinions of one source."""


@dataclass(frozen=True)
class Spoken:
    """Opinions as sparse matrices, made once for all that is summed over them.

    Attributes:
        says: `(N, S·K)` the weight of each opinion: of m of one source on one row, 1/√m each.
        speaks: `(N, S)` 1 where a source has an opinion.
        asked: `(S,)` as in `Opinions`.
    """

    says: sparse.csr_matrix
    speaks: sparse.csr_matrix
    asked: npt.NDArray[np.bool_]
    classes: int

    @classmethod
    def of(cls, opinions: Opinions, classes: int) -> Spoken:
        """The matrices of some opinions."""
        sources, times = len(opinions.names), opinions.repeated
        cell = opinions.source.astype(np.int64) * classes + opinions.label
        shape = len(opinions)
        says = sparse.csr_matrix((times**-0.5, cell, opinions.start), shape=(shape, sources * classes))
        speaks = sparse.csr_matrix((1 / times, opinions.source, opinions.start), shape=(shape, sources))
        return cls(says, speaks, opinions.asked, classes)

    def __len__(self) -> int:
        return int(self.says.shape[0])

    def __getitem__(self, rows: Codes | npt.NDArray[np.bool_] | slice) -> Spoken:
        """The opinions of some rows."""
        return replace(self, says=self.says[rows], speaks=self.speaks[rows])

    def by_source(self) -> Spoken:
        """The same opinions, indexed by source for fast access."""
        return replace(self, says=self.says.tocsc(), speaks=self.speaks.tocsc())

    def of_source(self, source: int) -> Spoken:
        """The opinions of one source."""
        cells, column = slice(source * self.classes, (source + 1) * self.classes), slice(source, source + 1)
        return replace(self, says=self.says[:, cells], speaks=self.speaks[:, column], asked=self.asked[column])

    def counts(self, weights: npt.NDArray[np.floating]) -> Floats:
        """`(S, K, K + 1)` how often each source says what of rows of each class `(N, K)`, and is silent."""
        sources, classes = self.speaks.shape[1], self.classes
        said = np.asarray(self.says.T @ weights).reshape(sources, classes, classes)  # source, label, class
        spoken = np.asarray(self.speaks.T @ weights)
        silent = np.maximum(weights.sum(axis=0) - spoken, 0)
        scale = spoken / np.maximum(said.sum(axis=1), 1e-300)
        return np.concatenate([said.transpose(0, 2, 1) * scale[:, :, None], silent[:, :, None]], axis=2)


def evidence(spoken: Spoken, log_t: Floats, weights: Floats) -> npt.NDArray[np.float32]:
    """`(N, K)` E.

    Args:
        log_t: `(S, K, K + 1)` log T.
        weights: `(S,)` w.
    """
    w = np.where(spoken.asked, weights, 0.0)[:, None, None]
    scaled = w * log_t
    silent = scaled[:, :, -1]
    labels = scaled[:, :, :-1].transpose(0, 2, 1).reshape(-1, spoken.classes)
    found = spoken.says @ labels.astype(np.float32) - spoken.speaks @ silent.astype(np.float32)
    return np.asarray(found + silent.sum(axis=0), dtype=np.float32)


def each_alone(spoken: Spoken, log_t: Floats, weights: Floats, some: slice) -> Floats:
    """`(n, N, K)` what each of n sources adds to E.

    Args:
        spoken: The opinions, of few rows.
        log_t: `(S, K, K + 1)` log T.
        weights: `(S,)` w.
    """
    scaled = np.where(spoken.asked, weights, 0.0)[some, None, None] * log_t[some]
    cells = slice(some.start * spoken.classes, some.stop * spoken.classes)
    said = spoken.says[:, cells].toarray().reshape(len(spoken), len(scaled), spoken.classes)
    silent = 1 - spoken.speaks[:, some].toarray().T
    return np.asarray(np.einsum("nsj,scj->snc", said, scaled[:, :, :-1]) + silent[:, :, None] * scaled[:, None, :, -1])


def accuracies(of_pairs: Floats) -> Floats:
    """`(S,)` how often each source is right where it speaks, drawn to the accuracy of all of them together.

    Args:
        of_pairs: `(S, K, K + 1)` counts.
    """
    right, said = np.trace(of_pairs[:, :, :-1], axis1=1, axis2=2), of_pairs[:, :, :-1].sum(axis=(1, 2))
    counts = said / (said + POOLED)  # each source once, however many labels it has
    every = (counts @ ((right + 0.5) / (said + 1)) + 0.5) / (counts.sum() + 1)
    return np.asarray((right + POOLED * every) / (said + POOLED))


def told_from_chance(of_pairs: Floats) -> Floats:
    """`(S,)` how much of what each source says about pairs is more than chance, shrunk where it has few pairs.

    That is 1 − most / χ², with the χ² of independence of label and class and the most that chance makes of it, once in
    twenty times: two standard deviations above its mean. Matrices of a source that answers at random are noise, and the
    more pairs it has the surer that is. (After James and Stein's factor, which has the mean alone.)

    Args:
        of_pairs: `(S, K, K + 1)` counts.
    """
    rows, columns = of_pairs.sum(axis=2), of_pairs.sum(axis=1)
    expected = rows[:, :, None] * columns[:, None, :] / np.maximum(rows.sum(axis=1), 1)[:, None, None]
    statistic = ((of_pairs - expected) ** 2 / np.maximum(expected, 1e-9)).sum(axis=(1, 2))
    freedom = np.maximum((rows > 0).sum(axis=1) - 1, 0) * np.maximum((columns > 0).sum(axis=1) - 1, 0)
    pairs = columns[:, :-1].sum(axis=1)
    most = freedom + 2 * np.sqrt(2 * freedom)
    chance = np.minimum(most / np.maximum(statistic, 1e-9), 1.0)
    return np.asarray(1 - pairs / (pairs + CHANCE) * chance)


def prior_transitions(of_pairs: Floats, of_rows: Floats, shares: Floats) -> Floats:
    """`(S, K, K + 1)` the transition expected of each source from its accuracy and its opinions on all rows.

    A source that says j of a share m_j of all rows is right with probability a; where it is wrong the classes are
    there as everywhere. Its accuracy a is that of its pairs, drawn to that of all sources together.

    Args:
        of_pairs: `(S, K, K + 1)` counts of each source's opinions on pairs, or on rows whose class is taken as known.
        of_rows: `(S, K + 1)` counts of its opinions on all rows.
        shares: `(K,)` of the classes.
    """
    classes = len(shares)
    accuracy = accuracies(of_pairs)[:, None, None]
    marginal = (of_rows + 1e-3) / (of_rows + 1e-3).sum(axis=1, keepdims=True)
    eye = np.eye(classes)
    elsewhere = shares[:, None] * (1 - eye) / np.maximum(1 - shares, 1e-9)[None, :]
    joint = marginal[:, None, :-1] * (accuracy * eye + (1 - accuracy) * elsewhere)
    given = joint / shares[:, None]
    spoken = given.sum(axis=2, keepdims=True)
    most = 1 - 0.5 * marginal[:, None, -1:]  # a class of which nobody is ever silent is not believed
    given *= np.minimum(1, most / np.maximum(spoken, 1e-12))
    silent = np.maximum(1 - given.sum(axis=2, keepdims=True), 0)
    return floored(np.concatenate([given, silent], axis=2))


def paired_transitions(of_pairs: Floats, centres: Sequence[Floats]) -> Floats:
    """`(S, K, K + 1)` T from pairs: counts + strength · prior; which prior, and its strength, by the pairs' likelihood.

    That is the likelihood of the pairs of all sources in the mean, and the more pairs a source has the more that of its
    own, under a Dirichlet prior on each row (empirical Bayes); see `numerics.transition.paired_transition` for a single
    column.

    Args:
        of_pairs: `(S, K, K + 1)` counts.
        centres: Priors to choose from, `(S, K, K + 1)` each.
    """
    priors = np.stack([strength * centre for centre in centres for strength in PAIR_STRENGTHS])
    told = np.stack([_likelihoods(of_pairs, prior) for prior in priors])
    pairs = of_pairs[:, :, :-1].sum(axis=(1, 2))
    few = MANY / (MANY + pairs)
    of_all = OTHERS * (told @ few) / few.sum()
    best = (of_all[:, None] + (1 - few) * told).argmax(axis=0)
    return floored(of_pairs + priors[best, np.arange(len(of_pairs))])


def _likelihoods(counts: Floats, prior: Floats) -> Floats:
    """`(S,)` log-likelihood of counts whose rows of T are drawn from Dirichlet distributions, up to a constant."""
    rows = gammaln(prior.sum(axis=2)) - gammaln(prior.sum(axis=2) + counts.sum(axis=2))
    return np.asarray(rows.sum(axis=1) + (gammaln(prior + counts) - gammaln(prior)).sum(axis=(1, 2)))


def floored(matrices: Floats) -> Floats:
    """Rows that sum to 1, no entry below `FLOOR`."""
    shares = np.maximum(matrices / np.maximum(matrices.sum(axis=2, keepdims=True), 1e-300), FLOOR)
    return np.asarray(shares / shares.sum(axis=2, keepdims=True))

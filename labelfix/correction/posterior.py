"""The corrector that is a posterior: what the classifier says and what the given label says, multiplied.

P(y | x, y') = softmax(β·log f(x) + L[·, y']), with L a matrix of label terms (rows = true class).

Legend: N rows, M trusted rows, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax

from labelfix.correction.network import softmax
from labelfix.correction.transition import Matrix, paired_transition
from labelfix.data.tables import UNLABELLED, Codes, Probabilities

BETAS = (0.6, 0.8, 1.0, 1.25, 1.5)
KAPPAS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.2)
"""Candidates for the trust in the classifier and in the given label of a paired posterior."""


@dataclass(frozen=True)
class PosteriorCorrector:
    """Soft label = softmax(β log f(x) + L[·, y']); rows without a given label get f(x).

    Attributes:
        label_terms: `(K, K)` L.
        beta: β.
        temperature: Divides the classifier's logits.
    """

    label_terms: Matrix
    beta: float
    temperature: float

    def soft_labels(self, logits: Probabilities, hidden: Probabilities, given: Codes) -> Probabilities:
        """See `Corrector.soft_labels`; `hidden` is not used."""
        log_f = log_softmax(logits.astype(np.float64) / self.temperature, axis=1)
        labelled = given != UNLABELLED
        scores = log_f.copy()
        scores[labelled] = self.beta * log_f[labelled] + self.label_terms[:, given[labelled]].T
        return softmax(scores)

    def save(self, folder: Path) -> None:
        """See `Corrector.save`."""
        save_file({"label_terms": self.label_terms}, folder / "model.safetensors")
        about = {"kind": "posterior", "beta": self.beta, "temperature": self.temperature}
        (folder / "corrector.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, description: dict[str, Any]) -> PosteriorCorrector:
        """Read what `save` wrote."""
        terms = load_file(folder / "model.safetensors")["label_terms"]
        return cls(terms, float(description["beta"]), float(description["temperature"]))


@dataclass(frozen=True)
class PairedPosterior:
    """A posterior fitted to trusted rows whose given label is known.

    Attributes:
        label_terms: `(K, K)` κ·log T_p.
        beta: β.
        kappa: κ.
        held: `(P, K)` posterior of each paired row by a T_p without its fold.
    """

    label_terms: Matrix
    beta: float
    kappa: float
    held: npt.NDArray[np.float64]


def fit_paired(
    log_f: npt.NDArray[np.float64], truth: Codes, given: Codes, fold: Codes, expected: Matrix, without: Sequence[Matrix]
) -> PairedPosterior:
    """β and κ by leave-fold-out likelihood, T_p from all pairs.

    Args:
        log_f: `(P, K)` out-of-fold log f of the paired rows.
        truth: `(P,)` their trusted labels.
        given: `(P,)` their given labels.
        fold: `(P,)` their folds.
        expected: `(K, K)` T0.
        without: T0 without each fold.
    """
    log_t = np.empty_like(log_f)
    for k, matrix in enumerate(without):
        inside = fold == k
        others = paired_transition(truth[~inside], given[~inside], matrix)
        log_t[inside] = np.log(others)[:, given[inside]].T
    rows = np.arange(len(truth))

    def posterior(beta: float, kappa: float) -> npt.NDArray[np.float64]:
        return np.asarray(log_softmax(beta * log_f + kappa * log_t, axis=1))

    def loss(beta: float, kappa: float) -> float:
        pull = ((kappa - 0.8) ** 2 + (beta - 1) ** 2) / 0.25
        return float(-posterior(beta, kappa)[rows, truth].mean() + 0.5 / len(truth) * pull)

    beta, kappa = min(((b, k) for b in BETAS for k in KAPPAS), key=lambda pair: loss(*pair))
    terms = kappa * np.log(paired_transition(truth, given, expected))
    return PairedPosterior(terms, beta, kappa, np.exp(posterior(beta, kappa)))

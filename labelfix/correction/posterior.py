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
        held: `(P, K)` posterior of each paired row, T_p, β and κ all without its fold.
        without: β and κ·log T_p without each fold.
    """

    label_terms: Matrix
    beta: float
    kappa: float
    held: npt.NDArray[np.float64]
    without: tuple[tuple[float, Matrix], ...]


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
    matrices = [
        np.log(paired_transition(truth[fold != k], given[fold != k], matrix)) for k, matrix in enumerate(without)
    ]
    log_t = np.stack([matrices[k][:, label] for k, label in zip(fold, given, strict=True)])
    candidates = [(b, k) for b in BETAS for k in KAPPAS]
    held = {(b, k): log_softmax(b * log_f + k * log_t, axis=1) for b, k in candidates}
    losses = {pair: -said[np.arange(len(truth)), truth] for pair, said in held.items()}

    def chosen(use: npt.NDArray[np.bool_]) -> tuple[float, float]:
        def loss(pair: tuple[float, float]) -> float:
            pull = ((pair[1] - 0.8) ** 2 + (pair[0] - 1) ** 2) / 0.25
            return float(losses[pair][use].mean() + 0.5 / use.sum() * pull)

        return min(candidates, key=loss)

    beta, kappa = chosen(np.ones(len(truth), dtype=bool))
    nested = np.empty_like(log_f)
    judges: list[tuple[float, Matrix]] = []
    for k, log_matrix in enumerate(matrices):
        others = fold != k
        pair = chosen(others) if others.any() else (1.0, 0.8)
        nested[~others] = np.exp(held[pair][~others])
        judges.append((pair[0], pair[1] * log_matrix))
    terms = kappa * np.log(paired_transition(truth, given, expected))
    return PairedPosterior(terms, beta, kappa, nested, tuple(judges))

"""Convex heads: multinomial logistic regression on fixed features by L-BFGS.

`argmin over (W, b) of Σ_i ω_i CE(q_i, softmax(W h_i + b)) + ‖W‖² / 2r`, biases not penalised, and the same with the
likelihood of given labels through a transition matrix. SciPy's L-BFGS does the search; the gradient of a
softmax-linear loss is one matrix product and is written out.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize
from torch import Tensor

Array = npt.NDArray[np.float64]

Residual = Callable[[Tensor], tuple[float, Tensor]]
"""Logits `(N, K)` → loss, and its gradient with respect to the logits `(N, K)`."""


@dataclass(frozen=True)
class LinearHead:
    """A softmax-linear classifier.

    Attributes:
        weight: `(K, D)` float32.
        bias: `(K,)` float32.
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def zeros(cls, num_classes: int, width: int) -> LinearHead:
        """Equal probabilities everywhere."""
        return cls(torch.zeros(num_classes, width), torch.zeros(num_classes))

    def logits(self, features: Tensor) -> Tensor:
        """`(N, K)`."""
        return torch.addmm(self.bias, features, self.weight.T)

    def log_probabilities(self, features: Tensor) -> Tensor:
        """`(N, K)` log p."""
        return torch.log_softmax(self.logits(features), dim=1)

    def scaled(self, factor: float) -> LinearHead:
        """The head whose logits are `factor` times these."""
        return LinearHead(self.weight * factor, self.bias * factor)


def minimise(
    features: Tensor,
    residual: Residual,
    ridge: float,
    start: LinearHead,
    iterations: int = 100,
    tolerance: float = 1e-6,
) -> LinearHead:
    """The head that minimises a loss of its logits plus ‖W‖² / 2r.

    Args:
        features: `(N, D)`; their precision is that of the search.
        residual: The loss and its gradient with respect to the logits.
        ridge: r; larger is weaker.
        start: Where to begin; a head fitted to nearly the same rows saves most of the work.
        iterations: At most this many L-BFGS iterations.
        tolerance: Relative decrease of the loss below which the search stops.
    """
    classes, width = start.weight.shape

    def unpack(flat: Array) -> tuple[Tensor, Tensor]:
        both = torch.from_numpy(flat).to(features.dtype)
        return both[: classes * width].reshape(classes, width), both[classes * width :]

    def loss(flat: Array) -> tuple[float, Array]:
        weight, bias = unpack(flat)
        value, slope = residual(torch.addmm(bias, features, weight.T))
        gradient = torch.cat([(slope.T @ features + weight / ridge).reshape(-1), slope.sum(dim=0)])
        return value + float(weight.pow(2).sum()) / (2 * ridge), gradient.numpy().astype(np.float64)

    flat = torch.cat([start.weight.reshape(-1), start.bias]).numpy().astype(np.float64)
    found = minimize(
        loss, flat, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "ftol": tolerance, "gtol": 1e-5}
    ).x
    return LinearHead(*(part.clone() for part in unpack(found)))


def cross_entropy_to(soft: Tensor, weights: Tensor) -> Residual:
    """Σ_i ω_i CE(q_i, softmax(z_i)).

    Args:
        soft: `(N, K)` targets q, rows sum to 1.
        weights: `(N,)` ω.
    """

    def residual(logits: Tensor) -> tuple[float, Tensor]:
        log_p = torch.log_softmax(logits, dim=1)
        value = -float((weights[:, None] * soft * log_p).sum(dtype=torch.float64))
        return value, weights[:, None] * (log_p.exp() - soft)

    return residual


def forward_likelihood(likelihood: Tensor, weights: Tensor) -> Residual:
    """−Σ_i ω_i log Σ_y softmax(z_i)_y P(y'_i | y): GLC's loss, by log-sum-exp.

    Args:
        likelihood: `(N, K)` P(y'_i | y) of each row's given label: columns of T; one-hot rows are trusted labels.
        weights: `(N,)` ω.
    """
    log_likelihood = likelihood.clamp_min(1e-30).log()

    def residual(logits: Tensor) -> tuple[float, Tensor]:
        log_p = torch.log_softmax(logits, dim=1)
        joint = log_p + log_likelihood
        evidence = torch.logsumexp(joint, dim=1, keepdim=True)
        value = -float((weights[:, None] * evidence).sum(dtype=torch.float64))
        return value, weights[:, None] * (log_p.exp() - (joint - evidence).exp())

    return residual

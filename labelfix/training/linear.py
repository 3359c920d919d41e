"""Convex heads: multinomial logistic regression on fixed features by L-BFGS.

`argmin over (W, b) of Σ_i ω_i CE(q_i, softmax(W h_i + b)) + ‖W‖² / 2r`, biases not penalised, and the same with the
likelihood of given labels through a transition matrix. SciPy's L-BFGS does the search, in coordinates in which the
problem is nearly round: features of encoders lie around one direction, and in their own coordinates a hundred
iterations get less far than twenty in these. The gradient of a softmax-linear loss is one matrix product and is
written out.

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

from labelfix.progress import rows_done

Array = npt.NDArray[np.float64]

Residual = Callable[[Tensor, slice], tuple[float, Tensor]]
"""Logits `(n, K)` of some rows, and which rows they are → loss, and its gradient with respect to the logits."""

ROWS = slice(None)
"""All rows."""

CHUNK = 4096
"""Rows at a time: what a pass makes out of the logits stays small, and in the processor's cache."""


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

    def plus(self, other: LinearHead, factor: float = 1) -> LinearHead:
        """The head whose logits are these and `factor` times another's."""
        return LinearHead(self.weight + factor * other.weight, self.bias + factor * other.bias)

    def scaled(self, factor: float) -> LinearHead:
        """The head whose logits are `factor` times these."""
        return LinearHead(self.weight * factor, self.bias * factor)


@dataclass(frozen=True)
class Scaling:
    """Coordinates in which a fit on some features is nearly round: V = W L and centred features.

    L Lᵀ = s·Cov + I/r is about the Hessian of one class's weights.

    Attributes:
        mean: `(D,)` of the features.
        root: `(D, D)` L.
        inverse: `(D, D)` L⁻¹.
        bias: What a unit of the scaled bias is worth.
    """

    mean: Tensor
    root: Tensor
    inverse: Tensor
    bias: float

    @classmethod
    def of(cls, features: Tensor, ridge: float, num_classes: int) -> Scaling:
        """Measured on at most `SCALING_ROWS` rows, evenly spread.

        Args:
            features: `(N, D)`.
            ridge: r of the fit.
            num_classes: K; a class's probability p has p(1 − p) of about 1/2K.
        """
        part = features[:: max(1, -(-len(features) // SCALING_ROWS))]
        mean = part.mean(dim=0)
        centred = part - mean
        curvature = len(features) / (2 * num_classes)
        hessian = (centred.T @ centred).double() * (curvature / len(part)) + torch.eye(features.shape[1]) / ridge
        root = torch.linalg.cholesky(hessian)
        unit = torch.eye(len(root), dtype=root.dtype)
        inverse = torch.linalg.solve_triangular(root, unit, upper=False)
        return cls(mean, root.to(features.dtype), inverse.to(features.dtype), curvature**-0.5)

    def into(self, head: LinearHead) -> LinearHead:
        """The head's coordinates."""
        weight, bias = head.weight.to(self.mean.dtype), head.bias.to(self.mean.dtype)
        return LinearHead(weight @ self.root, (bias + weight @ self.mean) / self.bias)

    def head(self, scaled: LinearHead) -> LinearHead:
        """The head at some coordinates."""
        weight = scaled.weight @ self.inverse
        return LinearHead(weight, scaled.bias * self.bias - weight @ self.mean)

    def gradient(self, slope: LinearHead) -> LinearHead:
        """A gradient by a head, carried over to the coordinates."""
        return LinearHead((slope.weight - torch.outer(slope.bias, self.mean)) @ self.inverse.T, slope.bias * self.bias)

    def smoothed(self, slope: LinearHead) -> LinearHead:
        """(L Lᵀ)⁻¹ of a gradient: about what the inverse Hessian makes of it."""
        return self.head(self.gradient(slope))


SCALING_ROWS = 10_000
"""The coordinates are measured on so many rows."""


def minimise(
    features: Tensor,
    residual: Residual,
    ridge: float,
    start: LinearHead,
    iterations: int = 100,
    tolerance: float = 1e-6,
    scaling: Scaling | None = None,
) -> LinearHead:
    """The head that minimises a loss of its logits plus ‖W‖² / 2r.

    Args:
        features: `(N, D)`; their precision is that of the search.
        residual: The loss and its gradient with respect to the logits.
        ridge: r; larger is weaker.
        start: Where to begin; a head fitted to nearly the same rows saves most of the work.
        iterations: At most this many L-BFGS iterations.
        tolerance: Relative decrease of the loss below which the search stops.
        scaling: Coordinates measured before, on nearly the same rows.
    """
    metric = scaling or Scaling.of(features, ridge, len(start.bias))

    def unpack(flat: Array) -> LinearHead:
        both = torch.from_numpy(flat).to(features.dtype)
        weight, bias = both.split([start.weight.numel(), len(start.bias)])
        return metric.head(LinearHead(weight.reshape(start.weight.shape), bias))

    def loss(flat: Array) -> tuple[float, Array]:
        head = unpack(flat)
        value, weight, bias = float(head.weight.pow(2).sum()) / (2 * ridge), head.weight / ridge, 0 * head.bias
        for first in range(0, len(features), CHUNK):
            rows = slice(first, first + CHUNK)
            part, slope = residual(head.logits(features[rows]), rows)
            value += part
            weight.addmm_(slope.T, features[rows])
            bias += slope.sum(dim=0)
        return value, _flat(metric.gradient(LinearHead(weight, bias)))

    options = {"maxiter": iterations, "ftol": tolerance, "gtol": 1e-5}
    found = unpack(minimize(loss, _flat(metric.into(start)), jac=True, method="L-BFGS-B", options=options).x)
    rows_done(len(features))
    return found


def _flat(head: LinearHead) -> Array:
    return torch.cat([head.weight.reshape(-1), head.bias]).numpy().astype(np.float64)


def cross_entropy_to(soft: Tensor, weights: Tensor) -> Residual:
    """Σ_i ω_i CE(q_i, softmax(z_i)).

    Args:
        soft: `(N, K)` targets q, rows sum to 1.
        weights: `(N,)` ω.
    """

    def residual(logits: Tensor, rows: slice = ROWS) -> tuple[float, Tensor]:
        log_p, q, weight = torch.log_softmax(logits, dim=1), soft[rows], weights[rows, None]
        value = -float((weight * q * log_p).sum(dtype=torch.float64))
        return value, weight * (log_p.exp() - q)

    return residual


def forward_likelihood(likelihood: Tensor, weights: Tensor) -> Residual:
    """−Σ_i ω_i log Σ_y softmax(z_i)_y P(y'_i | y): GLC's loss, by log-sum-exp.

    Args:
        likelihood: `(N, K)` P(y'_i | y) of each row's given label: columns of T; one-hot rows are trusted labels.
        weights: `(N,)` ω.
    """
    log_likelihood = likelihood.clamp_min(1e-30).log()

    def residual(logits: Tensor, rows: slice = ROWS) -> tuple[float, Tensor]:
        log_p, weight = torch.log_softmax(logits, dim=1), weights[rows, None]
        joint = log_p + log_likelihood[rows]
        evidence = torch.logsumexp(joint, dim=1, keepdim=True)
        value = -float((weight * evidence).sum(dtype=torch.float64))
        return value, weight * (log_p.exp() - (joint - evidence).exp())

    return residual

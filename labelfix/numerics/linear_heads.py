"""Convex heads: multinomial logistic regression on fixed features by L-BFGS.

`argmin over (W, b) of Σ_i loss_i(W h_i + b) + ‖W‖² / 2r`, biases not penalised, for the losses of `head_losses`. The
search (`batched_search`) goes on in coordinates in which the problem is nearly round: features of encoders lie around
one direction, and in their own coordinates a hundred iterations get less far than twenty in these.

Problems on the same features are searched side by side: the features pass through memory once for all of them, and
what is made of the logits lies class by class, rows beside each other, as processors like it.

Legend: N rows, n of them at a time, D features, K classes, B problems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from labelfix.numerics.affine import Affine
from labelfix.numerics.batched_search import search
from labelfix.numerics.head_losses import Residual
from labelfix.progress import rows_done

CHUNK, LEAST_CHUNK, AT_ONCE = 4096, 256, 2**19
"""Rows at a time, at most and at least, and logits: what a pass makes out of them stays in the processor's cache."""

SIDE_BY_SIDE = 128
"""Logits a row that are searched side by side: with more, a matrix product gains nothing and memory grows."""


@dataclass(frozen=True)
class LinearHead:
    """A softmax-linear classifier.

    Attributes:
        weight: `(K, D)` float32; `(B, K, D)` of several side by side.
        bias: `(K,)` float32; `(B, K)`.
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

    def columns(self, features: Tensor) -> Tensor:
        """The transpose of `logits`, `(K, N)` or `(B, K, N)`: faster where classes are few."""
        rows = self.weight.reshape(-1, self.weight.shape[-1])
        return torch.addmm(self.bias.reshape(-1, 1), rows, features.T).view(*self.bias.shape, len(features))

    def log_probabilities(self, features: Tensor) -> Tensor:
        """`(N, K)` log p."""
        return torch.log_softmax(self.logits(features), dim=1)

    def plus(self, other: LinearHead, factor: float = 1) -> LinearHead:
        """The head whose logits are these and `factor` times another's."""
        return LinearHead(self.weight + factor * other.weight, self.bias + factor * other.bias)

    def each(self) -> list[LinearHead]:
        """The single heads of several side by side."""
        return [LinearHead(weight, bias) for weight, bias in zip(self.weight, self.bias, strict=True)]

    def affine(self) -> Affine:
        """The same head without torch, for saving."""
        return Affine(self.weight.numpy(), self.bias.numpy())

    def scaled(self, factor: float) -> LinearHead:
        """The head whose logits are `factor` times these."""
        return LinearHead(self.weight * factor, self.bias * factor)


@dataclass(frozen=True)
class Scaling:
    """Coordinates in which a fit on some features is nearly round: V = W L and centred features.

    L Lᵀ = s·Cov + I/r is about the Hessian of one class's weights.

    Attributes:
        mean: `(D,)` of the features.
        root: L.
        inverse: L⁻¹.
        bias: What turns a coordinate into a bias.
    """

    mean: Tensor
    root: Product
    inverse: Product
    bias: float

    @classmethod
    def of(cls, features: Tensor, ridge: float, num_classes: int) -> Scaling:
        """Measured on at most `SCALING_ROWS` rows, evenly spread; of wide features on at most `WIDE`.

        Args:
            features: `(N, D)`.
            ridge: r of the fit.
            num_classes: K; a class's probability p has p(1 − p) of about 1/2K.
        """
        most = WIDE if features.shape[1] > WIDE else SCALING_ROWS
        part = features[:: max(1, -(-len(features) // most))]
        mean = part.mean(dim=0)
        centred = part - mean
        curvature = len(features) / (2 * num_classes)
        roots = _thin if len(part) < features.shape[1] else _dense
        return cls(mean, *roots(centred, curvature / len(part), ridge), curvature**-0.5)

    def into(self, head: LinearHead) -> LinearHead:
        """The head's coordinates."""
        weight, bias = head.weight.to(self.mean.dtype), head.bias.to(self.mean.dtype)
        return LinearHead(self.root(weight), (bias + weight @ self.mean) / self.bias)

    def head(self, scaled: LinearHead) -> LinearHead:
        """The head at some coordinates."""
        weight = self.inverse(scaled.weight)
        return LinearHead(weight, scaled.bias * self.bias - weight @ self.mean)

    def gradient(self, slope: LinearHead) -> LinearHead:
        """A gradient by a head, carried over to the coordinates."""
        weight = slope.weight - slope.bias[..., None] * self.mean
        return LinearHead(self.inverse.transposed(weight), slope.bias * self.bias)

    def smoothed(self, slope: LinearHead) -> LinearHead:
        """(L Lᵀ)⁻¹ of a gradient: about what the inverse Hessian makes of it."""
        return self.head(self.gradient(slope))


class Product(Protocol):
    """Weights `(…, K, D)` times a matrix `(D, D)`."""

    def __call__(self, weight: Tensor) -> Tensor:
        """W A."""

    def transposed(self, weight: Tensor) -> Tensor:
        """W Aᵀ."""


@dataclass(frozen=True)
class _Dense:
    matrix: Tensor

    def __call__(self, weight: Tensor) -> Tensor:
        return weight @ self.matrix

    def transposed(self, weight: Tensor) -> Tensor:
        return weight @ self.matrix.T


@dataclass(frozen=True)
class _Thin:
    """A symmetric matrix that is a number but along a few axes, `(D, n)`, where it is `along`."""

    axes: Tensor
    along: Tensor
    else_: float

    def __call__(self, weight: Tensor) -> Tensor:
        return weight * self.else_ + ((weight @ self.axes) * (self.along - self.else_)) @ self.axes.T

    transposed = __call__


def _dense(centred: Tensor, curvature: float, ridge: float) -> tuple[Product, Product]:
    """L and L⁻¹ by Cholesky."""
    hessian = (centred.T @ centred).double() * curvature + torch.eye(centred.shape[1]) / ridge
    root = torch.linalg.cholesky(hessian)
    inverse = torch.linalg.solve_triangular(root, torch.eye(len(root), dtype=root.dtype), upper=False)
    return _Dense(root.to(centred.dtype)), _Dense(inverse.to(centred.dtype))


def _thin(centred: Tensor, curvature: float, ridge: float) -> tuple[Product, Product]:
    """The symmetric root and its inverse, where rows are fewer than features: the rest is I/r."""
    sizes, own = torch.linalg.eigh((centred @ centred.T).double())
    kept = sizes > 1e-6 * sizes[-1]
    axes = (centred.T.double() @ own[:, kept] / sizes[kept].sqrt()).to(centred.dtype)
    along = (sizes[kept] * curvature + 1 / ridge).sqrt().to(centred.dtype)
    return _Thin(axes, along, ridge**-0.5), _Thin(axes, 1 / along, ridge**0.5)


SCALING_ROWS, WIDE = 10_000, 1_000
"""The coordinates are measured on this many rows; of features wider than the second on as many rows as that."""


def searched_at_once(num_classes: int) -> int:
    """How many problems are worth a search side by side."""
    return max(1, SIDE_BY_SIDE // num_classes)


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
    return minimise_all(features, residual, [ridge], [start], [metric], iterations, tolerance)[0]


def minimise_all(
    features: Tensor,
    residual: Residual,
    ridges: Sequence[float],
    starts: Sequence[LinearHead],
    scalings: Sequence[Scaling],
    iterations: int = 100,
    tolerance: float = 1e-6,
) -> list[LinearHead]:
    """The heads of problems on the same features, searched side by side; none of them depends on what stands beside it.

    Args:
        features: `(N, D)`.
        ridges: `(B,)` r of each.
        starts: `(B,)` where each begins.
        scalings: `(B,)` coordinates of each.
    """
    shape = starts[0].weight.shape
    inverse_ridges = torch.tensor([1 / ridge for ridge in ridges], dtype=features.dtype)

    def carry(which: list[int], over: Callable[[Scaling, LinearHead], LinearHead], heads: LinearHead) -> LinearHead:
        """Heads into their coordinates or out of them, at once where these are the same."""
        if all(scalings[i] is scalings[which[0]] for i in which):
            return over(scalings[which[0]], heads)
        return side_by_side([over(scalings[i], head) for i, head in zip(which, heads.each(), strict=True)])

    def unpack(flat: Tensor, which: list[int]) -> LinearHead:
        """`(b, K, D)` and `(b, K)`."""
        weight, bias = flat.split([shape.numel(), shape[0]], dim=1)
        return carry(which, Scaling.head, LinearHead(weight.reshape(-1, *shape), bias))

    def loss(flat: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
        chosen = which.tolist()
        heads, pull = unpack(flat, chosen), inverse_ridges[which]
        value = heads.weight.double().pow(2).sum(dim=(1, 2)) * pull.double() / 2
        slope, sums = torch.zeros(len(chosen) * shape[0], shape[1], dtype=features.dtype), torch.zeros_like(heads.bias)
        size = max(LEAST_CHUNK, min(CHUNK, AT_ONCE // heads.bias.numel()))
        for first in range(0, len(features), size):
            part = features[first : first + size]
            more, pulled = residual(heads.columns(part), slice(first, first + size), which)
            value += more
            slope.addmm_(pulled.view(len(slope), -1), part)
            sums += pulled.sum(dim=2)
        slope = slope.view_as(heads.weight) + heads.weight * pull[:, None, None]
        return value, _flat(carry(chosen, Scaling.gradient, LinearHead(slope, sums)))

    every = list(range(len(starts)))
    begin = _flat(carry(every, Scaling.into, side_by_side(starts)))
    found = unpack(search(loss, begin, iterations, tolerance), every)
    rows_done(len(features) * len(starts))
    return [LinearHead(head.weight.clone(), head.bias.clone()) for head in found.each()]


def side_by_side(heads: Sequence[LinearHead]) -> LinearHead:
    """`(B, K, D)` and `(B, K)`."""
    return LinearHead(torch.stack([head.weight for head in heads]), torch.stack([head.bias for head in heads]))


def _flat(heads: LinearHead) -> Tensor:
    return torch.cat([heads.weight.flatten(1), heads.bias], dim=1)

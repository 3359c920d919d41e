"""Steps on weighted rows: each noisy row's loss is multiplied by a weight that depends on the trusted rows.

A trainer here knows one thing about a noisy batch beside its losses L_i: their derivatives along a direction v in
weight space, ⟨v, ∇L_i⟩ = Σ_c (p_ic − [c = y'_i]) δz_ic, with δz the logits' derivative along v. So a single further
forward pass gives the dot product of v with every row's own gradient.

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.compute.without_waiting import one_hot
from labelfix.networks.figures import Learned, StepFigures, figures
from labelfix.networks.lookahead import frozen_statistics
from labelfix.networks.lookahead_trainer import LookaheadTrainer
from labelfix.networks.passes import Labelled
from labelfix.networks.trainer import concatenated


@dataclass
class StepRows:
    """A step's rows after their forward pass at w.

    Attributes:
        clean: Clean training rows; None where none train.
        logits: `(B, K)` of the noisy rows, without a graph.
        losses: `(B,)` L_i, without a graph.
        clean_loss: Sum over the clean rows.
        pieces: In how many pieces they went through the network.
        graph: L_i and the clean rows' sum with their graph, where one piece holds them all.
    """

    noisy: Labelled
    clean: Labelled | None
    logits: Tensor
    losses: Tensor
    clean_loss: Tensor
    pieces: int
    graph: tuple[Tensor, Tensor | None] | None

    @property
    def total(self) -> int:
        """Rows of the step, over all processes."""
        return self.noisy.rows + (0 if self.clean is None else self.clean.rows)


@dataclass(kw_only=True)
class ReweightingTrainer(LookaheadTrainer):
    """A trainer whose step weighs the noisy rows.

    The forward pass at w is taken once and its graph kept for every gradient at w. Where the memory holds the batch
    only in pieces, each gradient takes its own pass.
    """

    def forward_rows(self, noisy: Labelled, clean: Labelled | None) -> StepRows:
        """The step's own forward pass: the only one that moves BatchNorm's running statistics."""
        largest = max(len(noisy.labels), 0 if clean is None else len(clean.labels))
        return self.memory.attempt(lambda pieces: self._forward_rows(noisy, clean, pieces), largest)

    def _forward_rows(self, noisy: Labelled, clean: Labelled | None, pieces: int) -> StepRows:
        logits, losses, clean_losses, graph = [], [], [], None
        parts = itertools.zip_longest(noisy.pieces(pieces), [] if clean is None else clean.pieces(pieces))
        for number, (some_noisy, some_clean) in enumerate(parts):
            with torch.set_grad_enabled(pieces == 1):
                of_noisy, found, of_clean = self._losses(some_noisy, some_clean, number)
            if found is not None and of_noisy is not None:
                logits.append(of_noisy)
                losses.append(found.detach())
                graph = (found, of_clean) if pieces == 1 else None
            if of_clean is not None:
                clean_losses.append(of_clean.detach())
        clean_loss = torch.stack(clean_losses).sum() if clean_losses else losses[0].new_zeros(())
        return StepRows(noisy, clean, concatenated(logits), concatenated(losses), clean_loss, pieces, graph)

    def _losses(
        self, noisy: Labelled | None, clean: Labelled | None, piece: int
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Logits of the noisy rows without a graph, their losses, and the sum over the clean ones."""
        of_noisy, of_clean = self._said(noisy, clean, piece)
        logits, losses, clean_loss = None, None, None
        if of_noisy is not None and noisy is not None:
            logits = of_noisy.logits.detach()
            losses = functional.cross_entropy(of_noisy.logits, noisy.labels, reduction="none")
        if of_clean is not None and clean is not None:
            clean_loss = functional.cross_entropy(of_clean.logits, clean.labels, reduction="sum")
        return logits, losses, clean_loss

    def weighted_gradient(
        self, rows: StepRows, weights: Tensor, total: int | None = None, last: bool = False
    ) -> list[Tensor]:
        """∇ (Σ_i ω_i L_i + Σ_clean L) / n at w, over all processes.

        Args:
            weights: `(B,)` ω, without a graph.
            total: n; all rows of the step by default.
            last: Whether this is the last gradient that the graph is needed for.
        """
        total = rows.total if total is None else total
        if rows.graph is not None:
            gradient = self._gradient_of(*rows.graph, weights, total, keep=not last)
        else:
            largest = max(len(rows.noisy.labels), 0 if rows.clean is None else len(rows.clean.labels))
            gradient = self.memory.attempt(lambda pieces: self._in_pieces(rows, weights, total, pieces), largest)
        ranks().add_up(gradient)
        return gradient

    def _in_pieces(self, rows: StepRows, weights: Tensor, total: int, pieces: int) -> list[Tensor]:
        gradient: list[Tensor] | None = None
        clean = [] if rows.clean is None else rows.clean.pieces(pieces)
        for number, (some_noisy, some_clean, some_weights) in enumerate(
            itertools.zip_longest(rows.noisy.pieces(pieces), clean, weights.chunk(pieces))
        ):
            with frozen_statistics(self.classifier):
                _, losses, clean_loss = self._losses(some_noisy, some_clean, number)
            found = self._gradient_of(losses, clean_loss, some_weights, total, keep=False)
            gradient = found if gradient is None else list(torch._foreach_add(gradient, found))
        assert gradient is not None
        return gradient

    def _gradient_of(
        self, losses: Tensor | None, clean_loss: Tensor | None, weights: Tensor | None, total: int, keep: bool
    ) -> list[Tensor]:
        summed = [] if losses is None or weights is None else [(weights * losses).sum()]
        summed += [] if clean_loss is None else [clean_loss]
        loss = torch.stack(summed).sum() / total
        return list(torch.autograd.grad(loss, self.weights, retain_graph=keep, materialize_grads=True))

    def losses_along(self, rows: StepRows, direction: Flat) -> Tensor:
        """`(B,)` ⟨v, ∇L_i⟩ at w for every noisy row.

        Args:
            direction: v; overwritten.
        """
        delta = self.logits_along(rows.noisy, Flat.of(self.weights), direction, rows.logits, rows.pieces)
        slope = rows.logits.softmax(dim=1) - one_hot(rows.noisy.labels, delta.shape[1], delta.dtype)
        return (slope * delta).sum(dim=1)

    @torch.no_grad()
    def weighted_figures(
        self, rows: StepRows, weights: Tensor, total: int, meta_loss: Tensor | None, meta_gradient: Flat | None
    ) -> StepFigures:
        """The figures of a step; `gate` is the mean weight.

        Args:
            weights: `(B,)` ω.
            total: What the weighted sum of losses is divided by.
            meta_loss: Of the trusted rows; None in a step without them.
        """
        soft = one_hot(rows.noisy.labels, rows.logits.shape[1], rows.logits.dtype)
        loss = (weights * rows.losses).sum() * (rows.noisy.rows / total)
        learned = Learned(rows.logits, soft, weights, loss, rows.clean_loss, None, None)
        return figures(learned, rows.noisy, rows.clean, meta_loss, meta_gradient, None)

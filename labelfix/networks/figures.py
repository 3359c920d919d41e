"""What a step leaves behind, and what of it is worth watching.

Legend: B rows of a batch, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.compute.without_waiting import one_hot
from labelfix.networks.passes import Labelled
from labelfix.networks.soft_cross_entropy import entropy


@dataclass(frozen=True)
class StepFigures:
    """What one step is worth watching for; tensors, so that nothing waits for the device.

    Attributes:
        entropy: Mean entropy of q in nats.
        changed: Share of noisy rows whose corrected label differs from the given one.
        gate: Mean share of the given label in q; NaN without the skip connection.
        meta_loss: Mean loss of the clean meta rows after the step; NaN in a step without a meta-gradient.
        gamma: γ; NaN in a window's first step.
        mass: `(K,)` the sum of q over the rows.
        given: `(K,)` how many rows bear each given label.
    """

    corrected_loss: Tensor
    clean_loss: Tensor
    entropy: Tensor
    changed: Tensor
    gate: Tensor
    meta_loss: Tensor
    meta_norm: Tensor
    gamma: Tensor
    mass: Tensor
    given: Tensor


@dataclass
class Learned:
    """What the classifier's own step leaves behind.

    Attributes:
        logits: `(B, K)` of the noisy rows at w.
        soft: `(B, K)` q, with the graph that leads to α.
        gate: `(B,)`; None without the skip connection.
        factor: What clipping shortened the gradient by; None without clipping.
        pieces: In how many pieces the rows went through the network.
    """

    logits: Tensor
    soft: Tensor
    gate: Tensor | None
    noisy_loss: Tensor
    clean_loss: Tensor
    before: Flat | None
    factor: Tensor | None
    pieces: int = 1


@torch.no_grad()
def figures(
    learned: Learned,
    noisy: Labelled,
    clean: Labelled | None,
    meta_loss: Tensor | None,
    gradient: Flat | None,
    gamma: Tensor | None,
) -> StepFigures:
    """The figures of a step.

    Args:
        clean: Its clean training rows; None for a step without them, whose loss is then 0.
        meta_loss: L_clean(w'); None in a step without a meta-gradient.
        gamma: γ; None in a window's first step.
    """
    soft = learned.soft.detach()
    missing = torch.full_like(learned.noisy_loss, float("nan"))
    mass, given = soft.sum(dim=0), one_hot(noisy.labels, soft.shape[1], soft.dtype).sum(dim=0)
    over_noisy = torch.stack(
        [
            learned.noisy_loss,
            entropy(soft).sum(),
            (soft.argmax(dim=1) != noisy.labels).sum().to(soft.dtype),
            missing if learned.gate is None else learned.gate.detach().sum(),
        ]
    )
    clean_loss = learned.clean_loss.clone()
    ranks().add_up([over_noisy, clean_loss, mass, given])
    over_noisy /= noisy.rows
    return StepFigures(
        corrected_loss=over_noisy[0],
        clean_loss=clean_loss / (1 if clean is None else clean.rows),
        entropy=over_noisy[1],
        changed=over_noisy[2],
        gate=over_noisy[3],
        meta_loss=missing if meta_loss is None else meta_loss,
        meta_norm=missing if gradient is None else torch.linalg.vector_norm(gradient.vector),
        gamma=missing if meta_loss is None or gamma is None else gamma,
        mass=mass,
        given=given,
    )

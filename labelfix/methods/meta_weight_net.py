"""Meta-Weight-Net: rows weighed by a network of their loss, which trusted rows train through a look-ahead.

    ŵ = w − η ∇ (1/n) Σ_i V(L_i; Θ) L_i                          a plain step, only looked at
    ∂L_meta(ŵ)/∂V_i = −(1/n) ⟨η g, ∇L_i(w)⟩,  g = ∇L_meta(ŵ)     one derivative of the rows' losses along η g
    Θ ← Adam on that, through V alone
    w ← the optimiser's step on (1/n) Σ_i V(L_i; Θ) L_i           the same losses, weighed by the new Θ

Source: Shu, Xie, Yi, Zhao, Zhou, Xu and Meng, "Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting",
NeurIPS 2019, and its published code, whose order of steps this is. Departures:

* no double backward: the formula above is the same gradient by one more forward pass (`derivative`);
* one forward pass of the noisy rows serves both gradients at w: they see the same BatchNorm and dropout;
* BatchNorm's running statistics are left alone by every pass but that one;
* the best epoch is never picked on test rows; the schedule is that of the other methods.

The soft label mixes the given label with the classifier's P(y | x) by the row's weight (correctors/mixture.py).

Legend: B rows of a batch; n = noisy rows + clean training rows of the step.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from labelfix.compute.flat_vectors import Flat
from labelfix.compute.ranks import ranks
from labelfix.correctors.contract import FittedModel, Problem
from labelfix.correctors.mixture import LossWeigher
from labelfix.networks.finished_model import mixture_network
from labelfix.networks.plan import Training, make_plan
from labelfix.networks.reweighting import ReweightingTrainer, StepRows
from labelfix.networks.trainer import Labelled, StepFigures
from labelfix.networks.training import cut_trusted_rows, make_trainer, new_classifier, train
from labelfix.progress import Progress
from labelfix.settings.methods import MetaWeightNetSettings


class WeightNetwork(nn.Module):
    """V(L) = sigmoid(second(relu(first(L)))), one curve for all rows and classes.

    Args:
        hidden: H.
        generator: Draws the initial weights, uniform in ±1/√(inputs) as torch's own linear layers.
    """

    def __init__(self, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        # Skipping the layers' own initialisation leaves torch's global generator to its owner.
        self.first: nn.Linear = nn.utils.skip_init(nn.Linear, 1, hidden)
        self.second: nn.Linear = nn.utils.skip_init(nn.Linear, hidden, 1)
        with torch.no_grad():
            for layer in (self.first, self.second):
                bound = layer.in_features**-0.5
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, losses: Tensor) -> Tensor:
        """`(B,)` weights of rows with `(B,)` losses; no gradient flows into the losses."""
        hidden = torch.relu(self.first(losses.detach()[:, None]))
        return torch.sigmoid(self.second(hidden))[:, 0]


@dataclass(kw_only=True)
class MetaWeightNetTrainer(ReweightingTrainer):
    """The classifier, and V with its optimiser."""

    weight_network: WeightNetwork
    weight_optimizer: torch.optim.Optimizer

    def networks(self) -> dict[str, nn.Module]:
        return super().networks() | {"weight_network": self.weight_network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return super().optimizers() | {"weight_optimizer": self.weight_optimizer}

    def step(
        self, noisy: Labelled, clean: Labelled | None, meta: Labelled | None, watch: bool = True, last: bool = False
    ) -> StepFigures | None:
        """Update Θ where there are meta rows, then w."""
        rows = self.forward_rows(noisy, clean)
        meta_loss, meta_gradient = None, None
        if meta is not None:
            meta_loss, meta_gradient = self._learn_weights(rows, meta)
        with torch.no_grad():
            weights = self.weight_network(rows.losses)
        self.apply(self.weighted_gradient(rows, weights, last=True))
        self.steps += 1
        return self.weighted_figures(rows, weights, noisy.rows, meta_loss, meta_gradient) if watch else None

    def _learn_weights(self, rows: StepRows, meta: Labelled) -> tuple[Tensor, Flat]:
        """One step of Θ; returns L_meta(ŵ) and its gradient."""
        weights = self.weight_network(rows.losses)
        gradient = self.weighted_gradient(rows, weights.detach())
        rates = self._rates()
        with torch.no_grad():
            ahead = Flat.of(gradient, like=self.weights).times(rates)
            ahead.vector.neg_().add_(Flat.of(self.weights).vector)
        there = [part.requires_grad_() for part in ahead.parts]
        meta_loss, meta_gradient = self.clean_gradient(meta, there)
        along = self.losses_along(rows, meta_gradient.times(rates))
        slopes = torch.autograd.grad((weights * along).sum() / -rows.total, list(self.weight_network.parameters()))
        ranks().add_up(slopes)
        for parameter, value in zip(self.weight_network.parameters(), slopes, strict=True):
            parameter.grad = value
        self.weight_optimizer.step()
        return meta_loss, meta_gradient

    def _rates(self) -> list[Tensor | float]:
        """η of every weight: its group's present learning rate."""
        rates = {id(p): group["lr"] for group in self.optimizer.param_groups for p in group["params"]}
        return [rates[id(weight)] for weight in self.weights]


def train_network(problem: Problem, settings: MetaWeightNetSettings, progress: Progress) -> FittedModel:
    """Train classifier and weight network together; see the module's docstring."""
    split = cut_trusted_rows(problem, settings)
    if not settings.train_on_clean:
        judging = np.sort(np.concatenate([split.train, split.meta]))
        split = replace(split, train=judging[:0], meta=judging)
    progress.say(split.describe())
    training = Training(problem, make_plan(problem, settings), settings, split, progress)
    classifier = new_classifier(problem)
    network = WeightNetwork(settings.hidden, torch.Generator().manual_seed(problem.seed)).to(problem.device)
    trainer = make_trainer(
        training,
        classifier,
        MetaWeightNetTrainer,
        derivative=settings.derivative,
        weight_network=network,
        weight_optimizer=torch.optim.Adam(
            network.parameters(),
            lr=settings.weight_learning_rate,
            weight_decay=settings.weight_network_decay,
            fused=True,
            capturable=problem.device.type == "cuda",
        ),
    )
    course = train(training, trainer, interval=settings.meta_interval)
    arrays = {name: value.detach().cpu().double().numpy() for name, value in network.state_dict().items()}
    weigher = LossWeigher(
        arrays["first.weight"][:, 0], arrays["first.bias"], arrays["second.weight"][0], arrays["second.bias"]
    )
    return mixture_network(problem, split, classifier, weigher, course.history)

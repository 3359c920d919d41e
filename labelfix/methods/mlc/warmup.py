"""A start for the two networks before the meta-gradient takes over; not part of the published procedure.

A freshly initialised LCN knows nothing and the meta-gradient teaches it slowly: its labels stay near uniform for
long. So the classifier first learns the given labels for a few epochs. Its mean prediction on the trusted rows of each
class, held-out ones left out, estimates the transition matrix (Hendrycks et al., NeurIPS 2018), pairs sharpen the
estimate, and the LCN learns, on the trusted training rows with given labels drawn from it, to name the true class.
`warmup_epochs = 0` leaves all of this out.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from labelfix.correctors.contract import Problem
from labelfix.data.arrays import Floats
from labelfix.data.split import CleanSplit
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.loop import network_outputs
from labelfix.networks.schedule import batches_of

LEARNING_RATE = 1e-3
"""Of the LCN while it learns to undo the estimated noise: plain supervised learning, with Adam's usual rate."""


def learn_to_undo(
    problem: Problem,
    split: CleanSplit,
    transition: Floats,
    classifier: Classifier,
    lcn: LabelCorrectionNetwork,
    steps: int,
    batch_size: int,
) -> None:
    """Train the LCN to name the true class of trusted training rows whose given labels are drawn from T."""
    _, features = network_outputs(classifier, problem.clean, split.train, problem.device)
    hidden = torch.from_numpy(features).to(problem.device)
    truth = torch.from_numpy(problem.truth[split.train]).to(problem.device)
    optimizer = torch.optim.Adam(lcn.parameters(), lr=LEARNING_RATE, amsgrad=True)
    generator = np.random.default_rng([problem.seed, 11])
    cumulative = transition.cumsum(axis=1)[problem.truth[split.train]]
    positions = np.arange(len(truth), dtype=np.int64)
    for rows in batches_of(positions, batch_size, steps, problem.seed, 0, stream=12):
        draw = generator.random((len(rows), 1))
        given = np.minimum((cumulative[rows] < draw).sum(axis=1), problem.num_classes - 1)
        index = torch.from_numpy(rows).to(problem.device)
        soft = lcn(hidden[index], torch.from_numpy(given).to(problem.device)).soft
        optimizer.zero_grad()
        functional.nll_loss(soft.clamp_min(1e-12).log(), truth[index]).backward()
        optimizer.step()

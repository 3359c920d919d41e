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
from labelfix.data.tables import Codes
from labelfix.models.classifier import Classifier
from labelfix.models.label_correction_network import LabelCorrectionNetwork
from labelfix.networks.loop import network_outputs
from labelfix.networks.schedule import batches_of
from labelfix.numerics.recovered_transition import recovered_transition
from labelfix.numerics.softmax import softmax
from labelfix.numerics.transition import expected_transition, paired_transition

WARMUP_SAMPLE = 5000
"""Noisy rows that `recover_transition` looks at."""

LEARNING_RATE = 1e-3
"""Of the LCN while it learns to undo the estimated noise: plain supervised learning, with Adam's usual rate."""


def estimate_transition(problem: Problem, classifier: Classifier, trusted: Codes) -> Floats:
    """T from some trusted rows and the classifier of the given labels, sharpened by pairs where there are any."""
    logits, _ = network_outputs(classifier, problem.clean, trusted, problem.device)
    truth = problem.truth[trusted]
    expected = expected_transition(truth, softmax(logits.astype(np.float64)), problem.num_classes)
    return paired_transition(truth, problem.paired_given[trusted], expected)


def recover_transition(problem: Problem, classifier: Classifier, trusted: Codes) -> Floats:
    """The same for a classifier of the given labels that is still unsure of itself."""
    order = np.random.default_rng([problem.seed, 14]).permutation(len(problem.noisy))
    sample = np.sort(order[:WARMUP_SAMPLE])
    of_clean, of_noisy = (
        softmax(network_outputs(classifier, inputs, rows, problem.device)[0].astype(np.float64))
        for inputs, rows in ((problem.clean, trusted), (problem.noisy, sample))
    )
    truth = problem.truth[trusted]
    expected = recovered_transition(truth, of_clean, problem.given[sample], of_noisy, problem.num_classes)
    return paired_transition(truth, problem.paired_given[trusted], expected)


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

"""How fast an epoch of the paper's recipe is on frozen features.

    OMP_NUM_THREADS=1 python tests/measure/epoch_speed.py [rows]

Prints rows a second of one epoch (D = 384, K = 4, batch 512), with the meta-gradient on every step, on every fifth,
and with a look-ahead of five steps. An epoch's time is the difference between a run of many epochs and a run of two,
so that start-up and judging do not count.
"""

import statistics
import sys
from time import perf_counter

import numpy as np
import torch

from labelfix.correctors.contract import Problem
from labelfix.methods.mlc import paper
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

WIDTH, CLASSES, BATCH, EPOCHS, ROUNDS = 384, 4, 512, 8, 5
VARIANTS = {
    "meta-gradient on every step": {},
    "on every fifth step": {"meta_interval": 5},
    "look-ahead of five steps": {"lookahead": 5},
}


def problem(rows):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(rows, WIDTH)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    labels = generator.integers(0, CLASSES, rows)
    return Problem(
        noisy=FeatureInputs(features),
        given=labels,
        clean=FeatureInputs(features[:400]),
        truth=labels[:400],
        paired_given=labels[:400],
        num_classes=CLASSES,
        sampling="random",
        new_classifier=lambda g: Classifier(torch.nn.Identity(), WIDTH, CLASSES, g),
        family="head",
        device=torch.device("cpu"),
        seed=0,
    )


def seconds(made, epochs, settings):
    started = perf_counter()
    paper.train_network(made, MlcSettings(epochs=epochs, batch_size=BATCH, warmup_epochs=0, **settings), Silent())
    return perf_counter() - started


def main(rows):
    torch.set_num_threads(1)
    made = problem(rows)
    seconds(made, 1, {})
    rates = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name, settings in VARIANTS.items():
            few, many = seconds(made, 2, settings), seconds(made, EPOCHS, settings)
            rates[name].append((EPOCHS - 2) * rows / (many - few))
    for name, values in rates.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:30s} {middle:10,.0f} rows/s   ({low:,.0f} to {high:,.0f}, {ROUNDS} rounds)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)

"""T behind a weak model of the given labels, averaged and solved for, against the true matrix.

    OMP_NUM_THREADS=1 python tests/measure/weak_transition.py FEATURES.parquet [COLUMN]

The file has columns embedding and label, and a column of given labels (default: random1). With those labels, and with
40 % of the true ones moved to the next class or drawn uniformly, and 1,000 or 200 trusted rows without their given
labels: the mean of the diagonal, and the mean negative log-likelihood of a noisy row's true class given its label.
"""

import sys

import numpy as np
import pyarrow.parquet as pq
import torch

from labelfix.numerics.head_losses import cross_entropy_to
from labelfix.numerics.linear_heads import LinearHead, minimise
from labelfix.numerics.recovered_transition import recovered_transition
from labelfix.numerics.transition import expected_transition, normalised

RIDGE, RATE = 0.1, 0.4


def likelihood(matrix, truth, given):
    """With equally frequent classes."""
    reverse = matrix / matrix.sum(axis=0)
    return -np.log(np.maximum(reverse[truth, given], 1e-4)).mean()


def main(path, column):
    torch.set_num_threads(1)
    table = pq.read_table(path)
    features = torch.from_numpy(np.stack(table["embedding"].to_numpy()).astype(np.float32))
    names = np.unique(np.asarray(table["label"].to_pylist()))
    labels, given = (np.searchsorted(names, np.asarray(table[name].to_pylist())) for name in ("label", column))
    classes, rows = len(names), len(labels)
    for trusted in (1000, 200):
        generator = np.random.default_rng(0)
        order, hit = generator.permutation(rows), generator.random(rows) < RATE
        uniform = generator.integers(0, classes, rows)
        clean, noisy = order[:trusted], order[trusted:]
        cases = {
            column: given,
            "next class": np.where(hit, (labels + 1) % classes, labels),
            "uniform": np.where(hit, uniform, labels),
        }
        for name, drawn in cases.items():
            targets = torch.nn.functional.one_hot(torch.from_numpy(drawn[noisy]), classes).float()
            loss = cross_entropy_to(targets, torch.ones(len(noisy)))
            head = minimise(features[noisy], loss, RIDGE, LinearHead.zeros(classes, features.shape[1]))
            said = head.log_probabilities(features).exp().numpy().astype(np.float64)
            counts = np.zeros((classes, classes))
            np.add.at(counts, (labels[noisy], drawn[noisy]), 1)
            found = {
                "true": normalised(counts),
                "averaged": expected_transition(labels[clean], said[clean], classes),
                "solved for": recovered_transition(labels[clean], said[clean], drawn[noisy], said[noisy], classes),
            }
            for way, matrix in found.items():
                figure = likelihood(matrix, labels[noisy], drawn[noisy])
                print(f"{name:12s} {trusted:5d}  {way:11s} diagonal {matrix.diagonal().mean():.3f}  nll {figure:.3f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "random1")

"""MLC end to end against plain training, on scikit-learn's digits with a small network, in two minutes.

    OMP_NUM_THREADS=1 python tests/measure/digits_networks.py [seeds]

64 pixels, one hidden layer of 128 units, 1,297 noisy rows of which 40 % are wrong (uniformly, or all by the next
class), 150 trusted rows, 350 test rows. Prints shares of labels that are right, for each seed: corrected labels, then
the classifier on test rows.
"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from labelfix.correctors.contract import Problem
from labelfix.methods.table import METHODS
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs, select
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import METHOD_SETTINGS

NOISE, TEST, TRUSTED, HIDDEN = 0.4, 350, 150, 128
WAYS = {
    "paper": ("mlc", {"recipe": "paper"}),
    "mixed": ("mixed", {}),
    "noisy-only": ("noisy-only", {}),
}


def new_classifier(generator):
    first = nn.utils.skip_init(nn.Linear, 64, HIDDEN)
    with torch.no_grad():
        first.weight.uniform_(-1 / 8, 1 / 8, generator=generator)
        first.bias.zero_()
    return Classifier(nn.Sequential(first, nn.ReLU()), HIDDEN, 10, generator)


def draw(kind, paired, seed):
    """The problem, the truth of its noisy rows, the test rows and theirs."""
    pixels, digits = load_digits(return_X_y=True)
    inputs = FeatureInputs((pixels / 16 - (pixels / 16).mean(axis=0)).astype(np.float32))
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(digits))
    test, clean, noisy = order[:TEST], order[TEST : TEST + TRUSTED], order[TEST + TRUSTED :]
    wrong = generator.random(len(digits)) < NOISE
    shift = generator.integers(1, 10, len(digits)) if kind == "uniform" else 1
    given = np.where(wrong, (digits + shift) % 10, digits)
    problem = Problem(
        noisy=select(inputs, noisy),
        given=given[noisy],
        clean=select(inputs, clean),
        truth=digits[clean],
        paired_given=given[clean] if paired else np.full(TRUSTED, -1),
        num_classes=10,
        sampling="random",
        new_classifier=new_classifier,
        family="network",
        device=torch.device("cpu"),
        seed=seed,
    )
    return problem, digits[noisy], select(inputs, test), digits[test]


def right(way, kind, paired, seed):
    """Shares of corrected labels and of predictions on test rows that are right."""
    problem, truth, test, test_truth = draw(kind, paired, seed)
    method, options = WAYS[way]
    fitted = METHODS[method](problem, METHOD_SETTINGS[method](**options), Silent())
    logits, hidden = network_outputs(fitted.classifier, problem.noisy, np.arange(len(truth)), problem.device)
    soft = fitted.corrector.soft_labels(logits, hidden, problem.given)
    unseen, _ = network_outputs(fitted.classifier, test, np.arange(TEST), problem.device)
    return (soft.argmax(axis=1) == truth).mean(), (unseen.argmax(axis=1) == test_truth).mean()


def main(seeds):
    torch.set_num_threads(1)
    for kind in ("uniform", "next class"):
        for paired in (False, True):
            for way in WAYS:
                found = np.array([right(way, kind, paired, seed) for seed in range(seeds)])
                shown = "   ".join(f"{corrected:.3f} {test:.3f}" for corrected, test in found)
                print(f"{kind:10s} {'paired' if paired else 'unpaired':8s} {way:10s} {shown}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

"""Seconds and memory of the anchored recipe on made-up features, by number of rows and classes.

    OMP_NUM_THREADS=1 python tests/measure/scale.py ROWS CLASSES TRUSTED

384-dimensional unit-norm features around one centre a class, 30 % of the given labels drawn anew at random. One process
a size, so that the peak is that size's own.
"""

import resource
import sys
from time import perf_counter, process_time

import numpy as np
import torch

from labelfix.correctors.contract import Problem
from labelfix.methods.mlc import anchored
from labelfix.models.classifier import Classifier
from labelfix.models.features import FeatureInputs
from labelfix.progress import Silent
from labelfix.settings.methods import MlcSettings

WIDTH, NOISE, CHUNK = 384, 0.3, 10_000


def peak():
    """Peak memory of the process so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def problem(rows, classes, trusted):
    generator = np.random.default_rng(0)
    centres = generator.normal(scale=0.42, size=(classes, WIDTH)).astype(np.float32)
    truth = generator.integers(0, classes, rows + trusted)
    features = np.empty((rows + trusted, WIDTH), dtype=np.float32)
    for start in range(0, len(features), CHUNK):
        part = slice(start, start + CHUNK)
        features[part] = centres[truth[part]] + generator.normal(size=features[part].shape)
        features[part] /= np.linalg.norm(features[part], axis=1, keepdims=True)
    drawn = generator.random(len(truth)) < NOISE
    given = np.where(drawn, generator.integers(0, classes, len(truth)), truth)
    return Problem(
        noisy=FeatureInputs(features[:rows]),
        given=given[:rows],
        clean=FeatureInputs(features[rows:]),
        truth=truth[rows:],
        paired_given=given[rows:],
        num_classes=classes,
        sampling="random",
        new_classifier=lambda g: Classifier(torch.nn.Identity(), WIDTH, classes, g),
        family="head",
        device=torch.device("cpu"),
        seed=0,
    )


def main(rows, classes, trusted):
    torch.set_num_threads(1)
    made = problem(rows, classes, trusted)
    before, started, worked = peak(), perf_counter(), process_time()
    fitted = anchored.solve(made, MlcSettings(), Silent())
    seconds, cpu = perf_counter() - started, process_time() - worked
    print(f"{rows:,} rows, {classes} classes, {trusted:,} trusted: {seconds:.1f} s, {cpu:.1f} s of the processor")
    for part, seconds in fitted.metrics["fit_seconds"].items():
        print(f"  {part:10s} {seconds:8.1f} s")
    print(f"  peak memory {peak():.2f} GB, {before:.2f} GB of it before the fit")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))

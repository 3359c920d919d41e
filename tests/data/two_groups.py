"""Rows of two classes that a line tells apart."""

import numpy as np


def blobs(rows, seed, words=("cat", "dog")):
    """Two groups of points, the class of each, and labels of which exactly three in ten are wrong."""
    generator = np.random.default_rng(seed)
    truth = np.arange(rows) % 2
    points = generator.normal(0, 1, (rows, 2)) + np.where(truth[:, None] == 1, 3.0, -3.0)
    given = truth.copy()
    wrong = generator.choice(rows, 3 * rows // 10, replace=False)
    given[wrong] = 1 - given[wrong]
    return points, truth, given, [words[t] for t in truth], [words[g] for g in given]

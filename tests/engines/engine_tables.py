"""What the tests of engines share."""

import numpy as np
import pyarrow as pa


def blobs(rows, seed):
    """Two groups of points that touch, whose given labels are wrong in three of ten rows, and the true labels."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 2, rows)
    points = generator.normal(0, 1, (rows, 2)) + np.where(truth[:, None] == 1, 1.2, -1.2)
    given = np.where(generator.random(rows) < 0.3, 1 - truth, truth)
    words = np.array(["cat", "dog"])
    ids = [f"item-{row:05d}" for row in range(rows)]
    return pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1], "label": words[given]}), list(words[truth])

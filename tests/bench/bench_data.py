"""A small data root for the bench: three clusters as ready embeddings, with and without given labels."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.bench.plan_files import plan_from

CLASSES = np.array(["ant", "bee", "cow"], dtype=object)


def clusters(rows, seed, missing=()):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 3, rows)
    points = (np.eye(3, 6)[truth] + generator.normal(scale=0.3, size=(rows, 6))).astype(np.float32)
    given = np.where(generator.random(rows) < 0.3, (truth + 1) % 3, truth)
    names = list(CLASSES[given])
    for row in missing:
        names[row] = None
    embedding = pa.FixedSizeListArray.from_arrays(pa.array(points.reshape(-1)), 6)
    return pa.table({"e": embedding, "given": pa.array(names, pa.string()), "truth": list(CLASSES[truth])})


def write_root(folder):
    """people.parquet (300 rows, ten without a given label), two parts of clean data, and a test file."""
    pq.write_table(clusters(300, 0, range(10)), folder / "people.parquet")
    for part in (1, 2):
        pq.write_table(clusters(120, part).drop_columns(["given"]), folder / f"part{part}.parquet")
    pq.write_table(clusters(60, 3).rename_columns(["e", "given", "answer"]), folder / "test.parquet")
    return folder


PEOPLE = {
    "name": "people",
    "files": ["people.parquet"],
    "embedding_column": "e",
    "given": "given",
    "truth": "truth",
    "groups": ["all"],
}
MADE = {
    "name": "made",
    "files": ["part1.parquet", "part2.parquet"],
    "test_files": ["test.parquet"],
    "test_truth": "answer",
    "embedding_column": "e",
    "truth": "truth",
    "noise": {"kind": "flip", "rate": 0.3},
    "groups": ["all"],
}


def plan(**changes):
    values = {"data": [PEOPLE, MADE], "methods": ["clean-only", "bayes"], "seeds": [0, 1], **changes}
    return plan_from(values, "plan.toml")

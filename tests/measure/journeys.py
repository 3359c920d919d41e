"""What a run says of its labels, beside the truth, where people's data is not as it should be.

    OMP_NUM_THREADS=1 python tests/measure/journeys.py [WAY ...] [--seeds 0 1 2]

1,200 rows of handwritten digits and of a made table of three classes, 120 trusted; a quarter of the labels wrong unless
the way says otherwise:

    random      trusted rows drawn at random
    part        the first 120 rows; .05 of the labels wrong in the first quarter of the file, .4 in the others
    source      rows of one of three sources, which have .05, .25 and .5 wrong, with the source as a column
    right       rows kept because their given label is right
    anchored    a quarter of the wrong labels passed as right by who checked them
    wrong       .08 of the trusted labels wrong at random
    mean        a column with a number for each given label
    queue       a column with the given label in other words, in all but .07 of the rows

A line each: shares of labels right as given and corrected on rows that are not trusted, both as the run says them with
the interval of the latter, the verdict, and how many warnings there were.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits, make_classification

import labelfix
from labelfix.cli import main as labelfix_main

ROWS, TRUSTED = 1_200, 120
WAYS = ("random", "part", "source", "right", "anchored", "wrong", "mean", "queue")


def rows_of(name: str, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Features and the class of each row."""
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        some = np.random.default_rng(seed).permutation(len(y))[:ROWS]
        x, y = x[some], y[some]
    else:
        many = {"n_features": 10, "n_informative": 6, "n_classes": 3, "class_sep": 1.2, "flip_y": 0}
        x, y = make_classification(ROWS, random_state=seed, **many)
    return pd.DataFrame(x.round(3), columns=[f"m{i}" for i in range(x.shape[1])]), y


def flipped(truth: np.ndarray, rate: float | np.ndarray, generator: np.random.Generator) -> np.ndarray:
    classes = int(truth.max()) + 1
    return np.where(
        generator.random(len(truth)) < rate, (truth + generator.integers(1, classes, len(truth))) % classes, truth
    )


def made(name: str, way: str, seed: int) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """The noisy rows, the truth, and the trusted ones."""
    generator = np.random.default_rng(seed + 100)
    x, truth = rows_of(name, seed)
    source = generator.integers(0, 3, ROWS)
    rate: float | np.ndarray = 0.25
    if way == "part":
        rate = np.where(np.arange(ROWS) < ROWS // 4, 0.05, 0.4)
    elif way == "source":
        x, rate = x.assign(batch=np.array(["a", "b", "c"])[source]), np.array([0.05, 0.25, 0.5])[source]
    given = flipped(truth, rate, generator)
    if way == "mean":
        x = x.assign(mean=(given * 0.09 + generator.normal(0.1, 0.004, ROWS)).round(4))
    elif way == "queue":
        mostly = np.where(generator.random(ROWS) < 0.93, given, generator.integers(0, truth.max() + 1, ROWS))
        x = x.assign(queue=[f"q{7 * each % 11}" for each in mostly])
    some = generator.permutation(ROWS)
    some = some[(way != "source") | (source[some] == 0)]
    some = some[(way != "right") | (given[some] == truth[some])]
    some = np.arange(TRUSTED) if way == "part" else some[:TRUSTED]
    checked = flipped(truth, 0.08, generator) if way == "wrong" else truth
    if way == "anchored":
        checked = np.where(generator.random(ROWS) < 0.25, given, truth)
    ids = np.array([f"r{i:04d}" for i in range(ROWS)])
    noisy = x.assign(id=ids, label=[f"c{each}" for each in given])
    return noisy, truth, pd.DataFrame({"id": ids[some], "label": [f"c{each}" for each in checked[some]]})


def told(name: str, way: str, seed: int) -> str:
    noisy, truth, gold = made(name, way, seed)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()) as err:
        place = Path(folder)
        noisy.to_csv(place / "noisy.csv", index=False)
        gold.to_csv(place / "gold.csv", index=False)
        files = ["--noisy", str(place / "noisy.csv"), "--clean", str(place / "gold.csv"), "--out", str(place / "run")]
        with contextlib.redirect_stdout(io.StringIO()):
            assert labelfix_main(["train", "-v", *files]) == 0, err.getvalue()
        found = labelfix.load_run(place / "run").corrected.to_pandas()
        evidence = json.loads((place / "run" / "metrics.json").read_text())["evidence"]
    others = ~found.id.isin(gold.id).to_numpy()
    right = [(found[each] == [f"c{c}" for c in truth])[others].mean() for each in ("given_label", "corrected_label")]
    ledger = evidence["ledger"]
    said = "nothing"
    if ledger["corrected_labels"] is not None:
        before, after = ledger["given_labels"], ledger["corrected_labels"]
        said = f"{before['value']:.3f} {after['value']:.3f} ({after['low']:.2f} to {after['high']:.2f})"
    warned = err.getvalue().count("warning: ")
    return (
        f"given {right[0]:.3f} corrected {right[1]:.3f}, said {said}, {evidence['verdict']['labels']}, {warned} warned"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=WAYS, metavar="WAY")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    asked = parser.parse_args()
    for way in asked.ways:
        for name in ("digits", "table"):
            for seed in asked.seeds:
                print(f"{way} {name} {seed}: {told(name, way, seed)}", flush=True)


if __name__ == "__main__":
    main()

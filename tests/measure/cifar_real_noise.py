"""MLC end to end against plain training, on CIFAR-10 with the labels of one annotator each (CIFAR-10N, `random1`).

    OMP_NUM_THREADS=1 python tests/measure/cifar_real_noise.py FOLDER METHOD [--rows 10000] [--trusted 1000]
        [--epochs 4] [--seed 0] [--unpaired] [--test-rows 2000]

METHOD is paper, anchored, mixed or noisy-only: the two recipes of MLC, and plain training with the identical schedule.
FOLDER holds train.parquet and test.parquet (id, image as {bytes, path}, label) and cifar10n.parquet (id, label, aggre,
random1), as published by uoft-cs/cifar10 and UCSC-REAL/cifar-10-100n (CC BY-NC 4.0), ids joining the two.

Rows are drawn at random by the seed, trusted rows among them; those keep their given label unless --unpaired. Prints
one line of JSON: shares of labels that are right, on the noisy rows and on test rows, of the last epoch.
"""

import argparse
import io
import json
from pathlib import Path
from time import perf_counter

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from labelfix.correctors.contract import Problem
from labelfix.methods.table import METHODS
from labelfix.models.classifier import Classifier
from labelfix.models.features import select
from labelfix.models.images.resnet32 import FEATURES, ResNet32
from labelfix.models.images.small import MEAN, STD
from labelfix.models.network_inputs import ImageInputs
from labelfix.networks.loop import network_outputs
from labelfix.progress import Silent
from labelfix.settings.methods import METHOD_SETTINGS


def images(table):
    cells = table.column("image").combine_chunks().field("bytes").to_pylist()
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(cell)).convert("RGB")) for cell in cells])
    return ImageInputs(pixels, MEAN, STD)


def codes(values, names):
    return np.searchsorted(names, np.asarray(values)).astype(np.int64)


def read(folder, rows, trusted, seed, paired, test_rows):
    """The problem, the truth of its noisy rows, and test images with their labels."""
    noise = pq.read_table(folder / "cifar10n.parquet")
    place = {key: i for i, key in enumerate(noise["id"].to_pylist())}
    names = np.unique(np.asarray(noise["label"].to_pylist()))
    train = pq.read_table(folder / "train.parquet", columns=["id", "image"])
    train = train.take(np.random.default_rng(1000 + seed).permutation(len(train))[:rows])
    at = [place[key] for key in train["id"].to_pylist()]
    truth, given = (codes(noise[name].to_pylist(), names)[at] for name in ("label", "random1"))
    pixels = images(train)
    clean, noisy = np.arange(trusted), np.arange(trusted, rows)
    problem = Problem(
        noisy=select(pixels, noisy),
        given=given[noisy],
        clean=select(pixels, clean),
        truth=truth[clean],
        paired_given=given[clean] if paired else np.full(trusted, -1),
        num_classes=len(names),
        sampling="random",
        new_classifier=lambda g: Classifier(ResNet32(g), FEATURES, len(names), g),
        family="image",
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        seed=seed,
    )
    test = pq.read_table(folder / "test.parquet", columns=["image", "label"])
    test = test.take(np.random.default_rng(7).permutation(len(test))[:test_rows])
    return problem, truth[noisy], images(test), codes(test["label"].to_pylist(), names)


def figures(problem, truth, fitted, test, test_truth):
    logits, hidden = network_outputs(fitted.classifier, problem.noisy, np.arange(len(truth)), problem.device)
    soft = fitted.corrector.soft_labels(logits, hidden, problem.given)
    suggested = soft.argmax(axis=1)
    sure = np.where(soft.max(axis=1) >= fitted.min_confidence, suggested, problem.given)
    wrong = problem.given != truth
    suspicion = -soft[np.arange(len(truth)), problem.given]
    unseen, _ = network_outputs(fitted.classifier, test, np.arange(len(test_truth)), problem.device)
    return {
        "test": float((unseen.argmax(axis=1) == test_truth).mean()),
        "given": float(1 - wrong.mean()),
        "corrected": float((suggested == truth).mean()),
        "corrected_sure": float((sure == truth).mean()),
        "auroc": float(roc_auc_score(wrong, suspicion)),
        "average_precision": float(average_precision_score(wrong, suspicion)),
        "held_out_by_epoch": [row["held_out_accuracy"] for row in fitted.history.to_pylist()],
    }


def main():
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("folder", type=Path)
    said.add_argument("method", choices=["paper", "mixed", "noisy-only"])
    for name, default in (("rows", 10_000), ("trusted", 1000), ("epochs", 4), ("seed", 0), ("test-rows", 2000)):
        said.add_argument(f"--{name}", type=int, default=default)
    said.add_argument("--unpaired", action="store_true")
    asked = said.parse_args()
    made = read(asked.folder, asked.rows, asked.trusted, asked.seed, not asked.unpaired, asked.test_rows)
    problem, truth, test, test_truth = made
    method, recipe = ("mlc", {"recipe": "paper"}) if asked.method == "paper" else (asked.method, {})
    settings = METHOD_SETTINGS[method](epochs=asked.epochs, **recipe)
    started = perf_counter()
    fitted = METHODS[method](problem, settings, Silent())
    seconds = perf_counter() - started
    asked.folder = asked.folder.name
    print(json.dumps(vars(asked) | {"seconds": seconds} | figures(problem, truth, fitted, test, test_truth)))


if __name__ == "__main__":
    main()

"""Patch features on CIFAR-10, with made noise and with the labels of people (CIFAR-10N).

    OMP_NUM_THREADS=1 python tests/measure/patches.py FOLDER OUT [--seeds 3] [--only speed logistic people made]

FOLDER holds train.parquet and test.parquet (id, image as {bytes, path}, label) and cifar10n.parquet (id, label, aggre,
random1), as published by uoft-cs/cifar10 and UCSC-REAL/cifar-10-100n (CC BY-NC 4.0), ids joining the two.

- speed: images encoded a second of processor time, at 32 and at 64 pixels, and seconds of learning from 2,000 of them.
- logistic: scikit-learn's logistic regression (C = 1) on 5,000 rows with true, `aggre` and `random1` labels, and on 500
  rows with true ones, of an image and its mirror image alike; accuracy on 5,000 test images.
- people: `labelfix train` on rows of all classes with the labels of people, a tenth of them trusted and paired.
- made: the same on rows of three classes drawn by the seed, of whose labels 21 % are wrong; 45 of 330 rows trusted.

Constants were chosen on 9,000 of the training images (`CHOSEN_ON`); rows are drawn from the others, and tests are on
the test file. Every figure is a line of JSON in OUT/figures.jsonl; what stands there already is not measured again.
Processor seconds of `train` are of the whole process and its children, from start to end.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import torch
from sklearn.linear_model import LogisticRegression

from labelfix.api.entry import load_run
from labelfix.compute.threads import one_thread
from labelfix.data.formats import open_table
from labelfix.data.inputs import ColumnInputs
from labelfix.data.tables import InputSpec
from labelfix.models.images.patch_fit import open_patches
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

CHOSEN_ON = np.random.default_rng(11).permutation(50_000)[:9_000]
PEOPLE = ((1_000, 100), (5_000, 500))
MADE = ((330, 45), (1_000, 100), (5_000, 500))
WRONG = 0.21
TEST_ROWS = 2_000


class Cifar:
    """The training images that nothing was chosen on, and the test images."""

    def __init__(self, folder):
        train, self.test = (pq.read_table(folder / f"{name}.parquet") for name in ("train", "test"))
        noise = pq.read_table(folder / "cifar10n.parquet")
        place = {key: row for row, key in enumerate(noise["id"].to_pylist())}
        at = np.array([place[key] for key in train["id"].to_pylist()])
        kept = np.setdiff1d(np.arange(len(train)), CHOSEN_ON)
        self.images = train["image"].combine_chunks().take(pa.array(kept))
        self.labels = {name: np.array(noise[name].to_pylist())[at[kept]] for name in ("label", "aggre", "random1")}

    def table(self, rows, labels):
        """Rows as people have them; neither ids nor paths say a class."""
        bytes_ = self.images.take(pa.array(rows)).field("bytes")
        image = pa.StructArray.from_arrays([bytes_, pa.nulls(len(rows), pa.string())], ["bytes", "path"])
        return pa.table({"id": [f"photo-{row}" for row in rows], "image": image, "label": labels})

    def test_table(self, classes, most):
        """Test images of some classes, at most so many, and their true labels."""
        labels = np.array(self.test["label"].to_pylist())
        rows = np.random.default_rng(7).permutation(np.flatnonzero(np.isin(labels, classes)))[:most]
        image = self.test["image"].combine_chunks().take(pa.array(rows)).field("bytes")
        image = pa.StructArray.from_arrays([image, pa.nulls(len(rows), pa.string())], ["bytes", "path"])
        return pa.table({"id": [f"test-{row}" for row in rows], "image": image}), labels[rows]


def inputs(table, folder, name):
    pq.write_table(table, folder / name)
    return ColumnInputs(open_table(str(folder / name)), InputSpec("image", ("image",)), len(table))


def speed(cifar, seed, folder):
    table = cifar.table(np.random.default_rng(seed).permutation(len(cifar.images))[:2_000], ["?"] * 2_000)
    rows, found = inputs(table, folder, "rows.parquet"), {}
    for side in (32, 64):
        compute = ComputeSettings(device="cpu", cache_dir=str(folder / "cache"), workers=0)
        started = process_time()
        patches = open_patches(rows, ModelSettings(image_size=side), compute, Silent())
        learned = process_time()
        patches.encode(rows, compute, Silent())
        found |= {f"learn_{side}": learned - started, f"images_a_second_{side}": 2_000 / (process_time() - learned)}
    return found


def logistic(cifar, seed, folder):
    rows = np.random.default_rng(seed).permutation(len(cifar.images))[:5_000]
    test, truth = cifar.test_table(np.unique(cifar.labels["label"]), 5_000)
    compute = ComputeSettings(device="cpu", cache_dir=str(folder / "cache"))
    train = inputs(cifar.table(rows, cifar.labels["label"][rows]), folder, "rows.parquet")
    patches = replace(open_patches(train, ModelSettings(), compute, Silent()), handed_weight=0.0)
    seen, unseen = (
        patches.encode(each, compute, Silent()).features for each in (train, inputs(test, folder, "test.parquet"))
    )

    def right(name, count):
        with one_thread():
            model = LogisticRegression(C=1.0, max_iter=1000).fit(seen[:count], cifar.labels[name][rows[:count]])
            return float((model.predict(unseen) == truth).mean())

    found = {name: right(name, 5_000) for name in cifar.labels}
    return found | {"trusted_alone": right("label", 500)}


def people(cifar, seed, folder, kind, count, trusted):
    rows = np.random.default_rng(seed).permutation(len(cifar.images))[:count]
    truth, given = cifar.labels["label"][rows], cifar.labels[kind][rows]
    return trained(cifar, folder, rows, truth, given, trusted)


def made(cifar, seed, folder, count, trusted):
    draw = np.random.default_rng(seed)
    classes = draw.permutation(np.unique(cifar.labels["label"]))[:3]
    rows = draw.permutation(np.flatnonzero(np.isin(cifar.labels["label"], classes)))[:count]
    truth = cifar.labels["label"][rows]
    others = np.array([draw.choice(classes[classes != label]) for label in truth])
    return trained(cifar, folder, rows, truth, np.where(draw.random(count) < WRONG, others, truth), trusted)


def trained(cifar, folder, rows, truth, given, trusted):
    """`labelfix train` on the rows, of which the first so many are trusted as well."""
    noisy = cifar.table(rows, given)
    pq.write_table(noisy, folder / "noisy.parquet")
    gold = pa.table({"id": noisy["id"].slice(0, trusted), "label": truth[:trusted]})
    pa.csv.write_csv(gold, folder / "gold.csv")
    files = ["--noisy", str(folder / "noisy.parquet"), "--clean", str(folder / "gold.csv")]
    command = [sys.executable, "-m", "labelfix", "train", *files, "--out", str(folder / "run"), "-q"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env={**os.environ, "LABELFIX_CACHE_DIR": str(folder / "cache")})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    corrected = pq.read_table(folder / "run" / "corrected.parquet")
    judged = slice(trusted, None)
    found = {
        name: float((np.array(corrected[column].to_pylist()) == truth)[judged].mean())
        for name, column in (
            ("given", "given_label"),
            ("corrected", "corrected_label"),
            ("suggested", "suggested_label"),
        )
    }
    test, test_truth = cifar.test_table(np.unique(truth), TEST_ROWS)
    pq.write_table(test, folder / "test.parquet")
    said = load_run(folder / "run").predict(folder / "test.parquet")
    found["test"] = float((np.array(said["predicted_label"].to_pylist()) == test_truth).mean())
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    about = json.loads((folder / "run" / "run.json").read_text(encoding="utf-8"))
    return found | {"seconds": seconds, "verdict": about["verdict"]["labels"]}


def asked(seeds, only):
    """Every figure: its name, and the function's further arguments."""
    for seed in range(seeds):
        if "speed" in only and seed == 0:
            yield {"figure": "speed", "seed": seed}
        if "logistic" in only:
            yield {"figure": "logistic", "seed": seed}
        for count, trusted in MADE if "made" in only else ():
            yield {"figure": "made", "seed": seed, "count": count, "trusted": trusted}
        for count, trusted in PEOPLE if "people" in only else ():
            for kind in ("random1", "aggre"):
                yield {"figure": "people", "seed": seed, "kind": kind, "count": count, "trusted": trusted}


def main():
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("folder", type=Path)
    said.add_argument("out", type=Path)
    said.add_argument("--seeds", type=int, default=3)
    said.add_argument("--only", nargs="+", choices=["speed", "logistic", "people", "made"])
    words = said.parse_args()
    torch.set_num_threads(1)
    words.out.mkdir(parents=True, exist_ok=True)
    figures = words.out / "figures.jsonl"
    done = [json.loads(line) for line in figures.read_text().splitlines()] if figures.exists() else []
    cifar = Cifar(words.folder)
    measures = {"speed": speed, "logistic": logistic, "people": people, "made": made}
    for what in asked(words.seeds, words.only or [*measures]):
        if any(what.items() <= line.items() for line in done):
            continue
        further = {name: value for name, value in what.items() if name != "figure"}
        with tempfile.TemporaryDirectory() as place:
            found = measures[what["figure"]](cifar, folder=Path(place), **further)
        line = json.dumps(what | {name: round(v, 4) if isinstance(v, float) else v for name, v in found.items()})
        print(line, flush=True)
        with figures.open("a", encoding="utf-8") as kept:
            kept.write(line + "\n")


if __name__ == "__main__":
    main()

"""What `gpu.py` measures: the items of its parts, each a generator of names, values and what they have to reach."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import gpu_data
import numpy as np
import pyarrow.parquet as pq
from gpu_steps import Figures, gradient, layouts, steps, texts

import labelfix

LEVELS = [(kind, rate / 10) for kind in ("unif", "flip") for rate in (4, 2, 6, 8, 0, 1, 3, 5, 7, 9)]
"""Of Table 2, in the order in which they are worth most."""

IN_PAPER = ("mlc-published", "glc", "meta-weight-net")
"""Its methods."""

NETWORK = ("--backbone", "resnet32", "--no-freeze")
PUBLISHED = (*NETWORK, "--set=recipe=published", "--set=lookahead=5", "--set=epochs=120")
TIMED = (*NETWORK, *(f"--set={each}" for each in ("recipe=paper", "lookahead=5", "schedule=step", "epochs=120")))
AS_A_WHOLE = {"published": PUBLISHED, "frozen": (), "rounds": ("--no-freeze",), "mixed": ("--method=mixed", *NETWORK)}
"""Ways of training on the labels of people: with and without the frozen start."""

MOST = 450.0
"""Seconds that a training as a whole may take."""


@dataclass(frozen=True)
class Item:
    """Something to measure.

    Attributes:
        part: `a` to `e`.
        name: What it is.
        most: Seconds that it may take.
        work: Measures it.
    """

    part: str
    name: str
    most: float
    work: Callable[[], Figures]


def gpu_tests(place):
    report = place.out / "tests.xml"
    # Where tests for a GPU are: the whole of `tests` takes minutes to collect.
    where = ["tests/models/test_augmentation.py", *([] if place.quick else ["tests/devices"])]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "gpu", *where]
    with (place.out / "tests.log").open("w", encoding="utf-8") as log:
        subprocess.run([*command, f"--junitxml={report}"], check=False, stdout=log, stderr=subprocess.STDOUT)
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    count = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    wrong = count["failures"] + count["errors"]
    yield "failed", wrong, "<= 0"
    yield "passed", count["tests"] - wrong - count["skipped"], place.bound(">= 1")


def demo(place):
    """`labelfix demo`, whose device is the one that is there."""
    started = perf_counter()
    commanded("demo", "--out", str(place.out / "demo"), timeout=120)
    yield "seconds", perf_counter() - started, ""
    yield "classifier right", right(labelfix.load_run(place.out / "demo/run").metrics), ">= 0.85"


def right(metrics):
    return metrics["classifier_right"]["value"]


def commanded(*words, timeout):
    """A command of labelfix, which ends in time and without an error."""
    here = str(Path(labelfix.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "labelfix", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout, env=environment)
    if done.returncode:
        raise RuntimeError(done.stderr[-600:])


def images_of(place, name, given):
    """The folder of a set, made where it is not there."""
    folder = place.out / "data" / name
    if not (folder / "test.parquet").exists():
        if place.data is not None and not place.quick:
            train, test, said = gpu_data.cifar(place.data)
            gpu_data.write_set(folder, train, test, said[given] if isinstance(given, str) else given, 100)
        else:
            count, side, trusted = (90, 8, 3) if place.quick else (50_000, 32, 100)
            train, test = (gpu_data.made_images(rows, side, seed) for rows, seed in ((count, 1), (count // 5, 2)))
            gpu_data.write_set(folder, train, test, given if isinstance(given, tuple) else ("unif", 0.1), trusted)
    return folder


def train(place, data, name, bound, options):
    """`labelfix train` as a command: its seconds, what came out, and what of the test images is right."""
    out = place.out / "runs" / name
    words = ["train", "--noisy", str(data / "noisy.parquet"), "--clean", str(data / "gold.parquet"), "--out", str(out)]
    words += ["--overwrite", "--device", place.device, "--cache-dir", str(place.out / "cache"), "-q", *options]
    started = perf_counter()
    shorter = place.quick and any("epochs" in each for each in options)
    commanded(*words, *(["--set=epochs=1"] if shorter else []), timeout=MOST)
    yield "seconds of train", perf_counter() - started, bound
    run = labelfix.load_run(out)
    compared = run.evaluate(data / "truth.parquet")
    for figure in ("given_right", "corrected_right", "classifier_right"):
        yield figure, compared[figure]["value"], ""
    test = pq.read_table(data / "test.parquet")
    said = run.predict(test.drop_columns(["label"]))["predicted_label"].to_pylist()
    yield "test images right", float(np.mean(np.array(said) == np.array(test["label"].to_pylist()))), ""
    history = out / "history.parquet"
    rows = pq.read_table(history).to_pylist() if history.exists() else []
    if rows and "rows_per_second" in rows[-1]:
        yield "rows a second", rows[-1]["rows_per_second"], ""


def items(place):
    """Everything that is measured, in order."""
    step, bf16 = partial(steps, place), {"precision": "bf16", "memory": False, "ways": ("plain", "fd1")}
    bert = {"backbone": "bert-base", "size": 128} | bf16
    beside = {"fd1": place.bound("<= 1.9"), "published ÷ fd1": place.bound(">= 10")}
    photos = {"backbone": "timm:resnet50", "size": 224, "batch": 64} | bf16
    small, large = ({"batch": each, "clean": each // 2, "meta": each // 2} for each in (16, 32))
    published = {"clean": 50, "meta": 50, "memory": False}

    def timed():
        return train(place, images_of(place, "unif-0.4", ("unif", 0.4)), "timed", place.bound("<= 300"), TIMED)

    found = [
        Item("a", "pytest -m gpu", 240.0, lambda: gpu_tests(place)),
        Item("a", "meta-gradient, ResNet-32", 60.0, lambda: gradient(place)),
        Item("a", "labelfix demo", 90.0, lambda: demo(place)),
        Item("b", "ResNet-32, 100 + 16 + 16", 90.0, lambda: step({}, backbone="resnet32")),
        Item("b", "ResNet-32 bf16", 60.0, lambda: step({}, backbone="resnet32", **bf16)),
        Item("b", "ResNet-32 in two layouts", 30.0, lambda: layouts(place)),
        Item("b", "ResNet-50 bf16, 64 images of 224", 90.0, lambda: step({}, **photos)),
        Item("b", "BERT-base bf16, 16 + 8 + 8", 60.0, lambda: step({}, **bert, **small)),
        Item("c", "a step, 100 + 50 + 50", 90.0, lambda: step(beside, backbone="resnet32", **published)),
        Item("c", "train, 120 epochs, k = 5", MOST, timed),
        Item("e", "BERT-base bf16, 32 + 16 + 16", 90.0, lambda: step({"fd1": place.bound("<= 1.6")}, **bert, **large)),
        Item("e", "BERT-base bf16, padded texts", 120.0, lambda: texts(place)),
    ]
    return found if place.data is None and not place.quick else found + trained_as_a_whole(place)


def trained_as_a_whole(place):
    """Part d: the labels of people, then the levels of Table 2, most of what they tell first."""
    wanted: list[tuple[str, str, str | tuple[str, float], tuple[str, ...]]] = []
    for labels in ("aggre",) if place.quick else ("aggre", "random1"):
        ways = {"frozen": AS_A_WHOLE["frozen"]} if place.quick else AS_A_WHOLE
        wanted += [(f"{labels}, {how}", labels, labels, options) for how, options in ways.items()]
    for kind, rate in LEVELS[:1] if place.quick else LEVELS:
        for method in IN_PAPER:
            own = PUBLISHED if method == IN_PAPER[0] else (f"--method={method}", *NETWORK, "--set=epochs=120")
            wanted.append((f"{kind} {rate:g}, {method}", f"{kind}-{rate:g}", (kind, rate), own))

    def work(name, folder, given, options):
        return train(place, images_of(place, folder, given), name.replace(", ", "-").replace(" ", "-"), "", options)

    return [Item("d", each[0], MOST, partial(work, *each)) for each in wanted]

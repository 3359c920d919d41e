"""What learning features brings: the fits that `--no-freeze` chooses from, against hidden truth.

    OMP_NUM_THREADS=1 python tests/measure/rounds.py run SET --data ROOT --out FOLDER [--backbone PATH] [--seed 0]
        [--method METHOD] [--rows 2000] [--per-class 100] [--sources] [--set key=value]...
    python tests/measure/rounds.py table FOLDER

SET is trec, youtube, hausa, noisyag, ag-unif-20, cifar-aggre, cifar-random1 or photos. ROOT holds, as parquet, wrench/
(trec, youtube; Zhang et al. 2021), hausa_newsclass/ (uds-lsv/transfer-distant-transformer-african), noisyag/
(jin756/NoisyAG-News), agnews/ (fancyzhx/ag_news) and cifar10/ (uoft-cs/cifar10 with UCSC-REAL/cifar-10-100n). Of
ag-unif-20 a fifth of the labels is drawn anew from all classes; photos are three classes of cifar10 with a fifth of the
labels wrong. With `--sources`, of trec, youtube and noisyag, rows have the labels of all rules or annotators in the
place of one. Trusted rows are drawn at random, at most a tenth of the rows but of photos, and keep their given label.

With `--method` (mixed, clean-only, glc, mlc with `--set recipe=paper`, …) a whole network is trained by another method,
from end to end, in the place of all that.

A set and a seed at a time: what was trained lies in FOLDER, so that a run which is stopped goes on, and each adds its
lines to FOLDER/results.jsonl. For each fit: the share of right labels of the noisy rows by the soft label's class
(corrected) and as written, of test rows by the classifier (test); average precision, NLL and ECE of the soft labels;
what the run says of its corrected labels (judged); and the share of right labels among those flagged at 10 %.
"""

import argparse
import json
import platform
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from labelfix.compute.checkpoints import Checkpoints
from labelfix.data.read import read_training
from labelfix.evidence.gather import final_soft
from labelfix.evidence.weighing import weigh
from labelfix.methods.fit import fit
from labelfix.networks.loop import network_outputs
from labelfix.numerics.truth_metrics import detection, expected_calibration_error
from labelfix.outputs.flag_rules import benjamini_hochberg
from labelfix.progress import Silent
from labelfix.rounds.choice import FROZEN
from labelfix.rounds.learn import Rounds
from labelfix.settings.interval import CheckpointInterval
from labelfix.settings.resolve import resolve
from labelfix.start import prepare, represent

LEVEL = 0.1
COLUMNS = ("test", "corrected", "as_written", "ap", "nll", "ece", "judged", "flagged_right")
PHOTOS, WRONG = ("airplane", "automobile", "ship"), 0.2
SOURCES = {"trec": ["weak_labels"], "youtube": ["weak_labels"], "noisyag": ["human1", "human2", "human3"]}


class Said(Silent):
    """Says what happened, without bars."""

    def headline(self, message):
        print(message, flush=True)

    warn = headline


def texts(root, name, rng, sources):
    """Text, given and true labels of the rows, those of some columns, and text and true labels of test rows."""
    if name == "ag-unif-20":
        rows, test = (pq.read_table(root / "agnews" / f"{part}.parquet") for part in ("train", "test"))
        test, truth = test.take(rng.permutation(len(test))[:2000]), np.array(rows["label"].to_pylist())
        given = np.where(rng.random(len(truth)) < 0.2, rng.choice(np.unique(truth), len(truth)), truth)
        tested = [test[column].to_pylist() for column in ("text", "label")]
        return [rows["text"].to_pylist(), given.tolist(), truth.tolist()], tested
    if name == "noisyag":
        table = pq.read_table(root / "noisyag" / "human4000.parquet")
        return [table[column].to_pylist() for column in ("text", "human1", "clean_label", *sources)], None
    if name == "hausa":
        rows, test = (
            pq.read_table(root / "hausa_newsclass" / f"{part}.parquet") for part in ("train_noisy_clean", "test")
        )
        truth = "label"
    else:
        parts = [pq.read_table(root / "wrench" / f"{name}_{part}.parquet") for part in ("train", "valid", "test")]
        rows, test, truth = pa.concat_tables(parts[:2]), parts[2], "clean_label"
    columns = [rows[column].to_pylist() for column in ("text", "noisy_label", "clean_label", *sources)]
    return columns, [test[column].to_pylist() for column in ("text", truth)]


def images(root, name, rng):
    """The same of images."""
    rows, noise = (pq.read_table(root / "cifar10" / f"{part}.parquet") for part in ("train", "cifar10n"))
    place = {key: i for i, key in enumerate(noise["id"].to_pylist())}
    order = noise.take([place[key] for key in rows["id"].to_pylist()])
    truth = list(map(str, order["label"].to_pylist()))
    test = pq.read_table(root / "cifar10" / "test.parquet").slice(0, 4000)
    shown = [{"bytes": cell["bytes"], "path": None} for cell in rows["image"].to_pylist()]
    seen = [{"bytes": cell["bytes"], "path": None} for cell in test["image"].to_pylist()]
    tested = [seen, list(map(str, test["label"].to_pylist()))]
    if name != "photos":
        return [shown, list(map(str, order[name.removeprefix("cifar-")].to_pylist())), truth], tested
    among = [i for i, each in enumerate(truth) if each in PHOTOS]
    given = [
        rng.choice([other for other in PHOTOS if other != truth[i]]) if rng.random() < WRONG else truth[i]
        for i in among
    ]
    tested = [
        list(column) for column in zip(*(row for row in zip(*tested, strict=True) if row[1] in PHOTOS), strict=True)
    ]
    return [[shown[i] for i in among], list(map(str, given)), [truth[i] for i in among]], tested


def tables(asked):
    """The noisy and the trusted table, the truth by id, and the test table with its truth."""
    rng = np.random.default_rng(1000 + asked.seed)
    pictures = asked.set.startswith("cifar") or asked.set == "photos"
    sources = SOURCES[asked.set] if asked.sources else []
    rows, test = images(asked.data, asked.set, rng) if pictures else texts(asked.data, asked.set, rng, sources)
    if test is None:
        order = rng.permutation(len(rows[0]))
        fifth = len(order) // 5
        test = [[rows[column][i] for i in order[:fifth]] for column in (0, 2)]
        rows = [[column[i] for i in order[fifth:]] for column in rows]
    labelled = np.flatnonzero([label is not None for label in rows[1]])
    kept = labelled[rng.permutation(len(labelled))[: asked.rows]]
    inputs, given, truth, *opinions = ([column[i] for i in kept] for column in rows)
    given, truth = list(map(str, given)), list(map(str, truth))
    most = len(kept) if asked.set == "photos" else len(kept) // 10
    trusted = rng.permutation(len(kept))[: min(asked.per_class * len(set(truth)), most)]
    ids, what = [f"r{i}" for i in range(len(kept))], "image" if pictures else "text"
    labels = dict(zip(sources, opinions, strict=True)) or {"label": given}
    noisy = pa.table({"id": ids, what: inputs, **labels})
    clean = pa.table({"id": [ids[i] for i in trusted], "label": [truth[i] for i in trusted]})
    tested = pa.table({"id": [f"t{i}" for i in range(len(test[0]))], what: test[0], "label": list(map(str, test[1]))})
    return noisy, clean, truth, tested


def figures(start, encoded, made, truth, tested):
    """One fit against the truth, and what it says of itself."""
    weighed = weigh(made, start.reading.data, start.settings, Silent())
    evidence, sides = weighed.evidence, weighed.sides
    fitted, names = evidence.fitted, start.reading.data.classes
    rows = made.noisy.rows
    soft = final_soft(made.problem, fitted)[0]
    given, right = start.reading.data.noisy.codes[rows], truth[rows]
    sure = (soft.max(axis=1) >= fitted.min_confidence) | (given < 0)
    written = np.where(sure, soft.argmax(axis=1), given)
    suspicion = 1 - soft[np.arange(len(rows)), given]
    inputs = encoded.representation.encode(tested.noisy.inputs, start.settings.compute, Silent())
    every = np.arange(len(inputs), dtype=np.int64)
    logits, _ = network_outputs(fitted.classifier, inputs, every, start.device)
    codes = np.array([names.codes.get(label, -1) for label in tested_labels(tested)])
    likelihood = soft[np.arange(len(rows)), right].astype(np.float64)
    p_values = np.ones(len(rows)) if sides.p_value is None else sides.p_value[rows]
    flagged = benjamini_hochberg(p_values, LEVEL)
    ledger = evidence.figures["ledger"]["corrected_labels"]
    return {
        "test": float((logits.argmax(axis=1) == codes).mean()),
        "corrected": float((soft.argmax(axis=1) == right).mean()),
        "as_written": float((written == right).mean()),
        "ap": detection(suspicion, given != right)[1],
        "nll": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "ece": expected_calibration_error(soft, right),
        "judged": None if ledger is None else ledger["value"],
        "flagged": int(flagged.sum()),
        "flagged_right": float((given == right)[flagged].mean()) if flagged.any() else None,
        "given": float((given == right).mean()),
    }


def tested_labels(tested):
    return [tested.classes.names[code] for code in tested.noisy.codes]


def run(asked):
    noisy, clean, truth, test = tables(asked)
    sets = [f"seed={asked.seed}", "model.freeze=false", "side_checks=false", *asked.set_]
    sets += [f"method={asked.method}"] if asked.method else []
    sets += [f"model.backbone={asked.backbone}"] if asked.backbone else []
    sets += [f"data.label_columns={','.join(SOURCES[asked.set])}"] if asked.sources else []
    settings = resolve({"cache_dir": str(asked.out / "cache")}, sets, None, {}).settings
    began, clock = time.process_time(), time.perf_counter()
    start = prepare(noisy, clean, settings, Silent())
    name = f"{asked.set}-sources" if asked.sources else asked.set
    work = asked.out / "-".join(
        [name, *filter(None, [asked.method]), str(asked.rows), str(asked.per_class), str(asked.seed), *asked.set_]
    )
    checkpoints = Checkpoints(work, CheckpointInterval.parse("2m"), Silent())
    encoded = represent(start.reading.data, start.representation, settings, Silent())
    rows = encoded.noisy, encoded.clean
    args = start.reading.data, encoded.representation, rows, settings, start.device
    frozen = fit(*args, checkpoints, Silent())
    until = time.process_time() - began
    del rows
    rounds = None if asked.method else Rounds.of(start, frozen, encoded, checkpoints, Said())
    fits, done = ({asked.method: (encoded, frozen)}, 0) if rounds is None else rounds.fits()
    spent = time.process_time() - began
    codes = start.reading.data.classes.codes
    hidden = np.array([codes.get(label, -1) for label in truth])
    tested = read_training(
        test, test.select(["id", "label"]).slice(0, 9), replace(settings.data, label_columns=()), 8192
    ).data
    found = {name: figures(start, *each, hidden, tested) for name, each in fits.items()}
    first = found[asked.method or FROZEN]
    flags = {name: first[name] for name in ("flagged", "flagged_right")}  # the first run's stay
    found = {name: each | flags for name, each in found.items()}
    choice = rounds.choice(fits) if done else None  # of too few trusted rows nothing is learned
    if choice is not None:
        print(choice.line)
        found["chosen"] = found[choice.name]
    about = {
        "set": name, "rows": len(noisy), "trusted": len(clean), "seed": asked.seed, "settings": asked.set_,
        "rounds": done, "chosen": choice and choice.name, "minutes": (time.perf_counter() - clock) / 60,
        "processor_minutes": spent / 60, "of_frozen": until / 60, "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__, "choice": choice and choice.to_json(),
    }  # fmt: skip
    with (asked.out / "results.jsonl").open("a", encoding="utf-8") as lines:
        for name, each in found.items():
            lines.write(json.dumps(about | {"fit": name} | each) + "\n")
            print(f"{name:8}", *(f"{key} {_shown(each[key])}" for key in COLUMNS))


def table(asked):
    """Means over all that was measured, and the differences to the fixed features by set."""
    lines = [json.loads(line) for line in (asked.out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    latest = {(tuple(each[k] for k in ("set", "rows", "trusted", "seed")), str(each["settings"]), each["fit"]): each
              for each in lines}  # fmt: skip
    print(f"{len(lines)} lines; {lines[-1]['machine']}, torch {lines[-1]['torch']}")
    by = defaultdict(list)
    for (case, settings, name), each in latest.items():
        print(*case, settings, f"{name:8}", *(_shown(each[key]) for key in COLUMNS))
        by[settings, name].append(each)
    for (settings, name), several in by.items():
        means = [np.mean([each[key] for each in several if each[key] is not None] or [np.nan]) for key in COLUMNS]
        print(f"mean of {len(several)}", settings, f"{name:8}", *map(_shown, means))


def _shown(value):
    return "  –  " if value is None else f"{value:.3f}"


def main():
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = said.add_subparsers(required=True)
    measured = commands.add_parser("run")
    measured.add_argument("set")
    measured.add_argument("--data", type=Path, required=True)
    measured.add_argument("--backbone")
    measured.add_argument("--method")
    for name, default in (("seed", 0), ("rows", 2000), ("per-class", 100)):
        measured.add_argument(f"--{name}", type=int, default=default)
    measured.add_argument("--sources", action="store_true")
    measured.add_argument("--set", dest="set_", action="append", default=[])
    measured.set_defaults(do=run)
    shown = commands.add_parser("table")
    shown.set_defaults(do=table)
    measured.add_argument("--out", type=Path, required=True)
    shown.add_argument("out", type=Path)
    asked = said.parse_args()
    asked.do(asked)


if __name__ == "__main__":
    main()

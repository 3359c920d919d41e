"""Four small runs and what came of them: digits, texts, images and a table.

    python -m tests.known_runs

writes `tests/known_runs.json` anew, after a change that is meant to change labels. What is only meant to read better
changes nothing there, and `tests/test_known_runs.py` says so.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

import labelfix

RECORD = Path(__file__).with_suffix(".json")

WORDS = (
    ("goal", "team", "coach", "league", "match", "score", "player", "season"),
    ("market", "bank", "shares", "profit", "stock", "trade", "price", "oil"),
    ("vote", "minister", "party", "election", "treaty", "law", "court", "senate"),
)
FILLERS = ("the", "a", "on", "with", "after", "new", "from", "said", "over", "will")

Inputs = tuple[str, str]


def digits(folder):
    """The demo's own files."""
    from labelfix.cli.demo import write_files

    write_files(folder, seed=0)
    return str(folder / "noisy.parquet"), str(folder / "trusted.csv")


def texts(folder):
    """240 headlines of three kinds, a quarter of them mislabelled."""
    draw = np.random.default_rng(1)
    truth = draw.integers(3, size=240)
    rows = [
        " ".join(draw.permutation([*draw.choice(WORDS[kind], 3), *draw.choice(FILLERS, 5)]).tolist()) for kind in truth
    ]
    return _written(folder, draw, truth, ("sport", "money", "state"), {"text": rows})


def table(folder):
    """300 rows of numbers and a category, a fifth of them mislabelled."""
    draw = np.random.default_rng(2)
    truth = draw.integers(2, size=300)
    columns: dict[str, Any] = {f"x{place}": draw.normal(size=300) + 0.9 * truth for place in range(4)}
    columns["shape"] = np.where(draw.random(300) < 0.3 + 0.4 * truth, "round", "flat")
    return _written(folder, draw, truth, ("no", "yes"), columns)


def images(folder):
    """150 pictures of 16 pixels: stripes that run across, down or nowhere; a fifth in the wrong folder."""
    from PIL import Image

    draw = np.random.default_rng(3)
    truth, names = draw.integers(3, size=150), ("across", "down", "none")
    given = _noisy(draw, truth, 3, 0.2)
    lines = ["id,label"]
    for row, (kind, label) in enumerate(zip(truth, given, strict=True)):
        wave = 90 * np.sin(np.arange(16) * draw.uniform(1, 1.6) + draw.uniform(0, 6))
        pattern = (wave[:, None] + np.zeros(16), wave[None] + np.zeros((16, 1)), np.zeros((16, 16)))[kind]
        pixels = np.clip(128 + pattern[..., None] + draw.normal(scale=30, size=(16, 16, 3)), 0, 255).astype(np.uint8)
        place = folder / "photos" / names[label] / f"{row:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)
        if row < 45:
            lines.append(f"{names[label]}/{row:03d}.png,{names[kind]}")
    (folder / "gold.csv").write_text("\n".join(lines) + "\n")
    return str(folder / "photos"), str(folder / "gold.csv")


RUNS: dict[str, Callable[[Path], Inputs]] = {"digits": digits, "texts": texts, "images": images, "table": table}


def trained(name, folder):
    """The corrected labels of one run, in the order of its file."""
    (folder / "in").mkdir()
    noisy, clean = RUNS[name](folder / "in")
    run = labelfix.train(noisy, clean, folder / "run", device="cpu", cache_dir=str(folder / "cache"))
    return run.corrected.select(["id", "suggested_label", "confidence", "label_score"])


def _noisy(draw, truth, classes, share):
    wrong = draw.random(len(truth)) < share
    return np.where(wrong, (truth + draw.integers(1, classes, size=len(truth))) % classes, truth)


def _written(folder, draw, truth, names, columns):
    ids = [f"row-{row:03d}" for row in range(len(truth))]
    given = np.array(names)[_noisy(draw, truth, len(names), 0.25)]
    pyarrow.csv.write_csv(pa.table({"id": ids, **columns, "label": given}), folder / "noisy.csv")
    trusted = np.sort(draw.choice(len(truth), 60, replace=False))
    gold = pa.table({"id": [ids[row] for row in trusted], "label": np.array(names)[truth[trusted]]})
    pyarrow.csv.write_csv(gold, folder / "gold.csv")
    return str(folder / "noisy.csv"), str(folder / "gold.csv")


def main():
    """Write the record anew."""
    record = {}
    for name in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            found = trained(name, Path(folder)).to_pydict()
        record[name] = {
            "labels": [str(label) for label in found["suggested_label"]],
            "confidence": [round(value, 4) for value in found["confidence"]],
            "label_score": [round(value, 4) for value in found["label_score"]],
        }
    RECORD.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""The core does its commands where nothing else is installed, and says in a line what it does without."""

import io
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from core_alone import run_core
from PIL import Image

import labelfix
from labelfix import extras
from labelfix.data.tables import ClassNames
from labelfix.models.images.small import SmallImages
from labelfix.models.trained import TrainedClassifier

ROWS, TRUSTED, NEW = 80, 30, 20
BACKBONES = {
    "table": "auto",
    "embedding": "auto",
    "text": ["lexical", "hashed-text"],
    "image": "patches",
}


def picture(generator, truth):
    pixels = generator.integers(0, 90, (16, 16, 3))
    pixels[:: 2 + 2 * truth] += 120
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(stream, "png")
    return {"bytes": stream.getvalue(), "path": None}


def inputs(kind, generator, truth):
    points = generator.normal(size=(len(truth), 4)) + 2.5 * truth[:, None]
    if kind == "table":
        return {**{f"x{i}": points[:, i] for i in range(4)}, "town": np.where(points[:, 0] > 1, "Rome", "Oslo")}
    if kind == "embedding":
        return {"embedding": points.astype(np.float32).tolist()}
    if kind == "text":
        words = np.array([["ball", "team", "goal", "win"], ["market", "stock", "bank", "sell"]])
        return {"text": [" ".join(generator.choice(words[t], 3)) + f" row{i % 7}" for i, t in enumerate(truth)]}
    pictures = [picture(generator, t) for t in truth]
    return {"image": pa.array(pictures, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Noisy, trusted, new and true rows of every kind, and a finished run on each backbone."""
    folder = tmp_path_factory.mktemp("core")
    generator = np.random.default_rng(0)
    truth = np.arange(ROWS + NEW) % 2
    given = np.where(generator.random(len(truth)) < 0.2, 1 - truth, truth)
    names, ids = np.array(["cat", "dog"]), [f"row-{i}" for i in range(len(truth))]
    for kind in ("table", "embedding", "text", "image"):
        columns = {"id": ids, **inputs(kind, generator, truth)}
        noisy = pa.table({**columns, "label": names[given]})
        pq.write_table(noisy.slice(0, ROWS), folder / f"{kind}.parquet")
        pq.write_table(noisy.slice(ROWS), folder / f"{kind}-new.parquet")
    right = pa.table({"id": ids, "label": names[truth]})
    pq.write_table(right.slice(0, TRUSTED), folder / "clean.parquet")
    pq.write_table(right.slice(0, ROWS), folder / "truth.parquet")
    for kind, backbone in BACKBONES.items():
        files = str(folder / f"{kind}.parquet"), str(folder / "clean.parquet")
        labelfix.train(*files, folder / kind, backbone=backbone, cache_dir=str(folder / "cache"))
    return folder


def test_every_command_of_the_core_works_alone(place):
    pair = ["--noisy", "table.parquet", "--clean", "clean.parquet"]
    commands = [
        ["check", *pair],
        ["flag", "--run", "table"],
        ["flag", "--run", "table", "--max-issue-rate", "0", "--against", "table", "--format", "sarif"],
        ["export", "--run", "table", "--corrected-labels", "fixed.csv"],
        ["evaluate", "--run", "table", "--truth", "truth.parquet"],
        ["report", "--run", "image", "--out", "report.html"],
        ["next", "--run", "text", "--out", "to_label.csv"],
        ["info"],
        ["methods"],
        ["schema", "flag"],
        ["--help"],
    ]
    done = run_core(place, *commands)
    assert [each.code for each in done] == [0, 0, 1, *[0] * 8], [each.err for each in done]
    assert "pip install 'labelfix[train]'" in next(line for line in done[7].out.splitlines() if "device" in line)
    assert (place / "report.html").stat().st_size > 10_000
    assert len((place / "to_label.csv").read_text().splitlines()) > 10


def test_new_rows_are_scored_alone_as_they_are_with_everything_installed(place):
    commands = []
    for name in BACKBONES:
        rows = str(place / f"{name}-new.parquet")
        commands.append(["correct", "--run", name, "--noisy", rows, "--out", f"{name}-corrected.parquet"])
        commands.append(["predict", "--run", name, "--input", rows, "--out", f"{name}-predicted.parquet"])
    done = run_core(place, *commands)
    assert {each.code for each in done} == {0}, [each.err for each in done]
    for name in BACKBONES:
        run, rows = labelfix.load_run(place / name), str(place / f"{name}-new.parquet")
        alone = pq.read_table(place / f"{name}-corrected.parquet")
        assert alone.equals(run.correct(rows).cast(alone.schema)), name
        alone = pq.read_table(place / f"{name}-predicted.parquet")
        assert alone.equals(run.predict(rows).cast(alone.schema)), name


def test_what_trains_is_refused_in_one_line(place):
    words = [["train", "--noisy", "a.csv", "--clean", "b.csv"], ["learn"], ["demo"], ["bench", "run"]]
    certify, *refused = run_core(place, ["certify"], *words)
    assert (certify.code, certify.err) == (2, "labelfix: certify needs scipy: pip install 'labelfix[certify]'\n")
    for done in refused:
        assert (done.code, done.out) == (2, "")
        assert done.err == "labelfix: training needs torch: pip install 'labelfix[train]'\n"
    (shown,) = run_core(place, ["train", "--help"])
    assert shown.code == 0


def test_a_run_that_is_a_network_is_refused_in_one_line(place):
    """A run whose classifier is a ResNet; what else it holds counts for nothing here."""
    shutil.copytree(place / "image", place / "network", dirs_exist_ok=True)
    was = labelfix.load_run(place / "image")
    representation = SmallImages(was.columns.spec, 16)
    module = representation.new_classifier(2, torch.Generator().manual_seed(0))
    predictor = representation.predictor(module, torch.device("cpu"))
    TrainedClassifier(representation, predictor, ClassNames(was.classes.names), 1.0).save(place / "network/classifier")
    words = ["--run", "network", "--noisy", "image-new.parquet", "--out", "n.parquet"]
    done, judged = run_core(place, ["correct", *words], ["flag", "--run", "network"])
    assert (done.code, judged.code) == (2, 0)
    (line,) = done.err.splitlines()
    assert line.endswith("scoring by a network needs torch: pip install 'labelfix[train]'")
    assert not (place / "n.parquet").exists()


def test_python_says_it_too(place, monkeypatch):
    monkeypatch.setattr(extras, "is_there", lambda module: module != "torch")
    with pytest.raises(labelfix.MissingPackageError, match=r"^training needs torch: pip install 'labelfix\[train\]'$"):
        labelfix.train(str(place / "table.parquet"), str(place / "clean.parquet"))

"""Features that are learned from a run's own labels (`--no-freeze`), on a device that is not the CPU."""

import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from tiny_encoders import WORDS, tiny_bert
from training_paths import watched_blocks

import labelfix
from labelfix import start
from labelfix.models import on_device
from labelfix.models.images import small_network
from labelfix.models.text import encoder

NOISY, TRUSTED, CLASSES = 150, 60, ["cat", "dog"]


def texts(truth, generator, folder):
    own = np.array([["cat", "ran", "mat"], ["market", "falls", "goal"]])[truth]
    rows = [" ".join(generator.permutation([*each[:2], *generator.choice(WORDS[7:10], 3)])) for each in own]
    return {"text": rows}, {"backbone": str(tiny_bert(folder / "encoder")), "lexical": False}


def images(truth, generator, _folder):
    patterns = generator.integers(0, 256, (2, 16, 16, 3))
    files = []
    for code in truth:
        file = io.BytesIO()
        pixels = 0.5 * patterns[code] + 0.5 * generator.integers(0, 256, (16, 16, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(file, "png")
        files.append({"bytes": file.getvalue(), "path": None})
    return {"image": files}, {}


@pytest.mark.parametrize("kind", [texts, pytest.param(images, marks=pytest.mark.slow)], ids=["texts", "images"])
def test_an_encoder_learns_there_and_nobody_waits_for_it(device, kind, tmp_path, monkeypatch):
    for module in (start, on_device, encoder, small_network):
        monkeypatch.setattr(module, "pick_device", lambda _: device)
    generator = np.random.default_rng(0)
    truth = np.arange(NOISY) % 2
    given = np.where(generator.random(NOISY) < 0.2, 1 - truth, truth)
    columns, options = kind(truth, generator, tmp_path)
    ids, names = [f"r{row}" for row in range(NOISY)], np.array(CLASSES)
    noisy, gold = (pa.table({"id": ids} | columns | {"label": names[labels]}) for labels in (given, truth))
    with watched_blocks(device) as blocks:
        run = labelfix.train(
            noisy,
            gold.select(["id", "label"]).slice(0, TRUSTED),
            tmp_path / "run",
            cache_dir=str(tmp_path / "cache"),
            freeze=False,
            epochs=2,
            **options,
        )
    assert json.loads((run.path / "metrics.json").read_text())["rounds"]["done"] == 1
    assert blocks
    assert not any(block.traffic.waits or block.traffic.blocking for block in blocks)
    assert np.allclose(np.sum(run.corrected["soft_label"].to_pylist(), axis=1), 1, atol=1e-5)
    assert len(labelfix.load_run(run.path).predict(noisy.drop_columns(["label"]))) == NOISY

"""`--no-freeze` on small images: a small network learns beside the features of patches."""

import json

import numpy as np
import pytest
from own_process import WITHOUT, run_script
from PIL import Image

import labelfix
from labelfix.cli import main
from labelfix.rounds import learn as learning
from labelfix.rounds.choice import LEARNT, Choice

CLASSES = ("along", "across")


def stripes(generator, across):
    wave = 60 * np.sin(np.arange(12) * generator.uniform(1.2, 1.8) + generator.uniform(0, 6))
    lines = np.repeat(wave[:, None] if across else wave[None], 12, axis=1 if across else 0)
    pixels = lines[..., None] * generator.uniform(0.3, 1, 3) + 128 + generator.normal(0, 15, (12, 12, 3))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture
def striped(tmp_path, monkeypatch):
    """120 images that only their patterns tell apart, 30 % in the wrong folder; 60 trusted ones."""
    generator, lines = np.random.default_rng(0), []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    for row in range(120):
        given = CLASSES[1 - row % 2 if row % 10 < 3 else row % 2]
        place = tmp_path / "images" / given / f"{row:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        stripes(generator, row % 2 == 1).save(place)
        lines.append(f"{given}/{place.name},{CLASSES[row % 2]}")
    (tmp_path / "gold.csv").write_text("\n".join(["id,label", *lines[:60]]) + "\n")
    return tmp_path


def test_a_small_network_learns_beside_patches_and_works_without_labelfix(striped, monkeypatch):
    monkeypatch.setattr(learning, "choose", lambda of: Choice(LEARNT, of))
    words = ["--noisy", "images", "--clean", "gold.csv", "--no-freeze", "--set", "epochs=8", "--set", "batch_size=16"]
    assert main(["train", *words, "--out", "run", "-q"]) == 0
    run = labelfix.load_run("run")
    about = json.loads((striped / "run" / "classifier" / "labelfix.json").read_text(encoding="utf-8"))
    assert [view["family"] for view in about["encoding"]["views"]] == ["patches", "small-network"]
    expected = run.predict("images").to_pylist()
    card = (striped / "run" / "classifier" / "README.md").read_text()
    code = card.split("```python\n")[1].split("```")[0]
    images = [str(striped / "images" / row["id"]) for row in expected[:3]]
    script = f"{WITHOUT}{code}\nprint(probabilities({images!r}, '.').tolist())\n"
    found = run_script(script, folder=striped / "run" / "classifier")
    assert found.returncode == 0, found.stderr
    for said, row in zip(json.loads(found.stdout), expected, strict=False):
        assert max(said) == pytest.approx(row["confidence"], abs=1e-4)
        assert run.manifest["classes"][said.index(max(said))] == row["predicted_label"]

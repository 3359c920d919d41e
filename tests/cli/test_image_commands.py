from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from labelfix.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Forty tiny images by class, dark and bright; every fifth in the wrong folder. Eight trusted ones by id."""
    generator = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    gold = ["id,label"]
    for row in range(40):
        truth = ("dark", "bright")[row % 2]
        given = ("bright", "dark")[row % 2] if row % 5 == 0 else truth
        pixels = generator.integers(0, 90, (8, 8, 3)) + (150 if truth == "bright" else 0)
        place = tmp_path / "images" / given / f"{row:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(place)
        if row < 8:
            gold.append(f"{given}/{row:02d}.png,{truth}")
    (tmp_path / "gold.csv").write_text("\n".join(gold) + "\n")
    return tmp_path


def test_a_folder_of_images_is_corrected_into_a_new_folder(folder, capsys):
    before = {path: path.read_bytes() for path in (folder / "images").rglob("*.png")}
    words = ["train", "--noisy", "images", "--clean", "gold.csv", "--out", "run", "--set", "epochs=1", "-q"]
    assert main(words) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "fixed", "--hard-link"]) == 0
    assert {path: path.read_bytes() for path in (folder / "images").rglob("*.png")} == before
    after = list((folder / "fixed").rglob("*.png"))
    assert sorted(path.read_bytes() for path in after) == sorted(before.values())
    # Trusted images always end in their own class.
    assert (folder / "fixed" / "dark" / "00.png").exists()
    capsys.readouterr()
    assert main(["flag", "--run", "run", "--show", "1"]) == 0
    assert "images/bright/00.png" in capsys.readouterr().out
    assert main(["export", "--run", "run", "--corrected-labels", "images/fixed"]) == 2
    assert main(["export", "--run", "run", "--corrected-labels", "fixed"]) == 2
    assert main(["export", "--run", "run", "--corrected-labels", "fixed.csv", "-q"]) == 0
    assert (folder / "fixed.csv").read_text().splitlines()[0] == "id,label,given_label"

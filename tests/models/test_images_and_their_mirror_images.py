"""Patch features and the mirror: which way round an image is counts where given labels say so, and only there."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from memory_table import image_table, png, random_images
from safetensors.numpy import load_file, save_file

from labelfix import api
from labelfix.models.choice import choose_representation
from labelfix.models.images import patch_fit
from labelfix.models.images.patch_code import PatchDescriber, PatchEncoder, PatchRules
from labelfix.models.saved_representation import representation_from_json
from labelfix.progress import Silent
from labelfix.settings.model import ModelSettings


@pytest.fixture(autouse=True)
def fewer_atoms(monkeypatch):
    """Learning 400 takes seconds."""
    monkeypatch.setattr(patch_fit, "ATOMS", 30)
    monkeypatch.setattr(patch_fit, "ROUNDS", 3)


@pytest.mark.parametrize("side", [16, 19])
def test_an_image_and_its_mirror_image_differ_in_the_sign_of_the_handed_part(side):
    images = random_images(40, side)
    code = patch_fit.learn(images)
    encoder = PatchEncoder(code)
    one, other = (encoder.features(image) for image in (images[0], np.ascontiguousarray(images[0][:, ::-1])))
    width = code.widths[0]
    np.testing.assert_array_equal(one[:width], other[:width])
    np.testing.assert_allclose(one[width:], -other[width:], atol=1e-6)
    assert np.linalg.norm(one[width:]) > 0.1


def rows_of(classes, seed=0):
    """160 small images, half of each bright, and their class: by the bright half, or by colour."""
    draw = np.random.default_rng(seed)
    left, red = draw.random((2, 160)) < 0.5
    pixels = draw.integers(0, 60, (160, 16, 16, 3))
    for image, on_left, is_red in zip(pixels, left, red, strict=True):
        image[:, slice(8) if on_left else slice(8, 16)] += 90
        image[:, :, 0 if is_red else 2] += 100
    return pixels.astype(np.uint8), np.where(left if classes == "side" else red, "a", "b")


@pytest.mark.parametrize(("classes", "counts"), [("side", True), ("colour", False)])
def test_which_way_round_an_image_is_counts_where_given_labels_say_so(classes, counts, tmp_path):
    images, labels = rows_of(classes)
    given = np.where(np.random.default_rng(1).random(160) < 0.15, np.where(labels == "a", "b", "a"), labels)
    cells = [{"bytes": png(image), "path": None} for image in images]
    noisy = pa.table({"id": [f"p{row}" for row in range(160)], "image": cells, "label": given})
    pq.write_table(noisy, tmp_path / "noisy.parquet")
    gold = pa.table({"id": noisy["id"].slice(0, 30), "label": labels[:30]})
    pyarrow.csv.write_csv(gold, tmp_path / "gold.csv")
    files = tmp_path / "noisy.parquet", tmp_path / "gold.csv", tmp_path / "run"
    api.train(*files, method="glc", side_checks=False, cache_dir=str(tmp_path / "cache"))
    about = json.loads((tmp_path / "run" / "classifier" / "labelfix.json").read_text(encoding="utf-8"))
    assert (about["encoding"]["handed_weight"] > 0) == counts
    corrected = pq.read_table(tmp_path / "run" / "corrected.parquet")["corrected_label"].to_numpy(zero_copy_only=False)
    assert (corrected == labels).mean() > 0.95


def test_a_classifier_from_before_the_mirror_sees_what_it_saw(compute, tmp_path):
    """One scale and no mirror: raw figures, centred, projected, length 1."""
    table = image_table([png(pixels) for pixels in random_images(30, 20)])
    made = choose_representation(table, ModelSettings(), compute, Silent())
    made.write_parts(tmp_path)
    kept = load_file(tmp_path / "patches.safetensors")
    of_patches = np.r_[: 8 * 30, -12:0]
    old = {name: kept[name][:30] for name in ("filters", "offsets")}
    old |= {name: np.ascontiguousarray(kept[name][of_patches]) for name in ("mean", "projection")}
    save_file(old, tmp_path / "patches.safetensors")
    about = {"side": 20, "patch": 6, "contrast": 10.0, "threshold": 0.25, "softening": 0.01, "atoms": 30}
    about["width"] = kept["projection"].shape[1]
    loaded = representation_from_json("patches", about, table.spec, tmp_path)
    found = loaded.encode(table, compute, Silent()).features
    describer = PatchDescriber(PatchRules(20), (30,), old["filters"], old["offsets"])
    projected = (describer.raw(random_images(30, 20)[3]) - old["mean"]) @ old["projection"]
    np.testing.assert_allclose(found[3], projected / np.linalg.norm(projected), atol=1e-5)
    assert loaded.feature_width == about["width"]

"""Sets of images in a plan, by features of a frozen backbone or end to end: Parquet columns and folders by class."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from labelfix.bench.plan_files import plan_from
from labelfix.bench.results import read_rows
from labelfix.bench.run import run_plan
from labelfix.errors import SettingsError
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

COLOURS = {"blue": (20, 20, 220), "red": (220, 20, 20)}


@pytest.fixture
def root(tmp_path):
    generator, cells, names = np.random.default_rng(0), [], []
    for name, colour in COLOURS.items():
        (tmp_path / "tree" / name).mkdir(parents=True)
        for number in range(40):
            pixels = np.clip(generator.normal(colour, 40, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "tree" / name / f"{number}.png")
            written = io.BytesIO()
            Image.fromarray(pixels).save(written, "PNG")
            cells.append({"bytes": written.getvalue(), "path": None})
            names.append(name)
    image = pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"image": image, "label": names}), tmp_path / "images.parquet")
    return tmp_path


@pytest.fixture
def backbone(tmp_path):
    import timm
    from timm.models import save_for_hf

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_resnet", pretrained=False, num_classes=5)
    save_for_hf(model, str(tmp_path / "encoder"), model_config={"input_size": (3, 32, 32)}, safe_serialization=True)
    return tmp_path / "encoder"


def test_images_are_measured_by_the_features_of_a_frozen_backbone(root, backbone, tmp_path):
    """The order of the rows is the same in both layouts, so the figures are."""
    shared = {"image_column": "image", "truth": "label", "noise": {"kind": "unif", "rate": 0.4}}
    data = [{"name": "parquet", "files": ["images.parquet"]}, {"name": "tree", "files": ["tree"]}]
    plan = plan_from({"data": [{**entry, **shared} for entry in data], "methods": ["clean-only"], "seeds": [0]}, "plan")
    compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))
    run_plan(plan, root, tmp_path / "results", ModelSettings(backbone=str(backbone)), compute, Silent())
    parquet, tree = read_rows(tmp_path / "results")
    assert parquet["test_right"] > 0.9
    assert {k: parquet[k] for k in ("auroc", "ece", "test_right")} == {
        k: tree[k] for k in ("auroc", "ece", "test_right")
    }


def test_whole_networks_are_trained_where_the_plan_says_so_and_labels_of_another_file_find_their_rows(root, tmp_path):
    """ResNet-32 on pixels; the other file has the labels in another order, lacks one and has one too many."""
    rows = pq.read_table(root / "images.parquet")
    ids = np.arange(len(rows))
    pq.write_table(rows.append_column("number", pa.array(ids)), root / "numbered.parquet")
    names = np.array(rows["label"].to_pylist(), dtype=object)
    said = np.where(ids % 10 == 0, np.where(names == "red", "blue", "red"), names)
    order = np.random.default_rng(1).permutation(ids)[1:]
    people = {"number": [str(i) for i in order] + ["nobody"], "heard": [*said[order], "red"]}
    pq.write_table(pa.table(people), root / "people.parquet")
    entry = {
        "name": "numbered",
        "files": ["numbered.parquet"],
        "image_column": "image",
        "truth": "label",
        "given": "heard",
        "given_file": "people.parquet",
        "id_column": "number",
    }
    method = {"name": "mixed", "settings": {"epochs": 2, "batch_size": 20, "clean_batch_size": 4}}
    values = {"data": [entry], "methods": [method], "seeds": [0], "freeze": False, "trusted_share": 0.3}
    compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))
    resnet = ModelSettings(backbone="resnet32")
    run_plan(plan_from(values, "plan"), root, tmp_path / "results", resnet, compute, Silent())
    (row,) = read_rows(tmp_path / "results")
    assert row["backbone"] == "resnet32"
    assert row["noisy_rows"] + row["trusted_rows"] + row["test_rows"] in (79, 80)  # the lost label may be a test row's
    assert 0.8 < row["given_right"] < 1
    epochs = [each["test_right"] for each in json.loads(row["history"]) if each["test_right"] is not None]
    assert len(epochs) == 2
    assert row["test_best"] == max([*epochs, row["test_right"]])


def test_a_backbone_that_cannot_be_trained_is_refused_where_the_plan_trains_whole_networks(root, tmp_path):
    entry = {"name": "tree", "files": ["images.parquet"], "text_column": "label", "truth": "label", "given": "label"}
    plan = plan_from({"data": [entry], "methods": ["mixed"], "seeds": [0], "freeze": False}, "plan")
    compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))
    with pytest.raises(SettingsError, match="the plan says freeze = false and needs one that can be trained"):
        run_plan(plan, root, tmp_path / "results", ModelSettings(), compute, Silent())

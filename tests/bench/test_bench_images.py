"""Sets of images in a plan: a Parquet image column and a folder by class, by the features of a frozen backbone."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from labelfix.bench import table
from labelfix.bench.plan import plan_from
from labelfix.bench.run import run_plan
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
    parquet, tree = table.read_rows(tmp_path / "results")
    assert parquet["test_right"] > 0.9
    assert {k: parquet[k] for k in ("auroc", "ece", "test_right")} == {
        k: tree[k] for k in ("auroc", "ece", "test_right")
    }

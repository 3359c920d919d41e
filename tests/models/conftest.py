import os
import sys

import pytest
import torch
from tiny_encoders import tiny_bert

from labelfix.settings.model import ComputeSettings

sys.path.insert(0, os.path.dirname(__file__))  # memory_table, whatever the import mode


@pytest.fixture
def compute(tmp_path):
    return ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A random two-layer BERT with a word tokenizer, as `save_pretrained` writes it."""
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "tiny-bert")


@pytest.fixture(scope="session")
def timm_folder(tmp_path_factory):
    """A random small timm network as timm saves it, reading 32×32 pixels."""
    import timm
    from timm.models import save_for_hf

    folder = tmp_path_factory.mktemp("encoders") / "tiny-resnet"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_resnet", pretrained=False, num_classes=5)
    model.pretrained_cfg = model.pretrained_cfg | {"input_size": (3, 32, 32)}
    save_for_hf(model, str(folder), safe_serialization=True)
    return folder


@pytest.fixture(scope="session")
def vit_folder(tmp_path_factory):
    """A random tiny vision transformer with fused attention as timm saves it, reading 32×32 pixels."""
    import timm
    from timm.models import save_for_hf

    folder = tmp_path_factory.mktemp("encoders") / "tiny-vit"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model("test_vit", pretrained=False, num_classes=5, img_size=32, patch_size=8)
    arguments = {"img_size": 32, "patch_size": 8}
    model.pretrained_cfg = model.pretrained_cfg | {"input_size": (3, 32, 32), "fixed_input_size": True}
    save_for_hf(model, str(folder), safe_serialization=True, model_args=arguments)
    return folder


@pytest.fixture
def no_network(asked):
    """Any attempt to reach another machine fails the test, even if what tried it goes on without."""
    yield
    assert not asked

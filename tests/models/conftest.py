from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from labelfix.settings.model import ComputeSettings

sys.path.insert(0, os.path.dirname(__file__))  # memory_table, whatever the import mode

WORDS = ["the", "cat", "dog", "sat", "ran", "on", "mat", "a", "big", "red", "market", "falls", "goal", "wins"]


@pytest.fixture
def compute(tmp_path) -> ComputeSettings:
    return ComputeSettings(device="cpu", cache_dir=str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory) -> Path:
    """A random two-layer BERT with a word tokenizer, as `save_pretrained` writes it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoders") / "tiny-bert"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(special + WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    fast.model_max_length = 32
    fast.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(special) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(config)
        for parameter in model.parameters():  # the default 0.02 leaves texts hard to tell apart
            if parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def timm_folder(tmp_path_factory) -> Path:
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
def vit_folder(tmp_path_factory) -> Path:
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

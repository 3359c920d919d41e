"""Networks to time steps of, with made-up batches: no data and, for the built-in shapes, no download.

Weights are random: the time of a step does not depend on them. `hf:` and `timm:` names take the architecture alone.

Legend: B rows of a batch, L tokens, S side of an image in pixels, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from labelfix.errors import SettingsError, first_line
from labelfix.models.classifier import Batch, Classifier, TokenBatch
from labelfix.models.encoder_folder import quiet
from labelfix.models.images.small import ResNet32
from labelfix.models.weights import seeded
from labelfix.settings import hub_access

SHAPES: dict[str, dict[str, int]] = {
    "bert-small": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024},
    "bert-base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
}
"""Sizes of the built-in text encoders, in the words of transformers' BertConfig."""

TOKENS = {"bert-small": 64}
"""Tokens of every text, where not the usual number."""

USUAL_TOKENS, USUAL_SIDE = 128, 32


@dataclass(frozen=True)
class Backbone:
    """A network to time.

    Attributes:
        classifier: The whole network, in training mode, on the CPU.
        lcn_hidden: Hidden units of the label correction network that suits it.
    """

    name: str
    family: Literal["image", "text"]
    classifier: Classifier
    batch: Callable[[int, torch.Generator], Batch]
    lcn_hidden: int


def make_backbone(name: str, classes: int | None, size: int | None) -> Backbone:
    """The network of a name.

    Args:
        name: `resnet32`, `bert-small`, `bert-base`, `timm:NAME`, `hf:NAME` or a folder of either library.
        classes: K; None for 10 classes of images, 4 of texts.
        size: Tokens of every text or side of every image; None for what is usual.

    Raises:
        SettingsError: There is no such architecture.
    """
    generator = torch.Generator().manual_seed(0)
    if name == "resnet32":
        return _image(name, ResNet32(generator), 64, classes, size or USUAL_SIDE, generator)
    if name in SHAPES:
        from transformers import BertConfig

        # Fused attention on a CPU knows no dropout; that of the other layers stays.
        config = BertConfig(**SHAPES[name], attention_probs_dropout_prob=0.0)
        return _text(name, config, classes, size or TOKENS.get(name, USUAL_TOKENS), generator)
    folder = Path(name).expanduser()
    if name.startswith("timm:") or (folder / "config.json").is_file() and _is_timm(folder):
        return _timm(name, classes, size, generator)
    if name.startswith("hf:") or (folder / "config.json").is_file():
        return _text(name, _config(name), classes, size or USUAL_TOKENS, generator)
    known = ", ".join(("resnet32", *SHAPES))
    raise SettingsError(f"backbone = {name!r} is not one of {known}, hf:NAME, timm:NAME or a model's folder")


def _is_timm(folder: Path) -> bool:
    import json

    return "architecture" in json.loads((folder / "config.json").read_text(encoding="utf-8"))


def _image(
    name: str, network: nn.Module, width: int, classes: int | None, side: int, generator: torch.Generator
) -> Backbone:
    classifier = Classifier(network, width, classes or 10, generator).to(memory_format=torch.channels_last)

    def batch(rows: int, draw: torch.Generator) -> Batch:
        return torch.randn(rows, side, side, 3, generator=draw).permute(0, 3, 1, 2)

    return Backbone(name, "image", classifier.train(), batch, lcn_hidden=128)


def _timm(name: str, classes: int | None, size: int | None, generator: torch.Generator) -> Backbone:
    import timm

    where = name.removeprefix("timm:") if name.startswith("timm:") else f"local-dir:{Path(name).expanduser()}"
    options = {} if size is None else {"img_size": size}
    try:
        with seeded(generator):
            try:
                network: Any = timm.create_model(where, pretrained=False, num_classes=0, **options)
            except TypeError:  # convolutions read any size and take no such option
                network = timm.create_model(where, pretrained=False, num_classes=0)
    except Exception as error:  # noqa: BLE001 - timm raises almost anything
        raise SettingsError(f"backbone = {name!r}: timm cannot make it ({first_line(error)}); check the name") from None
    side = size or int(network.pretrained_cfg.get("input_size", (3, 224, 224))[1])
    return _image(name, network, int(network.num_features), classes, side, generator)


def _config(name: str) -> Any:  # noqa: ANN401 - a configuration of transformers
    from transformers import AutoConfig

    where = name.removeprefix("hf:") if name.startswith("hf:") else str(Path(name).expanduser())
    try:
        with quiet():
            local = hub_access.forbidden() or not name.startswith("hf:")
            return AutoConfig.from_pretrained(where, local_files_only=local, trust_remote_code=False)
    except Exception as error:  # noqa: BLE001 - the hub's client raises almost anything
        why = f"its configuration cannot be read ({first_line(error)})"
        raise SettingsError(f"backbone = {name!r}: {why}; give a local folder, or bert-base") from None


def _text(name: str, config: Any, classes: int | None, tokens: int, generator: torch.Generator) -> Backbone:  # noqa: ANN401
    from transformers import AutoModelForSequenceClassification

    from labelfix.models.text.fine_tuned import SequenceBackbone

    config.num_labels = classes or 4
    with seeded(generator), quiet():
        model = AutoModelForSequenceClassification.from_config(
            config, attn_implementation="sdpa", trust_remote_code=False
        )
    network = SequenceBackbone(model, config.num_labels)
    width = int(network.last.in_features)
    del network.last  # the classifier has a head of its own
    vocabulary = int(config.vocab_size)

    def batch(rows: int, draw: torch.Generator) -> Batch:
        ids = torch.randint(5, vocabulary, (rows, tokens), generator=draw)
        return TokenBatch(ids, torch.ones_like(ids), padded=False)

    classifier = Classifier(network, width, config.num_labels, generator)
    return Backbone(name, "text", classifier.train(), batch, lcn_hidden=768)

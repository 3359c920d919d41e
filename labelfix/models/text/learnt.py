"""A frozen text encoder that is trained for a while and frozen again.

The network is what the frozen features are made by: the encoder, its pooling and unit norm, times `SCALE`, so that a
linear head of moderate weights can be sure of itself. What comes out is again a folder of the encoder's own library,
read like any other.

Legend: B rows of a batch, L tokens, D features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from labelfix.data.tables import InputTable
from labelfix.errors import SettingsError
from labelfix.models.classifier import Classifier, TokenBatch
from labelfix.models.encoder_folder import quiet
from labelfix.models.encoding import digest
from labelfix.models.network_inputs import TokenInputs
from labelfix.models.text.encoder import FrozenText, load_encoder
from labelfix.models.text.masks import ready_mask, takes_ready_masks
from labelfix.models.text.pooling import pool
from labelfix.models.text.tokens import encode_tokens, load_tokenizer
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings
from labelfix.settings.networks import Family, NetworkSettings

SCALE = 20.0
"""What features of unit norm are multiplied by before the head reads them."""

BROUGHT = "on five sets it made the classifier 0 to 6 points better and the labels 0 to 5; what looks worse is dropped"
"""What was measured (docs/benchmarks.md)."""

WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "config.json")
"""Files of an encoder that saving it rewrites."""


class PooledEncoder(nn.Module):
    """From tokens to the features of `FrozenText`, times `SCALE`."""

    def __init__(self, encoder: nn.Module, pooling: tuple[str, ...]) -> None:
        super().__init__()
        self.encoder, self.pooling = encoder, pooling
        self.reads_ready_masks = takes_ready_masks(encoder)

    def forward(self, batch: TokenBatch) -> Tensor:
        """h(x), `(B, D)`."""
        mask = ready_mask(batch) if self.reads_ready_masks else batch.attention_mask
        tokens = self.encoder(input_ids=batch.input_ids, attention_mask=mask).last_hidden_state
        return SCALE * nn.functional.normalize(pool(tokens, batch.attention_mask.unsqueeze(2).float(), self.pooling))


def train_upper_half(encoder: nn.Module) -> None:
    """Train the upper half of the layers only: less is learned by heart, in half the time.

    Layers are the longest list of modules; an encoder without one is trained as a whole.
    """
    layers = max((m for m in encoder.modules() if isinstance(m, nn.ModuleList)), key=len, default=nn.ModuleList())
    encoder.requires_grad_(not layers)
    for layer in layers[len(layers) // 2 :]:
        layer.requires_grad_(True)


@dataclass(frozen=True)
class TrainableText:
    """A frozen encoder as something to train."""

    frozen: FrozenText
    family: ClassVar[Family] = "text"
    learning: ClassVar[NetworkSettings] = NetworkSettings(
        epochs=3, batch_size=32, optimizer="adamw", learning_rate=5e-5, head_learning_rate=5e-3, schedule="linear"
    )
    brings: ClassVar[str] = BROUGHT

    def __post_init__(self) -> None:
        if self.frozen.folder.config.get("is_encoder_decoder"):
            raise SettingsError(
                f"backbone = {self.frozen.folder.name!r}: half of an encoder-decoder cannot be trained and saved by "
                "itself; use --freeze, or another encoder"
            )

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> TokenInputs:
        """Token ids, tokenised once."""
        folder, limit = self.frozen.folder, self.frozen.limit
        identity = digest("tokens", 1, self.frozen.source, limit)
        return encode_tokens(table, load_tokenizer(folder), limit, identity, compute, progress)

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """The encoder with a fresh head."""
        return Classifier(self.new_backbone(), self.frozen.width, num_classes, generator)

    def new_backbone(self) -> nn.Module:
        """The encoder, its pooling and its scale; the upper half of its layers can be trained."""
        encoder = load_encoder(self.frozen.folder)
        train_upper_half(encoder)
        return PooledEncoder(encoder, self.frozen.pooling)

    def keep(self, module: Classifier, folder: Path) -> None:
        """Write the trained encoder with all that belongs to it into an existing folder."""
        for file in self.frozen.folder.files:
            inside = file.relative_to(self.frozen.folder.path)
            if not any(inside.match(pattern) for pattern in WEIGHTS):
                self.frozen.folder.copy_file(file, folder)
        encoder: Any = module.backbone.encoder
        with quiet():
            encoder.save_pretrained(folder)

    def kept(self, folder: Path) -> FrozenText:
        """What `keep` wrote, as frozen features."""
        return self.frozen.learnt_in(folder)

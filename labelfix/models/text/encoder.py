"""Pretrained text encoders of the transformers library, kept fixed.

Features are the pooled last hidden state (the mean over tokens, or what the folder's sentence-transformers
files name), scaled to unit norm, computed once; those of a layer below may stand beside them.

Legend: N rows, B rows of a batch, L tokens, D features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from labelfix.compute.devices import pick_device
from labelfix.data.arrays import Singles
from labelfix.data.tables import InputSpec
from labelfix.errors import RunError, SettingsError, first_line
from labelfix.models.cards import FeatureCard, strings
from labelfix.models.contents import texts
from labelfix.models.encoder_folder import EncoderFolder, encoder_note, find_encoder, quiet, read_config
from labelfix.models.encoding import digest, unit_norm
from labelfix.models.frozen_encoder import FrozenEncoder
from labelfix.models.network_inputs import TokenInputs
from labelfix.models.text.pooling import CODE, named_pooling, pool
from labelfix.models.text.tokens import WINDOW, load_tokenizer, longest, tokenize
from labelfix.progress import Progress, rows_done
from labelfix.settings.model import ComputeSettings, ModelSettings

LOWER_LAYER = 2 / 3
"""Share of the depth at which a layer is taken beside the last: it knows more about wording and less about meaning."""

WIDEST = 1024
"""No lower layer stands beside states that are wider: a head's time grows with them."""


@dataclass(frozen=True)
class FrozenText(FrozenEncoder):
    """Features of a fixed transformers encoder; the classifier is a linear head.

    Attributes:
        limit: Tokens of the longest text.
        lower_layer: A layer whose pooled states stand beside those of the last, as a part of their own; None for none.
    """

    family: ClassVar[str] = "transformers"
    rows_at_once: ClassVar[int] = WINDOW
    pooling: tuple[str, ...]
    limit: int
    lower_layer: int | None = None

    @property
    def part_count(self) -> int:  # type: ignore[override]
        """One part for each layer."""
        return 1 if self.lower_layer is None else 2

    @property
    def feature_width(self) -> int:
        """D, of one layer or of both."""
        return self.part_count * self.width

    @property
    def description(self) -> str:
        pooled = f"{' and '.join(self.pooling)} of at most {self.limit} tokens"
        layers = "" if self.lower_layer is None else f" in the last layer and in layer {self.lower_layer}"
        return f"{self.folder.name}, frozen: {pooled}{layers}, {self.feature_width} dimensions, linear head"

    @property
    def identity(self) -> str:
        lower = [] if self.lower_layer is None else [self.lower_layer]
        return digest(self.family, 1, self.source, list(self.pooling), self.limit, self.batch_size, *lower)

    def library_json(self) -> dict[str, Any]:
        lower = {} if self.lower_layer is None else {"lower_layer": self.lower_layer}
        return {"pooling": list(self.pooling), "max_tokens": self.limit, **lower}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> FrozenText:
        own = {"pooling": tuple(values["pooling"]), "limit": int(values["max_tokens"])}
        return cls.read(values, spec, folder, **own, lower_layer=values.get("lower_layer"))

    def feature_card(self) -> FeatureCard:
        pooled = ", ".join(CODE[way] for way in self.pooling)
        pooled = f"torch.cat([{pooled}], dim=1)" if len(self.pooling) > 1 else pooled
        lower = "" if self.lower_layer is None else f", states.hidden_states[{self.lower_layer}]"
        code = CARD.replace("LIMIT", str(self.limit)).replace("POOLED", pooled).replace("LOWER", lower)
        code = code.replace("DECODED", ".get_encoder()" if self.folder.config.get("is_encoder_decoder") else "")
        imports = ("import os", "from transformers import AutoModel, AutoTokenizer")
        takes = f"{strings(self.spec)}{encoder_note(self.folder)}"
        return FeatureCard(("torch", "transformers", "safetensors"), takes, imports, code)

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401
        return load_tokenizer(self.folder)

    @cached_property
    def _encoder(self) -> nn.Module:
        encoder: Any = load_encoder(self.folder)
        if (self.lower_layer or 0) > encoder.config.num_hidden_layers:
            raise RunError(f"{self.folder.path}: has no layer {self.lower_layer}; train again")
        return cast("nn.Module", encoder)

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        """Features of unit norm, those of each layer."""
        return self._window(texts(batch), pick_device(compute.device))

    def _window(self, rows: list[str], device: torch.device) -> Singles:
        ids = tokenize(self._tokenizer, rows, self.limit)
        lengths = np.array([len(each) for each in ids], dtype=np.int64)
        flat = np.concatenate([np.asarray(each, dtype=np.int32) for each in ids])
        tokens = TokenInputs(flat, np.concatenate([[0], np.cumsum(lengths)]), int(self._tokenizer.pad_token_id or 0))
        features = np.empty((self.part_count, len(rows), self.width), dtype=np.float32)
        order = np.argsort(lengths, kind="stable")
        encoder = self._encoder.to(device)
        with torch.inference_mode():
            for start in range(0, len(rows), self.batch_size):
                chosen = order[start : start + self.batch_size]
                batch = tokens.batch(chosen)
                ids_there, mask = batch.input_ids.to(device), batch.attention_mask.to(device)
                for part, states in zip(features, self._states(encoder, ids_there, mask), strict=True):
                    part[chosen] = pool(states, mask.unsqueeze(2).float(), self.pooling).cpu().numpy()
                rows_done(len(chosen))
        return np.hstack([unit_norm(part) for part in features])

    def _states(self, encoder: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
        """`(B, L, width)` the states of the last layer, and of the lower one."""
        lower = self.lower_layer
        found = encoder(input_ids=ids, attention_mask=mask, output_hidden_states=lower is not None)
        return [found.last_hidden_state] if lower is None else [found.last_hidden_state, found.hidden_states[lower]]


def load_encoder(folder: EncoderFolder) -> nn.Module:
    """The encoder in evaluation mode, float32; of an encoder-decoder, the encoder.

    Raises:
        SettingsError: It cannot be loaded.
    """
    from transformers import AutoModel

    try:
        with quiet():
            model = AutoModel.from_pretrained(
                folder.path, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
            )
    except Exception as error:  # noqa: BLE001 - damaged folders raise almost anything
        raise SettingsError(_cannot_load(folder, error)) from None
    encoder: nn.Module = model.get_encoder() if folder.config.get("is_encoder_decoder") else model
    return encoder.eval()


def _cannot_load(folder: EncoderFolder, error: Exception) -> str:
    return f"backbone = {folder.name!r}: the model cannot be loaded ({first_line(error)}); copy the whole model again"


def open_text_encoder(spec: InputSpec, settings: ModelSettings, compute: ComputeSettings, progress: Progress) -> Any:  # noqa: ANN401 - FrozenText or FineTunedText
    """A transformers encoder by folder or `hf:NAME`.

    Raises:
        SettingsError: It is not there, or is no text encoder.
    """
    (name,) = settings.backbones
    folder = find_encoder(name, "hf:", None, compute.offline, progress)
    if "model_type" not in folder.config:
        raise SettingsError(
            f"backbone = {name!r}: is not a transformers model (its config.json names no model_type); "
            "give a text encoder's folder"
        )
    limit = longest(folder, load_tokenizer(folder), settings.max_tokens)
    if not settings.freeze:
        from labelfix.models.text.fine_tuned import FineTunedText, probe

        return FineTunedText(spec, folder, folder.source, limit, probe(folder))
    pooling, others = named_pooling(folder)
    if others:
        progress.say(f"{folder.name}: its further modules are left out ({', '.join(others)})")
    size, lower = _sizes(folder)
    width = size * len(pooling)
    beside = lower if settings.completes_encoder and width <= WIDEST else None
    return FrozenText(spec, folder, folder.source, settings.encode_batch_size, width, pooling, limit, beside)


def _sizes(folder: EncoderFolder) -> tuple[int, int | None]:
    """The width of a hidden state, and the layer at `LOWER_LAYER`; None where none is below the last."""
    try:
        config = read_config(folder)
        width, depth = int(config.hidden_size), int(getattr(config, "num_hidden_layers", None) or 0)
    except Exception as error:  # noqa: BLE001
        raise SettingsError(_cannot_load(folder, error)) from None
    lower = round(depth * LOWER_LAYER)
    return width, lower if 0 < lower < depth else None


CARD = """\
def features(texts, encoding, folder):
    encoder = os.path.join(folder, encoding["encoder"])
    tokenizer = AutoTokenizer.from_pretrained(encoder, padding_side="right")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token or tokenizer.unk_token
    model = AutoModel.from_pretrained(encoder, dtype=torch.float32).eval()DECODED
    batch = tokenizer(texts, padding=True, truncation=True, max_length=LIMIT, return_tensors="pt")
    mask = batch["attention_mask"].unsqueeze(2).float()
    with torch.no_grad():
        states = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], output_hidden_states=True)
    layers = [states.last_hidden_stateLOWER]
    return torch.cat([torch.nn.functional.normalize(POOLED, dim=1) for tokens in layers], dim=1)
"""

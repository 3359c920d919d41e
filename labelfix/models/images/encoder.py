"""Images through a timm model: pretrained, and kept fixed or fine-tuned.

Images are prepared as the model's own data configuration says (timm's evaluation transform). A fixed model's
features are scaled to unit norm and computed once; a trained model reads pixels that were prepared once, with a
random crop and a mirror flip in training.

Legend: N rows, B rows of a batch, S side in pixels, D features, K classes.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import torch
from torch import nn

from labelfix.compute.devices import pick_device
from labelfix.data.arrays import Singles
from labelfix.data.tables import InputSpec
from labelfix.errors import SettingsError
from labelfix.models.cards import FeatureCard
from labelfix.models.encoder_folder import encoder_note, find_encoder
from labelfix.models.encoding import digest, unit_norm
from labelfix.models.frozen_encoder import FrozenEncoder
from labelfix.models.images.augment import normalisation, normalise
from labelfix.models.images.fine_tuned import TrainedTimm, take_apart
from labelfix.models.images.pixels import PICTURE, decode_window
from labelfix.models.images.timm_models import create, data_config
from labelfix.models.images.transforms import evaluation
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings, ModelSettings


@dataclass(frozen=True)
class FrozenTimm(FrozenEncoder):
    """Features of a fixed timm model; the classifier is a linear head."""

    family: ClassVar[str] = "timm"
    config: dict[str, Any]

    @property
    def description(self) -> str:
        side = self.config["input_size"][-1]
        return f"{self.folder.name}, frozen: {side}×{side} pixels, {self.width} dimensions, linear head"

    @property
    def identity(self) -> str:
        return digest(self.family, 3, self.source, self.config, self.batch_size)

    @property
    def rows_at_once(self) -> int:  # type: ignore[override]
        """A batch."""
        return self.batch_size

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        device = pick_device(compute.device)
        by = normalisation(self.config["mean"], self.config["std"], device)
        images = decode_window(batch.column(0), name, row, evaluation(self.config), compute.workers)
        with torch.inference_mode():
            features = self._encoder.to(device)(normalise(torch.from_numpy(images).to(device), by))
        return unit_norm(features.float().cpu().numpy())

    def library_json(self) -> dict[str, Any]:
        return {"data_config": self.config}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> FrozenTimm:
        return cls.read(values, spec, folder, config=values["data_config"])

    def feature_card(self) -> FeatureCard:
        imports = ("import os", "import timm", "from PIL import Image, ImageOps")
        takes = f"a list of paths of 8-bit images{encoder_note(self.folder)}"
        return FeatureCard(
            ("torch", "timm", "pillow", "safetensors"), takes, imports, CARD.replace("PICTURE\n", PICTURE)
        )

    @cached_property
    def _encoder(self) -> nn.Module:
        return create(self.folder, num_classes=0).eval()


def open_image_encoder(
    spec: InputSpec, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> FrozenTimm | TrainedTimm:
    """A timm model by folder or `timm:NAME`.

    Raises:
        SettingsError: It is not there, or is no timm model.
    """
    (name,) = settings.backbones
    repository = _repository(name) if name.startswith("timm:") else None
    folder = find_encoder(name, "timm:", repository, compute.offline, progress)
    if "architecture" not in folder.config:
        raise SettingsError(
            f"backbone = {name!r}: is not a timm model (its config.json names no architecture); "
            "give timm:NAME or a folder that timm saved"
        )
    model = create(folder, num_classes=0).eval()
    config = data_config(model, settings.image_size, name)
    if not settings.freeze:
        return TrainedTimm(spec, folder, folder.source, config, take_apart(model, config), settings.smallest_crop)
    with torch.inference_mode():
        width = int(model(torch.zeros(1, *config["input_size"])).shape[1])
    return FrozenTimm(spec, folder, folder.source, settings.encode_batch_size, width, config)


def _repository(backbone: str) -> str:
    import timm

    name = backbone.removeprefix("timm:")
    if "/" in name:
        return name
    if not timm.is_model(name):
        near = difflib.get_close_matches(name, timm.list_models(), n=1)
        hint = f"; did you mean timm:{near[0]}?" if near else "; timm.list_models() lists them"
        raise SettingsError(f"backbone = {backbone!r}: timm has no such model{hint}")
    known = timm.get_pretrained_cfg(name)
    if known is None or not known.hf_hub_id:
        raise SettingsError(f"backbone = {backbone!r}: has no pretrained weights on the hub; give another model")
    return str(known.hf_hub_id)


CARD = """\
PICTURE


def features(paths, encoding, folder):
    encoder = os.path.join(folder, encoding["encoder"])
    model = timm.create_model(f"local-dir:{encoder}", pretrained=True, num_classes=0).eval()
    prepare = timm.data.create_transform(**encoding["data_config"])
    images = [prepare(picture(path)) for path in paths]
    with torch.no_grad():
        return torch.nn.functional.normalize(model(torch.stack(images)), dim=1)
"""

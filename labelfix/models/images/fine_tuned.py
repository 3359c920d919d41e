"""timm models that are trained as a whole, from pretrained weights or from the start.

h(x) is what the model's own classifier layer reads, and that layer is the head, so that the saved folder is an
ordinary timm model with K classes.

Legend: N rows, B rows of a batch, S side in pixels, D features, K classes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from labelfix.data.tables import ClassNames, InputSpec, InputTable
from labelfix.errors import RunError, SettingsError, first_line
from labelfix.models.classifier import Classifier
from labelfix.models.encoder_folder import EncoderFolder
from labelfix.models.encoding import Card, digest
from labelfix.models.images.encoded import EncodedImages, encode_images
from labelfix.models.images.pixels import PICTURE
from labelfix.models.images.timm_models import create
from labelfix.models.on_device import WholeNetwork
from labelfix.models.weights import seeded
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings


@dataclass(frozen=True)
class TrainedTimm(WholeNetwork):
    """A timm model, trained as a whole.

    Attributes:
        folder: The pretrained encoder, or the trained classifier once saved.
        smallest_crop: Share of an image's area that the smallest random crop shows in training.
    """

    family: ClassVar[str] = "timm-fine-tuned"
    spec: InputSpec
    folder: EncoderFolder
    source: str
    config: dict[str, Any]
    width: int
    smallest_crop: float = 0.08

    @property
    def feature_width(self) -> int:
        return self.width

    @property
    def description(self) -> str:
        return f"{self.folder.name}, fine-tuned: {self._side}×{self._side} pixels, {self.width} dimensions"

    @property
    def identity(self) -> str:
        return digest("encoded images", 1, self.config)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> EncodedImages:
        """The images as they are, decoded when a batch needs them."""
        return encode_images(table, self.config, self.smallest_crop, compute, progress)

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """The pretrained model with a fresh head."""
        with seeded(generator):
            backbone = create(self.folder, num_classes=0)
        return Classifier(backbone, self.width, num_classes, generator)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.folder.name, "source": self.source, "data_config": self.config, "width": self.width}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> TrainedTimm:
        """Read back what `to_json` gave; the classifier folder takes the encoder's place."""
        # Runs of earlier versions, which could start without weights, have the name of an architecture then.
        encoder = EncoderFolder(folder.resolve(), str(values["name"] or values.get("architecture", "")))
        return cls(spec, encoder, str(values["source"]), values["data_config"], int(values["width"]))

    def write_module(self, folder: Path, module: Classifier, classes: ClassNames) -> None:
        """The whole classifier as a timm folder, with class names and its data configuration."""
        from timm.models import save_for_hf

        model: Any = copy.deepcopy(module.backbone).cpu()
        model.reset_classifier(module.num_classes)
        model.get_classifier().load_state_dict(module.head.state_dict())
        # What the copy is said to read; versions of timm differ in the arguments that say so while saving.
        prepared = {name: value for name, value in model.pretrained_cfg.items() if not name.startswith("test_")}
        model.pretrained_cfg = prepared | self.config | {"input_size": tuple(self.config["input_size"])}
        # Sizes of patches, and the like.
        arguments = dict(self.folder.config.get("model_args") or {})
        arguments.pop("num_classes", None)
        names = {"label_names": list(classes.names)}
        save_for_hf(model, str(folder), model_config=names, model_args=arguments or None, safe_serialization=True)

    def read_module(self, folder: Path, num_classes: int) -> Classifier:
        try:
            model: Any = create(EncoderFolder(folder.resolve(), str(folder)))
            last = model.get_classifier()
            module = Classifier(model, self.width, num_classes, torch.Generator())
            module.head.load_state_dict(last.state_dict())
            model.reset_classifier(0)
        except (SettingsError, RuntimeError) as error:
            raise RunError(f"{folder}: the classifier cannot be loaded ({first_line(error)}); train again") from None
        return module

    def card(self) -> Card:
        return Card(("torch", "timm", "pillow"), "a list of paths of 8-bit images", CARD.replace("PICTURE\n", PICTURE))

    @property
    def _side(self) -> int:
        return int(self.config["input_size"][-1])


def take_apart(model: nn.Module, config: dict[str, Any]) -> int:
    """See that a timm model without classifier, with a linear layer on top, is the model with a classifier.

    Returns:
        D, what the head reads.

    Raises:
        SettingsError: It is not: the model cannot be trained with a head of ours.
    """
    whole: Any = copy.deepcopy(model).eval()
    pixels = torch.linspace(-1, 1, 3 * config["input_size"][1] ** 2).reshape(1, *config["input_size"])
    with torch.inference_mode():
        hidden = whole(pixels)
        whole.reset_classifier(2)
        last = whole.get_classifier()
        same = isinstance(last, nn.Linear) and last.bias is not None and last.in_features == hidden.shape[1]
        if same and torch.allclose(last(hidden), whole(pixels), rtol=1e-4, atol=1e-5):
            return int(hidden.shape[1])
    name = getattr(model, "pretrained_cfg", {}).get("architecture", type(model).__name__)
    raise SettingsError(f"{name} has no ordinary last layer and cannot be fine-tuned; use --freeze, or another model")


CARD = """\
import json

import timm
import torch
from PIL import Image, ImageOps


PICTURE


def probabilities(paths, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    prepare = timm.data.create_transform(**about["encoding"]["data_config"])
    images = [prepare(picture(path)) for path in paths]
    with torch.no_grad():
        logits = model(torch.stack(images))
    return torch.softmax(logits / about["temperature"], dim=1).numpy()
"""

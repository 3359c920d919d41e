"""Images without a download: what their patches look like (`patch_code`), read by a linear head.

The dictionary of patches is learned from the noisy rows (`patch_fit`) and kept with the classifier as
`patches.safetensors`.

Legend: N rows, B rows of a batch, S side in pixels, K atoms, W raw figures of an image, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from labelfix.compute.threads import one_thread
from labelfix.data.arrays import Singles
from labelfix.data.tables import InputSpec
from labelfix.models.cards import FeatureCard
from labelfix.models.encoding import Card, digest
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.images.patch_code import PatchCode, PatchEncoder, PatchRules
from labelfix.models.images.pixels import PICTURE, decode_window, square
from labelfix.runs.tensors import read_arrays
from labelfix.settings.model import ComputeSettings

if TYPE_CHECKING:
    pass

ARRAYS = "patches.safetensors"


@dataclass(frozen=True)
class PatchFeatures(FrozenFeatures):
    """Features of patches; the classifier is a linear head."""

    family: ClassVar[str] = "patches"
    rows_at_once: ClassVar[int] = 256
    spec: InputSpec
    code: PatchCode

    @property
    def feature_width(self) -> int:
        return int(self.code.projection.shape[1])

    @property
    def description(self) -> str:
        rules, atoms = self.code.rules, len(self.code.offsets)
        seen = f"{atoms} kinds of {rules.patch}×{rules.patch} patches in {rules.side}×{rules.side} pixels"
        return f"{seen}, {self.feature_width} dimensions, linear head (no download)"

    @cached_property
    def identity(self) -> str:
        return digest(self.family, 2, self.code.digest)

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        encoder, side = PatchEncoder(self.code), self.code.rules.side
        # Many images at once, each on one thread: so their number changes no bit, and none waits for another.
        with one_thread():
            return decode_window(
                batch.column(0), name, row, lambda image: encoder.features(square(image, side)), compute.workers
            )

    def to_json(self) -> dict[str, Any]:
        return {**self.code.rules.to_json(), "atoms": len(self.code.offsets), "width": self.feature_width}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> PatchFeatures:
        """Read back what `to_json` and `write_module` gave."""
        rules = PatchRules.from_json(values)
        shapes = rules.shapes(int(values["atoms"]), int(values["width"]))
        return cls(spec, PatchCode(rules, **read_arrays(folder / ARRAYS, shapes)))

    def write_parts(self, folder: Path) -> None:
        """What was learned of patches, as safetensors."""
        from safetensors.numpy import save_file

        save_file(self.code.arrays(), folder / ARRAYS)

    def card(self) -> Card:
        """How to use the classifier without labelfix, and without torch."""
        code = CARD.replace("FEATURES\n", FEATURES).replace("PICTURE\n", PICTURE)
        return Card(("numpy", "pillow", "safetensors"), TAKES, code)

    def feature_card(self) -> FeatureCard:
        imports = (
            "import numpy as np",
            "from numpy.lib.stride_tricks import sliding_window_view",
            "from PIL import Image, ImageOps",
            "from safetensors.numpy import load_file as load_arrays",
        )
        code = FEATURES.replace("PICTURE\n", PICTURE).replace(
            "return np.stack(rows)", "return torch.from_numpy(np.stack(rows))"
        )
        return FeatureCard(("numpy", "pillow", "torch", "safetensors"), TAKES, imports, code)


TAKES = "a list of paths of 8-bit images"

FEATURES = """\
PICTURE


def quarters(maps):  # (side, side, channels) -> the means of its four quarters, (4, channels)
    half = len(maps) // 2
    parts = [maps[:half, :half], maps[:half, half:], maps[half:, :half], maps[half:, half:]]
    return np.stack([part.mean(axis=(0, 1)) for part in parts])


def features(paths, rules, folder):
    learned = load_arrays(f"{folder}/patches.safetensors")
    side, size, rows = rules["side"], rules["patch"], []
    for path in paths:
        image = picture(path)
        image = image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.float32)
        patches = sliding_window_view(pixels, (size, size), axis=(0, 1))
        patches = patches.reshape(*patches.shape[:2], -1)
        patches = patches - patches.mean(axis=2, keepdims=True)
        patches = patches / np.sqrt(np.square(patches).mean(axis=2, keepdims=True) + np.float32(rules["contrast"]))
        likeness = patches @ learned["filters"].T - learned["offsets"]
        seen = [quarters(np.maximum(sign * likeness - rules["threshold"], 0)) for sign in (1, -1)]
        raw = [np.sqrt(part + np.float32(rules["softening"])).ravel() for part in seen] + [quarters(pixels).ravel()]
        projected = (np.concatenate(raw) - learned["mean"]) @ learned["projection"]
        rows.append(projected / max(np.linalg.norm(projected), 1e-12))
    return np.stack(rows)
"""

CARD = """\
import json

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageOps
from safetensors.numpy import load_file as load_arrays


FEATURES


def probabilities(paths, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    weights = load_arrays(f"{folder}/model.safetensors")
    logits = features(paths, about["encoding"], folder) @ weights["head.weight"].T + weights["head.bias"]
    logits = (logits - logits.max(axis=1, keepdims=True)) / about["temperature"]
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
"""

"""Images without a download: what their patches look like (`patch_code`), read by a linear head.

The dictionary of patches is learned from the noisy rows (`patch_fit`) and kept with the classifier as
`patches.safetensors`. Which way round an image is weighs as much as left-out given labels say
(`heads/view_weights.py`): nothing for most photographs, as much as the rest for letters.

Legend: N rows, B rows of a batch, S side in pixels, K atoms, W raw figures of an image, D features, H handed ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from labelfix.compute.threads import one_thread
from labelfix.data.arrays import Singles
from labelfix.data.tables import InputSpec, InputTable
from labelfix.models.cards import FeatureCard
from labelfix.models.encoding import Card, digest
from labelfix.models.features import FeatureInputs
from labelfix.models.frozen import FrozenFeatures
from labelfix.models.images.patch_code import Array, PatchCode, PatchEncoder, PatchRules
from labelfix.models.images.pixels import PICTURE, decode_window, square
from labelfix.models.views import joined
from labelfix.progress import Progress
from labelfix.runs.tensors import read_arrays
from labelfix.settings.model import ComputeSettings

ARRAYS = "patches.safetensors"


@dataclass(frozen=True)
class PatchFeatures(FrozenFeatures):
    """Features of patches; the classifier is a linear head.

    Attributes:
        handed_weight: What handed features are multiplied by; 0 leaves them out.
    """

    family: ClassVar[str] = "patches"
    rows_at_once: ClassVar[int] = 256
    spec: InputSpec
    code: PatchCode
    handed_weight: float = 1.0

    @property
    def feature_width(self) -> int:
        return sum(self.code.widths if self.handed_weight else self.code.widths[:1])

    @property
    def description(self) -> str:
        rules, atoms = self.code.rules, self.code.atoms
        seen = f"{atoms[0]} kinds of {rules.patch}×{rules.patch} patches in {rules.side}×{rules.side} pixels"
        seen += f" and {atoms[1]} at half the size" if len(atoms) > 1 else ""
        return f"{seen}, {self.feature_width} dimensions, linear head (no download)"

    @cached_property
    def identity(self) -> str:
        return digest(self.family, 3, self.code.digest, self.handed_weight)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> FeatureInputs:
        if self.code.handed is None or self.handed_weight == 1:
            return super().encode(table, compute, progress)
        # What is kept in the cache has both parts, whatever the handed one weighs.
        found = replace(self, handed_weight=1.0).encode(table, compute, progress).features
        return FeatureInputs(joined(self.split(found), (1.0, self.handed_weight)))

    def split(self, features: Array) -> list[Array]:
        """`(N, D)` and `(N, H)` of `(N, D + H)` features, where there are handed ones and they weigh 1."""
        return np.split(features, self.code.widths[:1], axis=1)

    def window(self, batch: pa.RecordBatch, row: int, name: str, compute: ComputeSettings) -> Singles:
        encoder, side = PatchEncoder(self.code), self.code.rules.side
        # Many images at once, each on one thread: so their number changes no bit, and none waits for another.
        with one_thread():
            return decode_window(
                batch.column(0), name, row, lambda image: encoder.features(square(image, side)), compute.workers
            )

    def to_json(self) -> dict[str, Any]:
        widths = dict(zip(("width", "handed_width"), self.code.widths, strict=False))
        return self.code.rules.to_json() | widths | {"atoms": self.code.atoms, "handed_weight": self.handed_weight}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> PatchFeatures:
        """Read back what `to_json` and `write_module` gave; runs of before have one scale and no mirror."""
        rules, atoms = PatchRules.from_json(values), values["atoms"]
        atoms = (atoms,) if isinstance(atoms, int) else tuple(atoms)
        shapes = rules.shapes(sum(atoms), int(values["width"]), values.get("handed_width"))
        code = PatchCode(rules, atoms, **read_arrays(folder / ARRAYS, shapes))
        return cls(spec, code, float(values.get("handed_weight", 0)))

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


def raw_figures(pixels, rules, learned):
    size, colours, seen, start = rules["patch"], quarters(pixels), [], 0
    for scale, atoms in enumerate(rules["atoms"]):
        if scale:
            half = len(pixels) // 2
            pixels = pixels[: 2 * half, : 2 * half].reshape(half, 2, half, 2, 3).mean(axis=(1, 3))
        patches = sliding_window_view(pixels, (size, size), axis=(0, 1))
        patches = patches.reshape(*patches.shape[:2], -1)
        patches = patches - patches.mean(axis=2, keepdims=True)
        patches = patches / np.sqrt(np.square(patches).mean(axis=2, keepdims=True) + np.float32(rules["contrast"]))
        of_scale = slice(start, start + atoms)
        likeness = patches @ learned["filters"][of_scale].T - learned["offsets"][of_scale]
        seen += [quarters(np.maximum(sign * likeness - rules["threshold"], 0)) for sign in (1, -1)]
        start += atoms
    return np.concatenate([np.sqrt(part + np.float32(rules["softening"])).ravel() for part in seen] + [colours.ravel()])


def features(paths, rules, folder):
    learned = load_arrays(f"{folder}/patches.safetensors")
    side, rows = rules["side"], []
    for path in paths:
        image = picture(path)
        image = image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.asarray(image, dtype=np.float32)
        mirror = pixels[:, ::-1] if "handed" in learned else pixels
        raw, mirrored = (raw_figures(view, rules, learned) for view in (pixels, mirror))
        projected = ((raw + mirrored) / 2 - learned["mean"]) @ learned["projection"]
        parts = [projected / max(np.linalg.norm(projected), 1e-12)]
        if rules["handed_weight"]:
            parts.append((raw - mirrored) / 2 @ learned["handed"] * np.float32(rules["handed_weight"]))
        rows.append(np.concatenate(parts))
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

"""A trained classifier together with what turns raw inputs into what it reads, and its folder.

`classifier/` can be used without labelfix: the weights are safetensors, `labelfix.json` describes the rest, and
`README.md` holds the code. Fine-tuned networks are saved in the format of their own library at the folder's top.

Legend: N rows, D features, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.compute.transfer import sent
from labelfix.data.tables import ClassNames, InputSpec, Probabilities
from labelfix.errors import RunError
from labelfix.models.classifier import Batch, Classifier, TokenBatch
from labelfix.models.features import Inputs, pieces
from labelfix.models.loading import in_order
from labelfix.models.model_card import model_card
from labelfix.models.representation import Representation, representation_from_json
from labelfix.progress import Progress
from labelfix.runs import atomic_path
from labelfix.runs.checked import TRAIN_AGAIN, check, read_checked
from labelfix.runs.schema_models import ENCODINGS, About, encoding_of

ABOUT = "labelfix.json"
FORMAT = 1

Outputs = tuple[slice, Probabilities, npt.NDArray[np.float32]]
"""Rows, their logits `(n, K)` and their features h(x) `(n, D)`."""


@dataclass(frozen=True)
class TrainedClassifier:
    """The product's classifier.

    Attributes:
        representation: Encodes raw inputs.
        module: The network, from encoded inputs to logits.
        classes: The classes.
        temperature: Divides the logits before the softmax.
    """

    representation: Representation
    module: Classifier
    classes: ClassNames
    temperature: float

    def outputs(self, inputs: Inputs, device: torch.device, progress: Progress, rows: int = 2048) -> Iterator[Outputs]:
        """What the network says of every row, in order and in evaluation mode.

        Args:
            inputs: Encoded rows.
            device: Where to compute; the network is moved there.
            progress: Advanced by the rows done; starting and finishing the stage is the caller's.
            rows: Rows of a yield.

        Yields:
            Rows, logits before temperature `float32 (n, K)`, and h(x) `float32 (n, D)`.
        """
        self.module.to(device).eval()
        for start in range(0, len(inputs), rows):
            part = slice(start, min(start + rows, len(inputs)))
            yield part, *forward(self.module, inputs, np.arange(part.start, part.stop, dtype=np.int64), device)
            progress.advance(part.stop - part.start)

    def calibrated(self, logits: Probabilities) -> Probabilities:
        """`(n, K)` the probability of each class that logits stand for, rows sum to 1."""
        return torch.softmax(torch.from_numpy(logits) / self.temperature, dim=1).numpy()

    def probabilities(self, inputs: Inputs, device: torch.device, progress: Progress) -> Probabilities:
        """`(N, K)` the calibrated probability of each class of every row."""
        progress.start("predict", len(inputs))
        parts = [self.calibrated(logits) for _, logits, _ in self.outputs(inputs, device, progress)]
        progress.finish()
        return np.concatenate([np.empty((0, len(self.classes)), np.float32), *parts])

    def save(self, folder: Path) -> None:
        """Write the folder, replacing an existing classifier.

        Raises:
            RunError: The folder is there and holds something else.
        """
        folder = Path(folder)
        if folder.exists() and any(folder.iterdir()) and not (folder / ABOUT).exists():
            raise RunError(f"{folder}: is not a classifier of labelfix; choose another folder")
        with atomic_path(folder, replace=True) as beside:
            beside.mkdir()
            self._write(beside)

    @classmethod
    def load(cls, folder: Path) -> TrainedClassifier:
        """Read a folder that `save` wrote.

        Raises:
            RunError: The folder is missing or damaged.
        """
        folder = Path(folder)
        about = _read_about(folder)
        try:
            spec = InputSpec.from_json(about["input"])
            classes = ClassNames(tuple(about["classes"]), about["value_type"])
            representation = representation_from_json(about["family"], about["encoding"], spec, folder)
            module = representation.read_module(folder, len(classes)).eval()
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
            # What an encoder of another library makes of its settings, which only that library knows.
            raise RunError(f"{folder / ABOUT}: is damaged (encoding: {error!r}); {TRAIN_AGAIN}") from None
        return cls(representation, module, classes, float(about["temperature"]))

    def _write(self, folder: Path) -> None:
        self.representation.write_module(folder, self.module, self.classes)
        about = {
            "format": FORMAT,
            "family": self.representation.family,
            "description": self.representation.description,
            "classes": list(self.classes.names),
            "value_type": self.classes.value_type,
            "temperature": self.temperature,
            "input": self.representation.spec.to_json(),
            "encoding": self.representation.to_json(),
        }
        text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
        (folder / ABOUT).write_text(text, encoding="utf-8")
        card = model_card(self.representation.description, self.representation.card(), self.classes, self.temperature)
        (folder / "README.md").write_text(card, encoding="utf-8")


def forward(
    module: Classifier, inputs: Inputs, rows: npt.NDArray[np.int64], device: torch.device
) -> tuple[Probabilities, npt.NDArray[np.float32]]:
    """Logits `(n, K)` and features h(x) `(n, D)` of some rows, in the mode that the network is in."""
    logits = np.empty((len(rows), module.num_classes), dtype=np.float32)
    hidden = np.empty((len(rows), module.feature_width), dtype=np.float32)
    with torch.inference_mode():
        parts = pieces(inputs, rows)
        batches = in_order(inputs, ((rows[positions], None) for positions in parts))
        for positions, batch in zip(parts, batches, strict=True):
            said = module(to_device(batch, device))
            logits[positions] = _numpy(said.logits)
            hidden[positions] = _numpy(said.hidden)
    return logits, hidden


def to_device(batch: Batch, device: torch.device) -> Batch:
    """A batch on the device where the network is; nobody waits until it is there."""
    if isinstance(batch, TokenBatch):
        return TokenBatch(sent(batch.input_ids, device), sent(batch.attention_mask, device), batch.padded)
    return sent(batch, device)


def _numpy(tensor: Tensor) -> npt.NDArray[np.float32]:
    return tensor.to("cpu", torch.float32).numpy()


def _read_about(folder: Path) -> dict[str, Any]:
    """`labelfix.json`.

    Raises:
        RunError: It is missing, damaged, or of a newer labelfix.
    """
    path = folder / ABOUT
    if not path.exists():
        raise RunError(f"{folder}: holds no classifier of labelfix ({ABOUT} is missing); train again")
    about: dict[str, Any] = read_checked(path, dict[str, Any])
    if about.get("format") != FORMAT:
        raise RunError(f"{path}: has format {about.get('format')!r}; update labelfix, or train again")
    check(about, About, path)
    if about["family"] not in ENCODINGS:
        raise RunError(f"{path}: family {about['family']!r} is not known to this labelfix; use the one that wrote it")
    check({"encoding": about["encoding"]}, encoding_of(about["family"]), path)
    for number, view in enumerate(about["encoding"]["views"] if about["family"] == "views" else ()):
        place = f"encoding.views[{number}].encoding"
        check({place: view["encoding"]}, encoding_of(view["family"], place), path)
    return about

"""Networks that are trained as a whole, asked on a device: by torch.

Legend: n rows, D features, K classes.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from labelfix.compute.devices import pick_device
from labelfix.compute.without_waiting import sent
from labelfix.data.tables import ClassNames, Codes, Probabilities
from labelfix.models.classifier import Batch, Classifier, TokenBatch
from labelfix.models.features import Inputs
from labelfix.models.network_inputs import in_order, pieces
from labelfix.models.representation import Representation


@dataclass(frozen=True)
class OnDevice:
    """A `Predictor` that is a network."""

    module: Classifier
    device: torch.device

    @property
    def num_classes(self) -> int:
        """K."""
        return self.module.num_classes

    @property
    def feature_width(self) -> int:
        """D."""
        return self.module.feature_width

    def say(self, inputs: Inputs, rows: Codes) -> tuple[Probabilities, Probabilities]:
        """See `Predictor.say`; in evaluation mode."""
        return forward(self.module.to(self.device).eval(), inputs, rows, self.device)


class WholeNetwork(Representation):
    """A representation of raw inputs as they are, whose classifier is trained as a whole."""

    frozen: ClassVar[bool] = False

    @abstractmethod
    def write_module(self, folder: Path, module: Classifier, classes: ClassNames) -> None:
        """Write the network into an existing folder."""

    @abstractmethod
    def read_module(self, folder: Path, num_classes: int) -> Classifier:
        """The network that `write_module` wrote."""

    def predictor(self, classifier: Classifier, device: torch.device) -> OnDevice:
        return OnDevice(classifier, device)

    def write_predictor(self, folder: Path, predictor: OnDevice, classes: ClassNames) -> None:
        self.write_module(folder, predictor.module, classes)

    def read_predictor(self, folder: Path, num_classes: int, device: str) -> OnDevice:
        where = pick_device(device)
        return OnDevice(self.read_module(folder, num_classes).eval(), where)


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

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

from labelfix.data.tables import ClassNames, InputSpec, Logits, Probabilities
from labelfix.errors import RunError, listing
from labelfix.models.encoding import Card
from labelfix.models.features import Inputs
from labelfix.models.representation import Predictor, Representation
from labelfix.models.saved_representation import representation_from_json
from labelfix.numerics.softmax import softmax
from labelfix.progress import Progress
from labelfix.runs import atomic_path
from labelfix.runs.checked import TRAIN_AGAIN, check, read_checked
from labelfix.runs.schema_models import ENCODINGS, About, encoding_of

ABOUT = "labelfix.json"
FORMAT = 1

Outputs = tuple[slice, Logits, npt.NDArray[np.float32]]
"""Rows, their logits `(n, K)` and their features h(x) `(n, D)`."""


@dataclass(frozen=True)
class TrainedClassifier:
    """The product's classifier."""

    representation: Representation
    predictor: Predictor
    classes: ClassNames
    temperature: float

    def outputs(self, inputs: Inputs, progress: Progress, rows: int = 2048) -> Iterator[Outputs]:
        """What the classifier says of every row, in order.

        Args:
            progress: Advanced by the rows done; starting and finishing the stage is the caller's.

        Yields:
            Rows, logits before temperature `(n, K)`, and h(x) `float32 (n, D)`.
        """
        for start in range(0, len(inputs), rows):
            part = slice(start, min(start + rows, len(inputs)))
            yield part, *self.predictor.say(inputs, np.arange(part.start, part.stop, dtype=np.int64))
            progress.advance(part.stop - part.start)

    def calibrated(self, logits: Logits) -> Probabilities:
        """`(n, K)` the probability of each class that logits stand for, rows sum to 1."""
        return softmax(logits.astype(np.float64) / self.temperature)

    def probabilities(self, inputs: Inputs, progress: Progress) -> Probabilities:
        """`(N, K)` the calibrated probability of each class of every row."""
        progress.start("predict", len(inputs))
        parts = [self.calibrated(logits) for _, logits, _ in self.outputs(inputs, progress)]
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
    def load(cls, folder: Path, device: str = "auto") -> TrainedClassifier:
        """Read a folder that `save` wrote.

        Raises:
            RunError: The folder is missing or damaged.
            SettingsError: The device is not there.
        """
        folder = Path(folder)
        about = _read_about(folder)
        try:
            spec = InputSpec.from_json(about["input"])
            classes = ClassNames(tuple(about["classes"]), about["value_type"])
            representation = representation_from_json(about["family"], about["encoding"], spec, folder)
            predictor = representation.read_predictor(folder, len(classes), device)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RuntimeError) as error:
            # What an encoder of another library makes of its settings, which only that library knows.
            raise RunError(f"{folder / ABOUT}: is damaged (encoding: {error!r}); {TRAIN_AGAIN}") from None
        return cls(representation, predictor, classes, float(about["temperature"]))

    def _write(self, folder: Path) -> None:
        self.representation.write_predictor(folder, self.predictor, self.classes)
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


def _read_about(folder: Path) -> dict[str, Any]:
    """`labelfix.json`."""
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


SHOWN_CLASSES = 20


def model_card(description: str, card: Card, classes: ClassNames, temperature: float) -> str:
    """The text of `README.md`."""
    shown = listing(classes.names, SHOWN_CLASSES)
    return f"""\
# Classifier

A classifier for {len(classes)} classes ({shown}), trained by labelfix on corrected labels.
Backbone: {description}.

`labelfix.json` holds the class names in the order of the probabilities, the temperature ({temperature:.4g}, which
divides the logits before the softmax so that the probabilities are calibrated) and the settings of the encoding.

## Use it without labelfix

`probabilities` takes {card.takes}, and gives one row of {len(classes)} probabilities for each.
It computes all of them at once: give it some hundreds at a time. It needs `pip install {" ".join(card.packages)}`.

```python
{card.code}```
"""

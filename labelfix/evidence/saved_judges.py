"""The judging models of a run, kept so that rows which come later are judged as its own rows were.

A new row is scored by every model that judged trusted rows, and its p-value is the one of `evidence.guarantee`: no
model has seen it, nor the trusted rows that it is compared with. The same models' opinion of its given label, beside
their opinion of the pairs, estimates how many given labels of the new rows are wrong (`evidence.noise_rate`).

Legend: R calibration rows, P pairs, n new rows, D features, K classes, F judging models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from labelfix.correctors.contract import Corrector
from labelfix.correctors.storage import load_corrector
from labelfix.data.arrays import Floats
from labelfix.data.labels.noise_rate import COUNTED, OPINION_FROM, NoiseRate
from labelfix.data.opinions import Opinions
from labelfix.data.tables import UNLABELLED, Codes, Logits, Probabilities, Sampling
from labelfix.evidence import noise_rate
from labelfix.evidence.guarantee import p_values, p_values_per_class
from labelfix.evidence.noise_rate import Opinion
from labelfix.numerics.affine import Affine
from labelfix.runs.checked import read_checked
from labelfix.runs.schema_models import Judges as Description
from labelfix.runs.tensors import Shape, check_below, read_arrays

ABOUT, ARRAYS = "judges.json", "judges.safetensors"


@dataclass(frozen=True)
class Judges:
    """All that is needed to judge new rows.

    Attributes:
        correctors: F of them, not scaled.
        heads: Of each, what it reads off h(x); None where that is the run's own classifier.
        score: `(R,)` label_score of trusted rows whose given label is right, out of sample.
        by: `(R,)` the model that scored each.
        label: `(R,)` its label.
        weight: `(R,)` its weight.
        class_weight: `(K,)` what a calibration row of a class weighs.
        per_class: Whether rows are compared with those of their own class alone.
        truth: `(P,)` trusted labels of the pairs.
        given: `(P,)` their given labels.
        soft: `(P, K)` what the model that never saw a pair says of it.
        share: `(F,)` share of the pairs that each model speaks of.
        guarantee: What p-values rest on, `evidence.guarantee` of `metrics.json`.
    """

    correctors: tuple[Corrector, ...]
    heads: tuple[Affine | None, ...]
    score: Floats
    by: Codes
    label: Codes
    weight: Floats
    class_weight: Floats
    per_class: bool
    truth: Codes
    given: Codes
    soft: Probabilities
    share: Floats
    sampling: Sampling
    guarantee: Mapping[str, Any]

    def say(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> tuple[Probabilities, Probabilities]:
        """The predictions of the judging models for new rows.

        Args:
            logits: `(n, K)` of the run's classifier.
            hidden: `(n, D)` h(x).
            given: `(n,)` given labels; -1 where there is none.
            opinions: What several sources say of them, where there are several.

        Returns:
            `(n, F)` label_score by each model, NaN without a given label, and `(n, K)` the mean of their soft labels.
        """
        scores = np.empty((len(given), len(self.correctors)), dtype=np.float32)
        mean = np.zeros((len(given), len(self.class_weight)), dtype=np.float32)
        for place, (head, corrector) in enumerate(zip(self.heads, self.correctors, strict=True)):
            own = logits if head is None else head(hidden)
            soft = corrector.soft_labels(own, hidden, given, opinions)
            scores[:, place] = soft[np.arange(len(given)), np.maximum(given, 0)]
            mean += soft * np.float32(self.share[place])
        scores[given == UNLABELLED] = np.nan
        return scores, mean

    def p_values(self, scores: Probabilities, given: Codes) -> Probabilities:
        """`(n,)` p-values of "the given label is right"; NaN without a given label.

        Args:
            scores: `(n, F)` of `say`.
            given: `(n,)` given labels.
        """
        found = np.full(len(given), np.nan, dtype=np.float32)
        rows = np.flatnonzero(given != UNLABELLED)
        by_model = [scores[rows, place] for place in range(scores.shape[1])]
        if self.per_class:
            found[rows] = p_values_per_class(self.score, self.by, self.label, by_model, given[rows])
        elif len(rows):
            of_new = np.where(self.class_weight > 0, self.class_weight, 1.0)[given[rows]]
            found[rows] = p_values(self.score, self.by, self.weight, by_model, of_new)
        return found

    def noise_of(self, soft: Probabilities, given: Codes) -> NoiseRate | None:
        """How many given labels of new rows are wrong if they are like the pairs; None with too few pairs.

        Args:
            soft: `(n, K)` mean soft labels of `say`.
            given: `(n,)` given labels, all known.
        """
        if len(self.truth) < COUNTED or not len(given):
            return None
        opinion = Opinion(soft, given, self.soft) if len(self.truth) >= OPINION_FROM else None
        if self.sampling != "random":
            opinion = None
        return noise_rate.estimate(self.truth, self.given, given, soft.shape[1], self.sampling, opinion)

    def save(self, folder: Path) -> None:
        """Write into an existing empty folder what `load` reads."""
        arrays: dict[str, npt.NDArray[Any]] = {
            name: np.ascontiguousarray(getattr(self, name))
            for name in ("score", "by", "label", "weight", "class_weight", "truth", "given", "soft", "share")
        }
        for place, (head, corrector) in enumerate(zip(self.heads, self.correctors, strict=True)):
            if head is not None:
                arrays |= {f"weight.{place}": head.weight, f"bias.{place}": head.bias}
            (folder / str(place)).mkdir()
            corrector.save(folder / str(place))
        save_file(arrays, folder / ARRAYS)
        about = {
            "models": len(self.correctors),
            "per_class": self.per_class,
            "sampling": self.sampling,
            "guarantee": self.guarantee,
        }
        (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, classes: int, width: int) -> Judges | None:
        """Read what `save` wrote; None where a run has none."""
        if not folder.is_dir():
            return None
        about = read_checked(folder / ABOUT, Description)
        models = range(about["models"])
        arrays: dict[str, Any] = _read_arrays(folder / ARRAYS, len(models), classes, width)
        heads: list[Affine | None] = []
        for place in models:
            weight, bias = arrays.pop(f"weight.{place}", None), arrays.pop(f"bias.{place}", None)
            both = weight is not None and bias is not None
            heads.append(Affine(weight, bias) if both else None)
        correctors = tuple(load_corrector(folder / str(place), classes, width) for place in models)
        kept: dict[str, Any] = {name: about[name] for name in ("per_class", "sampling", "guarantee")}
        return cls(correctors=correctors, heads=tuple(heads), **arrays, **kept)


def _read_arrays(path: Path, models: int, classes: int, width: int) -> dict[str, npt.NDArray[Any]]:
    shapes: dict[str, Shape] = {
        **dict.fromkeys(("score", "by", "label", "weight"), ("R",)),
        **dict.fromkeys(("truth", "given"), ("P",)),
        "soft": ("P", classes),
        "class_weight": (classes,),
        "share": (models,),
    }
    heads: dict[str, Shape] = {}
    for place in range(models):
        heads |= {f"weight.{place}": (classes, width), f"bias.{place}": (classes,)}
    codes = {"by": models, "label": classes, "truth": classes, "given": classes}
    arrays = read_arrays(path, shapes, codes, heads)
    for name, end in codes.items():
        check_below(path, name, arrays[name], end)
    return arrays

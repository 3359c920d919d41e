"""The contracts between a method and the rest of the product.

Legend: N noisy rows, M trusted rows, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.opinions import Opinions
from labelfix.data.tables import Codes, Logits, Probabilities, Sampling
from labelfix.models.features import Inputs
from labelfix.progress import Progress
from labelfix.settings.networks import Family

if TYPE_CHECKING:
    import torch

    from labelfix.compute.checkpoints import Checkpoints
    from labelfix.compute.devices import Precision
    from labelfix.models.classifier import Classifier
    from labelfix.numerics.linear_heads import LinearHead


@dataclass(frozen=True)
class Problem:
    """The data that a method learns from.

    Attributes:
        noisy: The noisy training rows' inputs (N rows): labelled, not trusted.
        given: `(N,)` their given labels, all in 0..K-1.
        truth: `(M,)` their labels.
        paired_given: `(M,)` the given label of a trusted row that stands in the noisy file; -1 elsewhere.
        num_classes: K.
        sampling: How the trusted rows were drawn.
        family: What is trained: a linear `head` on fixed features, a small `network` on feature vectors,
            or a whole `image` or `text` classifier. Methods choose their default hyper-parameters by it.
        checkpoints: Keeps states and stages so that a killed run can go on; None where nothing is to be kept.
        precision: What forward passes of training compute in.
        accumulate: Pieces in which a batch goes through the network at first.
        observe: Called with the classifier after every epoch, by methods that have epochs; what it returns goes into
            the epoch's row of the history. For measuring alone: no method looks at it.
        chosen: `(M,)` True for trusted rows that `labelfix next` chose; None where it chose none.
        taught: `(M,)` True for trusted rows that had a part in the features; None where none had. They train and
            choose, and judge nothing.
        described: `(K, D)` the features of each class's own words, of fixed features; None where none are given.
        opinions: What each of several sources says of the noisy rows, of which `given` is one summary; None where there
            is a single column of given labels.
        paired_opinions: The same of the trusted rows, M of them; those that do not stand in the noisy file have none.
        loaded: What was made of it before, for whoever asks again. A problem made of this one by `replace` begins
            without.
    """

    noisy: Inputs
    given: Codes
    clean: Inputs
    truth: Codes
    paired_given: Codes
    num_classes: int
    sampling: Sampling
    new_classifier: Callable[[torch.Generator], Classifier]
    family: Family
    device: torch.device
    seed: int
    checkpoints: Checkpoints | None = None
    precision: Precision = "fp32"
    accumulate: int = 1
    observe: Callable[[Classifier], Mapping[str, float]] | None = None
    chosen: npt.NDArray[np.bool_] | None = None
    described: npt.NDArray[np.float32] | None = None
    taught: npt.NDArray[np.bool_] | None = None
    opinions: Opinions | None = None
    paired_opinions: Opinions | None = None
    loaded: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def opinions_of(self, rows: Codes) -> Opinions | None:
        """The opinions of some noisy rows; None where there is a single column of given labels."""
        return None if self.opinions is None else self.opinions.take(rows)

    @property
    def judges(self) -> npt.NDArray[np.bool_]:
        """`(M,)` False for trusted rows that train and judge nothing, as they are harder than others."""
        return np.ones(len(self.truth), dtype=bool) if self.chosen is None else ~self.chosen

    @property
    def unseen(self) -> npt.NDArray[np.bool_]:
        """`(M,)` False for trusted rows that had a part in the features."""
        return np.ones(len(self.truth), dtype=bool) if self.taught is None else ~self.taught


class Corrector(Protocol):
    """Anything that makes soft labels from what the classifier says and the given label."""

    def soft_labels(
        self, logits: Logits, hidden: Probabilities, given: Codes, opinions: Opinions | None = None
    ) -> Probabilities:
        """Corrected soft labels.

        Args:
            logits: `(N, K)` the classifier's logits, before temperature.
            hidden: `(N, D)` h(x).
            given: `(N,)` given labels; -1 gets P(y | x).
            opinions: What several sources say of the rows, where there are several; read by correctors of such runs
                alone.

        Returns:
            `(N, K)`, rows sum to 1.
        """

    def save(self, folder: Path) -> None:
        """Write safetensors and JSON into an existing empty folder; `storage.load_corrector` reads them back."""


LEARNED = "scored by models that trained on them"
LEFT_OUT = "scored by models that trained on them, each row taken out again (approximate leave-one-out)"
OUT_OF_FOLD = "scored by models that did not train on their given label ({parts} parts)"
"""How noisy rows got their scores, for people."""


class SoftRows(Protocol):
    """Soft labels of N rows: an array, or an object that makes some of them on demand (`correctors.made`)."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Probabilities:  # noqa: ANN401
        """`(n, K)` those of some rows: their places, or a slice."""


@dataclass(frozen=True)
class OwnRows:
    """A method's results for its own noisy rows, each judged by a model that had not seen it.

    Attributes:
        soft: `(N, K)` soft labels, rows sum to 1.
        label_score: `(N,)` how much each given label is to be believed, in [0, 1], lower is worse; None where that is
            its probability.
        how: How they were judged, a phrase.
    """

    soft: SoftRows
    label_score: npt.NDArray[np.float32] | None
    how: str


@dataclass(frozen=True)
class JudgingModel:
    """A classifier with its corrector that some trusted rows had no part in.

    Attributes:
        outputs: Inputs and the rows of them wanted (n of them) → logits `(n, K)` and h(x) `(n, D)`.
        corrector: Makes soft labels of these.
        temperature: Divides the logits where they stand alone.
        own_scores: `(N,)` label_score of the noisy rows it learned from, as if each had been left out; None where it
            can only be asked as it is.
        head: What makes its logits of h(x); None where these are those of the run's classifier.
    """

    outputs: Callable[[Inputs, Codes], tuple[Probabilities, Probabilities]]
    corrector: Corrector
    temperature: float = 1.0
    own_scores: npt.NDArray[np.float32] | None = None
    head: LinearHead | None = None


@dataclass(frozen=True)
class Held:
    """Models that never saw a trusted row, by which it may be judged.

    Heads on fixed features are fitted once without each part of the trusted rows. A network is trained once, without
    the rows here; what is chosen of it afterwards, its temperature and its corrector, is chosen without each part.

    Attributes:
        rows: `(R,)` the trusted rows, as positions in `Problem.clean`.
        by: `(R,)` position in `models` of the one that judges each row.
        how: What the rows are called in sentences: "trusted rows out of fold" or "held-out trusted rows".
        one_network: Whether all models are the run's own classifier, which learned from none of the rows.
    """

    rows: Codes
    by: Codes
    models: tuple[JudgingModel, ...]
    how: str
    one_network: bool = False

    def only(self, keep: npt.NDArray[np.bool_]) -> Held:
        """Some of the rows, `(R,)`, with the same models."""
        return self if keep.all() else replace(self, rows=self.rows[keep], by=self.by[keep])


@dataclass(frozen=True)
class FittedModel:
    """The result of a method.

    Attributes:
        classifier: The trained classifier in evaluation mode.
        temperature: Divides the classifier's logits before the softmax, so that its probabilities are calibrated.
        history: A row per epoch, or per outer step.
        min_confidence: The threshold that the trusted rows speak for; used where the user names none.
        warnings: Sentences a person must read, such as a collapse.
        own_rows: Stands in for the corrector on the noisy training rows; None where the corrector judges them too.
        held: Judges trusted rows out of sample; None where the method has no such models.
    """

    classifier: Classifier
    temperature: float
    corrector: Corrector
    history: pa.Table
    min_confidence: float
    metrics: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    own_rows: OwnRows | None = None
    held: Held | None = None


class Method(Protocol):
    """A way of learning from noisy and trusted rows; one row of `labelfix.methods.table.METHODS`."""

    def __call__(self, problem: Problem, settings: Any, progress: Progress) -> FittedModel:  # noqa: ANN401
        """Fit it."""

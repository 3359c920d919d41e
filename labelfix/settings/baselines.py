"""Settings of plain training in its variants, and of what people use today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from labelfix.settings.base import require
from labelfix.settings.networks import FineTuningSettings, NetworkSettings


@dataclass(frozen=True, kw_only=True)
class CleanOnlySettings(NetworkSettings):
    """A classifier of the trusted rows alone.

    Its soft labels are blind to the given ones. What the other methods have to beat. Settings count for networks that
    are trained as a whole, whose epochs have as many rows as one over the noisy rows.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ()


@dataclass(frozen=True, kw_only=True)
class NoisyOnlySettings(NetworkSettings):
    """Plain training on the noisy rows with their given labels.

    On fixed features a logistic regression; end to end the batches and learning rates of MLC's published recipe. Trusted
    rows set the temperature and the transition matrix alone. The soft label is the classifier's P(y | x) times the
    chance that class y is given the label y', normalised. Settings count for networks that are trained as a whole, and
    None takes what MLC would.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ()

    warmup_epochs: int | None = None
    """Epochs at the full learning rate on noisy rows alone, as MLC begins."""


@dataclass(frozen=True, kw_only=True)
class MixedSettings(NoisyOnlySettings):
    """Plain training on noisy and trusted rows with their labels as they are.

    On fixed features a logistic regression; end to end the batches and learning rates of MLC's published recipe, so that
    the difference is what MLC adds. The soft label is the classifier's P(y | x) times the chance that class y is given
    the label y', normalised. Settings count for networks that are trained as a whole, and None takes what MLC would.
    """

    clean_batch_size: int | None = None
    """Trusted rows a step, beside the noisy ones."""


@dataclass(frozen=True, kw_only=True)
class FineTuneSettings(FineTuningSettings):
    """Fine-tuning: the noisy rows as they are, then the trusted rows at a low learning rate.

    On fixed features the last step is a logistic regression of the trusted rows held near that of the noisy ones, as
    strongly as the trusted rows out of fold like best. The soft label is P(y | x) times the chance that class y is given
    the label y'. Settings count for networks that are trained as a whole.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ()


@dataclass(frozen=True, kw_only=True)
class BayesSettings(NetworkSettings):
    """The Bayes posterior of a classifier of the trusted rows alone and their transition matrix.

    P(y | x, y') is the classifier's P(y | x) times the chance that class y is given the label y'. Noisy rows serve to
    estimate that chance only. Settings count for networks that are trained as a whole.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ()


@dataclass(frozen=True, kw_only=True)
class DistillationSettings(NetworkSettings):
    """Distillation from a model of the trusted rows (Li, Yang, Song, Cao, Luo and Li, ICCV 2017).

    Noisy rows are learned from a mixture of their given label and what a classifier of the trusted rows alone says of
    them. Either counts by how often it is right. The soft label is the same mixture with the final classifier.

    Source: Yuncheng Li, Jianchao Yang, Yale Song, Liangliang Cao, Jiebo Luo and Li-Jia Li, "Learning from Noisy Labels
    with Distillation", ICCV 2017.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ("given_share", "ridge")
    only_on_heads: ClassVar[tuple[str, ...]] = ("ridge",)

    clean_batch_size: int | None = None
    """Trusted rows a step, beside the noisy ones."""

    given_share: float | None = None
    """λ, the given label's share of the mixture. Default: how often given labels are right, relative to how often the teacher is."""

    ridge: float = 1.0
    """On fixed features, the variance of the prior on the weights; larger is weaker."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.given_share is None or 0 <= self.given_share <= 1,
            f"given_share = {self.given_share} must be in [0, 1]",
        )
        require(self.ridge > 0, f"ridge = {self.ridge} must be above 0")


@dataclass(frozen=True, kw_only=True)
class ConfidentLearningSettings(NetworkSettings):
    """Confident learning by cleanlab (Northcutt, Jiang and Chuang, JAIR 2021).

    A classifier of the given labels is cross-fitted over the noisy rows, with the trusted rows in every training
    fold. cleanlab flags rows by it; flagged rows take the likeliest class, and the classifier is fitted again without
    them. Needs the extra `cleanlab`. Fails where most labels of a class are wrong.

    Source: Curtis Northcutt, Lu Jiang and Isaac Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", JAIR 2021; github.com/cleanlab/cleanlab.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ("folds", "filter_by")

    clean_batch_size: int | None = None
    """Trusted rows a step, beside the noisy ones."""

    folds: int = 5
    """Folds of the noisy rows; a network that is trained as a whole is trained once more than that."""

    filter_by: Literal[
        "prune_by_noise_rate",
        "prune_by_class",
        "both",
        "confident_learning",
        "predicted_neq_given",
        "low_normalized_margin",
        "low_self_confidence",
    ] = "prune_by_noise_rate"
    """How `cleanlab.filter.find_label_issues` chooses the rows to flag."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.folds >= 2, f"folds = {self.folds} must be at least 2")

"""Settings of plain training in its variants, of transition matrices, and of what people use today."""

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


@dataclass(frozen=True, kw_only=True)
class GlcSettings(NetworkSettings):
    """Gold loss correction (Hendrycks, Mazeika, Wilson and Gimpel, NeurIPS 2018).

    The classifier maximises the likelihood of the given labels through a transition matrix that is estimated on the
    trusted rows; trusted rows count directly, on fixed features as a fifth of the loss. The soft label is the posterior
    of that classifier and matrix. Noise is taken to depend on the true class alone. Settings other than `ridge` count for
    networks that are trained as a whole: twice, on the given labels and through the matrix.

    Source: Dan Hendrycks, Mantas Mazeika, Duncan Wilson and Kevin Gimpel, "Using Trusted Data to Train Deep Networks
    on Labels Corrupted by Severe Noise", NeurIPS 2018.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ("ridge",)
    only_on_heads: ClassVar[tuple[str, ...]] = ("ridge",)

    clean_batch_size: int | None = None
    """Trusted rows a step, beside the noisy ones."""

    ridge: float | None = None
    """On fixed features, the variance of the prior on the weights; larger is weaker. Default: 1 or 8, by the trusted rows out of fold."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.ridge is None or self.ridge > 0, f"ridge = {self.ridge} must be above 0")


@dataclass(frozen=True, kw_only=True)
class ForwardSettings(FineTuningSettings):
    """Forward correction with an estimated matrix (Patrini, Rozza, Menon, Nock and Qu, CVPR 2017).

    A classifier of the given labels is asked for the row that is most surely of each class; what it says of that row is
    the class's row of the transition matrix. A second classifier then maximises the likelihood of the given labels
    through the matrix. No trusted label teaches anything, so `then_finetune` adds a last training on them. The soft
    label is the posterior of classifier and matrix. Fails where no row is surely of its class, or most labels are wrong.
    On fixed features both fits are solved; then the settings of the steps do not count.

    Source: Giorgio Patrini, Alessandro Rozza, Aditya Krishna Menon, Richard Nock and Lizhen Qu, "Making Deep Neural
    Networks Robust to Label Noise: a Loss Correction Approach", CVPR 2017.
    """

    on_heads: ClassVar[tuple[str, ...] | None] = ("filter_outlier", "percentile", "then_finetune")

    filter_outlier: bool = True
    """Pass over the surest rows of a class, beyond the percentile, when its matrix row is taken."""

    percentile: float = 97.0
    """The percentile of a class's probabilities from which rows count as outliers."""

    then_finetune: bool = False
    """Go on with the trusted rows alone at a low learning rate; on fixed features near the classifier found before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.percentile <= 100, f"percentile = {self.percentile} must be in (0, 100]")


@dataclass(frozen=True, kw_only=True)
class JointOptimizationSettings(NetworkSettings):
    """Joint optimization of network and labels (Tanaka, Ikami, Yamasaki and Aizawa, CVPR 2018).

    At a constant, high learning rate the network's own predictions, averaged over ten epochs, take the place of the given
    labels; a prior on the class shares keeps them from collapsing, and an entropy term sharpens them. A fresh network
    then learns the final labels, which are the soft labels of the noisy rows; new rows get P(y | x). No trusted label
    teaches anything. Heads on fixed features are trained by these steps too.

    Source: Daiki Tanaka, Daiki Ikami, Toshihiko Yamasaki and Kiyoharu Aizawa, "Joint Optimization Framework for Learning
    with Noisy Labels", CVPR 2018.
    """

    alpha: float = 1.2
    """Weight of the prior on the class shares; 1.2 is published for labels that are wrong in all ways, 0.8 for pairs of classes."""

    beta: float = 0.8
    """Weight of the entropy; 0.8 is published for labels that are wrong in all ways, 0.4 for pairs of classes."""

    begin: float = 0.35
    """Share of the first phase after which predictions take the place of the given labels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "beta"):
            require(getattr(self, name) >= 0, f"{name} = {getattr(self, name)} must be at least 0")
        require(0 < self.begin < 1, f"begin = {self.begin} must be between 0 and 1")

"""Settings of the methods that learn through a transition matrix, or correct labels by the network itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from labelfix.settings.base import require
from labelfix.settings.networks import FineTuningSettings, NetworkSettings


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

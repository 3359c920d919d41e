"""Settings of the methods that look ahead, beside MLC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelfix.settings.base import require
from labelfix.settings.networks import NetworkSettings


@dataclass(frozen=True, kw_only=True)
class MetaWeightNetSettings(NetworkSettings):
    """Meta-Weight-Net (Shu, Xie, Yi, Zhao, Zhou, Xu and Meng, NeurIPS 2019).

    Every noisy row's loss counts by a weight V(loss) in (0, 1). V is a small network of the loss alone, and learns from
    trusted rows: the classifier takes a look-ahead step on the weighted rows, and the loss of the result on trusted
    rows is differentiated with respect to V. The soft label mixes the given label with the classifier's P(y | x) by the
    row's weight. One curve for all rows and classes: where most labels are wrong, or wrong in the same way, a small
    loss is no sign of a right label.

    Heads on fixed features are trained by these steps too. Fields that are None take the value that suits what is
    trained.

    Source: Jun Shu, Qi Xie, Lixuan Yi, Qian Zhao, Sanping Zhou, Zongben Xu and Deyu Meng, "Meta-Weight-Net: Learning an
    Explicit Mapping For Sample Weighting", NeurIPS 2019.
    """

    clean_batch_size: int | None = None
    """Trusted rows a step that judge the look-ahead, and as many that train where `train_on_clean` is set. Default: 32 for heads and small networks, 16 for images, 8 for text encoders; 100 as published."""

    weight_learning_rate: float = 1e-3
    """Learning rate of the weight network (Adam)."""

    weight_network_decay: float = 1e-4
    """Weight decay of the weight network."""

    hidden: int = 100
    """Hidden units of the weight network."""

    train_on_clean: bool = False
    """Half of the trusted rows that are not held out train the classifier beside the noisy ones, as in MLC, and the other half judges: for a fair comparison. As published all of them judge."""

    meta_interval: int = 1
    """Train the weight network on every n-th step only: cheaper."""

    derivative: Literal["fd1", "fd2", "jvp"] = "fd1"
    """How the derivative of the noisy rows' logits along the meta-gradient is taken: one extra forward pass, two, or exactly by forward mode."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("hidden", "meta_interval"):
            require(getattr(self, name) >= 1, f"{name} = {getattr(self, name)} must be at least 1")
        require(self.weight_learning_rate > 0, f"weight_learning_rate = {self.weight_learning_rate} must be above 0")
        require(
            self.weight_network_decay >= 0, f"weight_network_decay = {self.weight_network_decay} must be at least 0"
        )


@dataclass(frozen=True, kw_only=True)
class L2rwSettings(NetworkSettings):
    """Learning to reweight (Ren, Zeng, Yang and Urtasun, ICML 2018).

    In every step a noisy row counts by how far its gradient goes the way of the trusted rows', and not at all where it goes
    against it. Nothing is remembered from step to step. The soft label mixes the given label with the classifier's P(y | x)
    by the same agreement, taken at the end for the head's weights. Trusted rows never train the classifier directly.
    Heads on fixed features are trained by these steps too.

    Source: Mengye Ren, Wenyuan Zeng, Bin Yang and Raquel Urtasun, "Learning to Reweight Examples for Robust Deep
    Learning", ICML 2018.
    """

    clean_batch_size: int | None = None
    """Trusted rows a step that the noisy ones are held against. Default: 32 for heads and small networks, 16 for images, 8 for text encoders; 100 as published."""

    derivative: Literal["fd1", "fd2", "jvp"] = "fd1"
    """How the rows' dot products with the trusted gradient are taken: one extra forward pass, two, or exactly by forward mode."""


@dataclass(frozen=True, kw_only=True)
class MlntSettings(NetworkSettings):
    """MLNT, meta-learning from noise-tolerance (Li, Wong, Zhao and Kankanhalli, CVPR 2019).

    In every step labels are made wrong on purpose, in several ways, by giving rows the label of a near neighbour; a
    look-ahead step on such labels must not lead away from what a slow average of the classifier says. No trusted label
    teaches anything. The teacher is the classifier of the run; the soft label is its P(y | x) times the chance that class y
    is given the label y'. Ten sets of labels make a step cost about thirty times a plain one. Heads on fixed features are
    trained by these steps too.

    Source: Junnan Li, Yongkang Wong, Qi Zhao and Mohan Kankanhalli, "Learning to Learn from Noisy Labeled Data", CVPR
    2019.
    """

    synthetic_sets: int = 10
    """M, the sets of labels of a step."""

    inner_learning_rate: float | None = None
    """η, the length of the look-ahead step. Default: the classifier's learning rate for heads and small networks, else 0.02, as published."""

    perturbed: float = 0.5
    """Share of the rows that get a neighbour's label in a set."""

    neighbours: int = 10
    """Near rows of the batch from which that label is drawn."""

    consistency: float = 1.0
    """a, the weight of the teacher, at its height."""

    ramp_begin: float = 0.016
    """Share of the run after which a begins to rise."""

    ramp_end: float = 0.064
    """Share of the run after which a is at its height."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("synthetic_sets", "neighbours"):
            require(getattr(self, name) >= 1, f"{name} = {getattr(self, name)} must be at least 1")
        rate = self.inner_learning_rate
        require(rate is None or rate > 0, f"inner_learning_rate = {rate} must be above 0")
        require(0 <= self.perturbed <= 1, f"perturbed = {self.perturbed} must be in [0, 1]")
        require(self.consistency >= 0, f"consistency = {self.consistency} must be at least 0")
        rise = f"ramp_begin = {self.ramp_begin} and ramp_end = {self.ramp_end}"
        require(0 <= self.ramp_begin <= self.ramp_end <= 1, f"{rise} must lie in [0, 1], in this order")

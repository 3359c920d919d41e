"""Every method's settings: one dataclass a method, one docstring a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labelfix.settings.base import check_choices, require


@dataclass(frozen=True, kw_only=True)
class MethodSettings:
    """What the settings of all methods are."""


@dataclass(frozen=True, kw_only=True)
class NetworkSettings(MethodSettings):
    """How a network is trained by mini-batches.

    Fields that are None take the value that suits what is trained: a linear head on fixed features, a small
    network on feature vectors (`mlp`), a whole image classifier, or a whole text encoder.
    """

    epochs: int | None = None
    """Passes over the noisy rows. Default: 60 for heads and small networks, 10 for images, 3 for text encoders."""

    batch_size: int | None = None
    """Noisy rows a step. Default: 64 for heads and small networks, 100 for images, 16 for text encoders."""

    optimizer: Literal["sgd", "adam", "adamw"] | None = None
    """Optimiser of the classifier; the look-ahead is exact for all of them. Default: sgd, and adamw for text encoders."""

    learning_rate: float | None = None
    """Learning rate of the classifier. Default: 0.3 divided by the mean squared norm of the features for heads, 0.05 for small networks, 0.1 for images, 2e-5 for text encoders."""

    head_learning_rate: float | None = None
    """Learning rate of the classifier's head, for pretrained backbones whose own should be lower. Default: that of the rest."""

    frozen_epochs: int = 0
    """First epochs (those of the warm-up count) in which only the head is trained."""

    clip_norm: float | None = None
    """The classifier's gradient is shortened to this norm where it is longer; the look-ahead takes that into account. Default: no clipping."""

    momentum: float = 0.9
    """Momentum of SGD."""

    nesterov: bool = False
    """Nesterov's momentum for SGD."""

    weight_decay: float | None = None
    """Weight decay of the classifier. Default: 1e-5 for heads, 5e-4 for small networks and images, 0.01 for text encoders."""

    schedule: Literal["cosine", "step", "constant"] = "cosine"
    """Learning rate over the run: cosine to zero, divided by ten at two and at five sixths of the epochs (as the published code of MLC does), or constant."""

    early_stop: int | None = None
    """Stop after so many epochs without a better result on the held-out trusted rows. Default: train all epochs."""

    keep_best: bool = False
    """End with the weights of the epoch that was best on the held-out trusted rows, not with the last ones."""

    history_steps: int = 0
    """Write a row of history every so many steps as well; 0 writes one an epoch."""

    held_out: float = 0.2
    """Share of the trusted rows kept out of training, to judge it; none where there are fewer than ten a class."""

    def __post_init__(self) -> None:
        check_choices(self)
        for name in ("epochs", "batch_size", "clean_batch_size", "early_stop"):
            value = getattr(self, name, None)
            require(value is None or value >= 1, f"{name} = {value} must be at least 1")
        for name in ("learning_rate", "head_learning_rate", "clip_norm"):
            value = getattr(self, name)
            require(value is None or value > 0, f"{name} = {value} must be above 0")
        require(
            self.weight_decay is None or self.weight_decay >= 0,
            f"weight_decay = {self.weight_decay} must be at least 0",
        )
        for name in ("frozen_epochs", "history_steps"):
            require(getattr(self, name) >= 0, f"{name} = {getattr(self, name)} must be at least 0")
        require(0 <= self.momentum < 1, f"momentum = {self.momentum} must be in [0, 1)")
        require(not self.nesterov or self.momentum > 0, "nesterov = true needs momentum above 0")
        require(0 <= self.held_out < 1, f"held_out = {self.held_out} must be in [0, 1)")
        warmup = getattr(self, "warmup_epochs", None)
        require(warmup is None or warmup >= 0, f"warmup_epochs = {warmup} must be at least 0")


@dataclass(frozen=True, kw_only=True)
class MlcSettings(NetworkSettings):
    """Meta Label Correction (Zheng, Awadallah and Dumais, AAAI 2021).

    The classifier learns the noisy rows from soft labels that a label correction network makes out of the
    classifier's features h(x) and the given label. That network is judged by what its labels do: the classifier takes
    a look-ahead step on them, and the loss of the result on trusted rows is differentiated with respect to the network
    (the meta-gradient). So noise may depend on the input, and no transition matrix has to be estimated.

    The parts of `anchored` on fixed features, in order: f_g, the trusted rows alone; T0, how labels go wrong; the
    members S1 (learns the Bayes posterior of f_g and T0), GLC8 (gold loss correction) and N1 (the given labels as they
    are), each with four folds of the trusted rows; their stack f_s, weighted by the folds they have not seen; T_m, T0
    fitted to the noisy rows; the network q = softmax(a log f_s + b log T + δ), twelve steps of the implicit
    meta-gradient; the classifier on q; the posterior, fitted to trusted rows whose given label is known. Regularisation,
    weights and temperatures are chosen on trusted rows out of fold; nothing is left to set.

    Fields that are None take the value that suits what is trained: a linear head on fixed features, a small
    network on feature vectors (`mlp`), a whole image classifier, or a whole text encoder.

    Source: Guoqing Zheng, Ahmed Hassan Awadallah and Susan Dumais, "Meta Label Correction for Noisy Label Learning",
    AAAI 2021.
    """

    recipe: Literal["anchored", "paper"] | None = None
    """`paper` is the published procedure: a free label correction network trained by the look-ahead meta-gradient. `anchored` holds a structured network in place by the trusted rows: on fixed features it solves the same objective and has no further settings, and a network that is trained as a whole takes the look-ahead with it. Default: paper for text encoders that are trained as a whole, anchored otherwise."""

    clean_batch_size: int | None = None
    """Trusted rows a step in each of the two clean batches: the one that trains and the one that judges the look-ahead. Default: 32 for heads and small networks, 16 for images, 8 for text encoders."""

    warmup_epochs: int | None = None
    """Epochs in which the classifier learns the given labels; its view of the trusted rows then gives the label correction network its start. 0 is the published procedure. Default: 3 for heads and small networks, 1 otherwise."""

    warmup_steps: int = 300
    """Steps in which the label correction network then learns to undo the noise estimated on the trusted rows."""

    lcn_hidden: int | None = None
    """Hidden units of the label correction network. Default: 128, and 768 for text encoders."""

    lcn_embedding: int = 128
    """Dimensions of the label embedding."""

    lcn_learning_rate: float | None = None
    """Learning rate of the label correction network under the meta-gradient (Adam with amsgrad). Default: 3e-4, as published; 1e-3 for heads and small networks without a warm-up, where 3e-4 hardly moves. Higher rates collapse on several real sets."""

    skip: bool = False
    """A learned gate a(x, y') that mixes the given label into the corrected one."""

    lookahead: int = 1
    """k, the steps of the classifier between two updates of the label correction network, whose meta-gradients are chained by γ."""

    meta_interval: int = 1
    """Take the meta-gradient on every n-th step only: cheaper, with fewer updates of the label correction network. Needs `lookahead = 1`."""

    derivative: Literal["fd1", "fd2", "jvp"] = "fd1"
    """How the derivative of the noisy rows' logits along the meta-gradient is taken: one extra forward pass, two, or exactly by forward mode."""

    clean_split: Literal["fixed", "redrawn"] = "fixed"
    """`fixed`: trusted rows are cut once into disjoint train, meta and held-out parts. `redrawn`: the published halves of each batch, drawn anew from one pool."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("lcn_hidden", "lcn_embedding", "lookahead", "meta_interval", "warmup_steps"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"{name} = {value} must be at least 1")
        require(
            self.lcn_learning_rate is None or self.lcn_learning_rate > 0,
            f"lcn_learning_rate = {self.lcn_learning_rate} must be above 0",
        )
        require(self.lookahead == 1 or self.meta_interval == 1, "meta_interval above 1 needs lookahead = 1")


@dataclass(frozen=True, kw_only=True)
class GlcSettings(MethodSettings):
    """Gold loss correction (Hendrycks, Mazeika, Wilson and Gimpel, NeurIPS 2018), on fixed features.

    The classifier maximises the likelihood of the given labels through a transition matrix that is estimated on the
    trusted rows; trusted rows count directly, as a fifth of the loss. The soft label is the posterior of that
    classifier and matrix. Noise is taken to depend on the true class alone.

    Source: Dan Hendrycks, Mantas Mazeika, Duncan Wilson and Kevin Gimpel, "Using Trusted Data to Train Deep Networks
    on Labels Corrupted by Severe Noise", NeurIPS 2018.
    """

    ridge: float | None = None
    """Variance of the prior on the weights; larger is weaker. Default: 1 or 8, by the trusted rows out of fold."""

    def __post_init__(self) -> None:
        require(self.ridge is None or self.ridge > 0, f"ridge = {self.ridge} must be above 0")


@dataclass(frozen=True, kw_only=True)
class BayesSettings(MethodSettings):
    """The Bayes posterior of a classifier of the trusted rows alone and their transition matrix, on fixed features.

    P(y | x, y') is the classifier's P(y | x) times the chance that class y is given the label y'. Noisy rows serve to
    estimate that chance only.
    """


@dataclass(frozen=True, kw_only=True)
class CleanOnlySettings(MethodSettings):
    """A classifier of the trusted rows alone, on fixed features.

    Its soft labels are blind to the given ones. What the other methods have to beat.
    """


@dataclass(frozen=True, kw_only=True)
class NoisyOnlySettings(NetworkSettings):
    """Plain training on the noisy rows with their given labels.

    On fixed features a logistic regression; end to end the batches and learning rates of MLC's published recipe. Trusted
    rows set the temperature and the transition matrix alone. The soft label is the classifier's P(y | x) times the
    chance that class y is given the label y', normalised. Settings count for networks that are trained as a whole, and
    None takes what MLC would.
    """

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
class ConfidentLearningSettings(MethodSettings):
    """Confident learning by cleanlab (Northcutt, Jiang and Chuang, JAIR 2021), on fixed features.

    A classifier of the given labels is cross-fitted over the noisy rows, with the trusted rows in every training
    fold. cleanlab flags rows by it; flagged rows take the likeliest class, and the classifier is fitted again without
    them. Needs the extra `cleanlab`. Fails where most labels of a class are wrong.

    Source: Curtis Northcutt, Lu Jiang and Isaac Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", JAIR 2021; github.com/cleanlab/cleanlab.
    """

    folds: int = 5
    """Folds of the noisy rows."""

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
        check_choices(self)
        require(self.folds >= 2, f"folds = {self.folds} must be at least 2")


METHOD_SETTINGS: dict[str, type[MethodSettings]] = {
    "mlc": MlcSettings,
    "glc": GlcSettings,
    "bayes": BayesSettings,
    "clean-only": CleanOnlySettings,
    "noisy-only": NoisyOnlySettings,
    "mixed": MixedSettings,
    "confident-learning": ConfidentLearningSettings,
}
"""Method name → its settings class."""

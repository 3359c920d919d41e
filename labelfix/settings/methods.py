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
class GlcSettings(NetworkSettings):
    """Gold loss correction (Hendrycks, Mazeika, Wilson and Gimpel, NeurIPS 2018).

    The classifier maximises the likelihood of the given labels through a transition matrix that is estimated on the
    trusted rows; trusted rows count directly, on fixed features as a fifth of the loss. The soft label is the posterior
    of that classifier and matrix. Noise is taken to depend on the true class alone. Settings other than `ridge` count for
    networks that are trained as a whole: twice, on the given labels and through the matrix.

    Source: Dan Hendrycks, Mantas Mazeika, Duncan Wilson and Kevin Gimpel, "Using Trusted Data to Train Deep Networks
    on Labels Corrupted by Severe Noise", NeurIPS 2018.
    """

    clean_batch_size: int | None = None
    """Trusted rows a step, beside the noisy ones."""

    ridge: float | None = None
    """On fixed features, the variance of the prior on the weights; larger is weaker. Default: 1 or 8, by the trusted rows out of fold."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.ridge is None or self.ridge > 0, f"ridge = {self.ridge} must be above 0")


@dataclass(frozen=True, kw_only=True)
class BayesSettings(NetworkSettings):
    """The Bayes posterior of a classifier of the trusted rows alone and their transition matrix.

    P(y | x, y') is the classifier's P(y | x) times the chance that class y is given the label y'. Noisy rows serve to
    estimate that chance only. Settings count for networks that are trained as a whole.
    """


@dataclass(frozen=True, kw_only=True)
class CleanOnlySettings(NetworkSettings):
    """A classifier of the trusted rows alone.

    Its soft labels are blind to the given ones. What the other methods have to beat. Settings count for networks that
    are trained as a whole, whose epochs have as many rows as one over the noisy rows.
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
            self.weight_network_decay >= 0,
            f"weight_network_decay = {self.weight_network_decay} must be at least 0",
        )


@dataclass(frozen=True, kw_only=True)
class FineTuningSettings(NetworkSettings):
    """How a network goes on with trusted rows alone."""

    fine_tuning_epochs: int | None = None
    """Epochs of fine-tuning, each of as many rows as there are noisy ones. Default: a fifth of the epochs."""

    fine_tuning_rate: float = 0.1
    """Learning rate of fine-tuning, relative to that before."""

    def __post_init__(self) -> None:
        super().__post_init__()
        epochs = self.fine_tuning_epochs
        require(epochs is None or epochs >= 1, f"fine_tuning_epochs = {epochs} must be at least 1")
        require(self.fine_tuning_rate > 0, f"fine_tuning_rate = {self.fine_tuning_rate} must be above 0")


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


@dataclass(frozen=True, kw_only=True)
class FineTuneSettings(FineTuningSettings):
    """Fine-tuning: the noisy rows as they are, then the trusted rows at a low learning rate.

    On fixed features the last step is a logistic regression of the trusted rows held near that of the noisy ones, as
    strongly as the trusted rows out of fold like best. The soft label is P(y | x) times the chance that class y is given
    the label y'. Settings count for networks that are trained as a whole.
    """


@dataclass(frozen=True, kw_only=True)
class DistillationSettings(NetworkSettings):
    """Distillation from a model of the trusted rows (Li, Yang, Song, Cao, Luo and Li, ICCV 2017).

    Noisy rows are learned from a mixture of their given label and what a classifier of the trusted rows alone says of
    them. Either counts by how often it is right. The soft label is the same mixture with the final classifier.

    Source: Yuncheng Li, Jianchao Yang, Yale Song, Liangliang Cao, Jiebo Luo and Li-Jia Li, "Learning from Noisy Labels
    with Distillation", ICCV 2017.
    """

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
    is given the label y'. Ten sets of labels make a step about thirty times as dear as a plain one. Heads on fixed features are
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


@dataclass(frozen=True, kw_only=True)
class ConfidentLearningSettings(NetworkSettings):
    """Confident learning by cleanlab (Northcutt, Jiang and Chuang, JAIR 2021).

    A classifier of the given labels is cross-fitted over the noisy rows, with the trusted rows in every training
    fold. cleanlab flags rows by it; flagged rows take the likeliest class, and the classifier is fitted again without
    them. Needs the extra `cleanlab`. Fails where most labels of a class are wrong.

    Source: Curtis Northcutt, Lu Jiang and Isaac Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", JAIR 2021; github.com/cleanlab/cleanlab.
    """

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


METHOD_SETTINGS: dict[str, type[MethodSettings]] = {
    "mlc": MlcSettings,
    "glc": GlcSettings,
    "bayes": BayesSettings,
    "clean-only": CleanOnlySettings,
    "noisy-only": NoisyOnlySettings,
    "mixed": MixedSettings,
    "finetune": FineTuneSettings,
    "distillation": DistillationSettings,
    "forward": ForwardSettings,
    "joint-optimization": JointOptimizationSettings,
    "mlnt": MlntSettings,
    "l2rw": L2rwSettings,
    "meta-weight-net": MetaWeightNetSettings,
    "confident-learning": ConfidentLearningSettings,
}
"""Method name → its settings class."""

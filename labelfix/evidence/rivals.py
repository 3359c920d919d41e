"""Simpler ways of using the same rows, each judged on the trusted rows that judge the run.

    clean-only             logistic regression on the trusted rows
    noisy-and-clean        the given labels taken at their word beside the trusted rows, a fifth of the loss
    glc                    the likelihood of the given labels through T0 (Hendrycks et al., NeurIPS 2018)
    confident-learning     given labels that it flags are left out (Northcutt, Jiang and Chuang, JAIR 2021)

All are linear heads: on the run's fixed features, or on the final h(x) of its network. Where the run has a judge for
each fold of the trusted rows, a rival is fitted without each of the same folds. Where one network judges rows that were
held out of its training, rivals learn from the other trusted rows. A choice among rivals of one kind, and a rival's
temperature, is made on the folds that it is not judged on. Departure from confident learning as a method of its own: no
trusted row has a part in the flags, so that they are the same for every fold. With more than 128 classes `glc` and
`confident-learning` are left out: both reckon with every pair of classes, of which there are more than rows then; and
`noisy-and-clean` is a discriminant (`heads.discriminants`).

Legend: N noisy rows, M trusted rows, R judged ones among them, D features, K classes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import log_softmax
from torch import Tensor

from labelfix.correctors.contract import Held, Method, Problem
from labelfix.data.arrays import Floats
from labelfix.data.tables import UNLABELLED, Codes
from labelfix.extras import is_there
from labelfix.heads import learners
from labelfix.heads.folds import FOLDS, CrossFitted, Folds, Part, likeliest
from labelfix.heads.rows import FitRows, features_of, load_rows
from labelfix.heads.stages import heads_from_arrays, heads_to_arrays, judging_stage
from labelfix.heads.trusted_only import fit_trusted_only
from labelfix.methods.table import METHODS
from labelfix.models.features import FeatureInputs
from labelfix.numerics.head_losses import Residual, cross_entropy_of
from labelfix.numerics.label_issues import flagged
from labelfix.numerics.linear_heads import SIDE_BY_SIDE, LinearHead
from labelfix.numerics.row_blocks import row_blocks
from labelfix.progress import Progress
from labelfix.settings.methods import METHOD_SETTINGS

THIS_RUN = "this-run"
CLEAN_ONLY, NOISY_AND_CLEAN, GLC, CONFIDENT_LEARNING = "clean-only", "noisy-and-clean", "glc", "confident-learning"

LARGE, RIVALS_SAMPLE = 100_000, 20_000
"""With at least the first number of noisy rows, rivals learn from a sample of the second."""

ABOUT = {
    CLEAN_ONLY: "logistic regression on the trusted rows alone",
    NOISY_AND_CLEAN: "logistic regression on the given labels as they are, and the trusted rows",
    GLC: "gold loss correction: given labels through the transition matrix of the trusted rows",
    CONFIDENT_LEARNING: "logistic regression without the given labels that confident learning flags",
}


METHOD = {CLEAN_ONLY: "clean-only", NOISY_AND_CLEAN: "mixed", GLC: "glc", CONFIDENT_LEARNING: "confident-learning"}
"""Rival → its method."""


@dataclass(frozen=True)
class Rival:
    """A simpler way, fitted.

    Attributes:
        log_p: `(R, K)` log-probabilities of the judged rows by heads that saw none of them.
        head: Fitted to all trusted rows that it may learn from; None for what is no linear head.
        scale: What features are multiplied by before they reach the head.
        reads_labels: Whether it goes by the labels that the judged rows have themselves, and is no classifier.
    """

    name: str
    about: str
    log_p: Floats
    head: LinearHead | None = None
    scale: float = 1.0
    reads_labels: bool = False

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All but the name, so that a killed run need not fit it again."""
        heads = {} if self.head is None else heads_to_arrays((self.head,))
        about = np.frombuffer(self.about.encode(), dtype=np.uint8)
        return {"about": about, "log_p": self.log_p, "scale": np.array(self.scale), **heads}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, np.ndarray]) -> Rival | None:
        """The inverse of `to_arrays`; None for a rival that was left out."""
        if not arrays:
            return None
        head = heads_from_arrays(arrays)[0] if "weight" in arrays else None
        return cls(name, arrays["about"].tobytes().decode(), arrays["log_p"], head, float(arrays["scale"]))


def kept_rival(problem: Problem, name: str, fit: Callable[[], Rival | None]) -> Rival | None:
    """A rival, fitted now or read back after an interruption; None if it is left out."""

    def compute() -> dict[str, np.ndarray]:
        found = fit()
        return {} if found is None else found.to_arrays()

    return Rival.from_arrays(name, judging_stage(problem.checkpoints, f"rival-{name}", compute))


@dataclass(frozen=True)
class _Field:
    """The rows rivals learn from, and those that judge them.

    Attributes:
        judged: `(R, D)` features of the judged rows.
        inside: `(R,)` where they stand among the trusted rows of `rows`; None where they do not.
        scale: What features were multiplied by.
    """

    rows: FitRows
    judged: Tensor
    inside: Codes | None
    scale: float
    where: str

    def rival(self, name: str, candidates: Sequence[CrossFitted]) -> Rival:
        """The best of some candidates."""
        _, best = likeliest(candidates, self.rows.truth.numpy())
        if self.inside is None:
            log_p = best.full.log_probabilities(self.judged).numpy().astype(np.float64)
        else:
            log_p = best.held[self.inside]
        return Rival(name, ABOUT[name] + self.where, log_p, best.full, self.scale)


def fit_rivals(problem: Problem, held: Held, progress: Progress) -> tuple[Rival, ...]:
    """Fit all rivals of a run.

    Returns:
        In the order of the module's docstring; none where no trusted row is left to learn from.
    """
    if (len(held.models) == 1 or held.one_network) and len(problem.truth) - len(held.rows) < 2:
        return ()
    # What rivals share is made by the first that is not kept.
    field = functools.cache(lambda: _field(problem, held))

    def glc() -> Rival:
        ridges = learners.ridges(problem.num_classes)
        return field().rival(GLC, [learners.fit_glc(field().rows, ridge) for ridge in ridges])

    ways: dict[str, Callable[[], Rival | None]] = {
        CLEAN_ONLY: lambda: field().rival(CLEAN_ONLY, [fit_trusted_only(field().rows)]),
        NOISY_AND_CLEAN: lambda: field().rival(NOISY_AND_CLEAN, [learners.fit_as_given(field().rows)]),
    }
    if problem.num_classes <= SIDE_BY_SIDE:
        ways[GLC] = glc
        ways[CONFIDENT_LEARNING] = lambda: field().rival(CONFIDENT_LEARNING, [_confident_learning(field().rows)])
    found = (kept_rival(problem, name, fit) for name, fit in ways.items())
    return tuple(rival for rival in found if rival is not None)


def passes(problem: Problem, fitted: bool = True) -> int:
    """About how many rows the fits of the rivals pass over; see `labelfix.progress.counted`.

    Args:
        fitted: Whether the run's own fits to the same rows serve rivals too.
    """
    large = _large(problem)
    noisy, trusted, heads = RIVALS_SAMPLE if large else len(problem.given), len(problem.truth), FOLDS + 1
    # Confident learning, and GLC at the r that the run does not try; of very many classes neither.
    fits = len(learners.ridges(problem.num_classes)) if problem.num_classes <= SIDE_BY_SIDE else 0
    own = fits * heads * (noisy + trusted)
    shared = 4 * heads * trusted + 7 * noisy + 2 * heads * (noisy + trusted)
    return own if fitted and problem.family == "head" and not large else own + shared


def _large(problem: Problem) -> bool:
    """Whether rivals learn from a sample; where classes are very many, fits of the run itself serve as rivals."""
    return len(problem.given) >= LARGE and problem.num_classes <= SIDE_BY_SIDE


def _field(problem: Problem, held: Held) -> _Field:
    """The rows that rivals learn from."""
    every, where = np.arange(len(problem.given), dtype=np.int64), ""
    if _large(problem):
        chosen = np.random.default_rng([problem.seed, 42]).choice(len(every), RIVALS_SAMPLE, replace=False)
        every, where = (
            np.sort(chosen).astype(np.int64),
            f", fitted to {RIVALS_SAMPLE:,} of the {len(every):,} noisy rows",
        )
    trusted = np.arange(len(problem.truth), dtype=np.int64)
    noisy, clean, scale = problem.noisy, problem.clean, 1.0
    if problem.family != "head":
        model = held.models[0]
        hidden = model.outputs(noisy, every)[1]
        scale = float(1 / max(np.sqrt((hidden.astype(np.float64) ** 2).sum(axis=1).mean()), 1e-12))
        noisy, clean = (
            FeatureInputs(features * np.float32(scale)) for features in (hidden, model.outputs(clean, trusted)[1])
        )
        where = f", on what this run's network makes of the rows{where}"
    elif len(every) < len(problem.given):
        noisy = FeatureInputs(features_of(noisy, every))
    same = problem  # as it is, so that what the run fitted to it need not be fitted again
    if noisy is not problem.noisy:
        same = replace(problem, noisy=noisy, given=problem.given[every], clean=clean, family="head", checkpoints=None)
        same = replace(same, opinions=problem.opinions_of(every))
    if len(held.models) > 1 and not held.one_network:
        rows = load_rows(same, folds=len(held.models))
        # Judged rows are in their judge's fold, others in any.
        of = rows.folds.of % len(held.models)
        of[held.rows] = held.by
        if not np.array_equal(of, rows.folds.of) or rows.folds.count != len(held.models):
            rows = replace(rows, folds=Folds(of, len(held.models), rows.folds.weights))
        return _Field(rows, rows.clean[torch.from_numpy(held.rows)], held.rows, scale, where)
    rest = np.setdiff1d(trusted, held.rows)
    others = replace(same, clean=FeatureInputs(features_of(clean, rest)), truth=problem.truth[rest])
    others = replace(others, paired_given=np.full(len(rest), UNLABELLED, dtype=np.int64), chosen=None)
    others = replace(others, paired_opinions=None)
    judged = features_of(clean, held.rows)
    return _Field(load_rows(others), torch.from_numpy(judged), None, scale, where)


def _confident_learning(rows: FitRows) -> CrossFitted:
    """A head on trusted rows and the noisy ones that are not flagged; begun at n(y'|x), which is near."""
    given = learners.given_labels(rows)
    labels = torch.cat([rows.given, rows.truth])
    unflagged = torch.from_numpy(~flagged(rows.given.numpy(), _given_out_of_fold(rows))).float()

    def residual(parts: Sequence[Part]) -> Residual:
        weights = torch.zeros(len(parts), len(labels))
        for own, (use, _) in zip(weights, parts, strict=True):
            own[: len(rows.given)] = unflagged
            own[torch.from_numpy(use) + len(rows.given)] = 1
        return cross_entropy_of(labels, weights)

    return rows.cross_fit(given.ridge, given.full, residual)


def _given_out_of_fold(rows: FitRows) -> npt.NDArray[np.float32]:
    """`(N, K)` n(y'|x) of each noisy row by a head that saw the other folds of the noisy rows."""
    found = learners.given_labels(rows)
    said = torch.empty(len(rows.given), rows.num_classes)
    if len(found.learned) < len(rows.given):  # rows that n did not learn
        for part in row_blocks(*said.shape):
            said[part] = torch.softmax(found.full.columns(rows.noisy[part]), dim=0).T
    for fold, head in enumerate(found.without):
        inside = found.learned[found.of == fold]
        said[inside] = head.log_probabilities(rows.noisy[inside]).exp()
    return said.numpy()


def retrained(problem: Problem, held: Held, progress: Progress) -> tuple[Rival, ...]:
    """Rivals of a network trained end to end, as `--ledger full` asks: each with its method's own settings.

    They are judged on the run's held-out rows, and left out where their method holds out others.
    """
    found = []
    for name in METHOD:
        if name == CONFIDENT_LEARNING and not is_there("cleanlab"):
            continue
        found.append(kept_rival(problem, name, partial(_trained, problem, held, name, progress)))
    return tuple(rival for rival in found if rival is not None)


def _trained(problem: Problem, held: Held, name: str, progress: Progress) -> Rival | None:
    """One of them; None where it holds out other trusted rows."""
    progress.say(f"ledger: training {name} end to end")
    fit: Method = METHODS[METHOD[name]]
    judges = fit(replace(problem, checkpoints=None, observe=None), METHOD_SETTINGS[METHOD[name]](), progress).held
    if judges is None or not np.isin(held.rows, judges.rows).all():
        progress.warn(f"ledger: {name} holds out other trusted rows than this run, and is left out")
        return None
    log_p = np.empty((len(held.rows), problem.num_classes))
    by = judges.by[np.searchsorted(judges.rows, held.rows)]
    for number, model in enumerate(judges.models):
        logits, _ = model.outputs(problem.clean, held.rows[by == number])
        log_p[by == number] = log_softmax(logits.astype(np.float64) / model.temperature, axis=1)
    return Rival(name, f"{ABOUT[name]}; trained end to end", log_p)

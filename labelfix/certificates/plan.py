"""The plan of a campaign beside the labels that it is about: which rows are read in which order, by which chance."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from labelfix.certificates.exported import Exported, file_hash
from labelfix.data.arrays import Floats
from labelfix.numerics.rate_by_betting import Draws, Order, draw_order, draws_of
from labelfix.numerics.reading_plan import Design, design, moved_to
from labelfix.outputs.corrected_rows import CorrectedFile, groups
from labelfix.outputs.trust import read_evidence
from labelfix.runs import RunFolder
from labelfix.runs.reading_plan import FORMAT_VERSION, Counted, HandedOut, Plan

MODEL_COUNTS = 100
"""The model's opinion of the share of wrong labels weighs as much as this many trusted rows."""


@dataclass(frozen=True)
class Campaign:
    """A plan beside the labels that it is about.

    Attributes:
        error: `(N,)` probability that a label is wrong, moved to the share that was expected.
        order: `(N,)` rows of `exported` in the order in which they are drawn.
        weights: `(N,)` w of each row of `exported`.
        controls: `(N,)` c likewise, of each kind of bet.
    """

    plan: Plan
    exported: Exported
    design: Design
    error: Floats
    order: Order
    weights: Floats
    controls: Mapping[Counted, Floats]

    def draws(self, count: int) -> Draws:
        """The first draws, as many as asked for."""
        return draws_of(self.order, self.weights, self.controls, count)


def hashes_of(folder: RunFolder) -> dict[str, str]:
    """What a certificate is about: the noisy file's contents as the run knew them, and the run's labels."""
    noisy = folder.read_manifest()["data"]["noisy"]["content_hash"]
    return {"noisy": str(noisy), "corrected.parquet": file_hash(folder.corrected)}


def new_plan(
    folder: RunFolder,
    exported: Exported,
    *,
    bound: float,
    confidence: float,
    seed: int,
    begun: int,
    min_confidence: float | None,
    drop_issues: bool,
) -> Plan:
    """A new plan, of which no row has been read; arguments as the attributes of `Plan`."""
    expected = expected_rate(folder, exported, min_confidence is None and not drop_issues)
    made = design(moved_to(exported.error, expected), bound)
    return Plan(
        format_version=FORMAT_VERSION,
        run_id=str(folder.read_manifest()["run_id"]),
        bound=bound,
        confidence=confidence,
        seed=seed,
        begun=begun,
        min_confidence=min_confidence,
        drop_issues=drop_issues,
        rows=len(exported),
        hashes=hashes_of(folder),
        expected=expected,
        drawn=made.drawn,
        uniform=made.uniform,
        below_from=made.below_from,
        above_from=made.above_from,
        below=made.below,
        above=made.above,
        handed_out=[],
    )


def expected_rate(folder: RunFolder, exported: Exported, as_judged: bool) -> float:
    """The share of wrong labels to expect: of the model's opinion, and of trusted rows judged by models of others.

    Args:
        as_judged: Whether these are the labels that the trusted rows were judged on: the run's own export.
    """
    own = float(exported.error.mean())
    judged = (read_evidence(folder).get("ledger") or {}).get("corrected_labels") if as_judged else None
    if not judged:
        return own
    rows, wrong = int(judged["rows"]), 1 - float(judged["value"])
    return (MODEL_COUNTS * own + rows * wrong) / (MODEL_COUNTS + rows)


def campaign_of(plan: Plan, exported: Exported) -> Campaign:
    """A plan and its labels, with the order that follows from them."""
    made = Design(plan.bound, plan.drawn, plan.uniform, plan.below_from, plan.above_from, plan.below, plan.above)
    error = moved_to(exported.error, plan.expected)
    weights = made.weights(error)
    order = draw_order(weights, _uniform(plan, len(exported)))
    return Campaign(plan, exported, made, error, order, weights, made.controls(error))


def more_rows(folder: RunFolder, campaign: Campaign, count: int) -> Plan:
    """The plan with so many more rows handed out, as far as there are so many."""
    plan = campaign.plan
    first = len(plan.handed_out)
    last = min(first + count, len(campaign.order))
    position = campaign.exported.position[campaign.order[first:last]]
    names = ids_at(folder, position)
    chance = campaign.draws(last).chance[first:]
    found = [
        HandedOut(name, row + 1, part)
        for name, row, part in zip(names, position.tolist(), chance.tolist(), strict=True)
    ]
    return msgspec.structs.replace(plan, handed_out=[*plan.handed_out, *found])


def ids_at(folder: RunFolder, position: Order) -> list[str]:
    """Ids of some rows of `corrected.parquet`, as texts."""
    found: dict[int, str] = {}
    for first, group in groups(CorrectedFile(folder.corrected), ["id"]):
        here = np.unique(position[(position >= first) & (position < first + len(group))])
        column = group["id"].combine_chunks()
        found |= {row: str(column[row - first].as_py()) for row in here.tolist()}
    return [found[row] for row in position.tolist()]


def _uniform(plan: Plan, count: int) -> Floats:
    """`(N,)` random numbers of the seed and the run, the same for ever: NumPy's generator keeps its raw numbers."""
    run = int.from_bytes(hashlib.sha256(f"{plan.run_id}/{plan.begun}".encode()).digest()[:8], "big")
    raw = np.random.PCG64([plan.seed, run]).random_raw(count)
    return np.asarray((raw >> np.uint64(11)) * 2.0**-53, dtype=np.float64)

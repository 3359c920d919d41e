"""The plan of a campaign: which rows are read in which order, by which chance, and how is betted on what is found.

It is fixed before the first answer and kept in the run (`certificate/plan.json`). The order of all rows follows from
the run, the settings and the seed; the plan lists those that were handed out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from labelfix.certificates.exported import Exported, file_hash
from labelfix.errors import RunError
from labelfix.numerics.rate_by_betting import Draws, Floats, Order, draw_order, draws_of
from labelfix.numerics.reading_plan import Design, design
from labelfix.outputs.corrected_rows import CorrectedFile, groups
from labelfix.runs import RunFolder, make_folder, write_json
from labelfix.runs.checked import read_checked

FORMAT_VERSION = 1

FOLDER = "certificate"
"""Folder of a run with all that belongs to its certificate."""

AGAIN = "begin a new plan with --overwrite"

Share = Annotated[float, Meta(ge=0, le=1)]
Inside = Annotated[float, Meta(gt=0, lt=1)]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class Bets(msgspec.Struct, frozen=True, kw_only=True):
    """A `Design` as the plan keeps it."""

    uniform: Annotated[float, Meta(gt=0, le=1)]
    counted: Share
    below: Annotated[tuple[Inside, ...], Meta(min_length=1)]
    above: Annotated[tuple[Inside, ...], Meta(min_length=1)]

    def design(self) -> Design:
        """What the mathematics takes."""
        return Design(self.uniform, self.counted, self.below, self.above)


class HandedOut(msgspec.Struct, frozen=True):
    """A row to read.

    Attributes:
        id: As a text, as `corrected.parquet` has it.
        row: In `corrected.parquet`, from 1.
        chance: The probability with which it was drawn from the rows that were left.
    """

    id: str
    row: Annotated[int, Meta(ge=1)]
    chance: Annotated[float, Meta(gt=0, le=1)]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan.

    Attributes:
        format_version: Of this file.
        run_id: Of the run.
        bound: The share of wrong labels that it was made to prove or refute; any other may be asked for.
        confidence: How sure the certificate is.
        seed: Of the draws.
        begun: How many plans the run had before.
        min_confidence: Of the export; None for the run's own.
        drop_issues: Of the export.
        rows: Rows that are certified.
        hashes: SHA-256 of the noisy file's contents and of `corrected.parquet`.
        bets: How rows are drawn and betted on.
        handed_out: The rows to read, in the order of the draws.
    """

    format_version: Annotated[int, Meta(ge=1, le=FORMAT_VERSION)]
    run_id: str
    bound: Inside
    confidence: Inside
    seed: Count
    begun: Count
    min_confidence: Share | None
    drop_issues: bool
    rows: Annotated[int, Meta(ge=1)]
    hashes: dict[str, str]
    bets: Bets
    handed_out: list[HandedOut]

    @property
    def alpha(self) -> float:
        """How often the bound may be wrong."""
        return 1 - self.confidence


@dataclass(frozen=True)
class Campaign:
    """A plan beside the labels that it is about.

    Attributes:
        plan: The plan.
        exported: The labels (N rows).
        order: `(N,)` rows of `exported` in the order in which they are drawn.
        control: `(N,)` c of each row of `exported`.
        weights: `(N,)` w likewise.
    """

    plan: Plan
    exported: Exported
    order: Order
    control: Floats
    weights: Floats

    def draws(self, count: int) -> Draws:
        """The first so many draws."""
        return draws_of(self.order, self.weights, self.control, count)


def plan_path(folder: RunFolder) -> Path:
    """Where a run's plan lies."""
    return folder.path / FOLDER / "plan.json"


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
    """A plan that nobody has read a row of; arguments as the attributes of `Plan`."""
    made = design(exported.error, bound)
    bets = Bets(uniform=made.uniform, counted=made.counted, below=made.below, above=made.above)
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
        bets=bets,
        handed_out=[],
    )


def campaign_of(plan: Plan, exported: Exported) -> Campaign:
    """A plan and its labels, with the order that follows from them."""
    made = plan.bets.design()
    weights = made.weights(exported.error)
    order = draw_order(weights, _uniform(plan, len(exported)))
    return Campaign(plan, exported, order, made.control(exported.error), weights)


def read_plan(folder: RunFolder) -> Plan | None:
    """The plan of a run; None where it has none.

    Raises:
        RunError: It is damaged.
    """
    path = plan_path(folder)
    if not path.exists():
        return None
    plan = msgspec.convert(read_checked(path, Plan, AGAIN), Plan)
    if len(plan.handed_out) > plan.rows:
        raise RunError(f"{path}: is damaged (handed_out: {len(plan.handed_out)} of {plan.rows} rows); {AGAIN}")
    return plan


def write_plan(folder: RunFolder, plan: Plan) -> None:
    """Keep it."""
    make_folder(plan_path(folder).parent)
    write_json(plan_path(folder), msgspec.to_builtins(plan))


def more_rows(folder: RunFolder, campaign: Campaign, count: int) -> Plan:
    """The plan with more rows handed out.

    Args:
        folder: The run.
        campaign: The plan so far.
        count: How many more, as far as there are so many.
    """
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

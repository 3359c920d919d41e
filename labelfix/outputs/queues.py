"""In which order rows come before a person.

    worst          label score, lowest first
    doubtful       rows whose label is doubted and was not changed, label score first
    class A->B     rows that are given as A and rather look like B, label score first
    source S       rows of one source: what an annotator or a rule says that is least likely right first; or of one
                   source file, label score first
    random         all rows in an order that the run's seed draws: what is answered of its beginning is a random sample
    next           rows whose answer is worth most, as `labelfix next` chooses them
    certify        rows that the plan of `labelfix certify` has handed out, in the order in which they were drawn

Trusted rows are in none of them. Legend: N rows of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.tables import Codes
from labelfix.errors import RunError, SettingsError
from labelfix.outputs.column_arrays import codes, values
from labelfix.outputs.corrected_rows import CorrectedFile, corrected_metadata, groups
from labelfix.outputs.corrected_schema import SOURCE_SCORES
from labelfix.outputs.trust import trusted_mask
from labelfix.runs import RunFolder
from labelfix.runs.reading_plan import AGAIN, needed_plan, plan_path

KINDS = ("worst", "next", "doubtful", "class A->B", "source S", "random", "certify")
"""How queues are asked for."""

RANDOM, CERTIFY = "random", "certify"

ChooseNext = Callable[[int], Codes]
"""Gives that many rows in the order of `labelfix next`."""


@dataclass(frozen=True)
class Queue:
    """Rows in an order.

    Attributes:
        order: `(n,)` positions in the run, from 0.
        inclusion: `(n,)` the probability with which each row is asked about; None where chance chose nothing.
    """

    name: str
    order: Codes
    inclusion: npt.NDArray[np.float64] | None = None

    def without(self, rows: Codes) -> Queue:
        """The same without some rows; the random sample stays what it is."""
        if self.name == RANDOM:
            return self
        left = ~np.isin(self.order, rows)
        return Queue(self.name, self.order[left], None if self.inclusion is None else self.inclusion[left])


class RunRows:
    """The columns of a run's corrected labels that queues are made of.

    Attributes:
        ids: `(N,)` ids as texts.
        given: `(N,)` given label; -1 for none.
        suggested: `(N,)` suggested label.
        score: `(N,)` label score.
        doubtful: `(N,)` the label is doubted and was not changed.
        trusted: `(N,)` a person gave the label before the run.
        chosen: `(N,)` trusted, and judging nothing, as the row was not drawn at random.
        sources: Who the labels come from, where several say something.
    """

    def __init__(self, folder: RunFolder) -> None:
        file = CorrectedFile(folder.corrected)
        self.path = folder.path
        self.manifest: dict[str, Any] = folder.read_manifest(whole=True)
        self.classes = corrected_metadata(file).classes
        names = {name: code for code, name in enumerate(self.classes)}
        read = ["id", "given_label", "suggested_label", "label_score", "action", "source_file"]
        table = pa.concat_tables([group for _, group in groups(file, read)]) if len(file) else None
        if table is None:
            raise SettingsError(f"{folder.path}: the run has no rows to review")
        self.ids: pa.Array = table["id"].cast(pa.string()).combine_chunks()
        self.given = codes(table["given_label"], names)
        self.suggested = codes(table["suggested_label"], names)
        self.score = values(table["label_score"]).astype(np.float64)
        self.doubtful = codes(table["action"], {"review": 1}) > 0
        self.sources = corrected_metadata(file).sources
        self._corrected = file
        self.files = tuple(dict.fromkeys(table["source_file"].unique().to_pylist()))
        self._file = codes(table["source_file"], {name: place for place, name in enumerate(self.files)})
        self._places: dict[str, int] = {}
        self.trusted = trusted_mask(self.manifest, len(file))
        self.chosen = np.zeros(len(file), dtype=bool)
        self.chosen[np.asarray(self.manifest.get("chosen_rows", []), dtype=np.int64)] = True

    def __len__(self) -> int:
        return len(self.given)

    def position(self, row: str) -> int | None:
        """Where the row of an id stands; None where there is none."""
        found = int(self.positions([row])[0])
        return None if found < 0 else found

    def positions(self, rows: Sequence[str]) -> Codes:
        """`(n,)` where rows of some ids stand; -1 for one that there is not."""
        new = [row for row in rows if row not in self._places]
        if len(new) == 1:
            self._places[new[0]] = pc.index(self.ids, pa.scalar(new[0], pa.string())).as_py()
        elif new:
            found = pc.index_in(pa.array(new, pa.string()), self.ids).fill_null(-1)
            self._places |= dict(zip(new, found.to_pylist(), strict=True))
        return np.array([self._places[row] for row in rows], dtype=np.int64)

    def opinions(self, source: str) -> npt.NDArray[np.float64]:
        """`(N,)` how likely what a source of labels says is right, at its worst; NaN where it says nothing."""
        found = np.full(len(self), np.nan)
        for first, group in groups(self._corrected, [SOURCE_SCORES]):
            said = group[SOURCE_SCORES].combine_chunks()
            said = said.combine_chunks() if isinstance(said, pa.ChunkedArray) else said
            flat = said.flatten()
            own = np.asarray(pc.equal(flat.field("source"), source)).astype(bool)
            row = first + np.asarray(pc.list_parent_indices(said))[own]
            np.fmin.at(found, row, np.asarray(flat.field("score"))[own].astype(np.float64))
        return found

    def file(self, name: str) -> npt.NDArray[np.bool_]:
        """`(N,)` the rows of a source file, named in full or by its last part.

        Raises:
            SettingsError: There is none by that name.
        """
        wanted = [place for place, file in enumerate(self.files) if name in (file, file.rpartition("/")[2])]
        if not wanted:
            known = ", ".join((*self.sources, *self.files)[:20])
            raise SettingsError(f"--queue source {name}: the run has no such source; its sources are {known}")
        return np.isin(self._file, wanted)

    @cached_property
    def _alike(self) -> dict[int, list[int]]:
        """Row → all rows that hold the same as it, itself included, in order; of rows that there are several of."""
        if "duplicate_of" not in self._corrected.schema.names:
            return {}
        of = pa.concat_tables([group for _, group in groups(self._corrected, ["duplicate_of"])])["duplicate_of"]
        later = np.flatnonzero(np.asarray(of.is_valid()))
        named = of.take(pa.array(later)).cast(pa.string()).to_pylist()
        found: dict[int, list[int]] = {}
        for row, earlier in zip(later.tolist(), self.positions(named).tolist(), strict=True):
            if earlier >= 0:
                same = found.setdefault(earlier, [earlier])
                same.append(row)
                found[row] = same
        return found

    def same_content(self, position: int) -> list[int]:
        """The other rows that hold the same as a row, as far as labels differ among them."""
        return [row for row in self._alike.get(position, ()) if row != position]

    @cached_property
    def random_order(self) -> Codes:
        """All rows that are not trusted, in the order of the random queue: the same each time."""
        generator = np.random.default_rng(list(str(self.manifest["run_id"]).encode()))
        return generator.permutation(np.flatnonzero(~self.trusted & (self.given >= 0))).astype(np.int64)


def make_queue(asked: str, rows: RunRows, budget: int, choose_next: ChooseNext) -> Queue:
    """A queue by its name.

    Args:
        asked: One of `KINDS`, with classes or a source in it where that has letters.
        budget: How many rows people mean to read; the random queue's inclusion probability follows from it.
        choose_next: Makes the queue `next`.

    Raises:
        SettingsError: There is no such queue, class or source.
    """
    asked = " ".join(asked.split())
    kind, _, rest = asked.partition(" ")
    usable = ~rows.trusted
    if asked == RANDOM:
        share = min(1.0, budget / max(len(rows.random_order), 1))
        return Queue(asked, rows.random_order, np.full(len(rows.random_order), share))
    if asked == "next":
        return Queue(asked, choose_next(budget))
    if asked == CERTIFY:
        return _planned(rows)
    if asked == "worst":
        return Queue(asked, _by_score(rows, usable))
    if asked == "doubtful":
        return Queue(asked, _by_score(rows, usable & rows.doubtful))
    if kind == "source" and rest in rows.sources:
        said = rows.opinions(rest)
        found = np.flatnonzero(usable & ~np.isnan(said))
        return Queue(asked, found[np.argsort(said[found], kind="stable")].astype(np.int64))
    if kind == "source" and rest:
        return Queue(asked, _by_score(rows, usable & rows.file(rest)))
    if kind == "class" and rest:
        given, suggested = _pair(rest, rows.classes)
        return Queue(asked, _by_score(rows, usable & (rows.given == given) & (rows.suggested == suggested)))
    raise SettingsError(f"--queue {asked}: there is no such queue; there are {', '.join(KINDS)}")


def _planned(rows: RunRows) -> Queue:
    plan = needed_plan(rows.path)
    if plan.run_id != rows.manifest["run_id"]:
        raise RunError(f"{plan_path(rows.path)}: was made for another run; {AGAIN}")
    order = np.array([row.row - 1 for row in plan.handed_out], dtype=np.int64)
    return Queue(CERTIFY, order, np.array([row.chance for row in plan.handed_out]))


def _by_score(rows: RunRows, wanted: npt.NDArray[np.bool_]) -> Codes:
    """Lowest label score first; rows without a given label, which have none, come last."""
    found = np.flatnonzero(wanted)
    score = np.where(rows.given[found] < 0, np.inf, rows.score[found])
    return found[np.argsort(score, kind="stable")].astype(np.int64)


def _pair(text: str, classes: Sequence[str]) -> tuple[int, int]:
    """The two classes of `A->B`; a class's name may have an arrow in it."""
    for arrow in ("->", "→"):
        pieces = text.split(arrow)
        for cut in range(1, len(pieces)):
            one, other = arrow.join(pieces[:cut]).strip(), arrow.join(pieces[cut:]).strip()
            if one in classes and other in classes:
                return classes.index(one), classes.index(other)
    known = ", ".join(classes[:20])
    raise SettingsError(f"--queue class {text}: write it as A->B, with two classes of the run, which are {known}")

"""What a finished run has to ask people: the rows whose answer is worth most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.api.applied import AppliedRun, TableLike
from labelfix.outputs.corrected_rows import CorrectedFile
from labelfix.outputs.exports import write_tables
from labelfix.outputs.own_inputs import find_input
from labelfix.outputs.progress_bars import listener
from labelfix.progress import Progress
from labelfix.remote import as_path
from labelfix.scoring.next_rows import choose_rows, next_rows
from labelfix.scoring.whom_to_ask import asker_of


class AskingRun(AppliedRun):
    """A finished run that says which rows a person should look at."""

    @property
    def label_to_fill(self) -> str:
        """The column of `next_rows` that a person fills in."""
        return self.columns.clean_label or self.columns.label or "label"

    def next_rows(
        self,
        count: int = 200,
        *,
        noisy: TableLike | None = None,
        costs: Mapping[str, float] | None = None,
        progress: Progress | bool | None = None,
    ) -> pa.Table:
        """The rows whose answer by a person is worth most; see `labelfix.scoring.next_rows.next_rows`.

        Args:
            count: How many.
            noisy: Where the noisy file of the run lies now, if it was moved; or the table, if it was one in memory.
            costs: Source, or `trusted` → price of an answer: then also whom to ask.
            progress: Told what happens; True shows bars.

        Raises:
            InputError: The noisy file is gone, or has changed since.
            SettingsError: A price is that of nobody.
        """
        asker = asker_of(self.corrector, self.columns.names, costs) if costs else None
        own = find_input(self.folder, "noisy", self._noisy_file(noisy)).needed()
        blocks = self._own_blocks(own, listener(progress))
        trusted = self.manifest["trusted_rows"]
        rows = CorrectedFile(self.folder.corrected)
        return next_rows(rows, blocks, self.classifier, trusted, self.columns, count, own.files, asker)

    def next_positions(
        self, count: int, without: Sequence[int] = (), *, noisy: TableLike | None = None
    ) -> npt.NDArray[np.int64]:
        """Where the rows stand in `corrected` that `next_rows` gives, counted from 0.

        Args:
            count: How many.
            without: Rows that nobody needs to be asked about, beside the trusted ones.
            noisy: As for `next_rows`.

        Raises:
            InputError: As `next_rows`.
        """
        own = find_input(self.folder, "noisy", self._noisy_file(noisy)).needed()
        known = [*self.manifest["trusted_rows"], *without]
        blocks, rows = self._own_blocks(own, listener(None)), CorrectedFile(self.folder.corrected)
        return choose_rows(rows, blocks, self.classifier, known, count)

    def next_to(
        self,
        out: str | Path,
        count: int = 200,
        *,
        noisy: TableLike | None = None,
        costs: Mapping[str, float] | None = None,
        overwrite: bool = False,
        progress: Progress | bool | None = None,
    ) -> int:
        """Write what `next_rows` gives to a file, and say how many rows.

        Args:
            out: The file: .csv, .tsv or .parquet.
            count: How many rows.
            noisy: As for `next_rows`.
            costs: As for `next_rows`.
            overwrite: Replace a file that is there, with the answers that it may hold; an input never is.
            progress: Told what happens; True shows bars.

        Raises:
            SettingsError: The file is an input, or is there already.
            InputError: As `next_rows`.
        """
        self._refuse(out, overwrite, noisy)
        table = self.next_rows(count, noisy=noisy, costs=costs, progress=progress)
        write_tables(as_path(out), iter([table]), self.classes.names)
        return len(table)

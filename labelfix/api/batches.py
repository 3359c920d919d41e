"""A finished run as a function of Arrow batches, for engines that hand rows out to many workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from labelfix.api.entry import load_run
from labelfix.api.run import Run
from labelfix.errors import RunError, SettingsError, input_error
from labelfix.runs import RunFolder

Device = Literal["auto", "cpu", "cuda"]

PLACES = ("source_file", "source_row")
"""Columns of corrected labels that say nothing of a batch: where its rows came from only the engine knows."""


class BatchCorrector:
    """Corrects the labels of batches of rows as `labelfix correct` does those of a file.

    It is pickled by its names alone, and opens its run once in each process that calls it. The rows of a batch are told
    apart by the run's id column, or by the columns that come along.

    Args:
        run: The run's folder, under a name that all workers know it by.
        keep: Columns of the rows that come along, before the others.
        min_confidence: Change a label only where the confidence reaches this. Default: as in the run.
        soft_top_k: Give only this many classes of each soft label. Default: as in the run.
        device: Where to compute: `auto`, `cpu` or `cuda`. Default: as in the run.
        reading: Fields of `DataSettings` for these rows, such as `label_column="votes"`.

    Raises:
        RunError: There is no such finished run.
    """

    def __init__(
        self,
        run: str | Path,
        *,
        keep: Sequence[str] = (),
        min_confidence: float | None = None,
        soft_top_k: int | None = None,
        device: Device | None = None,
        **reading: Any,  # noqa: ANN401 - as for `Run.correct`
    ) -> None:
        folder = RunFolder.open_finished(Path(run))
        self._path = str(folder.path.absolute())
        self._run_id = str(folder.read_manifest()["run_id"])
        self._keep = tuple(keep)
        self._how: dict[str, Any] = {"min_confidence": min_confidence, "soft_top_k": soft_top_k}
        self._device = device
        self._reading = reading

    def __repr__(self) -> str:
        return f"<BatchCorrector {self._path!r}>"

    def __call__(self, rows: Any) -> Any:  # noqa: ANN401 - gives back what kind it was given
        """Correct a table, a batch, or each batch of several as it comes.

        Args:
            rows: The rows, with the input columns of the run.

        Returns:
            As many rows, in their order and of the kind that was given: the columns of `keep`, then those that
            `labelfix correct` writes, but for the names and numbers of source rows.

        Raises:
            InputError: They do not fit the run.
            RunError: The folder holds another run than when this was made.
        """
        if isinstance(rows, pa.Table):
            return self._corrected(rows)
        if isinstance(rows, pa.RecordBatch):
            table = self._corrected(pa.Table.from_batches([rows]))
            return pa.record_batch([column.combine_chunks() for column in table.columns], schema=table.schema)
        if isinstance(rows, Mapping) or hasattr(rows, "columns") or not isinstance(rows, Iterable):
            what = f"are of type {type(rows).__name__}, and no Arrow batch"
            raise input_error("rows", what, 'ask the engine for Arrow, such as batch_format="pyarrow" in Ray')
        return (self(batch) for batch in rows)

    def schema(self, rows: pa.Schema) -> pa.Schema:
        """The schema that comes out where rows of a schema go in."""
        return self(rows.empty_table()).schema

    def _corrected(self, rows: pa.Table) -> pa.Table:
        run = _opened(self._path, self._run_id, self._device)
        found = run.correct_batch(rows, **self._how, **self._reading).drop_columns(list(PLACES))
        if (self._reading.get("id_column") or run.columns.id) not in rows.column_names:
            if not self._keep:
                raise SettingsError(
                    "the rows of a batch have no id column, so that nothing would tell them apart; name one by "
                    "id_column, or name columns that come along by keep"
                )
            found = found.drop_columns(["id"])
        for place, name in enumerate(self._keep):
            if name in found.column_names:
                raise SettingsError(f"keep: {name!r} is what a column of corrected labels is called; rename it before")
            found = found.add_column(place, rows.schema.field(name), rows.column(name))
        return found.replace_schema_metadata(None)


@lru_cache(maxsize=4)
def _opened(path: str, run_id: str, device: Device | None) -> Run:
    """A run, opened once in a process."""
    run = load_run(path)
    if run.manifest["run_id"] != run_id:
        raise RunError(f"{path}: another run stands there now; make the corrector again")
    if device is not None:
        run.settings = replace(run.settings, compute=replace(run.settings.compute, device=device))
    return run


def batch_corrector(run: str | Path, **options: Any) -> BatchCorrector:  # noqa: ANN401 - those of `BatchCorrector`
    """A callable from Arrow batches to Arrow batches, for Ray, Spark or whatever hands rows out to workers.

    Args:
        run: The run's folder, under a name that all workers know it by.
        options: As for `BatchCorrector`: `keep`, `min_confidence`, `soft_top_k`, `device`, and how rows are read.

    Raises:
        RunError: There is no such finished run.
    """
    return BatchCorrector(run, **options)

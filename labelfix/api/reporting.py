"""`Run.report`: what a run found, with the trusted rows nearest to its worst ones, as one HTML file."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from labelfix.api.opened import OpenedRun
from labelfix.data.tables import Codes
from labelfix.errors import LabelfixError
from labelfix.outputs.own_inputs import OwnInput, find_input
from labelfix.outputs.report.collect import collect
from labelfix.outputs.report.render import Reasons, write_report
from labelfix.outputs.train_again import train_again
from labelfix.progress import Progress
from labelfix.scoring.nearest_trusted import nearest_trusted


def report(
    run: OpenedRun, out: Path, max_rows: int, noisy: str | None, clean: str | Sequence[str] | None, progress: Progress
) -> int:
    """Write the report, and say how many bytes it has; see `Run.report`."""
    found = collect(run.folder, max_rows)
    own = find_input(run.folder, "noisy", noisy)
    reasons: Reasons = {}
    why = own.missing("The nearest trusted rows are not shown")
    if why:
        progress.warn(own.missing("what rows hold is not shown"))
    else:
        wanted = np.array([row.position for row in found.worst], dtype=np.int64)
        reasons, why = nearest(run, own, clean, wanted, progress)
    again = shlex.join(train_again(run.folder, noisy, Path("decisions.csv")))
    near = {each.file: each.file for rows in reasons.values() for each in rows}
    return write_report(out, found, reasons, why, {**near, **own.files}, again)


def _trusted_names(run: OpenedRun, clean: str | Sequence[str] | None, progress: Progress) -> Sequence[str]:
    """The trusted files with rows that the noisy file lacks; a warning names those that are not found."""
    if len(run.manifest["trusted_rows"]) >= run.manifest["data"]["clean"]["rows"]:
        return ()
    found = find_input(run.folder, "clean", clean)
    if lost := found.missing("trusted rows that do not stand in the noisy file are not shown"):
        progress.warn(lost)
    return found.names


def nearest(
    run: OpenedRun, own: OwnInput, clean: str | Sequence[str] | None, wanted: Codes, progress: Progress
) -> tuple[Reasons, str]:
    """The trusted rows nearest to some rows: those that stand in the noisy file, and those of trusted files.

    Args:
        own: The noisy file of the run.
        clean: Where its trusted files lie now, in their order.
        wanted: `(n,)` positions of the rows.

    Returns:
        The rows, and a sentence that says why where there are none.
    """
    trusted = _trusted_names(run, clean, progress)
    rows = np.asarray(run.manifest["trusted_rows"], dtype=np.int64)
    columns = replace(run.columns, id=run.columns.clean_id, label=run.columns.clean_label)
    files = [partial(run._blocks, name, progress, run._own_reading(columns), columns) for name in trusted]
    try:
        noisy = run._own_blocks(own, progress)
        return nearest_trusted(noisy, files, run.classifier, wanted, np.unique(rows), run.folder)
    except (LabelfixError, OSError) as error:
        return {}, f"The nearest trusted rows are not shown: {error}"

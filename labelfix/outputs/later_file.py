"""Corrected labels of later rows beside the file that they came from, which nobody has a hash of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.assemble import memory_name
from labelfix.data.formats import ReadOptions, open_table
from labelfix.data.scan import decode
from labelfix.data.spelling import names_meant, spelled
from labelfix.errors import input_error
from labelfix.outputs.alignment import AlignedLabels
from labelfix.outputs.corrected_rows import corrected_metadata, groups
from labelfix.outputs.flags import opened_labels
from labelfix.outputs.own_inputs import find_rows

OTHER = "give the file as it was when labelfix correct read it, by --noisy"


def later_labels(corrected: Path | pa.Table, label: str | None, noisy: Any = None) -> AlignedLabels:  # noqa: ANN401
    """What `labelfix correct` wrote, beside the file that it read.

    Args:
        label: The label column of the run; the file may spell it otherwise, or have none.
        noisy: Where that file lies, or the table; None where it is a single file that the corrected labels name.

    Raises:
        InputError: It is not to be found, or holds other rows now.
    """
    path, name, rows = opened_labels(corrected)
    about = corrected_metadata(rows)
    named = [
        str(name) for _, group in groups(rows, ["source_file"]) for name in group["source_file"].unique().to_pylist()
    ]
    files = tuple(dict.fromkeys(named))
    place = noisy
    if noisy is None and len(files) == 1:
        place = find_rows(files, None, path, None)[0].get(files[0])
    if place is None:
        what = f"was made of {', '.join(files[:3]) or 'no rows'}: no single file that lies here or beside it"
        raise input_error(name, what, "name it by --noisy")
    source = open_table(place, memory_name(place, "rows"), options=ReadOptions(about.encoding))
    names = source.schema.names
    own = next(iter(names_meant(names, (label,))), label)
    files = source.files if set(files) <= set(source.files) or len(files) != len(source.files) else files
    found = AlignedLabels(rows, source, own if own in names and own is not None else "", files)
    _refuse_others(found, next(iter(names_meant(names, (about.id_column,))), about.id_column))
    return found


def _refuse_others(correction: AlignedLabels, id_column: str | None) -> None:
    """Refuse a file whose rows have other ids, or other labels, than those that were corrected."""
    source, rows = correction.source, 0
    if id_column not in source.schema.names:
        id_column = None
    for chunk, said in correction.beside([id_column] if id_column else [], True, ["id"]):
        rows += int((said.position >= 0).sum())
        if id_column and said.details is not None:
            same = pc.equal(spelled(decode(chunk.batch.column(0))), spelled(said.details["id"].combine_chunks()))
            if not pc.all(same).as_py():
                place = chunk.first_row + pc.index(same, False).as_py()
                raise input_error(source.name, "has another id here than the row that was corrected", OTHER, row=place)
    if rows != len(correction.rows):
        what = f"holds {rows:,} of the {len(correction.rows):,} rows that were corrected"
        raise input_error(source.name, what, OTHER)

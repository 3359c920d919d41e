"""Reading for a finished run: new rows to score, checked and passed on block by block."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelfix.data.assemble import attempt, memory_name, read_options
from labelfix.data.columns.called import OF_ROWS, as_asked, called_as
from labelfix.data.columns.ids import canonical_ids, check_ids, gather
from labelfix.data.columns.inputs import inputs_fit
from labelfix.data.columns.roles import Columns, listed, require_column
from labelfix.data.findings import FilePlaces, Findings
from labelfix.data.formats import TableSource, open_table
from labelfix.data.formats.base import READ_ROWS, Source
from labelfix.data.hear import given_of, hear_again, known_opinions
from labelfix.data.input_checks import check_inputs
from labelfix.data.inputs import ColumnInputs, HeldInputs
from labelfix.data.labels.class_map import read_class_map
from labelfix.data.labels.classes import UNKNOWN, match_codes
from labelfix.data.labels.column import LabelColumn, LabelReader
from labelfix.data.labels.refusal import refuse_type
from labelfix.data.labels.unknown import report_unknown
from labelfix.data.opinions import Opinions
from labelfix.data.rows import read_id_and_label, survey_rows
from labelfix.data.scan import regroup, scan
from labelfix.data.tables import UNLABELLED, ClassNames, Codes, LabelTable
from labelfix.errors import listing
from labelfix.settings.data import DataSettings


@dataclass(frozen=True)
class NewRows:
    """Rows for a finished run, checked, and read block by block: nothing of a row is held.

    Attributes:
        label_column: Column of the given labels; None where the table has none.
        id_column: Column of the ids; None where ids are row numbers.
        id_type: Type of the ids: string or int64.
        places: Where the rows came from.
        inputs: Handle on the input columns of all rows.
        readable: `(N,)` as in `LabelTable`; None where every row can be read.
        labels: Finds the position of a label among the distinct ones; None without labels.
        codes: Class code at each such position.
        opinions: What several sources say of all rows, which alone is held; None where there is one column of labels.
        main: The source whose opinion is the given label; None where most of them count.
    """

    source: TableSource
    classes: ClassNames
    label_column: str | None
    id_column: str | None
    id_type: pa.DataType
    places: FilePlaces
    inputs: ColumnInputs
    readable: npt.NDArray[np.bool_] | None
    labels: LabelReader | None
    codes: Codes
    opinions: Opinions | None = None
    main: str | None = None

    def __len__(self) -> int:
        return len(self.places)

    def blocks(self, rows: int, with_inputs: bool = True) -> Iterator[LabelTable]:
        """All rows in order, as tables of `rows` rows or, the last, fewer; without inputs their `inputs` are None."""
        if not len(self):
            yield self._table(0, pa.array([], self.id_type), np.zeros(0, np.int64), None)
            return
        held = regroup(self.inputs.batches(), rows) if with_inputs else itertools.repeat(None)
        for (start, ids, codes), batches in zip(self._ids_and_codes(rows), held, strict=with_inputs):
            inputs = None if batches is None else HeldInputs(self.inputs.spec, self.source.name, tuple(batches))
            yield self._table(start, ids, codes, inputs)

    def _opinions(self, start: int, count: int) -> Opinions | None:
        """Those of some consecutive rows."""
        return None if self.opinions is None else self.opinions.take(np.arange(start, start + count, dtype=np.int64))

    def _table(self, start: int, ids: pa.Array, codes: Codes, inputs: HeldInputs | None) -> LabelTable:
        """Some consecutive rows, the first of them at a position."""
        places = self.places.between(start, start + len(codes))
        return LabelTable(
            name=self.source.name,
            ids=ids,
            codes=codes,
            classes=self.classes,
            inputs=inputs,
            files=places.files,
            file_index=places.file_index,
            row_number=places.row_number,
            label_column=self.label_column,
            id_column=self.id_column,
            readable=None if self.readable is None else self.readable[start : start + len(codes)],
            opinions=self._opinions(start, len(codes)),
        )

    def _ids_and_codes(self, rows: int) -> Iterator[tuple[int, pa.Array, Codes]]:
        columns = list(dict.fromkeys(c for c in (self.id_column, self.label_column) if c is not None))
        for start, group in zip(range(0, len(self), rows), self._groups(columns, rows), strict=True):
            count = min(rows, len(self) - start)
            ids, codes = pa.array(np.arange(start + 1, start + count + 1)), np.full(count, UNLABELLED, np.int64)
            if self.id_column is not None:
                type_ = self.source.schema.field(self.id_column).type
                ids = gather([canonical_ids(b.column(self.id_column), type_).cast(self.id_type) for b in group])
            if self.labels is not None:
                found = [self.labels.positions(b.column(self.labels.column)) for b in group]
                codes = self.codes[np.concatenate(found)]
            elif (opinions := self._opinions(start, count)) is not None:
                codes = given_of(opinions, self.main, len(self.classes))
            yield start, ids, codes

    def _groups(self, columns: list[str], rows: int) -> Iterator[list[pa.RecordBatch]]:
        if not columns:
            return iter([[]] * -(-len(self) // rows))
        chunks = scan(self.source, columns, verbatim=True)
        return regroup((chunk.batch for chunk in chunks), rows)


def open_rows(
    source: Source,
    classes: ClassNames,
    columns: Columns,
    settings: DataSettings,
    read_rows: int = READ_ROWS,
    findings: Findings | None = None,
    look_at_labels: bool = True,
) -> NewRows:
    """Open and check new rows for a finished run: the same input columns, labels, ids where there are some.

    Two passes, in memory that does not grow with the rows: one over ids and labels (are ids there, and each once; is
    every label one of the classes), one over the inputs (see `check_inputs`).

    Args:
        source: Path, folder, glob, `hub:NAME` or a table in memory.
        settings: May name another label or id column.
        findings: Takes notes and warnings; None if nobody reads them.
        look_at_labels: Whether given labels matter: not where the classifier alone is asked.
    """
    findings = findings or Findings()
    table = open_table(source, memory_name(source, "rows"), read_options(settings, read_rows))
    findings.source(table)
    settings = as_asked(table, settings, OF_ROWS, findings)
    wanted = (*columns.spec.every_column, columns.id, columns.label, *columns.sources)
    table = called_as(table, wanted, (settings.id_column, settings.label_column), findings)
    label = None
    if look_at_labels and not columns.names:
        label = _label(table, settings, columns.label, findings)
    id_column = _optional(table, settings.id_column, columns.id, "--id-column", findings)
    if settings.class_map is not None:
        classes = _with_aliases(classes, settings.class_map, findings)
    if absent := [c for c in columns.spec.every_column if c not in table.schema.names]:
        several, which = len(absent) > 1, listing([repr(column) for column in absent])
        what = f"has no column{'s' * several} {which}; its columns are {listed(table, absent[0])}"
        remedy = f"the run reads {'them' if several else 'it'}: give your column of that content this name"
        findings.error(table.name, what, f"{remedy}, or use another run")
    else:
        inputs_fit(table, columns.spec, findings)
    findings.stop_on_errors()
    if id_column is None and columns.id is not None:
        what = f"has no column {columns.id!r}: its ids are row numbers"
        findings.warning(table.name, what, "if another column names the rows, pass --id-column")
    survey = survey_rows(table, id_column, label)
    places, codes = survey.places, np.zeros(0, np.int64)
    if not len(places):
        findings.warning(table.name, "holds no rows, so nothing is said of any")
    if survey.labels is not None:
        found = survey.labels.result()
        codes = match_codes(found, classes, table.name, findings, settings.missing_words)
        _meet_new_classes(found, codes, classes, places, settings, findings)
        codes = np.maximum(codes, UNLABELLED)
    if id_column is not None and survey.suspects is not None:
        check_ids(survey.suspects.ids, id_column, survey.suspects.places, findings)
    opinions = None
    if look_at_labels and columns.names:
        opinions = _opinions(table, places, columns, classes, settings, findings)
    inputs = ColumnInputs(table, columns.spec, len(places))
    readable = attempt(lambda: check_inputs(inputs, places, findings, settings, "new"), findings)
    findings.stop_on_errors()
    return NewRows(
        source=table,
        classes=classes,
        label_column=label,
        id_column=id_column,
        id_type=survey.id_type,
        places=places,
        inputs=inputs if readable is None else inputs.without(~readable),
        readable=readable,
        labels=survey.labels,
        codes=np.append(codes, UNLABELLED),
        opinions=opinions,
        main=columns.main,
    )


def _opinions(
    table: TableSource,
    places: FilePlaces,
    columns: Columns,
    classes: ClassNames,
    settings: DataSettings,
    findings: Findings,
) -> Opinions:
    """What the run's sources say of new rows; where nobody is there the user has to say that they are unlabelled."""
    id_column = settings.id_column or columns.id
    known = id_column if id_column in table.schema.names else None
    ids = read_id_and_label(table, known, None).ids if settings.sources is not None else pa.array([])
    ballots = None if settings.unlabelled else hear_again(table, ids, columns, settings, findings)
    if ballots is None:
        if not settings.unlabelled and not findings.has_errors:
            findings.error(
                table.name,
                f"has none of the run's label columns ({', '.join(columns.names[:8])})",
                "name them with --label-columns, give a file of opinions with --sources, or pass --unlabelled to have "
                "every row filled in",
            )
        empty = np.zeros(0, dtype=np.int64)
        return replace(
            Opinions.of(len(places), empty, empty, empty, columns.names), asked=np.zeros(len(columns.names), dtype=bool)
        )
    words = replace(ballots.labels, positions=np.arange(len(ballots.labels.values), dtype=np.int64))
    codes = match_codes(words, classes, table.name, findings, settings.missing_words)
    _meet_new_classes(words, codes, classes, places, settings, findings)
    codes = np.append(np.maximum(codes, UNLABELLED), UNLABELLED)[ballots.labels.positions]
    return known_opinions(ballots, len(places), codes, columns.names)


def _label(table: TableSource, settings: DataSettings, usual: str | None, findings: Findings) -> str | None:
    """The column of the given labels; without one the user has to say that there are none."""
    if settings.unlabelled:
        return None
    column = _optional(table, settings.label_column, usual, "--label-column", findings)
    if column is not None:
        return None if refuse_type(table, column, findings) else column
    if not findings.has_errors:
        findings.error(
            table.name,
            f"has no label column {usual!r}; its columns are {listed(table, usual or '')}",
            "name it with --label-column, or pass --unlabelled to have every row filled in",
        )
    return None


def _with_aliases(classes: ClassNames, path: str, findings: Findings) -> ClassNames:
    """The run's classes with the aliases of another class map besides; it may name none but these classes."""
    found = attempt(lambda: read_class_map(path), findings) or {}
    unknown = sorted({name for name in found.values() if name and name not in classes.codes})
    if unknown:
        what = f'names "{unknown[0]}", which is not one of the run\'s classes'
        findings.error(path, what, "name classes of the run, or nothing for no label")
    own = {alias: name for alias, name in found.items() if alias != name}
    return replace(classes, aliases=tuple(sorted({**dict(classes.aliases), **own}.items())))


def _meet_new_classes(
    labels: LabelColumn,
    codes: Codes,
    classes: ClassNames,
    places: FilePlaces,
    settings: DataSettings,
    findings: Findings,
) -> None:
    """Labels that are none of the run's classes: an error, or no label where the user says so."""
    if settings.new_classes == "error":
        remedy = "fix it, pass --class-map, or --new-classes as-unlabelled"
        report_unknown(labels, codes, classes, places, findings, remedy)
        return
    for position in np.flatnonzero(codes == UNKNOWN).tolist():
        value, count = labels.values[position], labels.counts[position]
        findings.warning(places.files[0], f'label "{value[:60]}" ({count:,} rows) is not one of the classes: no label')


def _optional(source: TableSource, asked: str | None, usual: str | None, flag: str, findings: Findings) -> str | None:
    """A column of new rows: the one asked for must be there, the training rows' own need not."""
    if asked is not None and asked != usual:
        return asked if require_column(source, asked, flag, findings) else None
    return usual if usual in source.schema.names else None

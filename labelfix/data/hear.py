"""From opinions in the words of their files to classes: those of a run, or those that it has already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from labelfix.data.annotations.opening import open_opinions
from labelfix.data.assemble import attempt, read_options
from labelfix.data.columns.roles import Columns
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.labels.ballots import Ballots, joined, read_columns, read_long, source_columns, with_trusted
from labelfix.data.labels.checks import check_given
from labelfix.data.labels.classes import UNKNOWN, class_names, is_no_answer, match_codes
from labelfix.data.labels.column import LabelColumn
from labelfix.data.labels.refusal import SEPARATORS, several_labels
from labelfix.data.opinions import Opinions
from labelfix.data.rows import IdsAndLabels
from labelfix.data.spelling import difference
from labelfix.data.tables import ClassNames, Codes
from labelfix.settings.data import DataSettings

Heard = tuple[ClassNames, Opinions, Codes, Codes, str | None]
"""The classes, all opinions of the noisy rows, their given and the trusted labels, and the main source."""


def hear(
    noisy: IdsAndLabels,
    clean: IdsAndLabels,
    columns: Columns,
    aliases: Mapping[str, str],
    settings: DataSettings,
    findings: Findings,
) -> Heard:
    """Read what several sources say, and settle the classes: the union of all that they and the trusted rows name.

    Raises:
        InputError: An error stands in the way.
    """
    ballots = read_ballots(noisy.source, noisy.ids, columns.sources, columns.id, settings, findings)
    if ballots is None:
        findings.stop()
    assert clean.labels is not None
    words, trusted, labels = settings.missing_words, clean.labels, ballots.labels
    if len(columns.sources) == 1:
        _refuse_several(labels, trusted, noisy.name, findings)
    _warn_of_no_answers(labels, {*trusted.values, *aliases}, noisy.name, findings)
    classes, codes = class_names(labels, trusted, aliases, noisy.name, findings, words)
    truth = match_codes(trusted, classes, clean.name, findings, words, typed=True)
    if more := _only_trusted(trusted, truth, classes):
        named = ", ".join(f'"{trusted.values[place]}"' for place in more[:5])
        what = f"no source says {named}, which only trusted rows have"
        if len(more) == len(trusted.values) > 1:
            said = ", ".join(f'"{value}"' for value in labels.values[:5])
            findings.error(clean.name, f"{what}: they say {said}", "name the columns that hold labels")
            findings.stop()
        findings.warning(clean.name, what, "it is taken as a class; correct it if it is a slip")
        values, stored = ([of[place] for place in more] for of in (trusted.values, trusted.stored))
        labels = with_trusted(labels, values, stored)
        classes, codes = class_names(labels, trusted, aliases, noisy.name, findings, words)
        truth = match_codes(trusted, classes, clean.name, findings, words, typed=True)
    opinions = ballots.opinions(len(noisy), codes)
    main = _main(ballots, settings, noisy.name, findings)
    findings.stop_on_errors()
    given = given_of(opinions, main, len(classes))
    check_given(given, classes, labels, noisy.name, findings)
    counts = np.bincount(opinions.source, minlength=len(opinions.names))
    silent = [name for name, count in zip(opinions.names, counts, strict=True) if not count]
    if silent:
        findings.warning(
            noisy.name, f"no label comes from {', '.join(map(repr, silent[:5]))}", "leave such sources out"
        )
    how = f"what {main!r} says, most of them where it is silent" if main else "what most of them say"
    count = len(opinions.names)
    findings.note(f"{count} source{'s' * (count > 1)} with {len(opinions.label):,} labels; the given label is {how}")
    return classes, opinions, given, truth, main


def _refuse_several(labels: LabelColumn, trusted: LabelColumn, name: str, findings: Findings) -> None:
    """Refuse a column of votes that are written as one text, such as "a|b|a", unless trusted rows say such a class."""
    odd = several_labels(labels)
    if odd is None or any(set(SEPARATORS) & set(value) for value in trusted.values):
        return
    remedy = 'write votes as JSON, such as ["a", "b"] or {"anna": "a"}, or give each source a column of its own'
    findings.error(name, f"{odd[0]}, {odd[1]}", remedy)
    findings.stop_on_errors()


def _warn_of_no_answers(labels: LabelColumn, classes: Collection[str], name: str, findings: Findings) -> None:
    """Words that sources write where they do not know, which are classes unless `--abstain` names them."""
    places = [p for p, word in enumerate(labels.values) if is_no_answer(word)]
    found = [labels.stored[p] for p in places if labels.values[p] not in classes]
    if found:
        count = sum(labels.counts[p] for p in places if labels.values[p] not in classes)
        named = ", ".join(f'"{word}"' for word in found[:5])
        what = f"sources say {named} {count:,} times, which is taken as a class; no trusted row has it"
        findings.warning(name, what, f'if it means "no answer", give --abstain "{",".join(found)}"')


def given_of(opinions: Opinions, main: str | None, classes: int) -> Codes:
    """`(N,)` the given labels: what the main source says; most of them, where there is none or it is silent."""
    most = opinions.majority(classes)
    if main is None or main not in opinions.names:
        return most
    own = opinions.of_source(opinions.names.index(main))
    return np.where(own >= 0, own, most)


def read_ballots(
    table: TableSource,
    ids: pa.Array,
    columns: Sequence[str],
    id_column: str | None,
    settings: DataSettings,
    findings: Findings,
) -> Ballots | None:
    """The opinions of a table's rows: in columns of it, in a file of their own, or both.

    Args:
        ids: `(N,)` its ids.
        settings: Name that file.

    Returns:
        None where an error stands in the way.
    """
    abstain, found = settings.abstain_words, []
    if columns:
        found.append(attempt(lambda: read_columns(table, columns, abstain, findings), findings))
    if settings.sources is not None:
        path, options = settings.sources, replace(read_options(settings, table.read_rows), split=None)
        long = attempt(lambda: open_opinions(path, options), findings)
        if long is None:
            return None
        findings.source(long)
        found.append(attempt(lambda: read_long(long, ids, id_column, table.name, abstain, findings), findings))
    ballots = [each for each in found if each is not None]
    if len(ballots) < len(found) or not ballots:
        return None
    return joined(ballots, frozenset())


def _only_trusted(labels: LabelColumn, truth: Codes, classes: ClassNames) -> list[int]:
    """Positions of trusted labels that no source says and that are no other spelling of what one says."""
    places = np.unique(labels.positions[truth == UNKNOWN]).tolist()
    return [p for p in places if all(difference(labels.values[p], name) is None for name in classes.names)]


def _main(ballots: Ballots, settings: DataSettings, name: str, findings: Findings) -> str | None:
    """The main source; an error where there is none by that name."""
    main = settings.main_source
    if main is not None and main not in ballots.names:
        shown = ", ".join(ballots.names[:8]) + (", ..." if len(ballots.names) > 8 else "")
        findings.error(name, f"--main-source {main!r} is not one of the sources ({shown})", "name one of them")
    return main


def hear_again(
    table: TableSource, ids: pa.Array, columns: Columns, settings: DataSettings, findings: Findings
) -> Ballots | None:
    """What sources say of new rows for a finished run, as far as they are there.

    Args:
        ids: `(N,)` their ids.
        columns: Those of the run.
        settings: May name a file of opinions, or other columns.
        findings: Told who is missing and who is new.

    Returns:
        None where nobody says anything, or an error stands in the way.
    """
    own = settings.label_columns and source_columns(table, settings.label_columns, findings)
    there = own or tuple(column for column in columns.sources if column in table.schema.names)
    if not there and settings.sources is None:
        return None
    id_column = settings.id_column or columns.id
    ballots = read_ballots(table, ids, there, id_column, settings, findings)
    if ballots is None:
        return None
    new = [name for name in ballots.names if name not in columns.names]
    missing = [name for name in columns.names if name not in ballots.names]
    if new:
        what = f"the run does not know {', '.join(map(repr, new[:5]))}: nothing is made of what such sources say"
        findings.warning(table.name, what, "train again to weigh them")
    if missing:
        findings.note(f"{table.name}: nothing comes from {', '.join(map(repr, missing[:5]))}; the other sources count")
    return ballots


def known_opinions(ballots: Ballots, rows: int, codes: Codes, names: Sequence[str]) -> Opinions:
    """Opinions of a run's own sources; who is not there was not asked.

    Args:
        codes: `(O,)` the class of each opinion.
    """
    places = {name: place for place, name in enumerate(names)}
    lookup = np.array([places.get(name, -1) for name in ballots.names], dtype=np.int64)
    source = lookup[ballots.source]
    known = np.where(source >= 0, codes, -1)
    found = Opinions.of(rows, ballots.row, np.maximum(source, 0), known, tuple(names))
    return replace(found, asked=np.isin(np.arange(len(names)), lookup))

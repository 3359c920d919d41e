"""`labelfix evaluate`: a run against the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires, with_options
from labelfix.cli.common_options import COLUMNS
from labelfix.cli.finished_run import finished_run
from labelfix.cli.opened_run import open_run
from labelfix.cli.option_groups import ENCODING, NEW_ROWS
from labelfix.outputs.plain_text import json_text, visible

FEW = 10
"""With so few rows all given labels may well be right."""
SHARES = {
    "given_right": "given labels right",
    "corrected_right": "corrected labels right",
    "corrected_right_where_given_wrong": "  where the given label is wrong",
    "corrected_right_where_given_right": "  where the given label is right",
    "classifier_right": "classifier alone right",
}
FIGURES = {
    "auroc": "wrong labels scored below right ones",
    "average_precision": "wrong labels among the lowest scores",
    "nll": "log loss of the soft labels",
    "ece": "confidence too high or too low by",
}


TruthColumn = Annotated[
    str | None,
    options.option(
        "--label-column",
        metavar="NAME",
        panel=COLUMNS,
        doc="Column of the true labels. Default: found by its name, as in a trusted file.",
    ),
]


@requires("truth")
@with_options(NEW_ROWS, ENCODING)
def evaluate(
    context: typer.Context,
    truth: options.Truth = None,
    run: options.Run = None,
    corrected: options.Corrected = None,
    label_column: TruthColumn = None,
    id_column: str | None = None,
    encoding: str | None = None,
    output_format: options.OutputFormat = "text",
) -> None:
    """Compare a run with the truth: accuracy with 95 % intervals, and how well label_score finds wrong labels.

    Or rows that came later: with --corrected a Parquet file of `labelfix correct`.
    """
    truth = options.needed(truth, "--truth", "name a table of ids and true labels of rows of the noisy file")
    voice = options.voice(context)

    opened = open_run(context, finished_run(run, context))
    result = opened.evaluate(truth, corrected, label_column=label_column, id_column=id_column, encoding=encoding)
    if output_format == "json":
        voice.data(*json_text(result).splitlines())
        return
    voice.data(*as_lines(result), *doubted_lines(result["doubted"]))
    voice.note(
        f"{result['matched']:,} rows matched by {result['matched_by']}, "
        f"{result['unmatched']:,} rows of the truth are not in {'the run' if corrected is None else corrected}"
        + f"; {result['trusted_left_out']:,} trusted rows are left out, their labels were given"
        * (corrected is None)
    )
    if result["respelled"]:
        voice.note(f"ids differ from those of the run in {result['respelled']}")
    given = result["given_right"]
    if given["rows"] >= FEW and given["value"] == 1:
        voice.warn(f"{truth}: every true label is the given one, as if it were the noisy file itself")


def as_lines(result: Mapping[str, Any]) -> list[str]:
    """The figures for people, one a line, aligned."""
    width = max(map(len, (*SHARES.values(), *FIGURES.values())))
    lines = [f"{text:<{width}}  {share(result[name])}" for name, text in SHARES.items() if name in result]
    return lines + [f"{text:<{width}}  {_figure(result[name])}" for name, text in FIGURES.items() if name in result]


def doubted_lines(doubted: Sequence[Mapping[str, Any]]) -> list[str]:
    """Trusted rows whose label a model that never saw them contradicts, worst first."""
    lines = [f"{len(doubted)} trusted rows look wrong to models that never saw them (unchanged):"] if doubted else []
    for each in doubted:
        place, label, suggested = (visible(str(each[name])) for name in ("file", "label", "suggested"))
        change = f"{label} -> {suggested}? (P of {label}: {each['probability']:.4f})"
        lines.append(f"  {visible(str(each['id']))}  {place}, row {each['row']}  {change}")
    return lines


def share(value: Mapping[str, Any]) -> str:
    """A share with its interval: ` 93.1 %  (91.7 to 94.3 %, 1,437 rows)`."""
    if not value["rows"]:
        return "no such row"
    percent, low, high = (100 * value[name] for name in ("value", "low", "high"))
    return f"{percent:5.1f} %  ({low:.1f} to {high:.1f} %, {value['rows']:,} rows)"


def _figure(value: float | None) -> str:
    return "undefined (the labels are all right or all wrong)" if value is None else f"{value:.3f}"

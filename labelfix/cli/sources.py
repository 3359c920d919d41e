"""`labelfix sources`: what each source of a run is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain
from typing import Annotated

import typer

from labelfix.cli import common_options as options
from labelfix.cli.finished_run import finished_run
from labelfix.errors import SettingsError
from labelfix.outputs.plain_text import json_text, visible
from labelfix.outputs.sources_table import (
    as_lines,
    classes_of,
    figures_of,
    of_classes,
    read_sources,
    with_costs,
    with_worst,
    worst_opinions,
)

Cost = Annotated[
    list[str] | None,
    options.option("--cost", metavar="SOURCE=PRICE", doc="What a label of a source costs; several with commas."),
]
Only = Annotated[
    str | None,
    options.option(
        "--source", metavar="NAME", doc="More of one source: each class, what it says instead, and its worst rows."
    ),
]
Show = Annotated[int, typer.Option("--show", min=0, metavar="N", help="With --source: how many of its worst rows.")]


def sources(
    context: typer.Context,
    run: options.Run = None,
    source: Only = None,
    show: Show = 10,
    cost: Cost = None,
    output_format: options.OutputFormat = "text",
) -> None:
    """Say what each source of labels is worth: how often it is right, who errs together, what is lost without it."""
    voice = options.voice(context)
    costs = read_costs(cost or ())
    folder = finished_run(run, context)
    found = with_costs(read_sources(folder), costs, int(folder.read_manifest()["data"]["noisy"]["rows"]))
    if source is None:
        voice.data(*(json_text(found).splitlines() if output_format == "json" else as_lines(found)))
        return
    one = figures_of(found, source, f"--source {source}")
    if output_format == "json":
        voice.data(*json_text(with_worst(folder, one, show)).splitlines())
        return
    worst = worst_opinions(folder, source, show)
    voice.data(*as_lines({"each": [one]}), *of_classes(one, classes_of(folder)))
    if worst:
        voice.data(
            f"rows that {visible(source)} most likely has wrong: what it says -> what the run suggests, P(it is right)"
        )
    for each in worst:
        place = f"{visible(each.file)}, row {each.row}"
        change = f"{visible(each.label)} -> {visible(each.suggested)}"
        voice.data(f"{visible(each.id)}  {place}  {change}  {each.score:.4f}")


def read_costs(named: Sequence[str]) -> dict[str, float]:
    """Source → price of a label.

    Args:
        named: Each `SOURCE=PRICE`, or several of these with commas between them.

    Raises:
        SettingsError: One is not written so, or is no price.
    """
    found = {}
    for each in chain.from_iterable(map(_each, named)):
        name, equals, price = each.rpartition("=")
        try:
            found[name] = float(price)
        except ValueError:
            equals = ""
        if not equals or not name or not math.isfinite(found[name]) or found[name] < 0:
            raise SettingsError(f"--cost {each}: write it as SOURCE=PRICE, for example --cost expert=0.50")
    return found


def _each(named: str) -> list[str]:
    """The parts of a list with commas; a comma of a name or a price stays."""
    parts = named.split(",")
    return parts if all("=" in part for part in parts) else [named]

"""`labelfix noise`: make label noise for experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from labelfix.cli import options
from labelfix.cli.commands import requires
from labelfix.cli.common_options import COLUMNS, ROWS
from labelfix.cli.targets import check_table
from labelfix.errors import SettingsError

Input = Annotated[str | None, options.option("--input", metavar="TABLE", panel=ROWS, doc="Rows with true labels.")]
LabelColumn = Annotated[
    str,
    typer.Option("--label-column", metavar="NAME", rich_help_panel=COLUMNS, help="Column of the labels to make noisy."),
]
NoiseKind = Annotated[
    Literal["unif", "flip", "flip-u", "nearest-class", "instance-dependent", "matrix"],
    typer.Option(
        "--kind",
        help="unif: drawn anew from all classes; flip: one fixed other class for each; flip-u: any other class; "
        "nearest-class: the class whose mean embedding is nearest; instance-dependent: the row's embedding decides; "
        "matrix: as --matrix says.",
    ),
]
Rate = Annotated[float | None, options.share("--rate", doc="How often, from 0 to 1.")]
MatrixFile = Annotated[
    Path | None,
    options.option(
        "--matrix",
        metavar="FILE",
        doc="CSV file: the class names, then one row of probabilities for each of them as the true class.",
    ),
]
EmbeddingColumn = Annotated[
    str | None,
    options.option(
        "--embedding-column",
        metavar="NAME",
        panel=COLUMNS,
        doc="Column of embeddings, for --kind nearest-class and instance-dependent.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Draws the noise.")]


@requires("input", "out")
def noise(
    context: typer.Context,
    input: Input = None,  # noqa: A002 - the flag's name
    out: options.TableOut = None,
    overwrite: options.Overwrite = False,
    kind: NoiseKind = "unif",
    rate: Rate = None,
    matrix: MatrixFile = None,
    label_column: LabelColumn = "label",
    embedding_column: EmbeddingColumn = None,
    seed: Seed = 0,
) -> None:
    """Write a table again with noisy labels, for experiments; the true ones go into the column true_label."""
    table = options.needed(input, "--input", "name a table with true labels")
    out = options.needed(out, "--out", "name the file to write, for example --out noisy.parquet")
    check_table(context, out)
    if kind == "matrix":
        if rate is not None:
            raise SettingsError("--rate: the matrix says how often; leave it out")
        path: Path = options.needed(matrix, "--matrix", "name the CSV file of probabilities")
    else:
        if matrix is not None:
            raise SettingsError("--matrix: goes with --kind matrix only")
        rate = options.needed(rate, "--rate", "say how often, for example --rate 0.4")
    if kind in ("nearest-class", "instance-dependent"):
        options.needed(embedding_column, "--embedding-column", "name the column that the wrong labels depend on")
    elif embedding_column is not None:
        raise SettingsError("--embedding-column: goes with --kind nearest-class and instance-dependent only")
    voice = options.voice(context)

    import numpy as np

    from labelfix.data.formats import open_table
    from labelfix.data.labels.noise import corrupt, draw_noise
    from labelfix.data.noisy_copy import TRUE_COLUMN, read_embeddings, read_matrix, write_noisy_copy
    from labelfix.data.tables import Codes

    source = open_table(table)
    generator = np.random.default_rng(seed)

    def draw(classes: tuple[str, ...], truth: Codes) -> Codes:
        if kind == "matrix":
            return corrupt(truth, read_matrix(path, classes), generator)
        assert rate is not None
        features = None if embedding_column is None else read_embeddings(source, embedding_column, label_column)
        return draw_noise(kind, truth, len(classes), rate, generator, features)

    told = write_noisy_copy(source, out, label_column, draw)
    share = told.changed / max(told.labelled, 1)
    voice.note(
        f"{told.rows:,} rows, {told.classes} classes: {told.changed:,} labels ({share:.1%}) are wrong now; "
        f"the true ones are in {TRUE_COLUMN!r}"
    )
    voice.data(str(out))

"""A run's row of results, as a Parquet file of its own."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from labelfix import __version__
from labelfix.bench.grid import Job
from labelfix.runs import atomic_path

_SHARES = (
    "given_right",
    "auroc",
    "average_precision",
    "corrected_right",
    "corrected_sure_right",
    "chosen_confidence",
    "corrected_chosen_right",
    "corrected_right_on_wrong",
    "corrected_right_on_right",
    "ece",
    "nll",
    "test_right",
    "test_best",
    "seconds",
    "cpu_seconds",
    "peak_mb",
)

SCHEMA = pa.schema(
    [
        ("data", pa.string()),
        ("noise", pa.string()),
        ("rate", pa.float64()),
        ("setting", pa.string()),
        ("groups", pa.list_(pa.string())),
        ("method", pa.string()),
        ("paired", pa.bool_()),
        ("seed", pa.int64()),
        ("backbone", pa.string()),
        ("noise_kinds", pa.list_(pa.string())),
        *((name, pa.int64()) for name in ("noisy_rows", "trusted_rows", "test_rows", "classes")),
        *((name, pa.float64()) for name in _SHARES),
        ("device", pa.string()),
        ("threads", pa.int64()),
        ("confusion", pa.list_(pa.int64())),
        ("given_share_right", pa.list_(pa.int64())),
        ("given_share_wrong", pa.list_(pa.int64())),
        ("class_names", pa.list_(pa.string())),
        ("history", pa.string()),
        ("identity", pa.string()),
        ("versions", pa.string()),
        ("labelfix", pa.string()),
    ]
)
"""The columns of a row; null where something is not known.

`data` is the set, `setting` the set under its noise, `rate` ρ (null where the set brings given labels, whose `noise` is
`real`), `noise_kinds` the kinds of noise that the row stands for: at rate 0 all that the plan makes. Figures of
corrected labels are of the noisy rows. `test_best` is the best epoch on the test rows, which no user could choose.
`confusion` is K × K in rows, true classes by corrected ones; `given_share_right` and `_wrong` count P(given label) of
rightly and wrongly labelled rows in 20 bins of [0, 1]; `history` and `versions` are JSON.
"""


def write_row(job: Job, backbone: str, found: dict[str, Any]) -> None:
    """Write a run's row beside its place and rename it into it."""
    row = {
        "data": job.data.name,
        "noise": job.setting.kind,
        "rate": job.setting.rate,
        "setting": job.setting.name,
        "groups": list(job.data.groups),
        "method": job.method.name,
        "paired": job.method.paired,
        "seed": job.seed,
        "backbone": backbone,
        "noise_kinds": list(job.setting.kinds),
        "identity": job.identity,
        "labelfix": __version__,
        **found,
    }
    assert row.keys() == set(SCHEMA.names), set(SCHEMA.names) ^ row.keys()
    with atomic_path(job.path) as beside:
        pq.write_table(pa.Table.from_pylist([row], schema=SCHEMA), beside)

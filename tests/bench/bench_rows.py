"""Rows of results as tests make them."""

import pyarrow as pa
import pyarrow.parquet as pq

from labelfix.bench.measure import SCHEMA


def row(setting, method, seed=0, test=0.5, noise="real", rate=None, **changes):
    """A run in which every figure is `test` unless it is named; `setting` begins with the set's name."""
    shares = [field.name for field in SCHEMA if field.type == pa.float64() and field.name != "rate"]
    wrong = rate != 0
    return {
        **dict.fromkeys(SCHEMA.names),
        "data": setting.partition(".")[0],
        "setting": setting,
        "noise": noise,
        "rate": rate,
        "noise_kinds": [noise],
        "groups": ["g"],
        "method": method,
        "paired": False,
        "seed": seed,
        "backbone": "none",
        **dict.fromkeys(shares, test),
        "given_right": 0.5 if rate is None else 1 - rate,
        **({} if wrong else dict.fromkeys(("auroc", "average_precision", "corrected_right_on_wrong"))),
        **changes,
    }


def level(method, kind, rate, test, seed=0, **changes):
    """A run of the set `news` at one level of noise; at rate 0 it stands for unif and flip."""
    if rate == 0:
        return row("news.none", method, seed, test, "none", 0.0, **{"noise_kinds": ["unif", "flip"], **changes})
    return row(f"news.{kind}.{rate:g}", method, seed, test, kind, rate, **changes)


def write(folder, rows):
    """A results folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in rows:
        name = f"{one['setting']}.{one['method']}.{one['backbone']}.{one['seed']}.parquet"
        pq.write_table(pa.Table.from_pylist([one], schema=SCHEMA), folder / name)
    return folder

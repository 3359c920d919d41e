"""Numbers with something behind them, in thousands and millions, and in digits of other scripts."""

from collections.abc import Callable

import pyarrow as pa
import pytest

from labelfix.data.numbers import MULTIPLE, nearly_numeric, read_numbers
from labelfix.data.read import read_training
from labelfix.settings.data import DataSettings

VALUES = [12.5 * place for place in range(1, 41)]

WAYS: dict[str, tuple[Callable[[float], str], str]] = {
    "years": (lambda v: f"{v} yrs" if v > 20 else f"{v} yr", "yr"),
    "two words": (lambda v: f"{v} sq ft", "sq ft"),
    "glued": (lambda v: f"{v}kg.", "kg"),
    "out of": (lambda v: f"{v} / 1000", "/ 1000"),
    "some without": (lambda v: f"{v} km/h" if v > 12.5 else str(v), "km/h"),
    "thousands": (lambda v: f"{v / 1e3:.4f}k" if v < 400 else f"{v / 1e6:.7f}M", MULTIPLE),
    "thousands or none": (lambda v: f"{v / 1e3:.4f}k" if v > 100 else str(v), MULTIPLE),
    "money": (lambda v: f"Rs. {v}", ""),
    "about": (lambda v: f"~{v}", ""),
    "Arabic digits": (lambda v: str(v).translate(str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")), ""),
    "full width": (lambda v: str(v).translate(str.maketrans("0123456789.", "０１２３４５６７８９．")), ""),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_stands_behind_numbers_is_left_away(way):
    written, unit = WAYS[way]
    cells = pa.array(list(map(written, VALUES)))
    found = nearly_numeric(cells)
    assert (found.numbers, found.unit) == (True, unit)
    assert read_numbers(cells, found.comma, found.unit).to_pylist() == pytest.approx(VALUES)


@pytest.mark.parametrize(
    "cells",
    [
        [f"{v} kg" if v > 250 else f"{v * 1000} g" for v in VALUES],
        [f"{round(v)}{'AB'[round(v) % 2]}" for v in VALUES],
        [f"{v} KB" if v > 250 else f"{v} MB" for v in VALUES],
        [f"{1 + place % 4} doors" for place in range(40)],
        [f"00{place} kg" for place in range(10, 50)],
    ],
)
def test_mixed_units_codes_and_few_levels_are_no_numbers(cells):
    assert not nearly_numeric(pa.array(cells)).numbers


def test_a_column_with_a_unit_is_a_feature_and_said(tmp_path):
    rows = "".join(f"{i},{20 + i} yrs,{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "noisy.csv").write_text(f"id,age,label\n{rows}")
    (tmp_path / "gold.csv").write_text("id,label\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(9, 20)))
    reading = read_training(str(tmp_path / "noisy.csv"), str(tmp_path / "gold.csv"), DataSettings())
    assert "read as numbers without what stands behind them: age (yr)" in reading.notes
    spec = reading.columns.spec
    assert type(spec).from_json(spec.to_json()) == spec
    inputs = reading.data.noisy.inputs
    assert inputs is not None
    assert next(inputs.batches(50)).column(0).to_pylist() == [20.0 + i for i in range(40)]

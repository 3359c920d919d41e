"""A plan with sets whose labels come from several sources."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelfix.bench.load import load
from labelfix.bench.plan import DataEntry
from labelfix.bench.plan_files import plan_from, read_plan
from labelfix.bench.protocol import cut
from labelfix.errors import SettingsError
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

ROWS = 120


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    truth = np.arange(ROWS) % 3
    words = np.array(["a", "b", "c"])
    said = np.where(generator.random((ROWS, 3)) < 0.8, truth[:, None], generator.integers(0, 3, (ROWS, 3)))
    points = generator.normal(size=(ROWS, 4)).astype(np.float32)
    columns = {f"s{k}": [w if n % 5 else None for n, w in enumerate(words[said[:, k]])] for k in range(3)}
    table = pa.table({"id": np.arange(ROWS), "e": points.tolist(), "truth": words[truth]} | columns)
    pq.write_table(table, tmp_path / "set.parquet")
    return tmp_path


def loaded(folder, vote):
    entry = DataEntry(
        name="set", files=("set.parquet",), truth="truth", embedding_column="e", sources=("s0", "s1", "s2"), vote=vote
    )
    return load(entry, folder, ModelSettings(), ComputeSettings(cache_dir=str(folder)), True, Silent()).rows


def plan():
    entry = {"name": "set", "files": ["set.parquet"], "truth": "truth", "embedding_column": "e", "sources": ["s0"]}
    return plan_from({"data": [entry], "methods": ["mlc"], "trusted_per_class": 4}, "here")


def test_a_cut_keeps_the_opinions_of_its_rows(folder):
    part = cut(loaded(folder, "all"), None, plan(), 0)
    own = pq.read_table(folder / "set.parquet").to_pylist()
    for opinions, rows in ((part.opinions, part.noisy), (part.clean_opinions, part.clean)):
        for place, row in enumerate(rows.tolist()):
            here = opinions.row == place
            said = {
                opinions.names[s]: part.classes[c]
                for s, c in zip(opinions.source[here], opinions.label[here], strict=True)
            }
            assert said == {name: own[row][name] for name in ("s0", "s1", "s2") if own[row][name]}
    assert np.array_equal(part.given, part.opinions.majority(3))


@pytest.mark.parametrize("vote", ["majority", "dawid-skene"])
def test_votes_are_one_label_a_row(folder, vote):
    part = cut(loaded(folder, vote), None, plan(), 0)
    assert part.opinions is None
    assert (part.given == part.noisy_truth).mean() > 0.8


def test_the_plan_that_comes_along_is_sound():
    found = {entry.name: entry for entry in read_plan("sources").data}
    assert found["youtube"].sources == ("weak_labels",)
    assert found["trec-ds"].vote == "dawid-skene"


def test_a_set_has_one_column_or_several():
    with pytest.raises(SettingsError, match="give either the column `given`, or `sources`"):
        DataEntry(name="x", files=("f",), truth="t", embedding_column="e", given="g", sources=("a",))

"""A run as a function of batches: the rows of `labelfix correct`, whatever hands them out."""

import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.cli import main


@pytest.mark.parametrize("rows", [1, 7, 1000, 3000])
def test_rows_are_those_of_correct_however_they_are_cut(shop, wanted, rows):
    corrector = labelfix.batch_corrector(shop / "run")
    table = pq.read_table(shop / "new.parquet")
    count = min(len(table), 40 * rows)
    parts = [corrector(table.slice(start, rows)) for start in range(0, count, rows)]
    assert pa.concat_tables(parts).equals(wanted.slice(0, count))


def test_it_takes_tables_batches_and_streams_of_batches(shop, wanted):
    corrector = labelfix.batch_corrector(shop / "run")
    table = pq.read_table(shop / "new.parquet")
    assert isinstance(corrector(table), pa.Table)
    batch = table.combine_chunks().to_batches()[0]
    assert isinstance(corrector(batch), pa.RecordBatch)
    stream = corrector(iter(table.to_batches()))
    assert not isinstance(stream, list), "one batch at a time"
    assert pa.Table.from_batches(list(stream)).equals(wanted)


def test_its_schema_is_known_beforehand(shop, wanted):
    corrector = labelfix.batch_corrector(shop / "run", keep=["y", "x"])
    schema = pq.read_schema(shop / "new.parquet")
    assert corrector.schema(schema).names == ["y", "x", *wanted.schema.names]
    assert corrector(pq.read_table(shop / "new.parquet")).schema == corrector.schema(schema)
    assert labelfix.batch_corrector(shop / "run").schema(schema) == wanted.schema


def test_it_is_pickled_without_the_run(shop, wanted, monkeypatch, tmp_path):
    monkeypatch.chdir(shop)
    corrector = labelfix.batch_corrector("run", min_confidence=0.9)
    corrector(pq.read_table("new.parquet").slice(0, 10))
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(corrector)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert again(pq.read_table(shop / "new.parquet")).equals(corrector(pq.read_table(shop / "new.parquet")))


def test_in_other_processes(shop, wanted):
    corrector = labelfix.batch_corrector(shop / "run")
    parts = pq.read_table(shop / "new.parquet").to_batches(max_chunksize=1000)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pa.Table.from_batches(list(pool.map(corrector, parts))).equals(wanted)


WITHOUT = """
import pickle, sys
for name in ("torch", "torchvision", "timm", "transformers", "datasets", "sklearn", "scipy"):
    sys.modules[name] = None
import pyarrow.parquet as pq
corrector = pickle.load(open(sys.argv[1], "rb"))
pq.write_table(corrector(pq.read_table(sys.argv[2])), sys.argv[3])
"""


def test_workers_need_no_torch_for_tables(shop, wanted, tmp_path):
    (tmp_path / "corrector").write_bytes(pickle.dumps(labelfix.batch_corrector(shop / "run")))
    places = [str(tmp_path / "corrector"), str(shop / "new.parquet"), str(tmp_path / "out.parquet")]
    subprocess.run([sys.executable, "-c", WITHOUT, *places], check=True)
    assert pq.read_table(tmp_path / "out.parquet").equals(wanted)


def test_it_opens_its_run_once_in_a_process(shop, monkeypatch):
    from labelfix.api import batches

    batches._opened.cache_clear()
    opened = []
    load = batches.load_run
    monkeypatch.setattr(batches, "load_run", lambda path: opened.append(path) or load(path))
    pickled = pickle.dumps(labelfix.batch_corrector(shop / "run"))
    rows = pq.read_table(shop / "new.parquet").slice(0, 5)
    for _ in range(3):
        pickle.loads(pickled)(rows)
    assert len(opened) == 1


def test_options_are_those_of_correct(shop):
    rows = pq.read_table(shop / "new.parquet")
    corrector = labelfix.batch_corrector(shop / "run", min_confidence=0.95, soft_top_k=1)
    ours = corrector(rows)
    theirs = labelfix.load_run(shop / "run").correct(rows, min_confidence=0.95, soft_top_k=1)
    assert ours.equals(theirs.drop_columns(["source_file", "source_row"]).replace_schema_metadata(None))
    renamed = rows.rename_columns(["id", "x", "y", "votes"])
    assert labelfix.batch_corrector(shop / "run", label_column="votes")(renamed).equals(
        labelfix.batch_corrector(shop / "run")(rows)
    )


def test_rows_without_an_id_need_something_else_to_be_told_apart(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pq.read_table(shop / "noisy.parquet").drop_columns(["id"])
    pq.write_table(table, "noisy.parquet")
    pq.write_table(table.slice(0, 40), "clean.parquet")
    assert main(["train", "--noisy", "noisy.parquet", "--clean", "clean.parquet", "--out", "run", "-q"]) == 0
    with pytest.raises(labelfix.SettingsError, match="have no id column"):
        labelfix.batch_corrector("run")(table)
    found = labelfix.batch_corrector("run", keep=["x"])(table)
    assert found["x"].equals(table["x"])
    assert "id" not in found.column_names
    with pytest.raises(labelfix.SettingsError, match="'confidence' is what a column of corrected labels is called"):
        labelfix.batch_corrector("run", keep=["confidence"])(table.append_column("confidence", table["x"]))


def test_what_does_not_fit_is_said(shop, tmp_path):
    with pytest.raises(labelfix.RunError):
        labelfix.batch_corrector(tmp_path / "nothing")
    rows = pq.read_table(shop / "new.parquet")
    with pytest.raises(labelfix.InputError, match="x"):
        labelfix.batch_corrector(shop / "run")(rows.drop_columns(["x"]))

"""fsspec's memory: the same way for any of its file systems, from Python."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.data.formats import write_batches
from labelfix.remote import as_path

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def memory():
    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.mark.parametrize("ending", ["parquet", "csv", "csv.gz", "jsonl", "json"])
def test_new_rows_round_trip(memory, made, here, ending):
    memory.put_file(str(made / "new.parquet"), "/in/new.parquet")
    run = labelfix.load_run(made / "run")
    out, local = f"memory://out/scored.{ending}", f"scored.{ending}"
    assert run.correct_to(out, "memory://in/new.parquet") == run.correct_to(local, str(made / "new.parquet"))
    ours = memory.cat_file(f"/out/scored.{ending}")
    if not ending.endswith(("gz", "parquet")):
        assert ours.decode() == (here / local).read_text().replace(str(made / "new.parquet"), "memory://in/new.parquet")
    told = run.flag(out)
    assert (told.rows, told.issues) == (run.flag(local).rows, run.flag(local).issues)


def test_a_failed_write_leaves_what_was_there(memory, made, here):
    memory.pipe_file("/out.csv", b"old")
    table = pq.read_table(made / "new.parquet")

    def batches():
        yield from table.to_batches()
        raise KeyboardInterrupt

    for name in ("out.csv", "fresh.parquet"):
        with pytest.raises(KeyboardInterrupt):
            write_batches(as_path(f"memory://{name}"), table.schema, batches())
    assert memory.cat_file("/out.csv") == b"old"
    assert not memory.exists("/fresh.parquet")

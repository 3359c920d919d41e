"""fsspec's memory: the same way for any of its file systems, from Python."""

import gc
import sys
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import labelfix
from labelfix.data.formats import open_table, parquet, parquet_footer, parquet_pages, write_batches
from labelfix.errors import InputError
from labelfix.remote import as_path

fsspec = pytest.importorskip("fsspec")

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem  # noqa: E402 - only where it is installed


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


BIG = {"use_dictionary": False, "data_page_size": 1 << 30, "write_batch_size": 1_000_000, "compression": "zstd"}
"""One page for all rows."""


def many_pages(memory, **how):
    rows = pa.table({f"x{column}": np.random.default_rng(column).random(40_000).round(2) for column in range(3)})
    with memory.open("/t.parquet", "wb") as file:
        pq.write_table(rows, file, row_group_size=15_000, data_page_size=4096, **how)
    return rows


@pytest.mark.parametrize("ahead", [1000, 1 << 16])
@pytest.mark.parametrize("how", [{}, {"use_dictionary": False, "data_page_version": "2.0"}])
def test_pages_of_a_large_file_are_looked_at_as_they_pass(memory, monkeypatch, how, ahead):
    rows, seen = many_pages(memory, **how), []
    monkeypatch.setattr(parquet_footer, "FETCHED", 0)
    monkeypatch.setattr(parquet, "_read_at_once", lambda *_: ahead)
    monkeypatch.setattr(parquet_pages, "check_pages", lambda held, size: seen.append(held))
    found = [chunk.batch for chunk in open_table("memory://t.parquet").scan(["x0", "x2"])]
    assert pa.Table.from_batches(found).equals(rows.select(["x0", "x2"]))
    with memory.open("/t.parquet", "rb") as file:
        groups = parquet_footer.read_groups(as_path("memory://t.parquet"), 3)
        chunks = [group.columns[place] for group in groups for place in (0, 2)]
        assert len(seen) == sum(pages(file, chunk) for chunk in chunks) > 20


def pages(file, chunk):
    place, count = chunk.start, 0
    while place < chunk.start + chunk.packed:
        _, packed, header = parquet_footer.page_of(file, place)
        place, count = place + header + packed, count + 1
    return count


def test_pages_of_a_large_file_that_take_too_much_are_refused_before_they_are_unpacked(memory, monkeypatch):
    """Headers of remote files of more than 8 MB were not looked at."""
    rows = pa.table({"x": np.zeros(1_000_000)})
    with memory.open("/t.parquet", "wb") as file:
        pq.write_table(rows, file, max_rows_per_page=1_000_000, **BIG)
    monkeypatch.setattr(parquet_footer, "FETCHED", 0)
    monkeypatch.setattr(parquet_footer, "MOST_BYTES", 100_000)
    with pytest.raises(InputError, match=r"pages of it take [0-9,]+ bytes at once, as in files made to fill"):
        list(open_table("memory://t.parquet").scan())


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


class _StagedFile(AbstractBufferedFile):
    """A file as gcsfs and adlfs write one: in parts, which become a file with the last one."""

    def _initiate_upload(self):
        self.parts = b""

    def _upload_chunk(self, final=False):
        self.parts += self.buffer.getvalue()
        if final:
            self.fs.store[self.path] = self.parts
        return True


class _Staged(AbstractFileSystem):
    """A store whose files are written in parts, as far as writing needs it."""

    protocol = "gs"
    store: ClassVar[dict[str, bytes]] = {}

    def info(self, path, **_):
        if path not in self.store:
            raise FileNotFoundError(path)
        return {"name": path, "size": len(self.store[path]), "type": "file"}

    def _open(self, path, mode="rb", block_size=None, **options):
        return _StagedFile(self, path, mode, block_size=1 << 16, **options)


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.csv.gz"])
def test_parts_that_were_sent_become_no_file_when_the_work_fails(here, monkeypatch, name):
    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "gs", _Staged)
    schema = pa.schema([("x", pa.float64())])
    generator = np.random.default_rng(0)
    block = pa.record_batch([pa.array(generator.normal(size=1 << 16))], schema=schema)

    def batches(fails):
        for _ in range(24 if name.endswith(".parquet") else 4):  # a megabyte each as text
            yield block
        if fails:
            raise RuntimeError("nothing left to read")

    _Staged.store["bucket/old"] = b"old"
    with pytest.raises(RuntimeError):
        write_batches(as_path(f"gs://bucket/{name}"), schema, batches(fails=True))
    gc.collect()
    assert set(_Staged.store) == {"bucket/old"}
    write_batches(as_path(f"gs://bucket/{name}"), schema, batches(fails=False))
    write_batches(here / name, schema, batches(fails=False))
    assert _Staged.store.pop(f"bucket/{name}") == (here / name).read_bytes()

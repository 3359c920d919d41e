"""A finished run, new rows for it, and what `labelfix correct` says of them."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from engine_tables import blobs

from labelfix.cli import main


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """A folder with run, new.parquet (3,000 rows in three row groups) and scored.parquet."""
    folder = tmp_path_factory.mktemp("shop")
    noisy, truth = blobs(200, seed=0)
    pq.write_table(noisy, folder / "noisy.parquet")
    pairs = list(zip(noisy["id"].to_pylist(), truth, strict=True))[:40]
    (folder / "gold.csv").write_text("id,label\n" + "".join(f"{i},{t}\n" for i, t in pairs))
    new = blobs(3000, seed=1)[0]
    given = new["label"].to_pylist()
    new = new.set_column(3, "label", pa.array([None if row % 50 == 0 else label for row, label in enumerate(given)]))
    pq.write_table(new, folder / "new.parquet", row_group_size=1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LABELFIX_CACHE_DIR", str(folder / "cache"))
        assert main(["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", "run", "-q"]) == 0
        assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", "scored.parquet", "-q"]) == 0
    return folder


@pytest.fixture
def wanted(shop):
    """The rows as `labelfix correct` writes them, by id, without what only a file has."""
    table = pq.read_table(shop / "scored.parquet").drop_columns(["source_file", "source_row"])
    return table.replace_schema_metadata(None).sort_by("id")

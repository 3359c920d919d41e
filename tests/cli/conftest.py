import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from two_groups import blobs

from labelfix.cli import main

TRUSTED = 24
QUICK = ["--set", "recipe=paper", "--set", "epochs=8"]


def table(rows, seed):
    points, _, _, truth, given = blobs(rows, seed)
    ids = [f"item-{row:03d}" for row in range(rows)]
    return pa.table({"id": ids, "x": points[:, 0], "y": points[:, 1], "label": given}), dict(
        zip(ids, truth, strict=True)
    )


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """A folder with noisy.parquet, gold.csv, truth.csv, new.parquet and a finished run; tests must not change it."""
    folder = tmp_path_factory.mktemp("workshop")
    noisy, truth = table(160, seed=0)
    pq.write_table(noisy, folder / "noisy.parquet")
    ids = list(truth)
    (folder / "truth.csv").write_text("id,label\n" + "".join(f"{i},{truth[i]}\n" for i in ids))
    (folder / "gold.csv").write_text("id,label\n" + "".join(f"{i},{truth[i]}\n" for i in ids[:TRUSTED]))
    pq.write_table(table(20, seed=1)[0], folder / "new.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("LABELFIX_CACHE_DIR", str(folder / "cache"))
        words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", "run", *QUICK]
        assert main([*words, "-q"]) == 0
    return folder


@pytest.fixture
def at_work(workshop, monkeypatch, tmp_path):
    """The workshop as the working directory; outputs go to the `tmp_path` it gives."""
    monkeypatch.chdir(workshop)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(workshop / "cache"))
    return tmp_path

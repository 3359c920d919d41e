"""Whole commands of the default recipe: the same bytes, and the README's two words."""

import pyarrow.parquet as pq

from labelfix.cli import main


def test_the_same_seed_gives_the_same_bytes_whatever_the_read_batch(at_work):
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "-q"]
    found = set()
    for number, rows in enumerate((1, 8192)):
        out = at_work / f"run{number}"
        cache = str(at_work / f"cache{number}")
        assert main([*words, "--out", str(out), "--cache-dir", cache, "--set", f"compute.read_rows={rows}"]) == 0
        found.add((out / "corrected.parquet").read_bytes())
    assert len(found) == 1
    other = at_work / "other"
    assert main([*words, "--out", str(other), "--seed", "1"]) == 0
    assert (other / "corrected.parquet").read_bytes() not in found


def test_train_and_export_work_word_for_word(at_work, monkeypatch, workshop):
    for name in ("noisy.parquet", "gold.csv"):
        (at_work / name.replace("noisy", "data")).write_bytes((workshop / name).read_bytes())
    monkeypatch.chdir(at_work)
    assert main(["train", "--noisy", "data.parquet", "--clean", "gold.csv"]) == 0
    assert main(["export", "--corrected-labels", "out.parquet"]) == 0
    before, after = pq.read_table("data.parquet"), pq.read_table("out.parquet")
    assert after.column_names == ["id", "x", "y", "label", "given_label"]
    assert after["id"] == before["id"]
    assert after["given_label"] == before["label"]
    assert after["label"] != before["label"]

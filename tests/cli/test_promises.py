"""Whole commands: malformed inputs, the same bytes whatever the read batch, the same rows in another layout."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from malformed_cases import CASES
from PIL import Image

from labelfix.cli import main


def flags(settings):
    words = []
    for name, value in settings.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is not False and value is not None:
            words += [flag, ",".join(value) if isinstance(value, tuple | list) else str(value)]
    return words


def contents(folder):
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("builder", CASES, ids=lambda builder: builder.__name__)
def test_a_malformed_input_exits_2_with_one_line_a_defect_and_writes_nothing(builder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    case = builder(tmp_path)
    before = contents(tmp_path)
    words = ["--noisy", str(case.noisy), "--clean", str(case.clean), *flags(case.settings)]
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "unexpected" not in err
    assert any(all(part in line for part in case.expected) for line in err.splitlines()), err
    assert contents(tmp_path) == before
    assert main(["check", *words]) == 2
    assert contents(tmp_path) == before


def test_the_same_seed_gives_the_same_bytes_whatever_the_read_batch(at_work):
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "-q"]
    found = set()
    for number, rows in enumerate((1, 7, 8192)):
        out = at_work / f"run{number}"
        cache = str(at_work / f"cache{number}")
        assert main([*words, "--out", str(out), "--cache-dir", cache, "--set", f"compute.read_rows={rows}"]) == 0
        found.add((out / "corrected.parquet").read_bytes())
    assert len(found) == 1
    other = at_work / "other"
    assert main([*words, "--out", str(other), "--seed", "1"]) == 0
    assert (other / "corrected.parquet").read_bytes() not in found


def test_the_order_and_the_format_of_the_rows_leave_no_trace(at_work):
    table = pq.read_table("noisy.parquet")
    shuffled = table.take(pa.array(np.random.default_rng(0).permutation(len(table))))
    pa.csv.write_csv(shuffled, at_work / "shuffled.csv")
    labels = []
    for noisy in ("noisy.parquet", str(at_work / "shuffled.csv")):
        out = at_work / f"run{len(labels)}"
        assert main(["train", "--noisy", noisy, "--clean", "gold.csv", "--out", str(out), "-q"]) == 0
        rows = pq.read_table(out / "corrected.parquet").to_pylist()
        labels.append({row["id"]: (row["corrected_label"], row["soft_label"]) for row in rows})
    assert labels[0] == labels[1]


def test_images_in_a_table_and_in_folders_get_the_same_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    rows, gold = [], []
    for number in range(40):
        truth, given = number % 2, (number % 2) ^ (number % 5 == 0)
        pixels = generator.integers(0, 90, (8, 8, 3), dtype=np.uint8)
        pixels[:, :, 2 * truth] += 150
        place = tmp_path / "tree" / ("red", "blue")[given] / f"{number:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place)
        name = f"{place.parent.name}/{place.name}"
        rows.append({"id": name, "image": {"bytes": place.read_bytes(), "path": None}, "label": place.parent.name})
        if number < 16:
            gold.append(f"{name},{('red', 'blue')[truth]}\n")
    (tmp_path / "gold.csv").write_text("id,label\n" + "".join(gold))
    generator.shuffle(rows)
    pq.write_table(pa.Table.from_pylist(rows), "images.parquet")
    found = []
    for noisy in ("images.parquet", "tree"):
        quick = ["--set", "epochs=1", "--set", "warmup_steps=5", "--set", "batch_size=8", "-q"]
        assert main(["train", "--noisy", noisy, "--clean", "gold.csv", "--out", f"run-{noisy}", *quick]) == 0
        corrected = pq.read_table(f"run-{noisy}/corrected.parquet").to_pylist()
        found.append({row["id"]: (row["corrected_label"], row["soft_label"]) for row in corrected})
    assert len(found[0]) == 40
    assert found[0] == found[1]


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

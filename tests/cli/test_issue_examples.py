"""What is promised of whole commands: the same bytes however rows are read, and errors that leave nothing behind."""

import os
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from malformed_cases import CASES
from PIL import Image

from labelfix.cli import main

QUICK = ["--method", "glc", "--no-side-checks", "-q"]
ONE_EPOCH = ["--set", "recipe=paper", "--set", "epochs=1", "-q"]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def given(settings):
    """Fields of `DataSettings` as flags."""
    words = []
    for name, value in settings.items():
        for one in value if isinstance(value, tuple) else (value,):
            words += [f"--{name.replace('_', '-')}", one]
    return words


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Forty tiny images as a folder and as a Parquet column of the same ids, and twelve trusted ones by id."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    generator = np.random.default_rng(0)
    rows = []
    for row in range(40):
        truth = ("dark", "bright")[row % 2]
        label = ("bright", "dark")[row % 2] if row % 5 == 0 else truth
        pixels = generator.integers(0, 90, (8, 8, 3)) + (150 if truth == "bright" else 0)
        place = tmp_path / "images" / label / f"{row:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(place)
        rows.append((f"{label}/{row:02d}.png", place.read_bytes(), label, truth))
    (tmp_path / "gold.csv").write_text("id,label\n" + "".join(f"{i},{t}\n" for i, _, _, t in rows[:12]))
    rows.sort()
    table = {
        "id": [row[0] for row in rows],
        "image": pa.array([{"bytes": row[1], "path": None} for row in rows]),
        "label": [row[2] for row in rows],
    }
    pq.write_table(pa.table(table), tmp_path / "images.parquet")
    return tmp_path


def test_the_rows_read_at_once_do_not_change_a_byte_of_the_corrected_labels(at_work):
    words = [["red", "warm", "fire"], ["blue", "cold", "ice"]]
    label = ["hot", "cool"]
    lines = ["id,text,label"]
    for row in range(60):
        text = " ".join([*words[row % 2], f"thing number {row} of them"])
        lines.append(f'{row},"{text}",{"" if row % 11 == 0 else label[(row + (row % 7 == 0)) % 2]}')
    (at_work / "noisy.csv").write_text("\n".join(lines) + "\n")
    (at_work / "gold.csv").write_text("id,label\n" + "".join(f"{row},{label[row % 2]}\n" for row in range(20)))
    seen = set()
    for rows in (7, 8192):
        out = at_work / f"run{rows}"
        files = ["--noisy", str(at_work / "noisy.csv"), "--clean", str(at_work / "gold.csv"), "--out", str(out)]
        # A cache of its own, so that nothing is taken over from the run before.
        own = ["--set", f"compute.read_rows={rows}", "--cache-dir", str(at_work / f"cache{rows}")]
        assert main(["train", *files, *own, *QUICK]) == 0
        seen.add((out / "corrected.parquet").read_bytes())
    assert len(seen) == 1
    table = pq.read_table(out / "corrected.parquet")
    actions = dict(zip(table["id"].to_pylist(), table["action"].to_pylist(), strict=True))
    # Of the rows without a label, 0 and 11 are trusted.
    assert {actions[row] for row in range(60) if row % 11 == 0} == {"fill"}


@pytest.mark.parametrize("builder", CASES, ids=lambda builder: builder.__name__)
def test_a_malformed_input_ends_with_2_one_line_a_defect_and_nothing_written(builder, tmp_path, monkeypatch, capsys):
    case = builder(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    before = contents(tmp_path)
    files = ["--noisy", os.path.relpath(case.noisy), "--clean", os.path.relpath(case.clean)]
    assert main(["train", *files, *given(case.settings)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    begun, *lines = output.err.splitlines()
    assert begun == f"reading {files[1]} and {files[3]}"
    assert lines
    assert all(line.startswith("labelfix: ") for line in lines)
    assert any(all(part in line for part in case.expected) for line in lines), output.err
    assert contents(tmp_path) == before
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("builder", CASES[::8], ids=lambda builder: builder.__name__)
def test_check_names_the_defects_that_train_names(builder, tmp_path, monkeypatch, capsys):
    case = builder(tmp_path)
    monkeypatch.chdir(tmp_path)
    said = []
    for command in ("train", "check"):
        files = ["--noisy", os.path.relpath(case.noisy), "--clean", os.path.relpath(case.clean)]
        assert main([command, *files, *given(case.settings)]) == 2
        said.append([line for line in capsys.readouterr().err.splitlines() if line.startswith("labelfix: ")])
    assert said[0] == said[1] != []


def test_images_of_a_table_and_of_a_folder_get_identical_labels(images):
    tables = []
    for noisy in ("images.parquet", "images"):
        out = f"run-{noisy.removesuffix('.parquet')}-{noisy.count('.')}"
        assert main(["train", "--noisy", noisy, "--clean", "gold.csv", "--out", out, *ONE_EPOCH]) == 0
        tables.append(pq.read_table(f"{out}/corrected.parquet").drop_columns(["source_file"]))
    assert tables[0].replace_schema_metadata().equals(tables[1].replace_schema_metadata())


def test_an_unreadable_image_among_new_rows_is_said(images, capsys):
    words = ["train", "--noisy", "images", "--clean", "gold.csv", "--out", "run", *ONE_EPOCH]
    assert main(words) == 0
    (images / "images" / "dark" / "99.png").write_bytes(b"no image")
    capsys.readouterr()
    for verb, flag in (("predict", "--input"), ("correct", "--noisy")):
        again = [verb, "--run", "run", flag, "images", "--out", "new.csv"]
        assert main(again) == 2
        assert "image dark/99.png cannot be read" in capsys.readouterr().err
        assert not (images / "new.csv").exists()
        assert main([*again, "--skip-unreadable", "-q"]) == 0
        said = capsys.readouterr().err
        assert said.startswith("warning: images, row ")
        assert "image dark/99.png cannot be read" in said
        (images / "new.csv").unlink()


def test_a_backbone_that_is_not_there_leaves_nothing_and_takes_nothing_away(at_work, monkeypatch, capsys):
    for name in ("noisy.parquet", "gold.csv"):
        shutil.copy(name, at_work)
    monkeypatch.chdir(at_work)
    files = ["--noisy", "noisy.parquet", "--clean", "gold.csv"]
    assert main(["train", *files, "--backbone", "no/such", "--offline"]) == 2
    assert "no/such" in capsys.readouterr().err
    assert not (at_work / "runs").exists()
    assert main(["train", *files, "--out", "run", *ONE_EPOCH]) == 0
    before = contents(at_work / "run")
    assert main(["train", *files, "--out", "run", "--overwrite", "--backbone", "no/such", "--offline"]) == 2
    assert contents(at_work / "run") == before


def test_evaluate_names_its_own_flag_where_the_truth_has_no_label_column(at_work, capsys):
    (at_work / "truth.csv").write_text("id,one,two\nitem-030,cat,dog\n")
    assert main(["evaluate", "--run", "run", "--truth", str(at_work / "truth.csv")]) == 2
    assert capsys.readouterr().err.rstrip().endswith("name one with --label-column")

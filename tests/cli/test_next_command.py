"""`next`: the rows to ask about, and the way back of the answers."""

import csv
from pathlib import Path

import numpy as np
import pytest

from labelfix.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 rows of a table in three classes that overlap, a quarter of them wrong; 60 trusted ones, and a run."""
    made = tmp_path_factory.mktemp("next")
    generator = np.random.default_rng(0)
    truth = np.arange(300) % 3
    x = np.eye(3)[truth][:, :2] * 2 + generator.normal(0, 0.8, (300, 2))
    given = np.where(generator.random(300) < 0.25, (truth + 1) % 3, truth)
    rows = enumerate(zip(x, given, strict=True))
    lines = ["id,a,b,label", *(f"k{i},{a:.4f},{b:.4f},{'xyz'[c]}" for i, ((a, b), c) in rows)]
    (made / "noisy.csv").write_text("\n".join(lines) + "\n")
    (made / "gold.csv").write_text("\n".join(["id,label", *(f"k{i},{'xyz'[i % 3]}" for i in range(0, 300, 5))]) + "\n")
    files = ["--noisy", str(made / "noisy.csv"), "--clean", str(made / "gold.csv")]
    assert main(["train", *files, "--id-column", "id", "--out", str(made / "run"), "--quiet"]) == 0
    return made


def asked(folder: Path, out: Path, count: int) -> list[dict[str, str]]:
    assert main(["next", "--run", str(folder / "run"), "--count", str(count), "--out", str(out), "--quiet"]) == 0
    return list(csv.DictReader(out.open()))


def test_the_rows_come_with_inputs_both_likely_labels_and_room_for_the_answer(folder: Path, tmp_path: Path) -> None:
    rows = asked(folder, tmp_path / "ask.csv", 15)
    assert len(rows) == 15
    assert list(rows[0])[:4] == ["id", "a", "b", "label"]
    noisy = {row["id"]: row for row in csv.DictReader((folder / "noisy.csv").open())}
    for row in rows:
        assert row["label"] == ""
        assert float(row["a"]) == float(noisy[row["id"]]["a"])
        assert row["given_label"] == noisy[row["id"]]["label"]
        assert float(row["likeliest_probability"]) >= float(row["second_probability"])
        assert row["likeliest_label"] != row["second_label"]
    trusted = {row["id"] for row in csv.DictReader((folder / "gold.csv").open())}
    assert not trusted & {row["id"] for row in rows}
    assert len({row["id"] for row in rows}) == 15


def test_answers_are_trusted_rows_of_the_next_training(folder: Path, tmp_path: Path) -> None:
    rows = asked(folder, tmp_path / "ask.csv", 10)
    for row in rows:
        row["label"] = "xyz"[int(row["id"][1:]) % 3]
    answers = tmp_path / "answers.csv"
    with answers.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv"), "--clean", str(answers)]
    assert main(["train", *files, "--id-column", "id", "--out", str(tmp_path / "run"), "--quiet"]) == 0
    again = {row["id"] for row in asked_of(tmp_path / "run", tmp_path / "more.csv")}
    assert not again & {row["id"] for row in rows}


def asked_of(run: Path, out: Path) -> list[dict[str, str]]:
    assert main(["next", "--run", str(run), "--count", "10", "--out", str(out), "--quiet"]) == 0
    return list(csv.DictReader(out.open()))


def test_an_input_is_never_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "noisy.csv").read_bytes()
    assert main(["next", "--run", str(folder / "run"), "--out", str(folder / "noisy.csv")]) == 2
    assert (folder / "noisy.csv").read_bytes() == before

"""What a run says of itself: doubted trusted rows, the full ledger, cross-fitted scores, the verdict."""

import io
import json
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from labelfix.cli import main
from labelfix.evidence import rivals
from labelfix.evidence.weighing import _warning_of_doubted


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 rows of a table in two classes, a fifth wrong; 120 trusted rows, of which k0 is labelled wrongly."""
    made = tmp_path_factory.mktemp("trust")
    generator = np.random.default_rng(0)
    truth = np.arange(400) % 2
    x = np.where(truth[:, None] == 0, -2.0, 2.0) + generator.normal(0, 0.7, (400, 2))
    given = np.where(generator.random(400) < 0.2, 1 - truth, truth)
    rows = enumerate(zip(x, given, strict=True))
    lines = ["id,a,b,label", *(f"k{i},{a:.4f},{b:.4f},{'xy'[c]}" for i, ((a, b), c) in rows)]
    (made / "noisy.csv").write_text("\n".join(lines) + "\n")
    gold = ["id,label", "k0,y", *(f"k{i},{'xy'[i % 2]}" for i in range(1, 120))]
    (made / "gold.csv").write_text("\n".join(gold) + "\n")
    (made / "truth.csv").write_text("\n".join(["id,label", *(f"k{i},{'xy'[i % 2]}" for i in range(400))]) + "\n")
    return made


def trained(folder: Path, out: Path, *flags: str) -> dict:
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(folder / "gold.csv"), "--id-column", "id"]
    assert main(["train", *files, "--out", str(out), *flags]) == 0
    return json.loads((out / "metrics.json").read_text())["evidence"]


@pytest.fixture(scope="module")
def run(folder: Path) -> tuple[Path, dict, list[str]]:
    """A run as the defaults have it, its evidence, and the lines that were said."""
    with redirect_stderr(io.StringIO()) as said:
        evidence = trained(folder, folder / "run")
    return folder / "run", evidence, said.getvalue().strip().splitlines()


def test_a_trusted_row_that_looks_wrong_is_listed_and_kept(
    folder: Path, run: tuple[Path, dict, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, evidence, _ = run
    assert [each["id"] for each in evidence["doubted"]] == ["k0"]
    assert main(["evaluate", "--run", str(path), "--truth", str(folder / "truth.csv")]) == 0
    said = capsys.readouterr().out
    assert "1 trusted rows look wrong to models that never saw them (unchanged):" in said
    assert "k0" in said
    assert "y -> x?" in said
    # A row is no line of the file: `gold.csv:1` would be its header.
    assert "gold.csv, row 1 " in said


@pytest.mark.parametrize("wrong", [2, 3])
def test_three_trusted_rows_that_look_wrong_are_warned_of_by_name(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: int
) -> None:
    gold = ["id,label", *(f"k{i},{'xy'[(i + (i < wrong)) % 2]}" for i in range(120))]
    (tmp_path / "gold.csv").write_text("\n".join(gold) + "\n")
    files = ["--noisy", str(folder / "noisy.csv"), "--clean", str(tmp_path / "gold.csv"), "--id-column", "id"]
    assert main(["train", *files, "--no-side-checks", "-v", "--out", str(tmp_path / "run")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert (f"{wrong} trusted labels look wrong to models that never saw them:" in said) == (wrong > 2)
    assert ("k0 (y, likelier x)" in said) == (wrong > 2)


def test_of_many_doubted_rows_five_are_named_by_id_or_place() -> None:
    told = [{"id": None, "file": "a.csv", "row": i, "label": "x", "suggested": "y"} for i in range(1, 8)]
    said = _warning_of_doubted(told)
    assert "row 5 of a.csv (x, likelier y) and 2 more (evidence.doubted of metrics.json)" in said
    assert "row 6" not in said


def test_train_ends_with_what_came_out_and_what_to_do_next(run: tuple[Path, dict, list[str]]) -> None:
    path, _, lines = run
    verdict = json.loads((path / "run.json").read_text())["verdict"]
    assert verdict["labels"] == "use"
    assert " labels changed; about " in lines[-2]
    assert lines[-1].startswith("next: take the corrected labels: labelfix export --run ")


def test_labels_that_are_the_same_by_chance_alone_are_no_advice_to_take_the_corrected_ones(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gold = ["id,label", *(f"k{i},{'xy'[i // 2 % 2]}" for i in range(120))]
    (tmp_path / "gold.csv").write_text("\n".join(gold) + "\n")
    (tmp_path / "noisy.csv").write_text((folder / "noisy.csv").read_text())
    trained(tmp_path, tmp_path / "run", "--method", "glc", "--no-side-checks")
    lines = capsys.readouterr().err.strip().splitlines()
    assert "cannot be said: your labels and the given ones are the same no more often than by chance" in lines[-2]
    assert lines[-1].startswith("next: check rows drawn at random")


def test_cross_fitted_scores_are_named_as_such_and_differ(
    folder: Path, run: tuple[Path, dict, list[str]], tmp_path: Path
) -> None:
    (path, plain, _), crossed = run, trained(folder, tmp_path / "b", "--cross-fit", "3")
    assert "each row taken out again (approximate leave-one-out)" in plain["noisy_rows"]
    assert "did not train on their given label (3 parts)" in crossed["noisy_rows"]
    assert (path / "corrected.parquet").read_bytes() != (tmp_path / "b" / "corrected.parquet").read_bytes()


def test_a_full_ledger_trains_its_rivals_end_to_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {name: partial(settings, epochs=5) for name, settings in rivals.METHOD_SETTINGS.items()}
    monkeypatch.setattr(rivals, "METHOD_SETTINGS", short)
    network = ["--backbone", "mlp", "--set", "recipe=paper", "--set", "epochs=1", "--set", "warmup_epochs=1"]
    evidence = trained(folder, tmp_path / "run", *network, "--ledger", "full")
    entries = {each["name"]: each for each in evidence["ledger"]["entries"]}
    assert {"clean-only", "noisy-and-clean", "glc", "this-run"} <= set(entries)
    assert "trained end to end" in entries["glc"]["about"]
    assert evidence["judged_on"]["how"] == "held-out trusted rows"
    checks = evidence["checks"]
    assert (checks["equal_rows_with_different_labels"], checks["nearly_equal_rows_with_different_labels"]) == (0, None)
    assert len({each["accuracy"]["rows"] for each in entries.values()}) == 1

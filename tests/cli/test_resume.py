"""`labelfix train --resume`: what goes on, what is refused, and what is said."""

import json
import os
import shutil
import tempfile

import pyarrow.parquet as pq
import pytest
import torch

import labelfix
from labelfix import pipeline
from labelfix.cli import main
from labelfix.errors import InputError, RunError, TrainingError
from labelfix.methods import fit as fitting
from labelfix.runs import RunFolder

WORDS = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--set", "recipe=paper", "--set", "epochs=8"]


def copied(workshop, folder):
    """The workshop's files in a folder."""
    for name in ("noisy.parquet", "gold.csv"):
        shutil.copy(workshop / name, folder / name)


@pytest.fixture
def work(workshop, monkeypatch, tmp_path):
    """A working directory of its own with the workshop's files."""
    copied(workshop, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(workshop / "cache"))
    return tmp_path


@pytest.fixture
def stop(monkeypatch):
    """Have the next commands stop with an error just before the run is written; call it again with None to let go."""
    write = pipeline.write

    def stop_with(error):
        def stopped(*_):
            raise error

        monkeypatch.setattr(pipeline, "write", write if error is None else stopped)

    return stop_with


@pytest.fixture(scope="module")
def interrupted(workshop, tmp_path_factory):
    """A run that was interrupted just before it was written."""
    place = tmp_path_factory.mktemp("interrupted")
    copied(workshop, place)

    def stopped(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("LABELFIX_CACHE_DIR", str(workshop / "cache"))
        patch.setattr(pipeline, "write", stopped)
        assert main([*WORDS, "--out", "r", "-q"]) == 130
    return place / "r"


@pytest.fixture
def begun(work, interrupted):
    """The interrupted run in `r`, as if it had been begun here."""
    mark = work / "r" / "unfinished"
    shutil.copytree(interrupted, mark.parent)
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "directory": str(work)}))
    return mark.parent


def corrected(folder):
    return (folder / "corrected.parquet").read_bytes()


def test_a_run_goes_on_with_nothing_repeated_and_gives_the_same_bytes(begun, workshop, capsys):
    capsys.readouterr()
    assert main(["train", "--resume", "r"]) == 0
    said = capsys.readouterr()
    assert said.out == "r\n"
    assert "corrected labels: r/corrected.parquet" in said.err
    assert corrected(begun) == corrected(workshop / "run")
    left = {"classifier", "corrected.parquet", "corrector", "history.parquet", "judges", "metrics.json", "run.json"}
    assert {path.name for path in begun.iterdir()} == left | {"settings.toml"}


def test_a_run_goes_on_from_another_directory(begun, workshop, tmp_path_factory, monkeypatch, capsys):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    path = os.path.relpath(begun)
    capsys.readouterr()
    assert main(["train", "--resume", path, "-q"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert corrected(begun) == corrected(workshop / "run")
    assert os.getcwd() == str(elsewhere)
    assert list(elsewhere.iterdir()) == []


def test_a_finished_run_has_nothing_left_to_do(workshop, work, capsys):
    shutil.copytree(workshop / "run", "r")
    before = {path: path.stat().st_mtime_ns for path in (work / "r").rglob("*")}
    assert main(["train", "--resume", "r"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("r\n", "r: this run is finished; nothing is left to do\n")
    assert {path: path.stat().st_mtime_ns for path in (work / "r").rglob("*")} == before
    assert labelfix.resume("r").manifest["seed"] == 0


def test_a_folder_that_is_no_run_cannot_go_on(work, capsys):
    (work / "data").mkdir()
    for path, message in (("data", "is not a labelfix run"), ("missing", "there is no such run folder")):
        assert main(["train", "--resume", path]) == 2
        assert message in capsys.readouterr().err


REFUSED = (
    (["--seed", "3"], "seed is 0 in the run, not 3 (a run goes on as it was begun"),
    (["--set", "epochs=9", "--label-column", "y"], "data.label_column is automatic in the run, not 'y'"),
    (["--set", "epochs=9", "--label-column", "y"], "mlc.epochs is 8 in the run, not 9"),
    (["--method", "glc"], "method is 'mlc' in the run, not 'glc'"),
    (["--backbone", "mlp"], "model.backbone is 'auto' in the run, not 'mlp'"),
    (["--config", "other.toml"], "mlc.epochs is 8 in the run, not 20"),
    (["--noisy", "other.parquet"], "noisy is noisy.parquet in the run, not other.parquet"),
    (["--clean", "gold.csv", "--clean", "b.csv"], "clean is gold.csv in the run, not gold.csv, b.csv"),
    (["--out", "elsewhere"], "--out elsewhere is not the run of --resume r"),
    (["--overwrite"], "--resume goes on with a run and --overwrite replaces it"),
    (["--checkpoint-every", "soon"], "--checkpoint-every: 'soon' is not an interval"),
)


def test_what_differs_from_the_beginning_is_refused_with_both_values(begun, capsys):
    (begun.parent / "other.toml").write_text("[mlc]\nepochs = 20\n")
    before = {path.name: path.read_bytes() for path in begun.iterdir() if path.is_file()}
    capsys.readouterr()
    for flags, message in REFUSED:
        assert main(["train", "--resume", "r", *flags]) == 2
        assert message in capsys.readouterr().err
        assert {path.name: path.read_bytes() for path in begun.iterdir() if path.is_file()} == before


def test_the_same_values_and_what_cannot_change_the_result_may_be_given_again(begun, workshop, monkeypatch):
    (begun.parent / "labelfix.toml").write_text("seed = 5\n")  # the run had none; what is found counts at the beginning
    monkeypatch.setenv("LABELFIX_SEED", "6")
    again = ["--noisy", str(begun.parent / "noisy.parquet"), "--clean", "gold.csv", "--out", "r", "--seed", "0"]
    free = ["--set", "epochs=8", "--checkpoint-every", "1h", "--device", "cpu", "--set", "compute.read_rows=100"]
    assert main(["train", "--resume", "r", "-q", *again, *free]) == 0
    assert corrected(begun) == corrected(workshop / "run")


def test_an_input_that_has_changed_is_refused_by_name(begun, capsys):
    gold = begun.parent / "gold.csv"
    was = gold.read_text()
    gold.write_text(was.replace("cat", "dog", 1))
    capsys.readouterr()
    assert main(["train", "--resume", "r"]) == 2
    said = capsys.readouterr().err
    assert "gold.csv: has changed since the run was begun (clean: " in said
    assert "noisy" not in said
    gold.write_text("id,label\nitem-000,a class that nobody knows\n")  # the change is the news, not the defect
    assert main(["train", "--resume", "r"]) == 2
    assert "gold.csv: has changed since" in capsys.readouterr().err
    gold.write_text(was)
    assert main(["train", "--resume", "r", "-q"]) == 0


def test_an_input_that_is_gone_is_said_to_be_the_runs(begun, capsys):
    (begun.parent / "noisy.parquet").unlink()
    capsys.readouterr()
    assert main(["train", "--resume", "r"]) == 2
    said = capsys.readouterr().err
    assert "noisy.parquet: there is no such file" in said
    assert "these are the inputs that r was begun with" in said


def test_a_class_map_that_has_changed_is_refused(work, stop, capsys):
    (work / "map.csv").write_text("alias,class\nkitty,cat\n")
    stop(KeyboardInterrupt())
    assert main([*WORDS, "--class-map", "map.csv", "--out", "r", "-q"]) == 130
    stop(None)
    (work / "map.csv").write_text("alias,class\nkitty,dog\n")
    assert main(["train", "--resume", "r", "-q"]) == 2
    assert "map.csv: has changed since the run was begun (class_map: " in capsys.readouterr().err


def test_a_crash_says_how_to_go_on(work, stop, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stop(ZeroDivisionError("division by zero"))
    assert main([*WORDS, "--out", "r", "-q"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert "unexpected error, ZeroDivisionError" in lines[-2]
    assert lines[-1] == "labelfix: r is unfinished; `labelfix train --resume r` goes on with it"


def test_a_taken_folder_says_that_its_run_can_go_on(begun, capsys):
    capsys.readouterr()
    assert main([*WORDS, "--out", "r"]) == 2
    said = capsys.readouterr().err
    assert "there is an unfinished run already; `labelfix train --resume r` goes on with it; pass --overwrite" in said


def test_overwriting_leaves_the_old_run_until_the_new_one_is_written(workshop, work, stop):
    shutil.copytree(workshop / "run", "r")
    words = [*WORDS, "--seed", "1", "--out", "r", "--overwrite", "-q"]
    stop(TrainingError("it did not work"))
    assert main([*words, "--checkpoint-every", "0"]) == 2
    assert {path.name for path in (work / "r").iterdir()} == {path.name for path in (workshop / "run").iterdir()}
    stop(KeyboardInterrupt())
    assert main(words) == 130
    assert corrected(work / "r") == corrected(workshop / "run")
    assert main(["flag", "--run", "r"]) in (0, 1)
    stop(None)
    assert main(["train", "--resume", "r", "-q"]) == 0
    assert json.loads((work / "r" / "run.json").read_text())["seed"] == 1
    assert not (work / "r" / "unfinished").exists()


def test_a_failed_training_keeps_the_last_good_checkpoint_and_says_so(work, monkeypatch, capsys):
    def failing(problem, settings, progress):
        problem.checkpoints.save({"w": torch.ones(1)}, {"epoch": 1})
        raise TrainingError("the loss is no longer a number in epoch 2; try --set learning_rate=0.01")

    monkeypatch.setitem(fitting.METHODS, "mlc", failing)
    assert main([*WORDS, "--out", "r", "-q"]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("labelfix: ")]
    assert said[0].startswith("labelfix: the loss is no longer a number in epoch 2")
    assert said[1] == (
        "labelfix: the last good checkpoint is kept in r/checkpoints/state-00000001; "
        "to try other settings, begin a new run (another --out, or --overwrite)"
    )
    assert RunFolder(work / "r").under_way


def test_a_run_that_could_not_be_written_says_how_to_go_on(work, stop, capsys):
    stop(RunError("r/corrected.parquet: cannot be written (No space left on device)"))
    assert main([*WORDS, "--out", "r", "-q"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "labelfix: r is kept; `labelfix train --resume r` goes on with it"


def test_without_checkpoints_a_failed_training_leaves_nothing(work, monkeypatch):
    def failing(problem, settings, progress):
        raise TrainingError("it did not work")

    monkeypatch.setitem(fitting.METHODS, "mlc", failing)
    assert main([*WORDS, "--out", "r", "-q", "--checkpoint-every", "0"]) == 2
    assert not (work / "r").exists()


def test_tables_in_memory_are_given_again_and_must_be_the_same(work, workshop, stop):
    noisy, gold = pq.read_table("noisy.parquet"), "gold.csv"
    stop(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        labelfix.train(noisy, gold, "r", recipe="paper", epochs=8)
    stop(None)
    with pytest.raises(RunError, match="begun with tables in memory; go on from Python"):
        labelfix.resume("r")
    with pytest.raises(InputError, match="has changed since the run was begun"):
        labelfix.resume("r", noisy.slice(1))
    run = labelfix.resume("r", noisy)
    assert run.corrected["corrected_label"].equals(pq.read_table(workshop / "run/corrected.parquet")["corrected_label"])

import json
import os
import re
from datetime import UTC, datetime

import numpy as np
import pytest

from labelfix import runs
from labelfix.errors import RunError
from labelfix.runs import RunFolder, atomic_path, made_here, refuse_taken, run_id, write_json


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def finished():
    """Makes finished runs."""

    def make(path, when="2026-01-01T00:00:00+00:00"):
        folder = RunFolder.create(path, overwrite=False)
        write(folder, {"run_id": "x", "finished": when})
        return folder

    return make


def interrupt(target, error, begin):
    with atomic_path(target) as beside:
        begin(beside)
        assert beside.exists()
        raise error


def write(folder, manifest, text="x"):
    with folder.writing() as new:
        for name in ("classifier", "corrector"):
            (new.path / name).mkdir()
            (new.path / name / "weights").write_text(text)
        for path in (new.corrected, new.settings):
            path.write_text(text)
        folder.finish(new, manifest)


def test_a_new_folder_is_unfinished_until_its_manifest_is_written(tmp_path, finished, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(tmp_path / "run", overwrite=False)
    assert (folder.finished, folder.unfinished) == (False, True)
    write(folder, {"run_id": "x"})
    assert (folder.finished, folder.unfinished) == (True, False)
    about = json.loads(folder.manifest.read_text())
    assert made_here(about)
    assert about.pop("origin")
    assert about == {"format_version": 1, "run_id": "x", "directory": ".."}


def test_without_a_name_runs_are_named_by_the_time_and_never_collide():
    paths = [RunFolder.create(None, overwrite=False).path for _ in range(3)]
    assert len(set(paths)) == 3
    for path in paths:
        assert re.fullmatch(r"runs/\d{8}-\d{6}(-\d)?", path.as_posix())
    stamp = datetime.strptime(paths[0].name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60


def test_another_programs_run_json_is_no_run_to_be_replaced(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match="holds files that are not a labelfix run; choose another --out"):
        RunFolder.create(tmp_path, overwrite=True)
    assert (tmp_path / "run.json").read_text() == "{}"


@pytest.mark.parametrize("done", [True, False])
def test_a_run_in_the_way_is_refused_without_overwrite(tmp_path, finished, done):
    path = tmp_path / "run"
    if done:
        finished(path)
    else:
        RunFolder.create(path, overwrite=False)
    with pytest.raises(RunError, match="pass --overwrite to replace it") as caught:
        RunFolder.create(path, overwrite=False)
    assert ("a finished run" if done else "an unfinished run") in str(caught.value)


def test_overwriting_leaves_the_old_run_until_the_new_one_is_written_and_the_users_own_files_for_good(
    tmp_path, finished
):
    folder = finished(tmp_path / "run")
    (folder.path / "notes.txt").write_text("mine")
    again = RunFolder.create(folder.path, overwrite=True, begun={"seed": 1})
    assert (again.finished, again.under_way, again.unfinished) == (True, True, False)
    assert RunFolder.open_finished(folder.path).read_manifest()["run_id"] == "x"
    write(again, {"run_id": "y"}, "new")
    assert (again.finished, again.under_way, again.unfinished) == (True, False, False)
    assert again.corrected.read_text() == (again.classifier / "weights").read_text() == "new"
    assert (again.path / "notes.txt").read_text() == "mine"
    assert not {"unfinished", "checkpoints", "written"} & {path.name for path in again.path.iterdir()}


def test_a_run_that_is_written_but_not_in_its_place_is_brought_there_by_the_next_command(
    tmp_path, finished, monkeypatch
):
    """Killed at each of the steps that bring it there."""
    for steps in range(20):
        folder = finished(tmp_path / f"run-{steps}")
        again = RunFolder.create(folder.path, overwrite=True, begun={"seed": 1})
        left = steps

        def stop(step):
            def stopping(*arguments):
                nonlocal left
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
                step(*arguments)

            return stopping

        with monkeypatch.context() as patch:
            for name in ("move", "remove", "sync"):
                patch.setattr(runs.folder, name, stop(getattr(runs.folder, name)))
            try:
                write(again, {"run_id": "y"}, "new")
            except KeyboardInterrupt:
                assert (again.finished, again.under_way) == (True, False)
            else:
                break
        opened = RunFolder.open_finished(folder.path)
        assert opened.read_manifest()["run_id"] == "y"
        assert opened.corrected.read_text() == (opened.corrector / "weights").read_text() == "new"
        assert not {"unfinished", "checkpoints", "written"} & {path.name for path in again.path.iterdir()}
    assert steps > 8


def test_overwriting_an_unfinished_run_takes_its_checkpoints_away(tmp_path):
    folder = RunFolder.create(tmp_path / "run", overwrite=False, begun={"seed": 1})
    folder.checkpoints.mkdir()
    (folder.checkpoints / "state-1").write_text("x")
    again = RunFolder.create(folder.path, overwrite=True, begun={"seed": 2})
    assert not again.checkpoints.exists()
    assert again.begun()["seed"] == 2


def test_a_run_that_another_process_works_on_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.files, "_WAIT", 0.2)
    folder = RunFolder.create(tmp_path / "run", overwrite=False)
    with runs.held(folder.path), pytest.raises(RunError, match="another process is working on this run"):
        RunFolder.create(folder.path, overwrite=True)
    RunFolder.create(folder.path, overwrite=True)


def test_overwriting_never_follows_a_link_out_of_the_folder(tmp_path, finished):
    folder = finished(tmp_path / "run")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (folder.classifier / "weights").unlink()
    folder.classifier.rmdir()
    os.symlink(outside, folder.classifier)
    write(RunFolder.create(folder.path, overwrite=True), {"run_id": "y"})
    assert (outside / "precious").exists()
    assert not folder.classifier.is_symlink()


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_folder_that_is_no_run_is_never_touched(tmp_path, overwrite):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photo.jpg").write_text("x")
    with pytest.raises(RunError, match="holds files that are not a labelfix run"):
        RunFolder.create(tmp_path / "data", overwrite=overwrite)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["photo.jpg"]


def test_an_empty_folder_and_a_missing_one_are_free(tmp_path):
    (tmp_path / "empty").mkdir()
    refuse_taken(tmp_path / "empty", overwrite=False)
    refuse_taken(tmp_path / "missing", overwrite=False)
    assert RunFolder.create(tmp_path / "empty", overwrite=False).unfinished


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "run").write_text("x")
    with pytest.raises(RunError, match="is a file, not a folder"):
        RunFolder.create(tmp_path / "run", overwrite=True)


def test_the_newest_finished_run_is_opened_by_the_time_it_finished_not_by_its_name(finished):
    finished(runs.RUNS / "z-old", "2026-01-01T00:00:00+00:00")
    finished(runs.RUNS / "a-new", "2026-02-01T00:00:00+00:00")
    RunFolder.create(runs.RUNS / "unfinished-one", overwrite=False)
    assert RunFolder.open_finished(None).path == runs.RUNS / "a-new"


def test_a_damaged_run_does_not_hide_the_sound_one_beside_it(finished):
    finished(runs.RUNS / "good")
    finished(runs.RUNS / "bad").manifest.write_text("{")
    assert RunFolder.open_finished(None).path == runs.RUNS / "good"


def test_without_any_run_the_message_says_how_to_make_one():
    with pytest.raises(RunError, match="no finished run here; name one with --run, or make one with `labelfix train`"):
        RunFolder.open_finished(None)


def test_with_only_an_unfinished_run_the_message_names_it_and_how_to_go_on():
    RunFolder.create(runs.RUNS / "a", overwrite=False)
    with pytest.raises(RunError, match=r"runs/a is unfinished; `labelfix train --resume runs/a` goes on with it"):
        RunFolder.open_finished(None)


def test_an_unfinished_run_is_not_opened(tmp_path):
    RunFolder.create(tmp_path / "run", overwrite=False)
    with pytest.raises(RunError, match="the run is unfinished; `labelfix train --resume .*run` goes on with it"):
        RunFolder.open_finished(tmp_path / "run")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.corrected.unlink(), "is damaged, corrected.parquet is missing"),
        (lambda f: f.manifest.write_text("{"), "run.json: cannot be read"),
        (lambda f: f.manifest.write_text("[]"), "is not the manifest of a labelfix run"),
        (lambda f: f.manifest.write_text('{"format_version": 99}'), "was written by a newer labelfix"),
    ],
)
def test_a_damaged_run_is_refused_with_what_is_wrong(tmp_path, finished, damage, message):
    folder = finished(tmp_path / "run")
    damage(folder)
    with pytest.raises(RunError) as caught:
        RunFolder.open_finished(folder.path)
    assert message in str(caught.value)


def test_a_folder_that_is_missing_or_no_run_is_told_apart(tmp_path):
    with pytest.raises(RunError, match="there is no such run folder"):
        RunFolder.open_finished(tmp_path / "missing")
    with pytest.raises(RunError, match="is not a labelfix run"):
        RunFolder.open_finished(tmp_path)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "a.txt"
    with atomic_path(target) as beside:
        beside.write_text("new")
        assert not target.exists()
        assert beside.parent.parent == target.parent
        assert beside.name == target.name
    assert target.read_text() == "new"
    with pytest.raises(RuntimeError):
        interrupt(target, RuntimeError, lambda beside: beside.write_text("half"))
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["a.txt"]


def test_a_place_where_nothing_can_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(RunError, match=r"file/out\.csv: cannot be written \(.*\); choose another place"),
        atomic_path(tmp_path / "file" / "out.csv") as beside,
    ):
        beside.write_text("x")


def test_a_file_that_cannot_be_read_meanwhile_is_not_taken_for_the_one_being_written(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out.csv"):
        (tmp_path / "source.csv").read_text()


def test_a_run_that_could_not_be_begun_leaves_no_folder_but_keeps_what_was_there(tmp_path):
    for name, files in (("empty", []), ("other", ["mine.txt"])):
        folder = RunFolder.create(tmp_path / name, overwrite=False)
        for file in files:
            (folder.path / file).write_text("x")
        folder.discard()
        assert folder.path.exists() == bool(files)


def test_a_run_that_came_to_nothing_leaves_the_one_it_was_to_replace(tmp_path, finished):
    finished(tmp_path / "run")
    again = RunFolder.create(tmp_path / "run", overwrite=True)
    again.discard()
    assert (again.finished, again.under_way) == (True, False)


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    with atomic_path(target) as beside:
        beside.mkdir()
        (beside / "w").write_text("x")
    assert (target / "w").read_text() == "x"
    with pytest.raises(KeyboardInterrupt):
        interrupt(tmp_path / "other", KeyboardInterrupt, lambda beside: (beside / "deep").mkdir(parents=True))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_files_get_the_users_usual_permissions(tmp_path):
    (tmp_path / "usual").write_text("x")
    with atomic_path(tmp_path / "ours") as beside:
        beside.write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_json_takes_numpy_values_and_writes_null_for_what_is_not_finite(tmp_path):
    value = {
        "a": np.float32(0.5),
        "b": float("nan"),
        "c": np.arange(2),
        "d": [np.int64(3), float("inf")],
        "é": tmp_path,
    }
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {
        "a": 0.5,
        "b": None,
        "c": [0, 1],
        "d": [3, None],
        "é": str(tmp_path),
    }


def test_a_run_id_depends_on_settings_contents_and_seed_and_on_nothing_else():
    base = run_id({"a": 1, "b": [1, 2]}, ["x", "y"], 0)
    assert re.fullmatch(r"[0-9a-f]{16}", base)
    assert run_id({"b": (1, 2), "a": 1}, ["x", "y"], 0) == base
    others = [
        run_id({"a": 2, "b": [1, 2]}, ["x", "y"], 0),
        run_id({"a": 1, "b": [1, 2]}, ["y", "x"], 0),
        run_id({"a": 1, "b": [1, 2]}, ["x", "y"], 1),
    ]
    assert len({base, *others}) == 4

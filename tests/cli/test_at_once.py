"""Two processes at one place: one result or the other, whole, and whoever comes too late is told."""

import json
import shutil

import pytest
from own_process import OwnProcess
from test_targets import FILES

from labelfix.api import opened
from labelfix.cli import main
from labelfix.errors import RunError
from labelfix.runs import RunFolder, durable

QUICK = ("--set", "recipe=paper", "--set", "epochs=2")


@pytest.fixture
def meanwhile(monkeypatch):
    """Has something done once, just before a result is renamed into its place."""

    def arrange(act):
        put, done = durable._put, []

        def late(beside, path, replace):
            if not durable.is_scratch(path.parent) and not done:
                done.append(act())
            put(beside, path, replace)

        monkeypatch.setattr(durable, "_put", late)

    return arrange


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_another_process_makes_meanwhile_is_kept(at_work, name, meanwhile, capsys):
    words, suffix = FILES[name]
    out = at_work / f"mine{suffix}"
    meanwhile(lambda: out.write_text("theirs"))
    assert main([*words, str(out)]) == 2
    assert f"{out}: another process has made it meanwhile; pass --overwrite to replace it" in capsys.readouterr().err
    assert out.read_text() == "theirs"
    assert list(at_work.iterdir()) == [out]
    assert main([*words, str(out), "--overwrite"]) == 0
    assert out.read_bytes() != b"theirs"


def test_a_target_that_becomes_a_link_to_the_input_leaves_the_input_alone(at_work, workshop, meanwhile):
    before = (workshop / "new.parquet").read_bytes()
    out = at_work / "mine.parquet"
    out.write_text("yesterday's")

    def link():
        out.unlink()
        out.symlink_to(workshop / "new.parquet")

    meanwhile(link)
    words = ["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(out), "--overwrite"]
    assert main(words) == 0
    assert (workshop / "new.parquet").read_bytes() == before
    assert not out.is_symlink()


def test_of_two_trainings_at_one_place_one_is_refused(at_work, workshop):
    run = at_work / "run"
    words = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", str(run)]
    both = [OwnProcess(*words, *QUICK, "--seed", seed, folder=workshop) for seed in ("1", "2")]
    said = [process.ended()[1] for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [0, 2], said
    assert f"{run}: there is " in said[codes.index(2)]
    assert RunFolder.open_finished(run).read_manifest(whole=True)["seed"] == codes.index(0) + 1


def test_who_has_begun_a_run_does_not_write_into_one_that_another_process_began_there(tmp_path):
    ours, theirs = {"settings": {"seed": 1}}, {"settings": {"seed": 2}}
    folder = RunFolder.create(tmp_path / "run", False, ours)
    folder.refuse_taken_over(ours)
    with pytest.raises(RunError, match="there is an unfinished run already"):
        RunFolder.create(tmp_path / "run", False, theirs)
    RunFolder.create(tmp_path / "run", True, theirs)
    with pytest.raises(RunError, match="another process has begun a run here"):
        folder.refuse_taken_over(ours)


def test_parts_of_two_runs_are_not_mixed(at_work, workshop, monkeypatch, capsys):
    run, load = at_work / "run", opened.load_corrector
    shutil.copytree(workshop / "run", run)

    def replaced(*about):
        manifest = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**manifest, "run_id": "0" * 16}))
        return load(*about)

    monkeypatch.setattr(opened, "load_corrector", replaced)
    out = at_work / "out.parquet"
    assert main(["correct", "--run", str(run), "--noisy", "new.parquet", "--out", str(out)]) == 2
    assert f"{run}: the run was replaced while it was being read; give the command again" in capsys.readouterr().err
    assert not out.exists()

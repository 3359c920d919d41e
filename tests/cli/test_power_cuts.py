"""Whenever the power goes, the old or the new result is there, whole."""

import os
import shutil
import sys

import pytest
from lost_power import lay_out, recorded

from labelfix.cli import main
from labelfix.errors import LabelfixError
from labelfix.runs import RunFolder, durable, refuse_taken

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd") or sys.platform != "linux", reason="needs /proc")

TRAIN = ["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--set", "recipe=paper", "--set", "epochs=2", "-q"]


@pytest.fixture(params=["in one step", "in two"])
def swap(request, monkeypatch):
    """Folders are swapped in one step where the system can, else in two."""
    if request.param == "in two":
        monkeypatch.setattr(durable, "_exchange", lambda *_: False)


def contents(path):
    """A file's, or those of all files in a folder."""
    if path.is_file():
        return path.read_bytes()
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def ran(words, root, monkeypatch):
    """What a command, run without an error, may leave on the disk."""
    with recorded(root, monkeypatch) as recorder:
        assert main(words) == 0
    return recorder


def whole_run(folder):
    """What a finished run holds."""
    return contents(RunFolder.open_finished(folder).path)


def test_a_run_is_there_whole_or_can_be_begun_or_gone_on_with(at_work, monkeypatch, tmp_path_factory):
    recorder = ran([*TRAIN, "--out", str(at_work / "r"), "--checkpoint-every", "1epochs"], at_work, monkeypatch)
    new, outcomes = whole_run(at_work / "r"), {"new": 0, "unfinished": 0, "free": 0}
    for disk in recorder.disks():
        place = tmp_path_factory.mktemp("disk")
        lay_out(disk, place)
        folder = RunFolder(place / "r")
        if folder.finished:
            assert whole_run(folder.path) == new
            outcomes["new"] += 1
        elif folder.under_way:
            assert RunFolder.open_begun(folder.path).begun()["settings"]
            outcomes["unfinished"] += 1
        else:
            refuse_taken(folder.path, overwrite=False)
            RunFolder.create(folder.path, overwrite=False)
            outcomes["free"] += 1
        shutil.rmtree(place)
    assert all(count > 2 for count in outcomes.values()), outcomes


def test_a_run_that_is_replaced_is_there_until_the_new_one_is(at_work, workshop, monkeypatch, tmp_path_factory):
    shutil.copytree(workshop / "run", at_work / "r")
    (at_work / "r" / "notes.txt").write_text("mine")
    old = whole_run(at_work / "r")
    recorder = ran([*TRAIN, "--out", str(at_work / "r"), "--overwrite", "--seed", "1"], at_work, monkeypatch)
    new, found = whole_run(at_work / "r"), []
    assert new["corrected.parquet"] != old["corrected.parquet"]
    for disk in recorder.disks():
        place = tmp_path_factory.mktemp("disk")
        lay_out(disk, place)
        held = whole_run(place / "r")
        now = {name: held[name] for name in held if name in old or name in new}
        assert now in (old, new)
        assert all(name.startswith(("unfinished", "checkpoints/", ".labelfix-")) for name in held.keys() - now.keys())
        found.append(now == new)
        shutil.rmtree(place)
    assert found.count(True) > 5
    assert found.count(False) > 5


@pytest.mark.parametrize("kind", ["classifier", "labels"])
def test_an_export_is_the_old_or_the_new_one(swap, kind, at_work, workshop, monkeypatch, tmp_path_factory):
    target = at_work / ("model" if kind == "classifier" else "fixed.csv")
    words = ["export", "--run", "run", "--classifier" if kind == "classifier" else "--corrected-labels", str(target)]
    if kind == "classifier":
        shutil.copytree(workshop / "run" / "classifier", target)
        (target / "README.md").write_text("the old one")
    else:
        target.write_text("the old one")
    replaced([*words, "--overwrite", "-q"], target, at_work, monkeypatch, tmp_path_factory)


def test_corrected_rows_are_the_old_or_the_new_ones(at_work, monkeypatch, tmp_path_factory):
    target = at_work / "better.parquet"
    target.write_bytes(b"the old one")
    words = ["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(target), "--overwrite", "-q"]
    replaced(words, target, at_work, monkeypatch, tmp_path_factory)


def replaced(words, target, root, monkeypatch, tmp_path_factory):
    """Run a command that replaces its target, and look at every disk."""
    old = contents(target)
    recorder = ran(words, root, monkeypatch)
    new, found = contents(target), []
    assert old != new
    for disk in recorder.disks():
        place = tmp_path_factory.mktemp("disk")
        lay_out(disk, place)
        durable.tidy(place)
        now = contents(place / target.name)
        assert now in (old, new)
        found.append(now == new)
        shutil.rmtree(place)
    assert True in found
    assert False in found


def test_a_writer_that_flushes_nothing_is_found_out(at_work, monkeypatch, tmp_path_factory):
    """The model can fail: without the flushes a finished run is empty."""
    monkeypatch.setattr(durable, "sync_all", lambda _: None)
    recorder = ran([*TRAIN, "--out", str(at_work / "r")], at_work, monkeypatch)
    lost = 0
    for disk in recorder.disks():
        place = tmp_path_factory.mktemp("disk")
        lay_out(disk, place)
        if RunFolder(place / "r").finished:
            try:
                lost += contents(RunFolder.open_finished(place / "r").corrected) == b""
            except (LabelfixError, ValueError):
                lost += 1
        shutil.rmtree(place)
    assert lost

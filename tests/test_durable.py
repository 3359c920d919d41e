"""The one writer: whole or not at all, kept by the disk, tidied only where nobody is at work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import labelfix
from labelfix.errors import RunError
from labelfix.runs import durable
from labelfix.runs.durable import atomic_path, remove, rescue, tidy

SOURCES = Path(labelfix.__file__).parent


@pytest.fixture(params=["in one step", "in two"])
def swap(request, monkeypatch):
    """Folders are swapped in one step where the system can, else in two."""
    if request.param == "in two":
        monkeypatch.setattr(durable, "_exchange", lambda *_: False)


def folder_of(path, text):
    path.mkdir()
    (path / "a").write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_replaced_whole(swap, tmp_path):
    folder_of(tmp_path / "model", "old")
    with atomic_path(tmp_path / "model", replace=True) as beside:
        folder_of(beside, "new")
        assert (tmp_path / "model" / "a").read_text() == "old"
    assert (tmp_path / "model" / "a").read_text() == "new"
    assert names(tmp_path) == ["model"]


def test_a_folder_that_cannot_be_renamed_leaves_the_old_one(tmp_path, monkeypatch):
    folder_of(tmp_path / "model", "old")
    monkeypatch.setattr(durable, "_exchange", lambda *_: False)
    replace = os.replace

    def full(source, target):
        if Path(source).name == "model" and Path(target).parent == tmp_path:
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="cannot be written"), atomic_path(tmp_path / "model", replace=True) as beside:
        folder_of(beside, "new")
    assert (tmp_path / "model" / "a").read_text() == "old"
    assert names(tmp_path) == ["model"]


def test_a_kill_between_the_two_steps_of_a_swap_is_brought_to_its_end(tmp_path):
    scratch = tmp_path / ".labelfix-0a1b2c3d.tmp"
    scratch.mkdir()
    folder_of(scratch / ".old", "old")
    folder_of(scratch / "model", "new")
    tidy(tmp_path)
    assert (tmp_path / "model" / "a").read_text() == "new"
    assert names(tmp_path) == ["model"]


WRITER = """
import sys
from pathlib import Path
from labelfix.runs.durable import atomic_path
with atomic_path(Path(sys.argv[1])) as beside:
    beside.write_text("new")
    print("written", flush=True)
    sys.stdin.read()
"""


def test_what_a_living_process_writes_stays_and_what_a_killed_one_left_goes(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a.txt")]
    writer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "written\n"
    with atomic_path(tmp_path / "b.txt") as beside:
        beside.write_text("other")
    assert len(names(tmp_path)) == 2
    writer.kill()
    writer.communicate()
    assert len(names(tmp_path)) == 2
    with atomic_path(tmp_path / "b.txt") as beside:
        beside.write_text("other")
    assert names(tmp_path) == ["b.txt"]


def test_only_scratch_folders_are_tidied(tmp_path):
    outside = tmp_path / "outside"
    folder_of(outside, "mine")
    for name in (".labelfix-notes.tmp", ".labelfix-0a1b2c3d.tmp.bak", ".0a1b2c3d.tmp"):
        folder_of(tmp_path / name, "mine")
    (tmp_path / ".labelfix-0a1b2c3d.tmp").symlink_to(outside)
    before = names(tmp_path)
    tidy(tmp_path)
    assert names(tmp_path) == before
    assert (outside / "a").read_text() == "mine"


def test_without_locks_only_what_is_a_day_old_goes(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for name, age in (("0a1b2c3d", 23), ("1a1b2c3d", 25)):
        path = tmp_path / f".labelfix-{name}.tmp"
        path.mkdir()
        then = path.stat().st_mtime - age * 3600
        os.utime(path, (then, then))
    with atomic_path(tmp_path / "a") as beside:
        beside.write_text("x")
    assert names(tmp_path) == [".labelfix-0a1b2c3d.tmp", "a"]


def test_a_file_on_its_way_is_rescued_unless_it_is_empty(tmp_path):
    scratch = tmp_path / ".labelfix-0a1b2c3d.tmp"
    scratch.mkdir()
    (scratch / "mark").write_text("")
    assert not rescue(tmp_path / "mark")
    (scratch / "mark").write_text("x")
    assert rescue(tmp_path / "mark")
    assert (tmp_path / "mark").read_text() == "x"


def test_removing_what_is_not_there_is_fine(tmp_path):
    remove(tmp_path / "nothing")
    remove(tmp_path / "no" / "such" / "folder")
    folder_of(tmp_path / "there", "x")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    remove(tmp_path / "link")
    assert (tmp_path / "there" / "a").exists()
    remove(tmp_path / "there")
    assert names(tmp_path) == []


@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750)])
def test_modes_follow_the_umask_whatever_a_library_does(tmp_path, mask, file, folder):
    before = os.umask(mask)
    try:
        with atomic_path(tmp_path / "model") as beside:
            beside.mkdir(mode=0o700)
            save_file({"w": torch.ones(2)}, beside / "model.safetensors")
            (beside / "about.json").write_text("{}")
            (beside / "about.json").chmod(0o600)
        assert os.umask(mask) == mask
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "model").iterdir()} == {file}
    assert (tmp_path / "model").stat().st_mode & 0o777 == folder


def test_the_mode_of_a_file_with_another_name_elsewhere_stays(tmp_path):
    (tmp_path / "input.png").write_text("x")
    (tmp_path / "input.png").chmod(0o600)
    with atomic_path(tmp_path / "tree") as beside:
        beside.mkdir()
        os.link(tmp_path / "input.png", beside / "input.png")
    assert (tmp_path / "input.png").stat().st_mode & 0o777 == 0o600


def test_contents_names_and_folders_are_flushed_before_and_after_the_rename(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(durable, "sync", lambda path: steps.append(path.name))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), replace(*paths)))
    with atomic_path(tmp_path / "made" / "model") as beside:
        beside.mkdir()
        (beside / "a").write_text("x")
        with atomic_path(beside / "b") as inside:
            inside.write_text("y")
    assert steps[:2] == [tmp_path.name, "rename"], "a folder is made; nothing is flushed within what is not ready"
    assert sorted(steps[2:4]) == ["a", "b"]
    assert steps[4:] == ["model", "rename", "made"]


def test_nothing_else_renames_or_removes():
    """One writer: whoever needs another step adds it there, where the tests of lost power see it."""
    other = re.compile(r"os\.(replace|renames?|remove|unlink|rmdir|fsync)\(|rmtree|\.(unlink|rename|rmdir)\(")
    files = {str(path.relative_to(SOURCES)): path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py")}
    found = {name for name, text in files.items() if other.search(text)}
    assert found == {"runs/durable.py", "runs/scratch.py"}


def test_a_file_that_may_not_grow_is_an_error_as_a_full_disk_is(tmp_path):
    """As of `ulimit -f`, or of a disk whose files have at most four gigabytes."""
    code = (
        "import resource, sys; from pathlib import Path; from labelfix.runs import atomic_path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "with atomic_path(Path(sys.argv[1])) as beside: beside.write_bytes(bytes(1000))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "t")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "t: cannot be written (File too large); choose another place" in done.stderr
    assert not [*tmp_path.iterdir()]


def test_what_libraries_say_of_a_full_disk_is_told_as_the_disk_says_it(tmp_path):
    """safetensors and shutil have errors of their own for it, which were called unexpected."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "README.md").write_text("how to use it")

    def full(*_, **__):
        raise OSError(28, "No space left on device", str(tmp_path / "README.md"))

    def copied(beside):
        shutil.copytree(tmp_path / "model", beside, copy_function=full)

    def serialised(beside):
        beside.mkdir()
        save_file({"x": torch.zeros(2)}, beside / "not there" / "x.safetensors")

    for write, said in ((copied, "No space left on device"), (serialised, "No such file or directory")):
        told = rf"out: cannot be written \({said}\); choose another place"
        with pytest.raises(RunError, match=told), atomic_path(tmp_path / "out") as beside:
            write(beside)
    assert names(tmp_path) == ["model"]

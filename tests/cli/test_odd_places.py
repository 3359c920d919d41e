"""Pipes, devices and names that are none, in the place of files: one line, and nobody waits."""

import os

import pyarrow as pa
import pytest

import labelfix
from labelfix.cli import main
from labelfix.errors import InputError


@pytest.fixture
def pipe(at_work):
    os.mkfifo(at_work / "pipe")
    return str(at_work / "pipe")


@pytest.mark.parametrize(
    "words", [["info", "--config"], ["flag", "--corrected"], ["check", "--clean", "gold.csv", "--noisy"]]
)
def test_a_pipe_is_not_waited_for(words, pipe, capsys):
    assert main([*words, pipe]) == 2
    assert "pipe" in capsys.readouterr().err


def test_settings_without_end_are_refused(capsys):
    assert main(["info", "--config", "/dev/zero"]) == 2
    assert "has more than 4 MB" in capsys.readouterr().err


def test_an_empty_device_holds_no_settings(capsys):
    assert main(["info", "--config", os.devnull]) == 0
    capsys.readouterr()


def test_a_zero_byte_stands_in_no_name(at_work, capsys):
    (at_work / "own.toml").write_text('[data]\nclass_map = "a\\u0000b"\n')
    assert (
        main(["check", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--config", str(at_work / "own.toml")]) == 2
    )
    assert "holds a zero byte" in capsys.readouterr().err
    assert not labelfix.check("a\0b", "gold.csv").sound
    with pytest.raises(InputError, match="holds a zero byte"):
        labelfix.train("a\0b", "gold.csv")


def test_folders_that_go_away_meanwhile_are_passed_over(tmp_path, monkeypatch, capsys):
    for name in ("gone", "kept"):
        (tmp_path / "t" / name).mkdir(parents=True)
    (tmp_path / "t" / "kept" / "rows.parquet").write_bytes(b"")
    scan = os.scandir

    def going(path):
        if str(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", going)
    assert main(["check", "--noisy", str(tmp_path / "t"), "--clean", str(tmp_path / "t")]) == 2
    assert "unexpected" not in capsys.readouterr().err


def test_names_that_are_no_text_are_refused_before_anything_is_done(at_work, capsys):
    """No JSON document could hold them: a run ended in an unexpected error after it had been trained."""
    name = os.fsdecode(os.fsencode(at_work) + b"/r\xff")
    assert main(["train", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--out", name]) == 2
    assert main(["train", "--noisy", f"{name}.csv", "--clean", "gold.csv", "--out", str(at_work / "r")]) == 2
    assert capsys.readouterr().err.count("are no UTF-8 text; give it another name") == 2
    assert not list(at_work.iterdir())


@pytest.mark.parametrize("command", [["flag", "--run", "r"], ["methods"], ["train", "--noisy", "n", "--clean", "c"]])
def test_a_working_directory_that_is_gone_is_told(tmp_path, monkeypatch, command, capsys):
    """torch ends the process there, and whatever makes a path whole raised an unexpected error."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(command) == 2
    said = "labelfix: the working directory was removed; change to another folder, and begin again\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("words", [["check", "--clean", "gold.csv", "--noisy"], ["flag", "--run"]])
def test_a_name_that_is_no_text_is_told(at_work, words, capsys):
    odd = at_work / os.fsdecode(b"\xff.parquet")
    odd.write_bytes(b"")
    if words[0] == "flag":
        odd.unlink()
        odd.mkdir()
    assert main([*words, str(odd)]) == 2
    assert "has bytes in its name that are no UTF-8 text; give it another name" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["a." * 300_000 + "b = 1", f"[{'.'.join(['a'] * 300_000)}]"])
def test_settings_whose_keys_have_very_many_parts_are_refused(tmp_path, text, capsys):
    """A megabyte of them was read for minutes, out of a run folder too."""
    (tmp_path / "own.toml").write_text(text)
    assert main(["info", "--config", str(tmp_path / "own.toml")]) == 2
    assert "is nested too deeply (a line of it has more than 1,000 dots)" in capsys.readouterr().err


def test_a_class_map_of_millions_of_entries_is_refused(at_work, capsys):
    words = "{" + ",".join(f'"{row}":"c"' for row in range(700_000)) + "}"
    rows = "alias,class\n" + "".join(f"{row},c\n" for row in range(1_000_000))
    for name, entries in {"map.json": words, "map.csv": rows}.items():
        (at_work / name).write_text(entries)
        words = ["check", "--noisy", "noisy.parquet", "--clean", "gold.csv", "--class-map", str(at_work / name)]
        assert main(words) == 2
        assert f"{name}: has more than 8 MB; leave out what is not needed" in capsys.readouterr().err


@pytest.mark.parametrize("odd", ["0.42", "inf", "1e300", "x"])
def test_row_numbers_of_corrected_text_that_are_none_are_told(at_work, odd, capsys):
    out = at_work / "scored.csv"
    assert main(["correct", "--run", "run", "--noisy", "new.parquet", "--out", str(out), "-q"]) == 0
    header, *rows = out.read_text().splitlines()
    place = header.split(",").index("source_row")
    cells = rows[2].split(",")
    rows[2] = ",".join([*cells[:place], odd, *cells[place + 1 :]])
    out.write_text("\n".join([header, *rows]) + "\n")
    assert main(["flag", "--corrected", str(out)]) == 2
    assert f"{out}, row 3: column 'source_row' holds no number" in capsys.readouterr().err


def test_a_working_directory_whose_name_no_document_holds_is_told(tmp_path, monkeypatch, capsys):
    place = os.fsencode(tmp_path) + b"/\xff"
    try:
        os.mkdir(place)
    except OSError:
        pytest.skip("the file system holds names that are text alone")
    monkeypatch.chdir(os.fsdecode(place))
    assert main(["info"]) == 2
    assert "the working directory has bytes in its name that are no UTF-8 text; give it another name" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError("libblas.so: failed to map segment from shared object"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
        pa.ArrowException("Unknown error: Failed to launch worker thread: Resource temporarily unavailable"),
    ],
)
def test_memory_and_threads_that_are_used_up_are_told_with_what_to_do(error, monkeypatch, capsys):
    def fail(*_):
        raise error

    monkeypatch.setattr("labelfix.cli.app.run", fail)
    assert main(["info"]) == 2
    said = capsys.readouterr().err
    assert "there is no memory, or no thread, left to go on with" in said
    assert "give this process more memory and threads (ulimit -v, ulimit -u)" in said

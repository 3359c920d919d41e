"""Files that labelfix.toml names: check and train take them, a flag wins, info shows them."""

import json
import shutil
from pathlib import Path

import pytest

from labelfix.cli import main


@pytest.fixture
def place(workshop, tmp_path, monkeypatch):
    """A project folder with data/ and a labelfix.toml, as the working directory."""
    (tmp_path / "data").mkdir()
    for name in ("noisy.parquet", "gold.csv"):
        shutil.copyfile(workshop / name, tmp_path / "data" / name)
    (tmp_path / "labelfix.toml").write_text(
        'noisy = "data/noisy.parquet"\nclean = "data/gold.csv"\nout = "runs/mine"\n'
        '[mlc]\nrecipe = "paper"\nepochs = 2\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_check_and_train_need_no_flags(place, capsys):
    assert main(["check"]) == 0
    assert "data/noisy.parquet" in capsys.readouterr().out
    assert main(["train"]) == 0
    assert capsys.readouterr().out == "runs/mine\n"
    manifest = json.loads(Path("runs/mine/run.json").read_text())
    assert manifest["data"]["noisy"]["name"] == "data/noisy.parquet"
    assert manifest["data"]["clean"]["name"] == "data/gold.csv"
    assert main(["train"]) == 2
    assert "runs/mine: there is a finished run already" in capsys.readouterr().err


def test_a_flag_wins_and_the_rest_still_counts(place, capsys):
    shutil.move("data/gold.csv", "checked.csv")
    assert main(["train", "--clean", "checked.csv", "--out", "other", "-q"]) == 0
    manifest = json.loads(Path("other/run.json").read_text())
    assert manifest["data"]["noisy"]["name"] == "data/noisy.parquet"
    assert manifest["data"]["clean"]["name"] == "checked.csv"
    assert not Path("runs").exists()


def test_the_names_count_from_the_folder_of_the_file(place, monkeypatch, capsys):
    (place / "below").mkdir()
    monkeypatch.chdir(place / "below")
    assert main(["train", "--config", "../labelfix.toml", "-q"]) == 0
    assert capsys.readouterr().out == "../runs/mine\n"
    assert (place / "runs" / "mine" / "run.json").is_file()
    assert not list((place / "below").iterdir())


def test_the_run_goes_over_no_file_that_is_named_there(place, capsys):
    text = Path("labelfix.toml").read_text()
    Path("labelfix.toml").write_text(text.replace('out = "runs/mine"', 'out = "data/gold.csv"'))
    assert main(["train", "--overwrite"]) == 2
    assert "data/gold.csv: is the input data/gold.csv" in capsys.readouterr().err


def test_info_shows_the_files_and_who_named_them(place, capsys):
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  noisy  data/noisy.parquet  (labelfix.toml)" in lines
    assert "  clean  data/gold.csv  (labelfix.toml)" in lines
    assert "  out    runs/mine  (labelfix.toml)" in lines
    Path("labelfix.toml").unlink()
    assert main(["info"]) == 0
    assert "  noisy  not named" in capsys.readouterr().out.splitlines()


def test_without_a_name_anywhere_the_flag_is_asked_for(place, capsys):
    Path("labelfix.toml").write_text('noisy = "data/noisy.parquet"\n')
    assert main(["train"]) == 2
    assert "labelfix: --clean is missing: name a small file of trusted rows" in capsys.readouterr().err

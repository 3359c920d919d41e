"""Nothing of the user's is overwritten: what is there is replaced only when asked for, and an input never."""

import os
import shutil
from pathlib import Path

import pytest

import labelfix
from labelfix.cli import main
from labelfix.errors import SettingsError

QUICK = ["--set", "recipe=paper", "--set", "epochs=2"]
FILES = {
    "correct": (["correct", "--run", "run", "--noisy", "new.parquet", "--out"], ".parquet"),
    "predict": (["predict", "--run", "run", "--input", "new.parquet", "--out"], ".csv"),
    "next": (["next", "--run", "run", "--count", "3", "--out"], ".csv"),
    "export": (["export", "--run", "run", "--corrected-labels"], ".parquet"),
    "report": (["report", "--run", "run", "--max-rows", "2", "--out"], ".html"),
    "noise": (["noise", "--input", "new.parquet", "--rate", "0.2", "--out"], ".parquet"),
}
COMMANDS = [pytest.param(words, suffix, id=name) for name, (words, suffix) in FILES.items()]
OF_A_RUN = [pytest.param(words, id=name) for name, (words, _) in FILES.items() if "--run" in words]


@pytest.fixture
def place(workshop, tmp_path, monkeypatch):
    """A copy of the workshop of its own, as the working directory."""
    for name in ("noisy.parquet", "gold.csv", "truth.csv", "new.parquet"):
        shutil.copyfile(workshop / name, tmp_path / name)
    shutil.copytree(workshop / "run", tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def everything(folder):
    return {
        path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and "cache" not in str(path)
    }


def refused(words, capsys, message):
    before = everything(Path())
    capsys.readouterr()
    assert main([*words, "-q"]) == 2
    assert message in capsys.readouterr().err
    assert everything(Path()) == before


@pytest.mark.parametrize(("words", "suffix"), COMMANDS)
def test_a_file_that_is_there_is_replaced_only_when_asked_for(place, words, suffix, capsys):
    out = Path(f"mine{suffix}")
    out.write_text("answers of a day\n")
    refused([*words, str(out)], capsys, f"{out}: exists already; pass --overwrite to replace it")
    assert main([*words, str(out), "--overwrite", "-q"]) == 0
    assert b"answers of a day" not in out.read_bytes()
    assert len(out.read_bytes()) > 100


@pytest.mark.parametrize("words", OF_A_RUN)
@pytest.mark.parametrize(
    "target", ["noisy.parquet", "./noisy.parquet", "run/../noisy.parquet", "soft.parquet", "hard.parquet"]
)
def test_the_noisy_file_of_a_run_is_never_replaced_however_it_is_spelt(place, words, target, capsys):
    Path("soft.parquet").symlink_to("noisy.parquet")
    os.link("noisy.parquet", "hard.parquet")
    refused([*words, target, "--overwrite"], capsys, f"{Path(target)}: is the input noisy.parquet")


@pytest.mark.parametrize("words", OF_A_RUN)
def test_the_trusted_file_of_a_run_is_never_replaced(place, words, capsys):
    refused([*words, "gold.csv", "--overwrite"], capsys, "gold.csv: is the input gold.csv")


@pytest.mark.parametrize("words", OF_A_RUN)
@pytest.mark.parametrize("own", ["run/corrected.parquet", "run/classifier/scores.csv"])
def test_the_files_of_the_run_itself_are_never_replaced(place, words, own, capsys):
    refused([*words, own, "--overwrite"], capsys, f"{own}: is the input run/")


@pytest.mark.parametrize(
    "words",
    [
        ["correct", "--run", "run", "--noisy", "new.parquet", "--out"],
        ["predict", "--run", "run", "--input", "new.parquet", "--out"],
        ["noise", "--input", "new.parquet", "--rate", "0.2", "--out"],
    ],
)
@pytest.mark.parametrize("target", ["./new.parquet", "soft.parquet", "hard.parquet"])
def test_the_rows_of_the_command_itself_are_never_replaced(place, words, target, capsys):
    Path("soft.parquet").symlink_to("new.parquet")
    os.link("new.parquet", "hard.parquet")
    refused([*words, target, "--overwrite"], capsys, "is the input new.parquet")


def test_a_class_map_and_a_matrix_are_inputs_too(place, capsys):
    Path("map.csv").write_text("alias,class\nfeline,cat\n")
    words = ["correct", "--run", "run", "--noisy", "new.parquet", "--class-map", "map.csv", "--out", "./map.csv"]
    refused([*words, "--overwrite"], capsys, "is the input map.csv")
    Path("matrix.csv").write_text("cat,dog\n0.9,0.1\n0.1,0.9\n")
    words = ["noise", "--input", "new.parquet", "--kind", "matrix", "--matrix", "matrix.csv", "--out", "matrix.csv"]
    refused([*words, "--overwrite"], capsys, "is the input matrix.csv")


def test_a_configuration_file_is_an_input(place, capsys):
    Path("labelfix.toml").write_text("seed = 1\n")
    refused(["report", "--run", "run", "--out", "labelfix.toml", "--overwrite"], capsys, "is the input labelfix.toml")
    Path("labelfix.toml").rename("mine.csv")
    words = ["predict", "--run", "run", "--input", "new.parquet", "--config", "mine.csv", "--out", "mine.csv"]
    refused([*words, "--overwrite"], capsys, "is the input mine.csv")


def test_every_one_of_several_trusted_files_and_the_class_map_of_the_run_are_inputs(place, capsys):
    lines = Path("gold.csv").read_text().splitlines()
    Path("one.csv").write_text("\n".join(lines[:13]) + "\n")
    Path("two.csv").write_text("\n".join([lines[0], *lines[13:]]) + "\n")
    Path("map.csv").write_text("alias,class\nfeline,cat\n")
    words = ["train", "--noisy", "noisy.parquet", "--clean", "one.csv", "--clean", "two.csv", "--class-map", "map.csv"]
    assert main([*words, "--out", "other", *QUICK, "-q"]) == 0
    for name in ("one.csv", "two.csv", "map.csv"):
        refused(["next", "--run", "other", "--out", name, "--overwrite"], capsys, f"is the input {name}")


def test_an_input_is_known_from_another_folder(place, monkeypatch, capsys):
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    before = everything(place)
    for name in ("../noisy.parquet", "../gold.csv"):
        assert main(["correct", "--run", "../run", "--noisy", "../new.parquet", "--out", name, "--overwrite"]) == 2
        assert f"{name}: is the input" in capsys.readouterr().err
    assert everything(place) == before


def test_nothing_is_written_into_a_folder_of_inputs(place, capsys):
    Path("parts").mkdir()
    shutil.move("new.parquet", "parts/0.parquet")
    words = ["predict", "--run", "run", "--input", "parts", "--out"]
    refused([*words, "parts/out.csv"], capsys, "parts/out.csv: is the input parts or lies in it")
    os.link("parts/0.parquet", "hard.parquet")
    refused([*words, "hard.parquet", "--overwrite"], capsys, "hard.parquet: is the input parts or lies in it")
    refused(
        ["predict", "--run", "run", "--input", "parts/*.parquet", "--out", "hard.parquet", "--overwrite"],
        capsys,
        "is the input parts/*.parquet",
    )


@pytest.mark.parametrize("out", ["parts/run", "parts"])
def test_a_run_lies_in_no_input_and_over_none(place, out, capsys):
    Path("parts").mkdir()
    shutil.copyfile("noisy.parquet", "parts/0.parquet")
    words = ["train", "--noisy", "parts", "--clean", "gold.csv", *QUICK, "--overwrite", "--out", out]
    refused(words, capsys, f"{out}: is the input parts or lies in it")


def test_a_run_does_not_replace_the_run_that_it_reads(place, capsys):
    shutil.copyfile("noisy.parquet", "run/noisy.parquet")
    words = ["train", "--noisy", "run/noisy.parquet", "--clean", "gold.csv", "--out", "run", "--overwrite", *QUICK]
    refused(words, capsys, "run: holds the input run/noisy.parquet")


def test_the_default_files_of_next_and_report_are_kept(place, capsys):
    for name in ("to_label.csv", "to_label-2.csv"):
        assert main(["next", "--run", "run", "--count", "3", "-q"]) == 0
        assert capsys.readouterr().out == f"{name}\n"
    assert main(["report", "--run", "run", "-q"]) == 0
    refused(["report", "--run", "run"], capsys, "report.html: exists already; pass --overwrite")
    assert main(["report", "--run", "run", "--overwrite", "-q"]) == 0


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="has no devices")
@pytest.mark.parametrize("out", ["/dev/null", "/dev/stdout", "pipe"])
def test_nothing_takes_the_place_of_a_device_or_a_pipe(place, out, capsys):
    os.mkfifo("pipe")
    there = os.lstat(out)
    for words in (["flag", "--run", "run", "--format", f"json={out}"], ["report", "--run", "run", "--out", out]):
        assert main([*words, "--overwrite", "-q"] if words[0] == "report" else [*words, "--overwrite"]) == 2
        assert f"{out}: is a device or a pipe, and no file; name a file" in capsys.readouterr().err
    assert (os.lstat(out).st_ino, os.lstat(out).st_mode) == (there.st_ino, there.st_mode)


def test_a_classifier_is_replaced_when_asked_for_and_no_other_folder_is(place, capsys):
    words = ["export", "--run", "run", "--classifier"]
    assert main([*words, "model", "-q"]) == 0
    (Path("model") / "labelfix.json").write_text("{}")
    refused([*words, "model"], capsys, "model: exists already; pass --overwrite")
    assert main([*words, "model", "--overwrite", "-q"]) == 0
    assert everything(Path("model")).keys() == {
        Path("model") / p.relative_to("run/classifier") for p in everything(Path("run/classifier"))
    }
    assert (Path("model") / "labelfix.json").read_bytes() == Path("run/classifier/labelfix.json").read_bytes()
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]
    Path("photos").mkdir()
    Path("photos/a.png").write_bytes(b"mine")
    refused([*words, "photos", "--overwrite"], capsys, "photos: is not a classifier of labelfix")
    refused([*words, "run/classifier", "--overwrite"], capsys, "run/classifier: is the input run/classifier")


def test_a_demo_says_when_its_folder_is_taken(place, capsys):
    Path("mine").mkdir()
    Path("mine/noisy.parquet").write_text("mine")
    refused(["demo", "--out", "mine"], capsys, "mine: exists already; pass --overwrite to replace it")
    refused(["demo", "--out", "gold.csv", "--overwrite"], capsys, "gold.csv: is a file, not a folder")


def test_tables_of_results_replace_nothing_unasked(place, capsys):
    Path("results").mkdir()
    Path("results/a.parquet").write_bytes(b"figures")
    Path("table.md").write_text("mine")
    for words in (["table"], ["ranks"], ["compare", "mlc", "glc"]):
        refused(["bench", *words, "--results", "results", "--out", "table.md"], capsys, "table.md: exists already")
        words = ["bench", *words, "--results", "results", "--out", "results/a.parquet", "--overwrite"]
        refused(words, capsys, "is the input results/*.parquet")


def test_python_has_the_same_rule(place):
    run = labelfix.load_run("run")
    noisy = Path("noisy.parquet").read_bytes()
    calls = {
        "a.csv": lambda out, **more: run.predict_to(out, "new.parquet", **more),
        "b.parquet": lambda out, **more: run.correct_to(out, "new.parquet", **more),
        "c.csv": lambda out, **more: run.next_to(out, 3, **more),
        "d.html": lambda out, **more: run.report(out, max_rows=1, **more),
    }
    for name, write in calls.items():
        Path(name).write_text("mine")
        with pytest.raises(SettingsError, match=f"{name}: exists already"):
            write(name)
        assert Path(name).read_text() == "mine"
        write(name, overwrite=True)
        assert Path(name).read_bytes() != b"mine"
        with pytest.raises(SettingsError, match="is the input noisy.parquet"):
            write("noisy.parquet", overwrite=True)
    with pytest.raises(SettingsError, match="is the input new.parquet"):
        run.predict_to("new.parquet", "new.parquet", overwrite=True)
    with pytest.raises(SettingsError, match="is the input noisy.parquet"):
        labelfix.train("noisy.parquet", "gold.csv", "noisy.parquet", overwrite=True)
    assert Path("noisy.parquet").read_bytes() == noisy

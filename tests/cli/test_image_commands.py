import csv
import json
import shlex
import shutil
import unicodedata

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import labelfix
from labelfix.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Forty tiny images by class, dark and bright; every fifth in the wrong folder. Eight trusted ones by id."""
    generator = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    gold = ["id,label"]
    for row in range(40):
        truth = ("dark", "bright")[row % 2]
        given = ("bright", "dark")[row % 2] if row % 5 == 0 else truth
        pixels = generator.integers(0, 90, (8, 8, 3)) + (150 if truth == "bright" else 0)
        place = tmp_path / "images" / given / f"{row:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.astype(np.uint8)).save(place)
        if row < 8:
            gold.append(f"{given}/{row:02d}.png,{truth}")
    (tmp_path / "gold.csv").write_text("\n".join(gold) + "\n")
    return tmp_path


def test_a_folder_of_images_is_corrected_into_a_new_folder(folder, capsys):
    before = {path: path.read_bytes() for path in (folder / "images").rglob("*.png")}
    words = ["train", "--noisy", "images", "--clean", "gold.csv", "--out", "run", "-q"]
    assert main(words) == 0
    assert main(["export", "--run", "run", "--corrected-labels", "fixed", "--hard-link"]) == 0
    assert {path: path.read_bytes() for path in (folder / "images").rglob("*.png")} == before
    after = list((folder / "fixed").rglob("*.png"))
    assert sorted(path.read_bytes() for path in after) == sorted(before.values())
    # Trusted images always end in their own class.
    assert (folder / "fixed" / "dark" / "00.png").exists()
    capsys.readouterr()
    assert main(["flag", "--run", "run", "--show", "1", "--include-trusted"]) == 0
    assert "images/bright/00.png" in capsys.readouterr().out
    assert main(["export", "--run", "run", "--corrected-labels", "images/fixed"]) == 2
    assert main(["export", "--run", "run", "--corrected-labels", "fixed"]) == 2
    assert main(["export", "--run", "run", "--corrected-labels", "fixed.csv", "-q"]) == 0
    assert (folder / "fixed.csv").read_text().splitlines()[0] == "id,label,given_label"


def stripes(generator, across):
    """A picture of 12 by 12 pixels of stripes that lie across it or along it, in any colours, with noise."""
    wave = 60 * np.sin(np.arange(12) * generator.uniform(1.2, 1.8) + generator.uniform(0, 6))
    lines = np.repeat(wave[:, None] if across else wave[None], 12, axis=1 if across else 0)
    colours = generator.uniform(0.3, 1, 3)
    return np.clip(lines[..., None] * colours + 128 + generator.normal(0, 15, (12, 12, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def striped(tmp_path, monkeypatch):
    """120 images that only their patterns tell apart, 30 % in the wrong folder; 30 trusted ones, and the truth."""
    generator = np.random.default_rng(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELFIX_CACHE_DIR", str(tmp_path / "cache"))
    lines = []
    for row in range(120):
        truth = row % 2
        given = 1 - truth if row % 10 < 3 else truth
        place = tmp_path / "images" / ("along", "across")[given] / f"{row:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stripes(generator, bool(truth))).save(place)
        lines.append(f"{place.parent.name}/{place.name},{('along', 'across')[truth]}")
    (tmp_path / "gold.csv").write_text("\n".join(["id,label", *lines[:30]]) + "\n")
    (tmp_path / "truth.csv").write_text("\n".join(["id,label", *lines]) + "\n")
    return tmp_path


def test_a_few_small_images_are_corrected_without_a_download(striped, capsys):
    assert main(["train", "--noisy", "images", "--clean", "gold.csv", "--out", "run"]) == 0
    said = capsys.readouterr().err
    assert "labelfix export --run run --corrected-labels fixed\n" in said
    assert "--no-freeze" not in said, "30 trusted rows are too few to learn features"
    assert main(["evaluate", "--run", "run", "--truth", "truth.csv", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["given_right"]["value"] == pytest.approx(0.7)
    assert found["corrected_right"]["value"] > 0.9
    about = json.loads((striped / "run" / "classifier" / "labelfix.json").read_text(encoding="utf-8"))
    assert about["family"] == "patches"


def test_a_run_that_was_stopped_goes_on_with_what_it_had_learned_of_patches(striped, monkeypatch):
    trained(striped)
    words = ["train", "--noisy", "images", "--clean", "gold.csv", "--out", "stopped", "--method", "clean-only", "-q"]
    with monkeypatch.context() as patch:
        patch.setattr("labelfix.pipeline.carry_out", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(words) == 130
    shutil.rmtree(striped / "cache")
    assert main(["train", "--resume", "stopped", "-q"]) == 0
    assert pq.read_table("stopped/corrected.parquet").equals(pq.read_table("run/corrected.parquet"))


def test_an_exported_tree_is_replaced_when_asked_for_and_no_other_folder_is(folder, capsys):
    trained(folder)
    words = ["export", "--run", "run", "--corrected-labels", "fixed", "-q"]
    assert main(words) == 0
    whole = {path: path.read_bytes() for path in (folder / "fixed").rglob("*.png")}
    (folder / "fixed" / "dark" / "spare.png").write_bytes(b"of an earlier export")
    assert main(words) == 2
    assert "fixed: exists already; pass --overwrite to replace it" in capsys.readouterr().err
    assert (folder / "fixed" / "dark" / "spare.png").is_file()
    assert main([*words, "--overwrite"]) == 0
    assert {path: path.read_bytes() for path in (folder / "fixed").rglob("*.png")} == whole
    (folder / "fixed" / "thesis.tex").write_text("mine")
    assert main([*words, "--overwrite"]) == 2
    assert "fixed: holds thesis.tex, which is no part of an exported tree of images" in capsys.readouterr().err
    before = {path: path.read_bytes() for path in (folder / "images").rglob("*.png")}
    (folder / "link").symlink_to("images")
    for place in ("images", "link", "images/dark", "."):
        assert main(["export", "--run", "run", "--corrected-labels", place, "--overwrite"]) == 2
        assert "the input images" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (folder / "images").rglob("*.png")} == before


def test_images_that_were_moved_are_shown_under_the_names_that_the_run_gave_them(folder, capsys):
    trained(folder)
    (folder / "images").rename(folder / "pictures")
    words = ["flag", "--run", "run", "--show", "1", "--include-trusted"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "images, row 1 " in said.out
    assert "images: there is no such file here" in said.err
    assert main([*words, "--noisy", "pictures"]) == 0
    said = capsys.readouterr()
    assert "images/bright/00.png" in said.out
    assert said.err == ""
    assert main(["report", "--run", "run", "--out", "report.html", "--noisy", "pictures"]) == 0
    assert "data:image/jpeg;base64" in (folder / "report.html").read_text(encoding="utf-8")
    (folder / "pictures" / "dark" / "99.png").write_bytes((folder / "pictures" / "bright" / "00.png").read_bytes())
    capsys.readouterr()
    assert main(["report", "--run", "run", "--out", "report.html", "--noisy", "pictures", "--overwrite"]) == 0
    assert "its contents changed" in capsys.readouterr().err
    assert "data:image/jpeg;base64" not in (folder / "report.html").read_text(encoding="utf-8")


def trained(folder):
    words = ["train", "--noisy", "images", "--clean", "gold.csv", "--out", "run", "--method", "clean-only", "-q"]
    assert main(words) == 0


@pytest.fixture(params=["csv", "jsonl"])
def named(folder, request):
    """The images in two folders that say nothing, named with their labels by metadata; one image is not named."""
    lines = []
    for place in sorted((folder / "images").rglob("*.png")):
        lines.append({"file_name": f"part/{place.name}", "label": place.parent.name, "camera": "007"})
        (folder / "images" / "part").mkdir(exist_ok=True)
        place.rename(folder / "images" / "part" / place.name)
    for label in ("dark", "bright"):
        (folder / "images" / label).rmdir()
    Image.new("RGB", (8, 8)).save(folder / "images" / "part" / "spare.png")
    gold = (folder / "gold.csv").read_text().replace("dark/", "part/").replace("bright/", "part/")
    (folder / "gold.csv").write_text(gold)
    with open(folder / "images" / f"metadata.{request.param}", "w", newline="", encoding="utf-8") as stream:
        if request.param == "csv":
            writer = csv.DictWriter(stream, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
        else:
            stream.writelines(json.dumps(line) + "\n" for line in lines)
    return folder


def test_a_folder_with_metadata_is_trained_on_looked_up_and_given_back(named, capsys):
    trained(named)
    assert main(["export", "--run", "run", "--corrected-labels", "fixed.csv", "-q"]) == 0
    with open(named / "fixed.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["file_name", "label", "camera", "given_label"]
    assert len(rows) == 40
    assert {row["camera"] for row in rows} == {"007"}
    assert main(["export", "--run", "run", "--corrected-labels", "fixed", "-q"]) == 0
    corrected = {row["file_name"].removeprefix("part/"): row["label"] for row in rows}
    assert {path.name: path.parent.name for path in (named / "fixed").rglob("*.png")} == corrected
    # Trusted images always end in their own class, whatever the metadata said.
    assert corrected["00.png"] == "dark"
    capsys.readouterr()
    assert main(["flag", "--run", "run", "--show", "3", "--include-trusted"]) == 0
    assert "images/part/00.png" in capsys.readouterr().out
    assert main(["report", "--run", "run", "--out", "report.html"]) == 0
    assert "data:image/jpeg;base64" in (named / "report.html").read_text(encoding="utf-8")


def test_names_in_decomposed_letters_are_trained_on_looked_up_and_copied(folder, capsys):
    """As macOS hands them out: the trusted file, the flags and the new folder have composed ones."""
    for old, new in (("dark", "obscurité"), ("bright", "clarté")):
        (folder / "images" / old).rename(folder / "images" / unicodedata.normalize("NFD", new))
        text = (folder / "gold.csv").read_text(encoding="utf-8")
        (folder / "gold.csv").write_text(text.replace(old, unicodedata.normalize("NFC", new)), encoding="utf-8")
    trained(folder)
    assert main(["export", "--run", "run", "--corrected-labels", "fixed", "-q"]) == 0
    assert (folder / "fixed" / unicodedata.normalize("NFC", "obscurité") / "00.png").exists()
    assert len(list((folder / "fixed").rglob("*.png"))) == 40
    capsys.readouterr()
    assert main(["flag", "--run", "run", "--show", "1", "--include-trusted"]) == 0
    said = capsys.readouterr().out
    assert "/00.png" in said
    assert main(["export", "--run", "run", "--corrected-labels", "fixed.csv", "-q"]) == 0
    ids = [line.split(",")[0] for line in (folder / "fixed.csv").read_text(encoding="utf-8").splitlines()[1:]]
    assert ids == [unicodedata.normalize("NFC", id_) for id_ in ids]


def answered(out, answers):
    """Fill in the file that `next` wrote: the parity of its number is an image's class."""
    rows = list(csv.DictReader(out.open()))
    for row in rows[:answers]:
        row["label"] = ("dark", "bright")[int(row["id"][-6:-4]) % 2]
    with out.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_answers_about_images_go_back_by_the_printed_command(folder, capsys):
    trained(folder)
    capsys.readouterr()
    assert main(["next", "--run", "run", "--count", "6", "--out", "ask.csv"]) == 0
    command = next(line for line in capsys.readouterr().err.splitlines() if line.startswith("labelfix train"))
    rows = answered(folder / "ask.csv", 1)
    assert all(np.asarray(Image.open(row["image"])).shape == (8, 8, 3) for row in rows)
    assert main([*shlex.split(command)[1:], "-q"]) == 0
    trusted = json.loads((folder / "run-2" / "run.json").read_text())["trusted_rows"]
    assert len(trusted) == 8 + 1


def trusted_folder(folder, renamed=""):
    """`gold/`, some of the images in the folders of their true classes."""
    for row in (*range(1, 9), 10, 15):
        place = folder / "gold" / ("dark", "bright")[row % 2] / f"{renamed}{row:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(next((folder / "images").rglob(f"{row:02d}.png")).read_bytes())


@pytest.mark.parametrize("renamed", ["", "checked-"])
def test_answers_stand_beside_a_folder_of_trusted_images(folder, capsys, renamed):
    trusted_folder(folder, renamed)
    words = ["train", "--noisy", "images", "--clean", "gold", "--out", "run", "--method", "clean-only", "-q"]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["next", "--run", "run", "--count", "3", "--out", "ask.csv"]) == 0
    commands = [line for line in capsys.readouterr().err.splitlines() if line.startswith("labelfix train")]
    assert main(["export", "--run", "run", "--tasks", "csv", "--count", "3", "--out", "tasks.csv"]) == 0
    commands += [line[6:] for line in capsys.readouterr().err.splitlines() if line.startswith("then: labelfix train")]
    assert len(commands) == 2
    for command, file, column in zip(commands, ("ask.csv", "tasks.csv"), ("label", "answer"), strict=True):
        with open(file, newline="") as stream:
            rows = list(csv.DictReader(stream))
        rows[0][column] = "dark"
        with open(file, "w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        assert main(["check", *shlex.split(command)[2:-2]]) == 0
        said = capsys.readouterr().out
        assert "; 11 stand in the noisy file (joined by id)" in said
        assert "wrong given labels: 3 of 10 trusted rows" in said  # their paths alone would say 0


def test_no_command_is_printed_where_trusted_images_are_not_among_the_noisy_ones(folder, capsys):
    trusted_folder(folder)
    Image.new("RGB", (8, 8), "white").save(folder / "gold" / "bright" / "new.png")
    words = ["train", "--noisy", "images", "--clean", "gold", "--out", "run", "--method", "clean-only", "-q"]
    assert main(words) == 0
    capsys.readouterr()
    assert main(["next", "--run", "run", "--count", "3", "--out", "ask.csv"]) == 0
    said = capsys.readouterr().err
    assert "labelfix train" not in said
    assert "its trusted ones as a table of id and label,\nand ask.csv beside them" in said


def test_a_truth_may_name_images_by_their_names_alone(folder):
    trained(folder)
    lines = [f"{row:02d}.png,{('dark', 'bright')[row % 2]}" for row in range(40)]
    (folder / "truth.csv").write_text("\n".join(["id,label", *lines]) + "\n")
    assert labelfix.load_run("run").evaluate("truth.csv")["matched"] == 40

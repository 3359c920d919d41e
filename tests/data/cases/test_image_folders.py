"""Folders of images as people have them: odd endings, clutter, links, splits, wrappers, accents, metadata."""

import json
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image, features

from labelfix.data.formats import open_table
from labelfix.data.formats.base import ReadOptions
from labelfix.data.formats.images.files import IMAGE_SUFFIXES, read_suffixes
from labelfix.data.formats.images.folder import open_image_folder
from labelfix.data.read import read_training
from labelfix.data.tables import ClassNames
from labelfix.data.truth import read_truth
from labelfix.errors import InputError
from labelfix.settings.data import DataSettings

NFC = unicodedata.normalize("NFC", "été")
NFD = unicodedata.normalize("NFD", "été")


def draw(root, *places):
    """Images at some places, each of a colour of its own."""
    for number, place in enumerate(places):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        with open(root / place, "wb") as stream:
            Image.new("RGB", (4, 4), (number, 0, 0)).save(stream, "PNG")
    return root


def rows(source):
    return [(row["id"], row["label"]) for chunk in source.scan(["id", "label"]) for row in chunk.batch.to_pylist()]


def error(root, split=None):
    with pytest.raises(InputError) as caught:
        open_image_folder(root, "photos", ReadOptions(split=split))
    return str(caught.value)


@pytest.mark.parametrize("suffix", IMAGE_SUFFIXES)
def test_every_ending_that_is_said_to_be_read_is_opened(suffix, tmp_path):
    if suffix not in read_suffixes():
        pytest.skip("this Pillow lacks the format")
    for place in (f"cat/a{suffix}", f"cat/b{suffix.upper()}"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        image = Image.new("1" if suffix == ".pbm" else "L", (16, 16))
        image.save(tmp_path / place, Image.registered_extensions()[suffix])
    source = open_table(tmp_path)
    found = [row["image"]["path"] for chunk in source.scan(["image"]) for row in chunk.batch.to_pylist()]
    assert [Path(path).name for path in found] == [f"a{suffix}", f"b{suffix.upper()}"]
    for path in found:
        with Image.open(path) as opened:
            opened.load()


def test_endings_that_pillow_lacks_here_are_not_read_but_named(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "check", lambda part: part != "avif")
    read_suffixes.cache_clear()
    try:
        source = open_image_folder(draw(tmp_path, "cat/a.png", "dog/b.png", "dog/c.avif"), "photos")
    finally:
        read_suffixes.cache_clear()
    assert rows(source) == [("cat/a.png", "cat"), ("dog/b.png", "dog")]
    assert source.warnings[0].what.startswith("1 .avif file is not read; labelfix reads .jpg, ")


def test_files_that_are_not_read_are_counted_by_ending(tmp_path):
    others = ["a.heic", "b.HEIC", "c.heic", "d.psd"]
    root = draw(tmp_path, "cat/a.png", "dog/b.png", *(f"cat/{name}" for name in others), "cat/notes.json", "dog/x")
    source = open_image_folder(root, "photos")
    assert len(source.paths) == 2
    [warning] = source.warnings
    assert str(warning).startswith(
        "photos: 3 .heic files and 1 .psd file are not read; labelfix reads .jpg, .jpeg, .jpe, .jfif, .png, "
    )
    assert warning.severity == "warning"
    assert source.remarks == ("1 .json file and 1 file without an ending are not read",)


def test_clutter_is_passed_over_silently_and_is_no_class(tmp_path):
    clutter = [
        *(".DS_Store", "cat/.DS_Store", "Thumbs.db", "cat/desktop.ini", "README.txt", "LICENSE", "licence.md"),
        *("__MACOSX/cat/a.png", "cat/.ipynb_checkpoints/a-checkpoint.png", ".git/x.png", "cat/._a.png"),
        "@eaDir/a.png",
    ]
    source = open_image_folder(draw(tmp_path, "cat/a.png", "dog/b.PNG", *clutter), "photos")
    assert rows(source) == [("cat/a.png", "cat"), ("dog/b.PNG", "dog")]
    assert (source.remarks, source.warnings) == ((), ())


def test_a_class_folder_without_images_is_said(tmp_path):
    draw(tmp_path, "cat/a.png", "dog/b.png", "owl/c.heic")
    (tmp_path / "fox").mkdir()
    source = open_image_folder(tmp_path, "photos")
    assert [str(warning) for warning in source.warnings[1:]] == [
        "photos: folder fox holds no image, so there is no class fox",
        "photos: folder owl holds no image that is read (but 1 .heic file), so there is no class owl",
    ]


def test_a_folder_of_unread_endings_alone_says_which_it_has_and_which_are_read(tmp_path):
    draw(tmp_path, "cat/a.heic", "dog/b.heic", "dog/c.psd")
    with pytest.raises(InputError) as caught:
        open_table(tmp_path, "photos")
    said = str(caught.value)
    assert said.startswith(
        "photos: holds no image that is read, but 2 .heic files and 1 .psd file; labelfix reads .jpg"
    )
    assert ", ".join(read_suffixes()) in said


def test_a_link_back_to_the_root_counts_no_image_twice(tmp_path):
    draw(tmp_path / "photos", "cat/a.png", "dog/b.png")
    (tmp_path / "photos/cat/loop").symlink_to("..")
    (tmp_path / "photos/dog/up").symlink_to(tmp_path)
    source = open_image_folder(tmp_path / "photos", "photos")
    assert rows(source) == [("cat/a.png", "cat"), ("dog/b.png", "dog")]
    assert source.remarks == ("links to folders that are read already are not followed (cat/loop, dog/up)",)


def test_links_to_folders_elsewhere_count_and_to_folders_inside_do_not(tmp_path):
    """A link that sorts before the folder it leads to does not take its images away."""
    draw(tmp_path / "elsewhere", "x.png")
    draw(tmp_path / "photos", "cat/a.png")
    (tmp_path / "photos/dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos/a_cat").symlink_to("cat")
    source = open_image_folder(tmp_path / "photos", "photos")
    assert rows(source) == [("cat/a.png", "cat"), ("dog/x.png", "dog")]
    assert source.remarks == ("links to folders that are read already are not followed (a_cat)",)
    assert source.warnings == ()


def test_links_to_files_are_rows_of_their_own(tmp_path):
    draw(tmp_path, "cat/a.png", "dog/b.png")
    (tmp_path / "dog/soft.png").symlink_to("../cat/a.png")
    os.link(tmp_path / "cat/a.png", tmp_path / "dog/hard.png")
    source = open_image_folder(tmp_path, "photos")
    assert source.paths == ("cat/a.png", "dog/b.png", "dog/hard.png", "dog/soft.png")


def test_a_folder_around_the_folders_of_classes_is_named_as_the_one_to_give(tmp_path):
    root = draw(tmp_path / "photos", "images/cat/a.png", "images/dog/b.png", "__MACOSX/images/cat/a.png")
    said = error(root)
    assert "holds one folder of images (images), and the classes seem to be the folders in that (cat, dog)" in said
    assert said.endswith(f"give {root / 'images'}")


def test_a_folder_that_may_be_the_only_class_is_a_warning(tmp_path):
    source = open_image_folder(draw(tmp_path, "owl/young/a.png", "owl/old/b.png"), "photos")
    assert rows(source) == [("owl/old/b.png", "owl"), ("owl/young/a.png", "owl")]
    assert source.warnings[0].remedy == f"if so, give {tmp_path / 'owl'}"


def test_the_top_folders_are_the_classes_and_that_is_said(tmp_path):
    root = draw(tmp_path, "animals/cat/a.png", "animals/dog/b.png", "things/car/c.png")
    source = open_image_folder(root, "photos")
    assert [label for _, label in rows(source)] == ["animals", "animals", "things"]
    [remark] = source.remarks
    assert "the classes are the top folders (animals, things), not the folders in them" in remark


@pytest.mark.parametrize(
    ("places", "splits"),
    [
        (("train/cat/a.png", "val/cat/b.png", "masks/m.png"), "(train, val) beside masks"),
        (("train/cat/a.png", "extra/m.png"), "(train) beside extra"),
        (("train/a.png", "test/b.png"), "(train, test)"),
        (("Train/cat/a.png", "Test/cat/b.png"), "(Train, Test)"),
    ],
)
def test_splits_are_never_classes(places, splits, tmp_path):
    said = error(draw(tmp_path, *places))
    first = splits.split(")")[0].strip("(").split(",")[0]
    assert f"holds splits {splits}, not classes" in said
    assert f"{tmp_path / first}" in said
    assert said.endswith(f"or pass --split {first}")


def test_a_class_that_is_called_train_is_a_class(tmp_path):
    source = open_image_folder(draw(tmp_path, "train/a.png", "car/b.png"), "photos")
    assert rows(source) == [("car/b.png", "car"), ("train/a.png", "train")]


def test_a_split_is_read_alone_with_ids_relative_to_it(tmp_path):
    root = draw(tmp_path, "train/cat/a.png", "Val/cat/b.png", "Val/dog/c.png", "masks/m.png")
    source = open_image_folder(root, "photos", ReadOptions(split="val"))
    assert rows(source) == [("cat/b.png", "cat"), ("dog/c.png", "dog")]
    assert (source.name, source.files) == ("photos", ("photos/Val",))
    assert "has no split 'dev'; it holds train, Val" in error(root, "dev")


def test_asking_for_a_split_of_a_folder_without_any_reads_all_and_says_so(tmp_path):
    source = open_image_folder(draw(tmp_path, "cat/a.png", "dog/b.png"), "photos", ReadOptions(split="train"))
    assert len(source.paths) == 2
    assert source.remarks == ("there are no splits in it, so all of it is read, not 'train' alone",)


def test_ids_and_labels_are_composed_and_files_are_opened_by_their_own_name(tmp_path):
    source = open_image_folder(draw(tmp_path, f"{NFD}/{NFD}.png", "hiver/b.png"), "photos")
    assert rows(source) == [("hiver/b.png", "hiver"), (f"{NFC}/{NFC}.png", NFC)]
    paths = [row["image"]["path"] for chunk in source.scan(["image"]) for row in chunk.batch.to_pylist()]
    assert paths[1] == f"{tmp_path}/{NFD}/{NFD}.png"
    assert len(source.content_hash()) == 64


def test_of_two_names_that_are_one_when_composed_both_are_kept(tmp_path):
    root = draw(tmp_path, f"cat/{NFD}.png", f"cat/{NFC}.png")
    if len(os.listdir(root / "cat")) < 2:
        pytest.skip("this file system holds one of them")
    source = open_image_folder(root, "photos")
    assert dict(zip(source.paths, source.places, strict=True)) == {
        f"cat/{NFC}.png": f"cat/{NFC}.png",
        f"cat/{NFD}.png": f"cat/{NFD}.png",
    }


def test_a_file_name_that_is_not_utf_8_is_named(tmp_path):
    draw(tmp_path, "cat/a.png", "dog/b.png")
    try:
        os.rename(os.fsencode(tmp_path / "cat/a.png"), os.fsencode(tmp_path) + b"/cat/\xe9.png")
    except OSError:
        pytest.skip("this file system holds UTF-8 names only")
    assert r"holds 1 image with a name that is not UTF-8 (cat/\xe9.png)" in error(tmp_path)


def test_what_a_folder_says_reaches_whoever_reads_it(tmp_path):
    places = [f"{label}/{number}.png" for label in ("cat", "dog") for number in range(8)]
    root = draw(tmp_path / "photos", *places, "cat/x.heic", "cat/notes.json")
    (tmp_path / "gold.csv").write_text("id,label\ncat/0.png,cat\ndog/0.png,dog\ncat/1.png,cat\ndog/1.png,dog\n")
    reading = read_training(str(root), str(tmp_path / "gold.csv"), DataSettings())
    assert f"{root}: 1 .json file is not read" in reading.notes
    assert any("1 .heic file is not read" in warning.what for warning in reading.warnings)


# Folders with metadata.


def metadata(root, text, *places, file="metadata.csv"):
    draw(root, *places)
    (root / file).write_text(text, encoding="utf-8")
    return root


def cells(source, *columns):
    return [tuple(row.values()) for chunk in source.scan(columns) for row in chunk.batch.to_pylist()]


def test_metadata_gives_the_rows_labels_and_further_columns(tmp_path):
    text = "file_name,label,camera\nb.png,dog,7\nsub/a.png,cat,8\n"
    root = metadata(tmp_path, text, "a.png", "b.png", "sub/a.png")
    source = open_table(root, "photos")
    assert (source.format, source.name, source.files) == ("image_metadata", "photos", ("photos",))
    assert source.schema.names == ["id", "image", "label", "camera"]
    assert cells(source, "id", "label", "camera") == [("b.png", "dog", 7), ("sub/a.png", "cat", 8)]
    [image] = cells(source, "image")[0]
    assert image == {"bytes": None, "path": f"{tmp_path}/b.png"}
    assert source.remarks == ("rows and labels come from metadata.csv",)
    assert [str(warning) for warning in source.warnings] == [
        "photos/metadata.csv: does not name 1 of the 3 images beside it, which are left out (a.png)"
    ]


def test_metadata_in_json_lines_is_read_alike(tmp_path):
    lines = [{"file_name": "b.png", "label": "dog"}, {"file_name": "./a.png", "label": "cat"}]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    source = open_table(metadata(tmp_path, text, "a.png", "b.png", file="metadata.jsonl"), "photos")
    assert cells(source, "id", "label") == [("b.png", "dog"), ("a.png", "cat")]


def test_metadata_that_is_not_utf_8_is_read_by_the_encoding_that_its_error_names(tmp_path):
    root = metadata(tmp_path, "", "a.png", "b.png")
    (root / "metadata.csv").write_bytes("file_name,label\na.png,caf\u00e9\nb.png,th\u00e9\n".encode("cp1252"))
    with pytest.raises(InputError, match="pass --encoding"):
        open_table(root, "photos")
    source = open_table(root, "photos", ReadOptions(encoding="cp1252"))
    assert rows(source) == [("a.png", "caf\u00e9"), ("b.png", "th\u00e9")]


def test_an_id_of_the_metadata_is_the_id(tmp_path):
    source = open_table(metadata(tmp_path, "id,file_name,label\n7,a.png,cat\n9,b.png,dog\n", "a.png", "b.png"))
    assert cells(source, "id") == [(7,), (9,)]
    assert source.schema.names == ["image", "id", "label"]


def test_metadata_without_labels_leaves_them_to_the_folders(tmp_path):
    text = "file_name,caption\ncat/a.png,a cat\ndog/b.png,a dog\n"
    source = open_table(metadata(tmp_path, text, "cat/a.png", "dog/b.png"))
    assert cells(source, "id", "label", "caption") == [("cat/a.png", "cat", "a cat"), ("dog/b.png", "dog", "a dog")]
    assert source.remarks == ("rows come from metadata.csv, labels from the folders",)


def test_images_that_are_named_and_missing_are_one_error(tmp_path):
    text = "file_name,label\na.png,cat\ngone.png,cat\n,dog\n"
    with pytest.raises(InputError) as caught:
        open_table(metadata(tmp_path, text, "a.png"), "photos")
    [defect] = caught.value.defects
    assert str(defect) == (
        "photos/metadata.csv: names 2 images that are not there: gone.png in row 2, nothing in row 3; put them back, or"
        " take their rows out"
    )


def test_metadata_names_files_with_accents_and_backslashes(tmp_path):
    text = f"file_name,label\n{NFC}.png,cat\nsub\\b.png,dog\n"
    source = open_table(metadata(tmp_path, text, f"{NFD}.png", "sub/b.png"))
    assert cells(source, "id") == [(f"{NFC}.png",), ("sub/b.png",)]
    assert source.places == (f"{NFD}.png", "sub/b.png")


def test_a_table_called_metadata_without_file_names_leaves_the_folders_their_meaning(tmp_path):
    source = open_table(metadata(tmp_path, "photographer,year\nann,2020\n", "cat/a.png", "dog/b.png"))
    assert source.format == "image_folder"
    assert rows(source) == [("cat/a.png", "cat"), ("dog/b.png", "dog")]


def test_metadata_of_splits_is_read_for_the_split_that_is_asked_for(tmp_path):
    for split in ("train", "test"):
        metadata(tmp_path / split, f"file_name,label\n{split}.png,cat\n", f"{split}.png")
    assert "holds splits (train, test), not classes" in error(tmp_path)
    source = open_image_folder(tmp_path, "photos", ReadOptions(split="test"))
    assert cells(source, "id") == [("test.png",)]
    assert (source.name, source.files) == ("photos", ("photos/test",))


def test_trusted_rows_meet_the_rows_of_metadata_by_id(tmp_path):
    names = [f"{number:02d}.png" for number in range(16)]
    text = "file_name,label\n" + "".join(f"{name},{'cat' if i % 2 else 'dog'}\n" for i, name in enumerate(names))
    root = metadata(tmp_path / "photos", text, *names)
    (tmp_path / "gold.csv").write_text("id,label\n00.png,dog\n01.png,cat\n02.png,cat\n03.png,cat\n")
    reading = read_training(str(root), str(tmp_path / "gold.csv"), DataSettings())
    assert reading.columns.spec.columns == ("image",)
    assert reading.data.joined_by == "id"
    assert reading.data.clean_in_noisy.tolist() == [0, 1, 2, 3]


def test_a_folder_with_metadata_can_be_the_truth(tmp_path):
    root = metadata(tmp_path, "file_name,label\na.png,cat\nb.png,dog\n", "a.png", "b.png")
    truth = read_truth(str(root), ClassNames(("cat", "dog")), DataSettings(), "id")
    assert truth.codes.tolist() == [0, 1]

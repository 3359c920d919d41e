"""A saved classifier loads again, and works without labelfix by the lines in its README."""

import dataclasses
import functools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from memory_table import MemoryTable, embedding_table, feature_table, image_table, png, random_images, text_table
from own_process import WITHOUT, run_script
from safetensors.numpy import load_file, save_file

from labelfix.data.tables import ClassNames
from labelfix.errors import RunError
from labelfix.models.choice import choose_representation
from labelfix.models.trained import TrainedClassifier
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

CPU = torch.device("cpu")
CLASSES = ClassNames(("cat", "dog", "Straße"))
TEXTS = [
    "The cat sat on the mat",
    "",
    "a big red dog ran",
    "the cat ran",
    "Straße 中文 übel",
    "market falls",
    "goal wins " * 40,
]


FAMILIES = [
    "text hashed",
    "text lexical",
    "text frozen",
    "text views",
    "text three views",
    "text fine-tuned",
    "embedding linear",
    "embedding mlp",
    "table linear",
    "table mlp",
    "image patches",
    "image resnet32",
    "image timm frozen",
    "image timm fine-tuned",
    "image vision transformer",
]


def make_case(family, folder, bert_folder, timm_folder, vit_folder):
    """The table, the model settings, and the same inputs as the README's function takes them."""
    generator = np.random.default_rng(1)
    if family.startswith("text"):
        backbone = {
            "text hashed": "hashed-text",
            "text lexical": "auto",
            "text three views": ("hashed-text", "lexical", str(bert_folder)),
        }.get(family, str(bert_folder))
        alone, fixed = family == "text frozen", family != "text fine-tuned"
        return text_table(TEXTS), ModelSettings(backbone=backbone, freeze=fixed, lexical=not alone), TEXTS
    if family.startswith("embedding"):
        rows = generator.normal(size=(9, 5)).astype(np.float32) * 4
        rows[3] = 0
        return embedding_table(rows), ModelSettings(backbone=family.removeprefix("embedding ")), rows.tolist()
    if family.startswith("table"):
        columns = {"age": [31.0, None, 48.0, 1e9, 27.0] * 3, "flat": [1.0] * 15, "town": ["Rome", None, "−1"] * 5}
        columns["seen"] = ["2024-01-31", "5.6.2024", "17.12.2023 10:30", "1/2/2024", "2024-03-01T12:00:00+02:00"] * 3
        table = feature_table(columns, categorical=("town",), dates=("seen",))
        return table, ModelSettings(backbone=family.removeprefix("table ")), columns
    side = 24
    paths = [folder / f"{number}.png" for number in range(5)]
    for number, (path, pixels) in enumerate(zip(paths, random_images(5, side), strict=True)):
        seen = np.dstack([pixels, pixels[:, :, 0]]) if number == 4 else pixels  # the last one is transparent in places
        path.write_bytes(png(seen[: side - number]))  # not quite square
    folders = {"image timm frozen": timm_folder, "image timm fine-tuned": timm_folder}
    folders |= {"image vision transformer": vit_folder, "image patches": "patches", "image resnet32": "resnet32"}
    settings = ModelSettings(backbone=str(folders[family]), freeze=family == "image timm frozen")
    return image_table(paths), settings, [str(path) for path in paths]


@dataclasses.dataclass(frozen=True)
class Saved:
    classifier: TrainedClassifier
    folder: Path
    compute: ComputeSettings
    table: MemoryTable
    raw: Any
    expected: np.ndarray

    def inputs(self, representation=None):
        return (representation or self.classifier.representation).encode(self.table, self.compute, Silent())


@pytest.fixture(scope="module")
def make_saved(tmp_path_factory, bert_folder, timm_folder, vit_folder):
    """A family's classifier with unusual weights, saved; each is made once."""

    @functools.cache
    def make(family):
        folder = tmp_path_factory.mktemp("saved")
        compute = ComputeSettings(device="cpu", cache_dir=str(folder / "cache"))
        table, settings, raw = make_case(family, folder, bert_folder, timm_folder, vit_folder)
        representation = choose_representation(table, settings, compute, Silent())
        module = representation.new_classifier(3, torch.Generator().manual_seed(3))
        inputs = representation.encode(table, compute, Silent())
        with torch.no_grad():
            module.head.weight.mul_(5 if representation.frozen else 1)
            module.head.bias.copy_(torch.tensor([0.3, -0.2, 0.1]))
            norms = [layer for layer in module.train().modules() if isinstance(layer, torch.nn.BatchNorm2d)]
            for layer in norms:
                layer.momentum = 1.0
            if norms:  # their statistics become those of the rows
                module(inputs.batch(np.arange(len(table))))
        classifier = TrainedClassifier(representation, representation.predictor(module, CPU), CLASSES, temperature=1.7)
        classifier.save(folder / "run" / "classifier")
        expected = classifier.probabilities(inputs, Silent())
        return Saved(classifier, folder / "run" / "classifier", compute, table, raw, expected)

    return make


@pytest.fixture
def saved(request, make_saved):
    return make_saved(request.param)


@pytest.fixture(scope="module")
def said_by_readmes(make_saved, tmp_path_factory):
    """Family → what the lines of its README say, run in a process of their own that cannot import labelfix."""
    cases = []
    for family in FAMILIES:
        saved = make_saved(family)
        readme = (saved.folder / "README.md").read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
        cases.append({"family": family, "code": code, "folder": str(saved.folder), "inputs": saved.raw})
    program = """
import json, sys, pandas
said = {}
for case in json.load(open(sys.argv[1])):
    inputs = case["inputs"]
    defined = {}
    exec(case["code"], defined)
    inputs = pandas.DataFrame(inputs) if isinstance(inputs, dict) else inputs
    said[case["family"]] = defined["probabilities"](inputs, case["folder"]).tolist()
print(json.dumps(said))
"""
    folder = tmp_path_factory.mktemp("readmes")
    (folder / "cases.json").write_text(json.dumps(cases))
    done = run_script(WITHOUT + program, "cases.json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("saved", FAMILIES, indirect=True)
def test_the_lines_in_the_readme_give_the_same_probabilities_without_labelfix(saved, said_by_readmes, request):
    found = np.array(said_by_readmes[request.node.callspec.params["saved"]])
    assert found.shape == saved.expected.shape
    assert np.ptp(saved.expected, axis=0).max() > 0.01, "the test would not notice a classifier that says nothing"
    assert saved.expected.max() < 0.999, "the test would not notice a small difference"
    np.testing.assert_allclose(found, saved.expected, atol=1e-5)


@pytest.mark.parametrize("saved", FAMILIES, indirect=True)
def test_a_saved_classifier_loads_and_says_the_same(saved, no_network):
    loaded = TrainedClassifier.load(saved.folder)
    assert loaded.classes == CLASSES
    assert loaded.temperature == 1.7
    for same in ("identity", "frozen", "description", "feature_width", "spec"):
        assert getattr(loaded.representation, same) == getattr(saved.classifier.representation, same)
    said = loaded.probabilities(saved.inputs(loaded.representation), Silent())
    np.testing.assert_array_equal(said, saved.expected)


@pytest.mark.parametrize("saved", FAMILIES, indirect=True)
def test_a_loaded_classifier_can_be_saved_over_itself(saved, tmp_path):
    folder = tmp_path / "run" / "classifier"
    shutil.copytree(saved.folder, folder)
    TrainedClassifier.load(folder).save(folder)
    again = TrainedClassifier.load(folder)
    np.testing.assert_array_equal(again.probabilities(saved.inputs(again.representation), Silent()), saved.expected)
    assert [path.name for path in folder.parent.iterdir()] == ["classifier"]


@pytest.mark.parametrize("saved", FAMILIES, indirect=True)
def test_a_classifier_folder_holds_no_pickle(saved):
    suffixes = {path.suffix for path in saved.folder.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".md", ".txt"}


@pytest.mark.parametrize("saved", ["text hashed", "text views", "image timm fine-tuned"], indirect=True)
def test_others_may_read_what_the_umask_lets_them_read(saved, tmp_path):
    (tmp_path / "file").touch()
    expected = (tmp_path / "file").stat().st_mode
    assert {path.stat().st_mode for path in saved.folder.rglob("*") if path.is_file()} == {expected}
    assert saved.folder.stat().st_mode == saved.folder.parent.stat().st_mode


@pytest.mark.parametrize("saved", ["text fine-tuned"], indirect=True)
def test_from_pretrained_gives_the_logits_of_a_fine_tuned_text_classifier(saved):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(saved.folder).eval()
    assert model.config.id2label == {0: "cat", 1: "dog", 2: "Straße"}
    tokenizer = AutoTokenizer.from_pretrained(saved.folder)
    batch = tokenizer(saved.raw, padding=True, truncation=True, max_length=32, return_tensors="pt")
    with torch.no_grad():
        theirs = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.numpy()
    ((_, ours, _),) = saved.classifier.outputs(saved.inputs(), Silent())
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("saved", ["image timm fine-tuned", "image vision transformer"], indirect=True)
def test_timm_gives_the_logits_of_a_trained_timm_classifier(saved):
    import timm

    model = timm.create_model(f"local-dir:{saved.folder}", pretrained=True).eval()
    assert model.num_classes == 3
    inputs = saved.inputs()
    with torch.no_grad():
        theirs = model(inputs.batch(np.arange(len(inputs)))).numpy()
    ((_, ours, _),) = saved.classifier.outputs(inputs, Silent())
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("saved", ["image resnet32", "text fine-tuned"], indirect=True)
def test_outputs_come_in_order_whatever_the_rows_of_a_yield(saved):
    classifier, inputs = saved.classifier, saved.inputs()
    classifier.predictor.module.train()
    ((whole, logits, hidden),) = classifier.outputs(inputs, Silent())
    assert not classifier.predictor.module.training
    parts = list(classifier.outputs(inputs, Silent(), rows=2))
    assert whole == slice(0, len(inputs))
    assert [part.start for part, _, _ in parts] == list(range(0, len(inputs), 2))
    assert logits.dtype == hidden.dtype == np.float32
    assert hidden.shape == (len(inputs), classifier.representation.feature_width)
    np.testing.assert_allclose(np.concatenate([part for _, part, _ in parts]), logits, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([part for _, _, part in parts]), hidden, atol=1e-5)


@pytest.mark.parametrize("saved", ["text frozen", "image timm frozen"], indirect=True)
def test_a_frozen_classifier_carries_its_encoder(saved, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(saved.folder, moved)
    loaded = TrainedClassifier.load(moved)
    assert loaded.representation.folder.path == moved / "encoder"
    fresh = dataclasses.replace(saved.compute, cache_dir=str(tmp_path / "fresh cache"))
    inputs = loaded.representation.encode(saved.table, fresh, Silent())
    np.testing.assert_array_equal(loaded.probabilities(inputs, Silent()), saved.expected)


@pytest.mark.parametrize("saved", ["text frozen"], indirect=True)
def test_an_encoder_too_large_to_copy_is_referred_to_and_missed_when_gone(saved, tmp_path, monkeypatch, bert_folder):
    from labelfix.models import encoder_folder

    monkeypatch.setattr(encoder_folder, "COPY_LIMIT", 10)
    elsewhere = tmp_path / "own encoder"
    shutil.copytree(bert_folder, elsewhere)
    own = encoder_folder.check_folder(elsewhere, "own")
    representation = dataclasses.replace(saved.classifier.representation, folder=own)
    folder = tmp_path / "light"
    TrainedClassifier(representation, saved.classifier.predictor, CLASSES, 1.0).save(folder)
    assert not (folder / "encoder").exists()
    assert str(elsewhere) in (folder / "README.md").read_text(encoding="utf-8")
    assert TrainedClassifier.load(folder).representation.identity == representation.identity
    shutil.rmtree(elsewhere)
    with pytest.raises(RunError, match="the encoder that the classifier needs is not there; put it back"):
        TrainedClassifier.load(folder)


@pytest.mark.parametrize("saved", ["text views"], indirect=True)
def test_views_carry_their_encoder_each_in_a_folder_of_its_own(saved, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(saved.folder, moved)
    encoder, words = TrainedClassifier.load(moved).representation.views
    assert encoder.folder.path == moved / "view-1" / "encoder"
    files = {path.name for path in (moved / "view-2").iterdir()}
    assert files == {"lexical.safetensors", "vocabulary.json", "letters.safetensors", "letters.json"}
    assert words.words.names
    assert words.groups.names


@pytest.mark.parametrize("saved", ["text hashed"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "labelfix.json").unlink(), "holds no classifier of labelfix"),
        (lambda folder: (folder / "labelfix.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "labelfix.json").write_text("[]"), "is damaged"),
        (lambda folder: (folder / "labelfix.json").write_text('{"format": 9}'), "has format 9"),
        (lambda folder: (folder / "labelfix.json").write_text('{"format": 1}'), "is damaged"),
        (lambda folder: (folder / "model.safetensors").unlink(), "the tensors cannot be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 40), "the tensors cannot be read"),
    ],
)
def test_a_damaged_classifier_folder_is_refused_in_one_line(saved, damage, message, tmp_path):
    refused(saved, damage, message, tmp_path / "classifier")


def refused(saved, damage, message, folder):
    shutil.copytree(saved.folder, folder)
    damage(folder)
    with pytest.raises(RunError, match=message) as caught:
        TrainedClassifier.load(folder)
    assert "\n" not in str(caught.value)


def edit(name, change):
    def damage(folder):
        values = json.loads((folder / name).read_text(encoding="utf-8"))
        change(values)
        (folder / name).write_text(json.dumps(values), encoding="utf-8")

    return damage


def retype(folder):
    arrays = load_file(folder / "view-2" / "lexical.safetensors")
    save_file({name: values[..., :-1].copy() for name, values in arrays.items()}, folder / "view-2/lexical.safetensors")


def view(about, number=0):
    return about["encoding"]["views"][number]


@pytest.mark.parametrize("saved", ["text views"], indirect=True)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (edit("labelfix.json", lambda about: about["encoding"].clear()), "labelfix.json: .*encoding.views is missing"),
        (edit("labelfix.json", lambda about: about["encoding"].update(views=[])), r"encoding.views: .*length >= 1"),
        (edit("labelfix.json", lambda about: view(about).update(weight=0)), r"encoding.views\[0\].weight: .*> 0"),
        (
            edit("labelfix.json", lambda about: view(about)["weight"].append(1.0)),
            r"encoding.views\[0\].weight: .*length <= 2",
        ),
        (
            edit("labelfix.json", lambda about: view(about).update(weight=1.0)),
            "a view has not one weight for each of its parts",
        ),
        (
            edit("labelfix.json", lambda about: view(about).update(family="views")),
            r"encoding.views\[0\]: 'views' is no family of fixed",
        ),
        (
            edit("labelfix.json", lambda about: view(about, 1)["encoding"].update(terms="x")),
            r"labelfix.json: .*encoding.views\[1\].encoding.terms: expected int",
        ),
        (
            edit("labelfix.json", lambda about: view(about)["encoding"].pop("pooling")),
            r"encoding.views\[0\].encoding.pooling is missing",
        ),
        (
            edit("labelfix.json", lambda about: view(about)["input"].update(columns=["secret"])),
            "view 1 reads columns that are not among the inputs",
        ),
        (edit("view-2/vocabulary.json", lambda terms: terms.append(terms[0])), "vocabulary.json: is damaged"),
        (edit("view-2/vocabulary.json", lambda terms: terms.reverse()), "vocabulary.json: is damaged"),
        (edit("view-2/letters.json", lambda terms: terms.reverse()), "letters.json: is damaged"),
        (edit("view-2/vocabulary.json", lambda terms: terms.insert(0, 1)), "vocabulary.json: is damaged"),
        (lambda folder: (folder / "view-2" / "vocabulary.json").unlink(), "vocabulary.json: cannot be read"),
        (
            lambda folder: (folder / "view-2" / "lexical.safetensors").unlink(),
            "lexical.safetensors: the tensors",
        ),
        (retype, "lexical.safetensors: is damaged"),
    ],
)
def test_a_damaged_view_is_named_with_its_file_and_place(saved, damage, message, tmp_path):
    refused(saved, damage, message, tmp_path / "classifier")


def test_a_folder_of_other_things_is_not_overwritten(tmp_path, compute):
    table = text_table(TEXTS)
    representation = choose_representation(table, ModelSettings(), compute, Silent())
    module = representation.new_classifier(3, torch.Generator().manual_seed(0))
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="not a classifier of labelfix"):
        TrainedClassifier(representation, representation.predictor(module, CPU), CLASSES, 1.0).save(
            tmp_path / "precious"
        )
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years of work"
    assert len(list(tmp_path.iterdir())) == 1

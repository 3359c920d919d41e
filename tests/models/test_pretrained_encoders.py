"""Encoders from a folder or by name: how they are found, what they compute, what is said when they are missing."""

import ast
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from first_weights import assert_the_generator_alone_decides
from memory_table import image_table, png, random_images, text_table

import labelfix
from labelfix.errors import SettingsError
from labelfix.models.choice import choose_representation
from labelfix.models.encoder_folder import EncoderFolder
from labelfix.models.images.encoder import FrozenTimm
from labelfix.models.images.fine_tuned import TrainedTimm
from labelfix.models.text.encoder import FrozenText
from labelfix.models.text.fine_tuned import FineTunedText
from labelfix.models.text.pooling import CODE, named_pooling, pool
from labelfix.progress import Silent
from labelfix.settings.model import ComputeSettings, ModelSettings

TEXTS = ["the cat sat on the mat", "", "a big red dog", "market falls " * 30, "goal"] * 3


def choose(table, compute, progress=None, **settings):
    return choose_representation(table, ModelSettings(**{"lexical": False} | settings), compute, progress or Silent())


@pytest.fixture
def own_bert(bert_folder, tmp_path):
    """A copy of the encoder that a test may damage."""
    return Path(shutil.copytree(bert_folder, tmp_path / "own"))


def expected_features(folder, texts):
    """Mean over tokens of the last hidden state, unit norm, one text at a time and so without any padding."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        ids = tokenizer([text], truncation=True, max_length=32, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            rows.append(model(input_ids=ids).last_hidden_state[0].mean(dim=0))
    return torch.nn.functional.normalize(torch.stack(rows), dim=1).numpy()


def test_frozen_features_are_the_mean_over_tokens_with_unit_norm(bert_folder, compute):
    table = text_table(TEXTS)
    found = choose(table, compute, backbone=str(bert_folder), encode_batch_size=4).encode(table, compute, Silent())
    np.testing.assert_allclose(found.features, expected_features(bert_folder, TEXTS), atol=1e-5)


def test_the_rows_read_at_once_do_not_change_a_byte_of_frozen_features(bert_folder, tmp_path):
    table, found = text_table(TEXTS), []
    for read_rows in (2, 7, 8192):
        compute = ComputeSettings(device="cpu", cache_dir=str(tmp_path / str(read_rows)), read_rows=read_rows)
        representation = choose(table, compute, backbone=str(bert_folder), encode_batch_size=4)
        found.append(representation.encode(table, compute, Silent()).features.tobytes())
    assert found[0] == found[1] == found[2]


def test_encoding_tells_of_every_batch(bert_folder, compute):
    class Told(Silent):
        stages, steps, ends = (), (), 0

        def start(self, stage, total=None, unit="rows"):
            self.stages += ((stage, total),)

        def advance(self, amount=1, **facts):
            self.steps += (amount,)

        def finish(self):
            self.ends += 1

    told, table = Told(), text_table(TEXTS)
    choose(table, compute, backbone=str(bert_folder), encode_batch_size=4).encode(table, compute, told)
    whole, rest = divmod(len(TEXTS), 4)
    assert told.stages == (("encode noisy", len(TEXTS)),)
    assert told.steps == (4,) * whole + ((rest,) if rest else ())
    assert len(told.steps) > 1
    assert told.ends == 1


def test_the_second_run_does_not_load_the_encoder(bert_folder, compute, monkeypatch):
    table = text_table(TEXTS)
    first = choose(table, compute, backbone=str(bert_folder)).encode(table, compute, Silent())
    monkeypatch.setattr("labelfix.models.text.encoder.load_encoder", None)
    second = choose(table, compute, backbone=str(bert_folder)).encode(table, compute, Silent())
    np.testing.assert_array_equal(first.features, second.features)


def test_a_local_folder_never_touches_the_network(bert_folder, timm_folder, compute, no_network):
    texts, images = text_table(TEXTS), image_table([png(pixels) for pixels in random_images(2, 32)])
    for table, folder in ((texts, bert_folder), (images, timm_folder)):
        for freeze in (True, False):
            representation = choose(table, compute, backbone=str(folder), freeze=freeze)
            representation.encode(table, compute, Silent())
            representation.new_classifier(2, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_encoders_are_frozen_on_every_device_unless_told(bert_folder, timm_folder, device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: device == "cuda")
    texts, images = text_table(TEXTS), image_table([png(random_images(1, 32)[0])])
    for compute in (ComputeSettings(), ComputeSettings(device=device)):
        assert isinstance(choose(texts, compute, backbone=str(bert_folder)), FrozenText)
        assert isinstance(choose(images, compute, backbone=str(timm_folder)), FrozenTimm)
        assert isinstance(choose(texts, compute, backbone=str(bert_folder), freeze=False), FineTunedText)
        assert isinstance(choose(images, compute, backbone=str(timm_folder), freeze=False), TrainedTimm)


def test_fine_tuning_texts_is_warned_of_once_with_what_it_did(bert_folder, timm_folder, compute):
    class Warned(Silent):
        warnings = ()

        def warn(self, message):
            self.warnings += (message,)

    texts, images = text_table(TEXTS), image_table([png(random_images(1, 32)[0])])
    tried = [(texts, bert_folder, False, 1), (texts, bert_folder, True, 0), (images, timm_folder, False, 0)]
    for table, folder, freeze, count in tried:
        warned = Warned()
        choose(table, compute, warned, backbone=str(folder), freeze=freeze).encode(table, compute, warned)
        assert len(warned.warnings) == count
        assert all("from 54 to 31 % right where --freeze reaches 77 %" in each for each in warned.warnings)


def test_the_identity_of_an_encoder_changes_with_weights_tokens_and_batch_size(own_bert, compute):
    from safetensors.torch import load_file, save_file

    table = text_table(TEXTS)

    def identity(**settings):
        return choose(table, compute, backbone=str(own_bert), **settings).identity

    seen = [identity(), identity(max_tokens=8), identity(encode_batch_size=3)]
    (own_bert / "README.md").write_text("only words")
    assert identity() == seen[0]
    weights = load_file(own_bert / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][5, 0] += 1
    save_file(weights, own_bert / "model.safetensors", metadata={"format": "pt"})
    seen.append(identity())
    assert len(set(seen)) == 4


def test_fine_tuned_classifiers_differ_only_by_their_generator(bert_folder, compute):
    representation = choose(text_table(TEXTS), compute, backbone=str(bert_folder), freeze=False)
    assert_the_generator_alone_decides(representation)


def test_two_classes_more_than_the_probe_and_as_many_as_hidden_units_are_taken_apart(bert_folder, compute):
    representation = choose(text_table(TEXTS), compute, backbone=str(bert_folder), freeze=False)
    inputs = representation.encode(text_table(TEXTS), compute, Silent())
    for classes in (2, 16, 32):  # 16 is the hidden size, 32 the intermediate one
        module = representation.new_classifier(classes, torch.Generator().manual_seed(0))
        out = module.eval()(inputs.batch(np.arange(3)))
        assert out.logits.shape == (3, classes)
        assert out.hidden.shape == (3, 16)


def tokens_and_mask():
    generator = torch.Generator().manual_seed(0)
    mask = torch.tensor([[1.0, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]).unsqueeze(2)
    return torch.randn(3, 4, 5, generator=generator), mask


@pytest.mark.parametrize("way", CODE)
def test_pooling_is_that_of_sentence_transformers_without_a_look_at_padding(way):
    """Every way is compared with a loop over texts and their own tokens."""
    tokens, mask = tokens_and_mask()
    reference = {
        "cls": lambda own: own[0],
        "max": lambda own: own.max(dim=0).values,
        "mean": lambda own: own.mean(dim=0),
        "mean_sqrt_len_tokens": lambda own: own.sum(dim=0) / len(own) ** 0.5,
        "weightedmean": lambda own: sum((i + 1) * row for i, row in enumerate(own)) / sum(range(1, len(own) + 1)),
        "lasttoken": lambda own: own[-1],
    }[way]
    expected = torch.stack(
        [reference(row[: int(length)]) for row, length in zip(tokens, mask.sum((1, 2)), strict=True)]
    )
    torch.testing.assert_close(pool(tokens, mask, (way,)), expected)
    torch.testing.assert_close(eval(CODE[way], {"torch": torch, "tokens": tokens, "mask": mask}), expected)


def test_several_poolings_are_put_side_by_side():
    tokens, mask = tokens_and_mask()
    both = pool(tokens, mask, ("cls", "mean"))
    assert torch.equal(both, torch.cat([pool(tokens, mask, ("cls",)), pool(tokens, mask, ("mean",))], dim=1))


def name_pooling(folder, config, further=()):
    modules = [{"type": "sentence_transformers.models.Transformer", "path": ""}]
    modules += [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]
    modules += [{"type": f"sentence_transformers.models.{kind}", "path": f"2_{kind}"} for kind in further]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("config", "ways"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ("cls",)),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, ("max", "mean")),
        ({"pooling_mode_lasttoken": True}, ("lasttoken",)),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, ("mean_sqrt_len_tokens",)),
        ({"pooling_mode_weightedmean_tokens": True}, ("weightedmean",)),
        ({"pooling_mode": "cls"}, ("cls",)),
        ({"pooling_mode": ["cls", "mean"]}, ("cls", "mean")),
        ({}, ("mean",)),
    ],
)
def test_the_folders_own_pooling_is_used(own_bert, config, ways, compute):
    name_pooling(own_bert, config)
    assert named_pooling(EncoderFolder(own_bert, "own"))[0] == ways
    table = text_table(TEXTS)
    representation = choose(table, compute, backbone=str(own_bert))
    assert representation.feature_width == 16 * len(ways)
    assert representation.encode(table, compute, Silent()).features.shape == (len(TEXTS), 16 * len(ways))


def test_an_unknown_pooling_is_refused_and_further_modules_are_said_to_be_left_out(own_bert, compute):
    class Told(Silent):
        said = ()

        def say(self, message):
            self.said += (message,)

    told = Told()
    name_pooling(own_bert, {"pooling_mode": "cls"}, further=("Normalize", "Dense"))
    choose(text_table(TEXTS), compute, progress=told, backbone=str(own_bert))
    assert any("left out (Dense)" in line for line in told.said)
    name_pooling(own_bert, {"pooling_mode": "attention"})
    with pytest.raises(SettingsError, match="its pooling 'attention' is not one of"):
        choose(text_table(TEXTS), compute, backbone=str(own_bert))


def pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json; give a folder that save_pretrained"),
        (lambda folder: (folder / "config.json").write_text("{"), r"config.json cannot be read .*; copy it again"),
        (lambda folder: (folder / "config.json").write_text("{}"), "is not a transformers model"),
        (lambda folder: (folder / "model.safetensors").unlink(), r"has no weights \(\*.safetensors\); copy the whole"),
        (
            pickled,
            r"weights are a pickle \(pytorch_model.bin\), .* labelfix does not open; load the model with",
        ),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "its tokenizer cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 20), "cannot be (loaded|fine-tuned)"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(own_bert, damage, message, freeze, compute):
    damage(own_bert)
    table = text_table(TEXTS)
    with pytest.raises(SettingsError, match=message) as caught:
        choose(table, compute, backbone=str(own_bert), freeze=freeze).encode(table, compute, Silent())
    assert "\n" not in str(caught.value)


def without_vocabulary(folder):
    (folder / "tokenizer.json").unlink()


def without_any_tokenizer_file(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def with_a_vocabulary_of_marks_alone(folder):
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")


def with_fewer_embeddings(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 10}))


def with_far_more_embeddings(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 30_522}))


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (without_vocabulary, "the folder has no tokenizer files; copy the tokenizer's files"),
        (without_any_tokenizer_file, "the folder has no tokenizer files; copy the tokenizer's files"),
        (
            with_a_vocabulary_of_marks_alone,
            "knows 0 words of the 18 tokens that the model reads.*; copy the tokenizer's",
        ),
        (with_far_more_embeddings, "knows 14 words of the 30,522 tokens that the model reads.*; copy the tokenizer's"),
        (with_fewer_embeddings, "up to 17 and the model reads numbers below 10: they do not belong together; copy the"),
    ],
)
def test_a_tokenizer_that_cannot_be_the_models_stops_the_run_before_anything_is_encoded(
    own_bert, damage, message, freeze, compute
):
    """The library makes an empty tokenizer where files are missing, and every word is unknown to it."""
    damage(own_bert)
    with pytest.raises(SettingsError, match=message) as caught:
        choose(text_table(TEXTS), compute, backbone=str(own_bert), freeze=freeze)
    assert str(caught.value).startswith(f"backbone = {str(own_bert)!r}: ")
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_a_file_of_words_is_fine_where_it_needs_none(tmp_path, compute):
    """CANINE reads characters by their number."""
    from transformers import CanineConfig, CanineModel, CanineTokenizer

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    CanineModel(CanineConfig(**sizes, num_hash_buckets=64)).save_pretrained(tmp_path)
    CanineTokenizer().save_pretrained(tmp_path)
    assert isinstance(choose(text_table(TEXTS), compute, backbone=str(tmp_path)), FrozenText)


class Opened(Exception):
    """A pickle was opened."""


def no_pickles(monkeypatch):
    def refuse(*args, **kwargs):
        raise Opened

    monkeypatch.setattr("torch.load", refuse)
    monkeypatch.setattr("pickle.load", refuse)
    monkeypatch.setattr("pickle.Unpickler", refuse)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "last.pth.tar", "x.ckpt", "x.pkl"])
@pytest.mark.parametrize("kind", ["text", "image"])
def test_pickled_weights_alone_are_refused_with_the_way_to_convert_them(
    bert_folder, timm_folder, kind, name, tmp_path, compute, monkeypatch
):
    no_pickles(monkeypatch)
    own = Path(shutil.copytree(bert_folder if kind == "text" else timm_folder, tmp_path / "own"))
    (own / "model.safetensors").rename(own / name)
    table = text_table(TEXTS) if kind == "text" else image_table([png(random_images(1, 32)[0])])
    message = rf"are a pickle \({name}\), .* does not open; .*save_pretrained\(FOLDER, safe_serialization=True\)"
    with pytest.raises(SettingsError, match=message):
        choose(table, compute, backbone=str(own))


@pytest.mark.parametrize("freeze", [True, False])
@pytest.mark.parametrize("kind", ["text", "image"])
def test_a_pickle_beside_safetensors_is_never_opened(
    bert_folder, timm_folder, kind, freeze, tmp_path, compute, monkeypatch
):
    no_pickles(monkeypatch)
    own = Path(shutil.copytree(bert_folder if kind == "text" else timm_folder, tmp_path / "own"))
    for name in ("pytorch_model.bin", "model.pth", "training_args.bin"):
        (own / name).write_bytes(b"\x80\x04no weights")
    table = text_table(TEXTS) if kind == "text" else image_table([png(random_images(1, 32)[0])])
    representation = choose(table, compute, backbone=str(own), freeze=freeze)
    representation.encode(table, compute, Silent())
    module = representation.new_classifier(2, torch.Generator().manual_seed(0))
    from labelfix.data.tables import ClassNames

    predictor = representation.predictor(module, torch.device("cpu"))
    representation.write_predictor(tmp_path, predictor, ClassNames(("a", "b")))
    assert not [file for file in tmp_path.glob("*.bin")]


def test_a_pickle_that_timm_would_take_before_other_safetensors_is_refused(timm_folder, tmp_path, compute, monkeypatch):
    no_pickles(monkeypatch)
    own = Path(shutil.copytree(timm_folder, tmp_path / "own"))
    (own / "model.safetensors").rename(own / "weights.safetensors")
    table = image_table([png(random_images(1, 32)[0])])
    choose(table, compute, backbone=str(own))
    (own / "pytorch_model.bin").write_bytes(b"\x80\x04no weights")
    with pytest.raises(SettingsError, match=r"a pickle \(pytorch_model.bin\).* no model.safetensors; rename the"):
        choose(table, compute, backbone=str(own))


def test_a_name_whose_weights_are_pickles_at_the_hub_is_refused_with_what_to_give(own_bert, compute, monkeypatch):
    (own_bert / "model.safetensors").unlink()
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(own_bert))
    with pytest.raises(
        SettingsError, match="hub has no weights of it in safetensors.*; give another model, or a local"
    ):
        choose(text_table(TEXTS), compute, backbone="hf:some/name")


def test_every_call_of_the_library_that_takes_it_says_that_no_code_is_to_be_run():
    calls = []
    for file in Path(labelfix.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("from_pretrained", "from_config"):
                said = {each.arg: ast.unparse(each.value) for each in node.keywords}
                calls.append((file.name, node.lineno, said.get("trust_remote_code")))
    assert len(calls) >= 5
    assert {said for _, _, said in calls} == {"False"}, calls


def test_code_that_a_folder_brings_along_is_not_run(own_bert, compute, tmp_path):
    config = json.loads((own_bert / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"}}
    (own_bert / "config.json").write_text(json.dumps(config))
    (own_bert / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    table = text_table(TEXTS)
    with pytest.raises(SettingsError, match="cannot be loaded"):
        choose(table, compute, backbone=str(own_bert)).encode(table, compute, Silent())
    assert not (tmp_path / "ran").exists()


def test_a_timm_folder_without_a_timm_configuration_is_refused(own_bert, compute):
    table = image_table([png(random_images(1, 32)[0])])
    with pytest.raises(SettingsError, match="is not a timm model .*; give timm:NAME or a folder that timm saved"):
        choose(table, compute, backbone=str(own_bert))


@pytest.mark.parametrize(
    ("kind", "backbone", "message"),
    [
        ("text", "resnet32", "does not read text; it takes lexical, hashed-text, hf:NAME or a transformers folder"),
        ("text", "timm:resnet18", "does not read text"),
        ("text", "org/name", "is neither a folder here nor .*; for a model on the hub write hf:org/name"),
        ("text", "./nowhere", "there is no such folder; give lexical, hashed-text, hf:NAME or a transformers folder"),
        ("image", "hashed-text", "does not read images; it takes patches, resnet32, timm:NAME or a timm folder"),
        ("image", "hf:some/model", "does not read images"),
        ("image", "/nowhere/at/all", "there is no such folder"),
        ("image", "timm:resnet81", "timm has no such model; did you mean timm:resnet18?"),
    ],
)
def test_a_backbone_that_does_not_fit_is_refused_with_what_would(kind, backbone, message, compute, no_network):
    table = text_table(TEXTS) if kind == "text" else image_table([png(random_images(1, 32)[0])])
    with pytest.raises(SettingsError, match=message):
        choose(table, compute, backbone=backbone)


@pytest.mark.parametrize(("kind", "backbone"), [("text", "hf:nobody/nothing"), ("image", "timm:resnet18")])
def test_offline_a_name_that_is_not_on_this_disk_is_refused_without_asking_the_hub(
    kind, backbone, tmp_path, monkeypatch, no_network
):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    compute = ComputeSettings(offline=True, cache_dir=str(tmp_path))
    table = text_table(TEXTS) if kind == "text" else image_table([png(random_images(1, 32)[0])])
    with pytest.raises(SettingsError, match="is not on this disk and --offline is set; fetch it once with a network"):
        choose(table, compute, backbone=backbone)


def hub_errors():
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    response = SimpleNamespace(headers={}, request=None)  # of whichever network library the hub's client uses
    return [
        (LocalEntryNotFoundError("offline"), "is not on this disk and no hub can be reached; fetch it once"),
        (RepositoryNotFoundError("404", response=response), "the hub has no model 'some/name'; check the name"),
        (GatedRepoError("403", response=response), "the hub asks for permission; accept the model's terms"),
        (ConnectionResetError("broken\npipe"), r"cannot be fetched \(broken\); try again"),
    ]


@pytest.mark.parametrize("number", range(4))
def test_what_goes_wrong_at_the_hub_is_said_in_one_line(number, monkeypatch, compute):
    error, message = hub_errors()[number]

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(SettingsError, match=message) as caught:
        choose(text_table(TEXTS), compute, backbone="hf:some/name")
    assert "\n" not in str(caught.value)


def test_a_name_is_looked_up_once_and_then_used_like_a_folder(bert_folder, timm_folder, monkeypatch, compute):
    asked = []

    def download(repository, allow_patterns, local_files_only):
        asked.append((repository, local_files_only))
        return str(bert_folder if repository == "some/name" else timm_folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    by_name = choose(text_table(TEXTS), compute, backbone="hf:some/name")
    assert by_name.identity == choose(text_table(TEXTS), compute, backbone=str(bert_folder)).identity
    choose(image_table([png(random_images(1, 32)[0])]), compute, backbone="timm:resnet18")
    assert asked == [("some/name", False), ("timm/resnet18.a1_in1k", False)]


def test_layers_that_the_folder_does_not_have_belong_to_the_head(bert_folder, own_bert, compute):
    """The encoder's folder has a pooler; one without gets a fresh one, which learns at the head's pace."""
    from safetensors.torch import load_file, save_file

    path = own_bert / "model.safetensors"
    without = {name: value for name, value in load_file(path).items() if "pooler" not in name}
    save_file(without, path, {"format": "pt"})
    for folder, fresh in ((bert_folder, 2), (own_bert, 4)):
        representation = choose(text_table(["the cat"]), compute, backbone=str(folder), freeze=False)
        module = representation.new_classifier(3, torch.Generator().manual_seed(0))
        head, backbone = module.head_parameters(), module.backbone_parameters()
        assert len(head) == fresh
        assert {id(p) for p in (*head, *backbone)} == {id(p) for p in module.parameters()}
        assert len(head) + len(backbone) == len(list(module.parameters()))


def test_dropout_in_attention_is_left_out_of_training_and_kept_in_the_folder(bert_folder, compute, tmp_path):
    from labelfix.data.tables import ClassNames

    representation = choose(text_table(["the cat"]), compute, backbone=str(bert_folder), freeze=False)
    module = representation.new_classifier(2, torch.Generator().manual_seed(0))
    shares = {name: layer.p for name, layer in module.named_modules() if isinstance(layer, torch.nn.Dropout)}
    assert {p for name, p in shares.items() if ".attention.self." in name} == {0.0}
    assert {p for name, p in shares.items() if ".attention.self." not in name} == {0.1}
    predictor = representation.predictor(module, torch.device("cpu"))
    representation.write_predictor(tmp_path, predictor, ClassNames(("a", "b")))
    assert json.loads((tmp_path / "config.json").read_text())["attention_probs_dropout_prob"] == 0.1

"""Pretrained text encoders of the transformers library, trained along with their head.

The network is the library's own sequence classifier (`AutoModelForSequenceClassification`): what it does
between its last hidden state and its last linear layer is the architecture's (for BERT the pooler, as in the
paper's experiments), h(x) is what that last layer reads, and that layer is the head. It would also have been
possible to train the mean pooling of the frozen encoders further; but no class of the library has that head, and
whoever gets the classifier would need code of ours. This way `from_pretrained` and `pipeline` give the whole
classifier, with class names.

Attention is computed by PyTorch's fused form; `attention.plain_attention` takes it back where a derivative needs it.
Dropout within attention, which that form knows on some devices only, is left out of training; all other dropout stays.

Legend: N rows, B rows of a batch, L tokens, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from labelfix.data.tables import ClassNames, InputSpec, InputTable
from labelfix.errors import RunError, SettingsError, first_line
from labelfix.models.cards import strings
from labelfix.models.classifier import Classifier, TokenBatch
from labelfix.models.encoder_folder import EncoderFolder, quiet, read_config
from labelfix.models.encoding import Card, digest
from labelfix.models.network_inputs import TokenInputs
from labelfix.models.on_device import WholeNetwork
from labelfix.models.text.masks import ready_mask, takes_ready_masks
from labelfix.models.text.tokens import encode_tokens, load_tokenizer
from labelfix.models.weights import seeded
from labelfix.progress import Progress
from labelfix.settings.model import ComputeSettings

ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")
"""What configurations call the dropout of attention weights."""


class SequenceBackbone(nn.Module):
    """A sequence classifier without its last linear layer.

    Args:
        model: The library's sequence classifier; its last linear layer is taken out.
        fresh: Names of the model's parameters that the pretrained folder does not have.

    Attributes:
        place: Dotted name of that layer.
        fresh: Names of this module's parameters that start untrained.
    """

    def __init__(self, model: nn.Module, num_classes: int, fresh: Collection[str] = ()) -> None:
        super().__init__()
        self.fresh = frozenset(f"model.{name}" for name in fresh)
        self.place, self.last = _last_layer(model, num_classes)
        model.set_submodule(self.place, nn.Identity())
        self.model = model
        self.reads_ready_masks = takes_ready_masks(model)

    def forward(self, batch: TokenBatch) -> Tensor:
        """h(x), `(B, D)`."""
        mask = ready_mask(batch) if self.reads_ready_masks else batch.attention_mask
        hidden: Tensor = self.model(input_ids=batch.input_ids, attention_mask=mask).logits
        return hidden


@dataclass(frozen=True)
class FineTunedText(WholeNetwork):
    """A transformers sequence classifier, trained as a whole.

    Attributes:
        folder: The pretrained encoder, or the trained classifier once saved.
        limit: Tokens of the longest text.
    """

    family: ClassVar[str] = "transformers-fine-tuned"
    spec: InputSpec
    folder: EncoderFolder
    source: str
    limit: int
    width: int

    @property
    def feature_width(self) -> int:
        return self.width

    @property
    def description(self) -> str:
        return f"{self.folder.name}, fine-tuned: at most {self.limit} tokens, {self.width} dimensions"

    @property
    def identity(self) -> str:
        return digest("tokens", 1, self.source, self.limit)

    def encode(self, table: InputTable, compute: ComputeSettings, progress: Progress) -> TokenInputs:
        """Token ids, tokenised once."""
        return encode_tokens(table, load_tokenizer(self.folder), self.limit, self.identity, compute, progress)

    def new_classifier(self, num_classes: int, generator: torch.Generator) -> Classifier:
        """The pretrained encoder with fresh layers on top."""
        with seeded(generator):
            backbone = SequenceBackbone(*_load(self.folder, num_classes))
        del backbone.last  # the classifier has a head of its own
        return Classifier(backbone, self.width, num_classes, generator, backbone.fresh)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.folder.name, "source": self.source, "max_tokens": self.limit, "width": self.width}

    @classmethod
    def from_json(cls, values: dict[str, Any], spec: InputSpec, folder: Path) -> FineTunedText:
        """Read back what `to_json` gave; the classifier folder takes the encoder's place."""
        encoder = EncoderFolder(folder.resolve(), str(values["name"]))
        return cls(spec, encoder, str(values["source"]), int(values["max_tokens"]), int(values["width"]))

    def write_module(self, folder: Path, module: Classifier, classes: ClassNames) -> None:
        """The whole classifier as `save_pretrained` writes it, with class names, and its tokenizer."""
        backbone = module.backbone
        assert isinstance(backbone, SequenceBackbone)
        model: Any = backbone.model
        model.config.id2label = dict(enumerate(classes.names))
        model.config.label2id = classes.codes
        model.config.problem_type = "single_label_classification"
        model.set_submodule(backbone.place, module.head)
        try:
            with quiet():
                model.save_pretrained(folder)
        finally:
            model.set_submodule(backbone.place, nn.Identity())
        load_tokenizer(self.folder).save_pretrained(folder)

    def read_module(self, folder: Path, num_classes: int) -> Classifier:
        try:
            backbone = SequenceBackbone(*_load(self.folder, num_classes))
            module = Classifier(backbone, self.width, num_classes, torch.Generator())
        except SettingsError as error:
            raise RunError(f"{folder}: the classifier cannot be loaded ({error}); train again") from None
        module.head.load_state_dict(backbone.last.state_dict())
        del backbone.last
        return module

    def card(self) -> Card:
        return Card(("torch", "transformers"), strings(self.spec), CARD.replace("LIMIT", str(self.limit)))


def probe(folder: EncoderFolder) -> int:
    """Load the sequence classifier once and see that it comes apart; gives D, what the head reads."""
    with seeded(torch.Generator()):
        backbone = SequenceBackbone(*_load(folder, 2))
    return int(backbone.last.in_features)


def _load(folder: EncoderFolder, num_classes: int) -> tuple[nn.Module, int, list[str]]:
    """The library's sequence classifier, K, and the names of its parameters that the folder does not have."""
    from transformers import AutoModelForSequenceClassification

    try:
        with quiet():
            config = read_config(folder, num_labels=num_classes)
            dropout = {name: getattr(config, name) for name in ATTENTION_DROPOUT if hasattr(config, name)}
            config.update(dict.fromkeys(dropout, 0.0))
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder.path,
                config=config,
                ignore_mismatched_sizes=True,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
            model.config.update(dropout)  # what is saved is the encoder's own
    except Exception as error:  # noqa: BLE001 - damaged folders raise almost anything
        raise SettingsError(
            f"backbone = {folder.name!r}: cannot be fine-tuned ({first_line(error)}); use --freeze, or another encoder"
        ) from None
    # A mismatch is a name, or a name with two shapes.
    mismatched = [each if isinstance(each, str) else each[0] for each in report["mismatched_keys"]]
    return model, num_classes, [*report["missing_keys"], *mismatched]


def _last_layer(model: nn.Module, num_classes: int) -> tuple[str, nn.Linear]:
    layers = [
        (name, m) for name, m in model.named_modules() if isinstance(m, nn.Linear) and m.out_features == num_classes
    ]
    if not layers or layers[-1][1].bias is None:
        raise SettingsError(
            f"{type(model).__name__} has no ordinary last layer and cannot be fine-tuned; "
            "use --freeze, or another encoder"
        )
    return layers[-1]


CARD = """\
import json

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def probabilities(texts, folder="."):
    about = json.load(open(f"{folder}/labelfix.json", encoding="utf-8"))
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    batch = tokenizer(texts, padding=True, truncation=True, max_length=LIMIT, return_tensors="pt")
    with torch.no_grad():
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    return torch.softmax(logits / about["temperature"], dim=1).numpy()
"""

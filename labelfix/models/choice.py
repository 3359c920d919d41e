"""Which way of encoding suits which table, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from labelfix.data.inputs import inputs_of
from labelfix.data.tables import InputTable
from labelfix.errors import SettingsError
from labelfix.models.encoder_folder import kind_read_by
from labelfix.models.images.patch_fit import open_patches
from labelfix.models.images.small import SmallImages
from labelfix.models.representation import Representation
from labelfix.models.tables.features import EmbeddingFeatures, TableFeatures
from labelfix.models.tables.kernel_fit import LEAST_ROWS, fit_kernel
from labelfix.models.tables.statistics import MOST_CATEGORIES, Statistics, fit_statistics
from labelfix.models.text.hashed import HashedText
from labelfix.models.text.lexical_fit import fit_lexical
from labelfix.models.views import side_by_side
from labelfix.progress import Progress
from labelfix.settings.model import TABLES, WORDS, ComputeSettings, ModelSettings

OF_TABLES = "kernel and linear (both, or one of them) or mlp"


def choose_representation(
    noisy: InputTable, settings: ModelSettings, compute: ComputeSettings, progress: Progress
) -> Representation:
    """The representation that the settings name, or that suits the inputs; columns are measured on noisy rows."""
    chooser = _Chooser(compute, progress)
    chosen = chooser.of_several_kinds(noisy, settings) if noisy.spec.beside else chooser.of_one_kind(noisy, settings)
    progress.say(f"backbone: {chosen.description}")
    return chosen


@dataclass(frozen=True)
class _Chooser:
    """What chooses, for inputs of one kind or of several."""

    compute: ComputeSettings
    progress: Progress

    def of_one_kind(self, noisy: InputTable, settings: ModelSettings) -> Representation:
        """What the inputs are encoded as, where they are of one kind."""
        if noisy.spec.kind == "text":
            each = replace(settings, lexical=settings.completes_encoder)
            return self._side_by_side(noisy, settings.text_views, self._text_view, each)
        if noisy.spec.kind == "image":
            return self._side_by_side(noisy, settings.backbones, self._image_view, settings)
        return self._table(noisy, settings) if noisy.spec.kind == "table" else self._embedding(noisy, settings)

    def of_several_kinds(self, noisy: InputTable, settings: ModelSettings) -> Representation:
        """What each kind of columns has by itself, side by side; a backbone goes to the kind that it reads."""
        if not settings.freeze:
            raise SettingsError(
                "--no-freeze trains one network along, and the rows have inputs of several kinds; name one"
            )
        named = [name for name in settings.backbones if name != "auto"]
        kinds = {name: kind_read_by(name) for name in named}
        for name, kind in kinds.items():
            if noisy.spec.part(kind) is None:
                raise SettingsError(f"backbone = {name!r} reads {kind}s, and no {kind} column is named; leave it out")
        found: list[tuple[str, Representation]] = []
        for spec in noisy.spec.parts:
            mine = tuple(name for name, kind in kinds.items() if kind == spec.kind) or ("auto",)
            part = self.of_one_kind(inputs_of(noisy, spec), replace(settings, backbone=mine))
            found += [(", ".join(mine), part)]
        return side_by_side(noisy.spec, [name for name, _ in found], [each for _, each in found])

    def _side_by_side(
        self,
        noisy: InputTable,
        names: tuple[str, ...],
        view_of: Callable[[InputTable, ModelSettings], Representation],
        settings: ModelSettings,
    ) -> Representation:
        """What one backbone makes of the rows, or several side by side."""
        if len(set(names)) < len(names):
            raise SettingsError(f"backbone = {', '.join(names)}: one is named twice; name each once")
        found = [view_of(noisy, replace(settings, backbone=name)) for name in names]
        return found[0] if len(found) == 1 else side_by_side(noisy.spec, names, found)

    def _text_view(self, noisy: InputTable, settings: ModelSettings) -> Representation:
        (name,) = settings.backbones
        if name == "hashed-text":
            return HashedText(noisy.spec, settings.text_dimensions)
        if name == "lexical":
            return fit_lexical(noisy, self.compute.read_rows)
        _refuse_others(name, "text", ("patches", "resnet32", *TABLES), "timm:")
        from labelfix.models.text.encoder import open_text_encoder

        if not settings.freeze:
            self.progress.warn(
                "--no-freeze trains the encoder along, which has made the labels of texts worse: on the TREC questions "
                "it took them from 54 to 31 % right where --freeze reaches 77 %; leave it out unless you compare both"
            )
        encoder: Representation = open_text_encoder(noisy.spec, settings, self.compute, self.progress)
        return encoder

    def _image_view(self, noisy: InputTable, settings: ModelSettings) -> Representation:
        (name,) = settings.backbones
        if name == "patches" or (name == "auto" and settings.freeze):
            return open_patches(noisy, settings, self.compute, self.progress)
        if name in ("auto", "resnet32"):  # nothing of patch features could be trained along
            return SmallImages(noisy.spec, settings.image_size or 32)
        _refuse_others(name, "images", (*WORDS, *TABLES), "hf:")
        from labelfix.models.images.encoder import open_image_encoder

        encoder: Representation = open_image_encoder(noisy.spec, settings, self.compute, self.progress)
        return encoder

    def _table(self, noisy: InputTable, settings: ModelSettings) -> Representation:
        names = settings.backbones if settings.backbones != ("auto",) else ("kernel", "linear")
        if names != ("mlp",) and (not set(names) <= {"kernel", "linear"} or len(set(names)) < len(names)):
            raise SettingsError(f"backbone = {', '.join(map(repr, names))} does not read tables; they take {OF_TABLES}")
        statistics = fit_statistics(noisy, self.compute.read_rows)
        self._say_statistics(noisy, statistics)
        linear = TableFeatures(noisy.spec, statistics, settings.hidden_units if names == ("mlp",) else None)
        kernel = fit_kernel(noisy, linear, self.compute) if "kernel" in names else None
        if kernel is None:
            if "kernel" in settings.backbones:
                why = f"{len(noisy):,} rows" if len(noisy) < LEAST_ROWS else "equal rows"
                self.progress.warn(
                    f"{noisy.name}: kernel needs {LEAST_ROWS:,} rows that differ, and there are {why}; linear alone "
                    "is used"
                )
            return linear
        return side_by_side(noisy.spec, names, [kernel, linear]) if len(names) > 1 else kernel

    def _embedding(self, noisy: InputTable, settings: ModelSettings) -> Representation:
        if settings.backbones not in (("auto",), ("linear",), ("mlp",)):
            shown = ", ".join(map(repr, settings.backbones))
            raise SettingsError(f"backbone = {shown} does not read embeddings; they take linear or mlp")
        return EmbeddingFeatures(noisy.spec, settings.hidden_units if settings.backbones == ("mlp",) else None)

    def _say_statistics(self, noisy: InputTable, statistics: Statistics) -> None:
        for name, count in statistics.missing.items():
            filled = "kept as a category" if name in noisy.spec.categorical else "filled with the mean"
            self.progress.say(f"{noisy.name}: column {name!r} has {count:,} missing values of {len(noisy):,}, {filled}")
        for name, count in statistics.crowded.items():
            self.progress.warn(
                f"{noisy.name}: column {name!r} has {count:,} categories; the {MOST_CATEGORIES} most frequent are used"
            )


def _refuse_others(backbone: str, what: str, builtin: tuple[str, ...], prefix: str) -> None:
    takes = {
        "text": "lexical, hashed-text, hf:NAME or a transformers folder",
        "images": "patches, resnet32, timm:NAME or a timm folder",
    }[what]
    if backbone in builtin or backbone.startswith(prefix):
        raise SettingsError(f"backbone = {backbone!r} does not read {what}; it takes {takes}")
    own = "hf:" if what == "text" else "timm:"
    if backbone.startswith(own) or Path(backbone).expanduser().is_dir():
        return
    if backbone.startswith((".", "/", "~")):
        raise SettingsError(f"backbone = {backbone!r}: there is no such folder; give {takes}")
    raise SettingsError(
        f"backbone = {backbone!r} is neither a folder here nor {takes}; for a model on the hub write {own}{backbone}"
    )

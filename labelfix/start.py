"""What a run starts from: inputs read and joined, a device, and what the classifier reads. Nothing is written yet."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from labelfix.compute.devices import pick_device
from labelfix.data.hashes import content_hashes, hashes_of_named
from labelfix.data.inputs import SelectedInputs, inputs_of
from labelfix.data.labels.class_descriptions import read_class_descriptions
from labelfix.data.read import Reading, read_training
from labelfix.data.rows_ahead import rows_ahead
from labelfix.data.tables import TrainingData
from labelfix.errors import Defect, SettingsError
from labelfix.heads.view_weights import HANDED, OF_TABLE, choose_second, choose_weights
from labelfix.methods.fit import family_of
from labelfix.models.choice import choose_representation
from labelfix.models.described import Described, describe_classes
from labelfix.models.features import Inputs, select
from labelfix.models.images.patches import PatchFeatures
from labelfix.models.learnt import place_of
from labelfix.models.representation import Representation
from labelfix.models.views import Views
from labelfix.progress import Progress, counted
from labelfix.runs import RunOrigin
from labelfix.settings import hub_access
from labelfix.settings.counting import refuse_unread
from labelfix.settings.run import TrainSettings


@dataclass
class Stopwatch:
    """Seconds per stage, in the order of the stages."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        started = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - started, 3)


@dataclass(frozen=True)
class Start:
    """What a run starts from, before there is a folder.

    Attributes:
        reading: Both files, read and joined.
        representation: What the classifier reads.
        described: `(K, D)` the features of each class's own words; None where none are given.
        device: Where to train.
        contents: Hashes of what the result depends on; see `RunOrigin.contents`.
        watch: Has timed this much.
    """

    reading: Reading
    representation: Representation
    described: Described | None
    device: torch.device
    settings: TrainSettings
    contents: dict[str, str]
    watch: Stopwatch

    @property
    def learns_features(self) -> bool:
        """Whether the encoder learns features after the run on fixed ones."""
        return self.settings.learns_features and self.representation.frozen


@dataclass(frozen=True)
class Encoded:
    """Rows as the classifier reads them.

    Attributes:
        representation: How they were encoded.
        noisy: All N rows of the noisy file.
        clean: All M trusted rows.
    """

    representation: Representation
    noisy: Inputs
    clean: Inputs


def prepare(
    noisy: Any,  # noqa: ANN401 - any source
    clean: Any,  # noqa: ANN401
    settings: TrainSettings,
    progress: Progress,
    begun: RunOrigin | None = None,
) -> Start:
    """Read both files, and settle the device and what the classifier reads.

    Args:
        noisy: The noisy file, or a table in memory.
        clean: The trusted file or files, or a table in memory.
        begun: What the run was begun with that this goes on with; whatever differs from it is refused.

    Raises:
        LabelfixError: An input has defects, or differs; the backbone or the device is not there; a setting would do
            nothing.
    """
    watch = Stopwatch()
    with watch.stage("read"):
        # Before anything is read as a table: a changed file may have any defect, and the change is the news.
        contents = hashes_of_named(noisy, clean, settings.data) if begun else {}
        if begun:
            begun.check_contents(contents, settings.data.files)
        reading = read(noisy, clean, settings, progress)
        contents = contents or content_hashes(reading.noisy_source, reading.clean_source, settings.data)
    device = pick_device(settings.compute.device)
    if begun:
        begun.check_device(device.type)
    with watch.stage("represent"):
        representation = choose(reading.data, settings, progress)
        if settings.learns_features and representation.frozen:
            place_of(representation)  # so that what cannot be done is said now
        described = describe(reading.data, representation, settings, progress)
    if begun is None:
        refuse_unread(settings, family_of(representation))
    if reading.data.noisy.opinions is not None and (unheard := not_weighed(reading, settings, representation)):
        progress.warn(str(unheard))
    contents["backbone"] = representation.identity
    if begun:
        begun.check_contents(contents, {"backbone": ", ".join(settings.model.backbones)})
    return Start(reading, representation, described, device, settings, contents, watch)


def read(noisy: Any, clean: Any, settings: TrainSettings, progress: Progress) -> Reading:  # noqa: ANN401
    """Read both files, find every defect, join; say what was inferred."""
    sources = [noisy, *clean] if isinstance(clean, list | tuple) else [noisy, clean]
    if settings.compute.offline and any(isinstance(s, str) and s.startswith(hub_access.HUB) for s in sources):
        raise SettingsError("--offline forbids hub: sources; name a local file or folder, or leave --offline out")
    with counted(progress, "read", rows_ahead(noisy)):
        reading = read_training(noisy, clean, settings.data, settings.compute.read_rows)
    for note in reading.notes:
        progress.say(note)
    for warning in reading.warnings:
        progress.warn(str(warning))
    progress.headline(reading.headline)
    return reading


def not_weighed(reading: Reading, settings: TrainSettings, representation: Representation) -> Defect | None:
    """What to say where labels come from several sources and the method reads one label a row."""
    if settings.method_settings.weighs_sources(family_of(representation)):
        return None
    if settings.method == "mlc":
        who, remedy = "this recipe", "leave `recipe` out"
    else:
        who, remedy = f"--method {settings.method}", "leave --method out"
    main = settings.data.main_source
    label = "what most sources say" if main is None else f"what {main!r} says, and most sources where it is silent"
    what = f"{who} reads one label a row, {label}; who says what is not used for the corrected labels"
    return Defect("warning", reading.noisy_source.name, None, what, f"{remedy} to have each source weighed")


def choose(data: TrainingData, settings: TrainSettings, progress: Progress) -> Representation:
    """Settle what the classifier reads, and load or fit what makes that of raw inputs."""
    table = data.noisy.inputs
    assert table is not None
    # What learns features begins with fixed ones.
    model = replace(settings.model, freeze=True) if settings.learns_features else settings.model
    chosen = choose_representation(table, model, settings.compute, progress)
    if isinstance(chosen, PatchFeatures):
        return _either_way_round(chosen, data, settings, progress)
    if not isinstance(chosen, Views):
        return chosen
    views = (
        _either_way_round(view, data, settings, progress) if isinstance(view, PatchFeatures) else view
        for view in chosen.views
    )
    chosen, rows = replace(chosen, views=tuple(views)), data.noisy_rows
    parts, given = chosen.parts(table, settings.compute, progress), data.noisy.codes[rows]
    if chosen.of_one_table:
        weights = choose_second(parts, rows, given, OF_TABLE, or_alone=True)
    else:
        weights = choose_weights(parts, rows, given)
    if weights[0] == 0:
        progress.say("how near rows are does not clearly help: the columns stand alone")
        return chosen.views[1]
    progress.say(f"views weigh {' and '.join(f'{weight:g}' for weight in weights)}")
    return chosen.weighed(weights, (table, parts))


def _either_way_round(
    view: PatchFeatures, data: TrainingData, settings: TrainSettings, progress: Progress
) -> PatchFeatures:
    """Patch features with the weight of what tells an image from its mirror image."""
    assert data.noisy.inputs is not None
    table, rows = inputs_of(data.noisy.inputs, view.spec), data.noisy_rows
    parts = view.split(view.encode(table, settings.compute, progress).features)
    _, weight = choose_second(parts, rows, data.noisy.codes[rows], HANDED)
    counts = f"weighs {weight:g}" if weight else "does not count"
    progress.say(f"which way round an image is {counts}, by what predicts left-out given labels best")
    return replace(view, handed_weight=weight)


def describe(
    data: TrainingData, representation: Representation, settings: TrainSettings, progress: Progress
) -> Described | None:
    """The features of the classes' own words, where a file has these.

    Raises:
        InputError: The file is not sound.
        SettingsError: The classifier does not read texts on fixed features.
    """
    if settings.data.class_descriptions is None:
        return None
    words = read_class_descriptions(settings.data.class_descriptions, data.classes)
    return describe_classes(representation, words, settings.compute, progress)


def represent(
    data: TrainingData, representation: Representation, settings: TrainSettings, progress: Progress
) -> Encoded:
    """Turn raw inputs into what the classifier reads; trusted rows without inputs of their own take the noisy row's."""
    assert data.noisy.inputs is not None
    noisy = representation.encode(data.noisy.inputs, settings.compute, progress)
    clean = data.clean.inputs
    assert clean is not None
    if isinstance(clean, SelectedInputs) and clean.parent is data.noisy.inputs:
        return Encoded(representation, noisy, select(noisy, clean.rows))
    return Encoded(representation, noisy, representation.encode(clean, settings.compute, progress))

"""All settings of a training run together, and their TOML form."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from labelfix.errors import SettingsError
from labelfix.settings.base import build, check_choices, fields_of, plain, require
from labelfix.settings.data import DataSettings
from labelfix.settings.methods import METHOD_SETTINGS, MethodSettings, MlcSettings
from labelfix.settings.model import ComputeSettings, ModelSettings


def to_document(values: Mapping[str, Any]) -> str:
    """A TOML document of plain values: strings, numbers, booleans, and sequences and mappings of them.

    Mappings at the top become tables, deeper ones are written on their line.
    """
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    document = _lines({key: value for key, value in values.items() if key not in tables})
    for key, table in tables.items():
        document += ("\n" if document else "") + f"[{_key(key)}]\n{_lines(table)}"
    return document


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in values.items())


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else _string(key)


def _value(value: Any) -> str:  # noqa: ANN401 - any plain value
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _string(text: str) -> str:
    # JSON escapes what TOML does, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_STRING = re.compile(r""""(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
LARGEST, MOST_DOTS = 1 << 22, 1000
"""Bytes of a TOML document, and dots in a line of it: a key of half a million parts takes minutes to read."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Everything `labelfix train` can be told, apart from where the rows are."""

    method: str = "mlc"
    """The method that corrects; `labelfix methods` lists them."""

    seed: int = 0
    """The one seed of the run; every random choice is made from it."""

    min_confidence: float | None = None
    """A label is changed only where its confidence reaches this. Default: 0.6, moved by trusted rows whose given label is known; 0.9 with fewer than 20 trusted rows in all."""

    soft_top_k: int | None = None
    """Write only the probabilities of a row's so many most likely classes, as they are, with the classes in `soft_label_classes`; for many classes. Default: those of all classes, in class order."""

    cross_fit: int = 0
    """Score each noisy row by a model that did not train on its given label: the method is fitted that many times more, each time without a part of the noisy rows. Did nothing for few classes and harm for 77; 0 is off."""

    ledger: Literal["quick", "full"] = "quick"
    """What a run is compared with: `quick` fits rivals on the frozen features or on the final h(x), `full` also trains them end to end, which takes as long as they do."""

    side_checks: bool = True
    """Look for repeated rows with different labels, on fixed features of texts, images and embeddings for nearly repeated ones too, and for rows unlike any trusted one; columns `duplicate_of` and `outlier_score`."""

    data: DataSettings = field(default_factory=DataSettings)
    """Columns and joining."""

    model: ModelSettings = field(default_factory=ModelSettings)
    """The classifier."""

    compute: ComputeSettings = field(default_factory=ComputeSettings)
    """Device, cache and memory."""

    method_settings: MethodSettings = field(default_factory=MlcSettings)
    """The settings of `method`."""

    @property
    def learns_features(self) -> bool:
        """Whether an encoder learns features from what the run on fixed ones says (`labelfix.rounds`)."""
        own = self.method_settings
        return isinstance(own, MlcSettings) and own.anchored and not self.model.freeze

    @property
    def before_learning(self) -> TrainSettings:
        """Those of the run on fixed features that features are learned from."""
        recipe = getattr(self.method_settings, "recipe", None)
        return replace(self, model=replace(self.model, freeze=True), method_settings=MlcSettings(recipe=recipe))

    def __post_init__(self) -> None:
        require(self.method in METHOD_SETTINGS, f"method = {self.method!r} is not one of {', '.join(METHOD_SETTINGS)}")
        own = METHOD_SETTINGS[self.method]
        require(isinstance(self.method_settings, own), f"method_settings must be {own.__name__} for {self.method}")
        sure = self.min_confidence
        require(sure is None or 0 <= sure <= 1, f"min_confidence = {self.min_confidence} must be in [0, 1]")
        top = self.soft_top_k
        require(top is None or top >= 1, f"soft_top_k = {top} must be at least 1")
        check_choices(self)
        require(self.cross_fit == 0 or self.cross_fit >= 2, f"cross_fit = {self.cross_fit} must be 0 or at least 2")
        require(self.seed >= 0, f"seed = {self.seed} must be at least 0")


SECTIONS = {"data": DataSettings, "model": ModelSettings, "compute": ComputeSettings}
"""TOML table → settings class; the method's own table bears the method's name."""


def train_settings(values: Mapping[str, Any], where: str) -> TrainSettings:
    """Make `TrainSettings` from nested plain values, as a TOML file holds them.

    Args:
        values: Top-level keys, and a table for each of `SECTIONS` and for the method.
        where: What to call the origin in messages.

    Raises:
        SettingsError: An unknown key or a value that does not fit.
    """
    method = str(values.get("method", "mlc"))
    if method not in METHOD_SETTINGS:
        raise SettingsError(f"{where}: method = {method!r} is not one of {', '.join(METHOD_SETTINGS)}")
    tables = {**SECTIONS, method: METHOD_SETTINGS[method]}
    top: dict[str, Any] = {"method_settings": METHOD_SETTINGS[method]()}
    for key, value in values.items():
        if key not in tables:
            top[key] = value
            continue
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: {key!r} must be a table, written [{key}]")
        name = "method_settings" if key == method else key
        top[name] = build(tables[key], value, f"{where}, [{key}]")
    return build(TrainSettings, top, where)


def to_plain(settings: TrainSettings) -> dict[str, Any]:
    """The nested plain values that `train_settings` reads back."""
    values = plain(settings)
    values[settings.method] = values.pop("method_settings")
    return values


def to_toml(settings: TrainSettings) -> str:
    """The settings as a TOML document; fields left to their automatic choice are absent."""
    return to_document(to_plain(settings))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file into plain values.

    Raises:
        SettingsError: The file cannot be read or is not TOML.
    """
    path = Path(path)
    if path.is_fifo():
        raise SettingsError(f"{path}: is a pipe; give an existing TOML file")
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise SettingsError(f"{path}: has more than {LARGEST >> 20} MB, as settings never have")
        text = data.decode().replace("\r\n", "\n")
        if re.search(r"\\(u|U0000)0000", text):
            raise SettingsError(f"{path}: holds a zero byte, which stands in no name; leave it out")
        if any(line.count(".") > MOST_DOTS for line in _STRING.sub("", text).split("\n")):
            raise SettingsError(f"{path}: is nested too deeply (a line of it has more than {MOST_DOTS:,} dots)")
        return tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}); give an existing TOML file") from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, a number of thousands of digits
        how = "; write paths with / or between single quotes" if "\\" in str(error) or "hex value" in str(error) else ""
        raise SettingsError(f"{path}: is not a TOML file ({error}){how}") from None


def settings_from(options: Mapping[str, Any]) -> TrainSettings:
    """`TrainSettings` from single settings by their bare names, whichever section they belong to.

    Raises:
        SettingsError: A name that no section has.
    """
    method = str(options.get("method", TrainSettings.method))
    if method not in METHOD_SETTINGS:
        raise SettingsError(f"method = {method!r} is not one of {', '.join(METHOD_SETTINGS)}")
    places = {f.name: () for f in fields_of(TrainSettings)}  # type: dict[str, tuple[str, ...]]
    for section, cls in {**SECTIONS, method: METHOD_SETTINGS[method]}.items():
        places.update({f.name: (section,) for f in fields_of(cls)})
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name not in places:
            near = difflib.get_close_matches(name, places, n=1, cutoff=0.7)
            near = near or [place for place in places if place.startswith(f"{name}_")][:1]
            remedy = (
                f"did you mean {near[0]!r}?" if near else f"`labelfix methods {method}` and the reference list them"
            )
            raise SettingsError(f"{name!r} is not a setting; {remedy}")
        table = values
        for section in places[name]:
            table = table.setdefault(section, {})
        table[name] = value
    return train_settings(values, "options")

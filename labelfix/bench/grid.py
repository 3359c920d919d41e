"""The runs of a plan: every set under every noise, with every method, backbone and seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from labelfix import __version__
from labelfix.bench.load import content_hashes
from labelfix.bench.plan import NONE, REAL, DataEntry, MethodEntry, Noise, Plan, slug
from labelfix.errors import RunError
from labelfix.runs import run_id
from labelfix.settings.base import plain, require
from labelfix.settings.model import ModelSettings

NO_BACKBONE = "none"
"""What the backbone of a set of ready embeddings is called."""

ROW_FORMAT = 2
"""Format of the columns of a row; rows of another format are not mixed in."""

_UNNAMED = ("files", "test_files", "given_file", "groups", "noise")
"""Fields of a set that may change without changing a result, because contents count and not names."""

_CACHE_ONLY = ("backbone", "freeze", "encode_batch_size")
"""Model settings that are said elsewhere, or change no result."""


@dataclass(frozen=True)
class Setting:
    """A set under one noise.

    Attributes:
        name: `SET.KIND.RATE` or `SET.none` for the plan's noise, the set's own name otherwise.
        noise: The noise to make; None where the set brings given labels.
    """

    name: str
    data: DataEntry
    noise: Noise | None
    kinds: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What the noise is called: `none` at rate 0, `real` for given labels."""
        if self.noise is None:
            return REAL
        return NONE if self.noise.rate == 0 else self.noise.kind

    @property
    def rate(self) -> float | None:
        """ρ; None where the set brings given labels."""
        return None if self.noise is None else self.noise.rate


@dataclass(frozen=True)
class Job:
    """One run of a plan.

    Attributes:
        backbone: What encodes the inputs, as the settings name it; `none` for ready embeddings.
        identity: Hash of everything that decides the result, apart from the versions of other libraries.
    """

    setting: Setting
    method: MethodEntry
    backbone: str
    seed: int
    identity: str
    path: Path

    @property
    def data(self) -> DataEntry:
        """The set."""
        return self.setting.data

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return f"{self.setting.name} {self.method.name} seed {self.seed}"


def settings_of(plan: Plan, only: Sequence[str] = ()) -> list[Setting]:
    """Every set under every noise that the plan makes on it, rate 0 once; `only` names sets or settings to keep."""
    found = _every(plan)
    known = {name for setting in found for name in (setting.name, setting.data.name)}
    sets = ", ".join(entry.name for entry in plan.data)
    under = f", and under noise such as {found[-1].name}" if plan.noise else ""
    for name in only:
        require(name in known, f"{name!r} is not in the plan; it has {sets}{under}")
    return [each for each in found if not only or each.name in only or each.data.name in only]


def _every(plan: Plan) -> list[Setting]:
    found: list[Setting] = []
    for entry in plan.data:
        if entry.given is not None or entry.sources:
            found.append(Setting(entry.name, entry, None, (REAL,)))
        elif entry.noise is not None:
            only = Setting(entry.name, entry, entry.noise, ())
            found.append(replace(only, kinds=(only.kind,)))
        else:
            found += _grid(plan, entry)
    return found


def _grid(plan: Plan, entry: DataEntry) -> Iterator[Setting]:
    untouched = tuple(levels.kind for levels in plan.noise if 0 in levels.rates)
    if untouched:
        yield Setting(f"{entry.name}.{NONE}", entry, Noise(kind=NONE, rate=0), untouched)
    for levels in plan.noise:
        for rate in levels.rates:
            if rate > 0:
                noise = Noise(kind=levels.kind, rate=rate)
                yield Setting(f"{entry.name}.{levels.kind}.{rate:g}", entry, noise, (levels.kind,))


def pending(plan: Plan, root: Path, out: Path, model: ModelSettings, only: Sequence[str] = ()) -> list[Job]:
    """The runs that have no finished row yet, set by set.

    Raises:
        InputError: A file or a column is missing.
        RunError: A row is there that was made by another protocol, backbone or version.
    """
    chosen = settings_of(plan, only)
    entries = {setting.data.name: setting.data for setting in chosen}
    contents = {name: content_hashes(entry, root) for name, entry in entries.items()}
    missing: list[Job] = []
    for setting in chosen:
        for job in _jobs(plan, setting, contents[setting.data.name], out, model):
            if not job.path.exists():
                missing.append(job)
            elif pq.read_table(job.path, columns=["identity"])["identity"][0].as_py() != job.identity:
                raise RunError(
                    f"{job.path}: holds a run of another protocol, backbone, data or version of labelfix; "
                    "choose another --out, or delete it"
                )
    return missing


def _jobs(plan: Plan, setting: Setting, contents: list[str], out: Path, model: ModelSettings) -> Iterator[Job]:
    entry = setting.data
    backbones = (NO_BACKBONE,) if entry.embedding_column else plan.backbones or (",".join(model.backbones),)
    for method in plan.methods:
        if not method.runs_on(entry):
            continue
        for backbone in backbones:
            settled = {
                "format": ROW_FORMAT,
                "data": {k: v for k, v in asdict(entry).items() if k not in _UNNAMED},
                "noise": None if setting.noise is None else plain(setting.noise),
                "method": {"method": method.method, "paired": method.paired, "settings": plain(method.settings)},
                "protocol": plan.protocol(),
                "backbone": backbone,
                "model": {k: v for k, v in plain(model).items() if k not in _CACHE_ONLY},
                "freeze": plan.freeze,
                "version": __version__,
            }
            with_backbone = [slug(backbone)] if plan.backbones and backbone != NO_BACKBONE else []
            for seed in plan.seeds if method.seeds is None else method.seeds:
                name = ".".join([setting.name, method.name, *with_backbone, str(seed), "parquet"])
                yield Job(setting, method, backbone, seed, run_id(settled, contents, seed), out / name)

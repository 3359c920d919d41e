"""What a run was begun with: enough to go on with it, and to notice that something has changed since."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelfix.errors import Defect, InputError, RunError, SettingsError
from labelfix.runs import schema
from labelfix.runs.checked import check
from labelfix.runs.files import jsonable
from labelfix.settings.hub_access import HUB
from labelfix.settings.remote_names import is_remote, secrets_of, without_secrets

if TYPE_CHECKING:
    from labelfix.settings.run import TrainSettings

UNFINISHED = "unfinished"
"""Name of the file, in the folder of a run, that says what it was begun with."""

FREE = ("checkpoint_every", "offline", "cache_dir", "read_rows", "workers", "device")
"""Compute settings that may be given anew when a run goes on; of the device only the kind must be the same."""


@dataclass(frozen=True)
class RunOrigin:
    """What a run was begun with.

    Attributes:
        noisy: The noisy source as given; None for a table in memory.
        clean: The trusted sources as given; None where one of them is a table in memory.
        directory: The working directory, from which relative names count.
        contents: What the result depends on beside the settings → hash of its contents: `noisy`, `clean`,
            `class_map`, `backbone`.
        device: Kind of device, `cpu` or `cuda`.
    """

    settings: Mapping[str, Any]
    noisy: str | None
    clean: tuple[str, ...] | None
    directory: str
    contents: Mapping[str, str]
    device: str

    @classmethod
    def by(
        cls,
        noisy: Any,  # noqa: ANN401 - any source
        clean: Any,  # noqa: ANN401
        settings: TrainSettings,
        contents: Mapping[str, str],
        device: str,
    ) -> RunOrigin:
        """What a run with these inputs and settings is begun with."""
        from labelfix.settings.run import to_plain

        return cls(
            settings=to_plain(settings),
            noisy=_names(noisy)[0] if _named(noisy) else None,
            clean=_names(clean) if _named(clean) else None,
            directory=str(Path.cwd()),
            contents=dict(contents),
            device=device,
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any], folder: Path) -> RunOrigin:
        """Read it back.

        Raises:
            RunError: It was begun by a labelfix that kept something else, or is damaged.
            SettingsError: A setting of it is damaged.
        """
        if not cls.__dataclass_fields__.keys() <= values.keys():
            raise RunError(
                f"{folder}: was begun by another version of labelfix and cannot go on; train again with --overwrite"
            )
        from labelfix.settings.run import train_settings  # the settings take long to load, and finished runs need none

        check(values, schema.OriginFields, folder / UNFINISHED)
        train_settings(values["settings"], str(folder / UNFINISHED))
        clean = None if values["clean"] is None else tuple(values["clean"])
        return replace(cls(**{name: values[name] for name in cls.__dataclass_fields__}), clean=clean)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def settings_with(self, options: Mapping[str, Any]) -> TrainSettings:
        """The run's settings, with those that may be given anew; no hub is asked for a backbone that is not.

        Args:
            options: Bare name of a setting → value.

        Raises:
            SettingsError: One differs from the run's (every such one is named with both values), or is none.
        """
        from labelfix.settings.resolve import all_fields
        from labelfix.settings.run import train_settings

        values = {key: dict(part) if isinstance(part, Mapping) else part for key, part in self.settings.items()}
        keys = {key.rpartition(".")[2]: key for key in all_fields(str(values["method"]))}
        differing: list[str] = []
        for name, value in options.items():
            if name not in keys:
                raise SettingsError(f"{name!r} is not a setting of the run's method, {values['method']}")
            table = keys[name].rpartition(".")[0]
            holder: dict[str, Any] = values.setdefault(table, {}) if table else values
            now = list(value) if isinstance(value, tuple) else value
            if table == "compute" and name in FREE:
                holder[name] = now
            elif now != holder.get(name):
                differing.append(f"{keys[name]} is {_told(holder.get(name))} in the run, not {_told(now)}")
        _refuse(differing)
        if "backbone" not in options:
            # A hub is asked for what a person names now, not for what stands in a folder that anyone may have made.
            values.setdefault("compute", {})["offline"] = True
        return train_settings(values, "the unfinished run")

    @classmethod
    def further(cls, values: Mapping[str, Any], options: Mapping[str, Any]) -> TrainSettings:
        """The settings to learn features by, of a run on fixed ones.

        Args:
            options: Bare name of a setting → value, as given now; `freeze` among them.
        """
        anew = ("freeze", "rounds", "epochs", "batch_size", "learning_rate", "head_learning_rate")
        given = {name: value for name, value in options.items() if name in anew}
        own = {key: dict(part) if isinstance(part, Mapping) else part for key, part in values.items()}
        own.setdefault("model", {})["freeze"] = False
        own.setdefault(str(own["method"]), {}).update({key: each for key, each in given.items() if key != "freeze"})
        begun = cls(own, None, None, "", {}, "")
        return begun.settings_with({name: value for name, value in options.items() if name not in anew})

    def sources(self, noisy: Any, clean: Any) -> tuple[Any, Any]:  # noqa: ANN401 - any source
        """The noisy and the trusted source to go on with.

        Args:
            noisy: As given again: a name, a table in memory, or None.
            clean: Likewise; or several.

        Raises:
            SettingsError: A name is not the one that the run was begun with.
            RunError: A table in memory was not given again.
        """
        differing = []
        if _named(noisy) and not self._same(_names(noisy), (self.noisy,)):
            differing.append(f"noisy is {self.noisy or 'a table in memory'} in the run, not {_names(noisy)[0]}")
        if _named(clean) and not self._same(_names(clean), self.clean or (None,)):
            was = ", ".join(self.clean) if self.clean else "a table in memory"
            differing.append(f"clean is {was} in the run, not {', '.join(_names(clean))}")
        _refuse(differing)
        for flag, given, named in (("--noisy", noisy, (self.noisy,)), ("--clean", clean, self.clean or ())):
            if given is None and any(name is not None and (name.startswith(HUB) or is_remote(name)) for name in named):
                where = "on a hub or another machine, which is"
                raise RunError(f"{flag} of the run lies {where} asked only for what is given: give it again")
        noisy = self.noisy if noisy is None or _recorded(noisy) else noisy
        clean = self.clean if clean is None or _recorded(clean) else clean
        if noisy is None or clean is None:
            raise RunError(
                "the run was begun with tables in memory; go on from Python: labelfix.resume(path, noisy, clean)"
            )
        return noisy, clean

    @contextmanager
    def working_directory(self) -> Iterator[None]:
        """Be where the run was begun, for relative names of sources and in settings; here where that is gone."""
        with chdir(self.directory) if os.path.isdir(self.directory) else nullcontext():
            yield

    def check_device(self, device: str) -> None:
        """Refuse another kind of device: its sums are rounded otherwise, and defaults may be others."""
        if device != self.device:
            _refuse([f"compute.device is {self.device} in the run and {device} now"])

    def check_contents(self, now: Mapping[str, str], names: Mapping[str, str | None]) -> None:
        """Refuse inputs whose contents have changed since the run was begun.

        Args:
            now: As `contents`, of today; only what is in both is compared.
            names: What to call each in the message; default: the source as given.

        Raises:
            InputError: Something has changed.
        """
        called = {"noisy": self.noisy, "clean": " + ".join(self.clean or ()), **names}
        changed = [
            Defect(
                "error",
                called.get(what) or what,
                None,
                f"has changed since the run was begun ({what}: {then[:12]} then, {now[what][:12]} now)",
                "put back what was there, or begin a new run",
            )
            for what, then in self.contents.items()
            if now.get(what, then) != then
        ]
        if changed:
            raise InputError(changed)

    def _same(self, given: tuple[str, ...], begun: tuple[str | None, ...]) -> bool:
        if given == begun:
            return True
        paths = [None if name is None else Path(self.directory, name) for name in begun]
        return [Path.cwd() / name for name in given] == paths


def _named(source: Any) -> bool:  # noqa: ANN401 - any source
    """Whether a source, or each of several, is given by name."""
    several = source if isinstance(source, list | tuple) else [source]
    return bool(several) and all(isinstance(one, str | Path) for one in several)


def _recorded(source: Any) -> bool:  # noqa: ANN401 - any source
    """Whether the names of the run say all of a source: of one with a signature they do not."""
    several = source if isinstance(source, list | tuple) else [source]
    return _named(source) and not any(secrets_of(getattr(one, "url", str(one))) for one in several)


def _names(source: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    several = source if isinstance(source, list | tuple) else [source]
    return tuple(without_secrets(str(one)) for one in several)


def _refuse(differing: list[str]) -> None:
    if differing:
        remedy = "a run goes on as it was begun: leave that out, or begin a new run with another --out"
        raise SettingsError("; ".join(differing) + f" ({remedy})")


def _told(value: Any) -> str:  # noqa: ANN401 - of a setting
    return "automatic" if value is None else repr(value)


def run_id(settings: Mapping[str, Any], contents: Sequence[str], seed: int) -> str:
    """The id of a run: the same settings, inputs and seed always give the same one.

    Args:
        settings: Plain values of every setting that can change the result.
        contents: Content hashes of the inputs, in a fixed order.

    Returns:
        16 hexadecimal digits of a SHA-256.
    """
    text = json.dumps([jsonable(settings), list(contents), seed], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]

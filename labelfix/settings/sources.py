"""What a configuration file may name beside the settings: the noisy and the trusted files, and where the run goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelfix.errors import SettingsError
from labelfix.settings.hub_access import HUB
from labelfix.settings.remote_names import is_remote

KEYS = ("noisy", "clean", "out")


@dataclass(frozen=True)
class Sources:
    """Files that a configuration file names, as seen from the working directory.

    Attributes:
        noisy: The noisy source; None where it is not named.
        clean: The trusted ones; empty where none is named.
        out: The run folder; None where it is not named.
    """

    noisy: str | None = None
    clean: tuple[str, ...] = ()
    out: str | None = None


def read_sources(values: Mapping[str, Any], config: Path) -> Sources:
    """Take the files out of the values of a configuration file; relative names count from its folder."""
    found = {key: _names(values[key], key, config) for key in KEYS if key in values}
    noisy, out = (next(iter(found.get(key, ())), None) for key in ("noisy", "out"))
    return Sources(noisy, found.get("clean", ()), out)


def _names(value: Any, key: str, config: Path) -> tuple[str, ...]:  # noqa: ANN401 - whatever TOML can say
    names = value if isinstance(value, list) and key == "clean" else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        several = ", or a list of such" if key == "clean" else ""
        raise SettingsError(f'{config}: {key} = {value!r} is no name of a file; write {key} = "NAME"{several}')
    return tuple(from_here(name, config) for name in names)


def from_here(name: str, config: Path) -> str:
    """A name as seen from the working directory; those of a hub, another machine or a home folder stay as they are."""
    return name if name.startswith((HUB, "~")) or is_remote(name) else str(config.parent / name)

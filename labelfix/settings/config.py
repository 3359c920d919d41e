"""Which configuration file is in use, and what the variables of settings begin with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PREFIX = "LABELFIX_"
"""Every setting can be given as `LABELFIX_<FIELD>`."""

CONFIG = "labelfix.toml"
"""The configuration file that is used when it lies in the working directory and no other is named."""


def config_path(config: str | Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file: the one named, `LABELFIX_CONFIG`, or `labelfix.toml` in the working directory."""
    if config is not None:
        return Path(config)
    if environ.get(PREFIX + "CONFIG"):
        return Path(environ[PREFIX + "CONFIG"])
    return Path(CONFIG) if Path(CONFIG).is_file() else None

"""What `labelfix flag` was asked: by its flags, and for the rest by `[gate]` of a configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from labelfix.errors import SettingsError
from labelfix.outputs.flags import FlagOptions
from labelfix.outputs.policy import Policy
from labelfix.remote import as_path
from labelfix.settings import hub_access
from labelfix.settings.config import config_path

if TYPE_CHECKING:
    from labelfix.settings.gate import GateTable

ONE_OF = (("run", "corrected"), ("min_confidence", "max_false_flags", "budget"))
"""Only one of each group counts: a flag overrides all that the file says of its group."""


@dataclass(frozen=True)
class FlagRequest:
    """What was asked.

    Attributes:
        run: The run to judge; None for the newest one.
        policy_file: The configuration file that has a gate; None where none has.
    """

    run: Path | None
    corrected: Path | None
    options: FlagOptions
    formats: tuple[str, ...]
    overwrite: bool
    policy_file: Path | None


def asked_of(context: typer.Context) -> FlagRequest:
    """Everything that counts: flags first, then the file.

    Raises:
        SettingsError: Options do not go together, or the file holds what does not fit.
    """
    given = dict(context.params)
    if given["run"] is not None and given["corrected"] is not None:
        raise SettingsError("--run and --corrected: give one of them; --corrected FILE judges that file, not the run")
    given["format"] = tuple(given.pop("output_format") or ())
    path = config_path(given["config"], os.environ)
    told, table = _told(path)
    for group in ONE_OF:
        if any(given.get(name) is not None for name in group):
            told = {name: value for name, value in told.items() if name not in group}
    value = {**told, **{name: each for name, each in given.items() if _is_given(each)}}
    if value.get("run") is not None and value.get("corrected") is not None:
        raise SettingsError(f"{path}, [gate]: run and corrected: give one of them")
    return FlagRequest(
        run=_path(value.get("run")),
        corrected=_path(value.get("corrected")),
        options=FlagOptions(
            max_issue_rate=value.get("max_issue_rate"),
            min_confidence=value.get("min_confidence"),
            max_false_flags=value.get("max_false_flags"),
            budget=value.get("budget"),
            max_noise_rate=value.get("max_noise_rate"),
            baseline=tuple(value.get("baseline", ())),
            include_trusted=bool(value.get("include_trusted")),
            show=value.get("show"),
            noisy=value.get("noisy"),
            against=value.get("against"),
            drift_level=value.get("drift_level"),
            max_drift=value.get("max_drift"),
            policy=Policy(
                told.get("severity"),
                told.get("owner"),
                *((table.classes, table.files, table.sources) if table else ()),
            ),
        ),
        formats=tuple(value.get("format", ())) or ("text",),
        overwrite=bool(value.get("overwrite")),
        policy_file=path if table else None,
    )


def _told(path: Path | None) -> tuple[dict[str, Any], GateTable | None]:
    """What the configuration file says of the gate for all rows, and all of it; None where it says nothing."""
    if path is None:
        return {}, None
    from labelfix.settings.gate import TABLE, read_gate
    from labelfix.settings.resolve import values_of
    from labelfix.settings.run import read_toml

    document = read_toml(path)
    values_of(document, str(path))  # [gaet] would let everything through
    compute = document.get("compute")
    if isinstance(compute, Mapping) and compute.get("offline") is True:
        hub_access.forbid()  # as the flag does
    if TABLE not in document:
        return {}, None
    table = read_gate(document, path)
    values = {name: each for name, each in vars(table.settings).items() if _is_given(each)}
    return values, table


def _is_given(value: object) -> bool:
    return value is not None and value is not False and value != () and value != []  # a gate of 0 is one


def _path(value: str | Path | None) -> Path | None:
    return None if value is None else as_path(value)


def named_inputs(asked: FlagRequest) -> Sequence[str | Path]:
    """Every file that is read, whoever named it."""
    options = asked.options
    several = (asked.corrected, asked.policy_file, options.noisy, options.against, *options.baseline)
    return [each for each in several if each is not None]

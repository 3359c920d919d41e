"""Where the files of a run are, and which of its states the folder is in; see `labelfix.runs.folder`."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelfix.runs.answers import NAME
from labelfix.runs.checked import check_files
from labelfix.runs.files import read_json
from labelfix.runs.origin import UNFINISHED

CHECKPOINTS = "checkpoints"
REPLACES, STANDS = "replaces", "stands"
"""What the mark of an unfinished run says of a finished one beside it: it will be replaced; it is the same run."""

WRITTEN, PLAN = "written", "entries.json"
"""Folder of a run that is wholly written and not yet in its place, and the list of what is in it."""

REQUIRED = ("corrected.parquet", "classifier", "corrector", "settings.toml")
OF_PEOPLE = (NAME, "certificate")
ENTRIES = (*REQUIRED, "judges", "metrics.json", "history.parquet", "run.json")


@dataclass(frozen=True)
class RunPaths:
    """The paths of one run."""

    path: Path

    @property
    def corrected(self) -> Path:
        """Corrected labels of the noisy rows."""
        return self.path / "corrected.parquet"

    @property
    def classifier(self) -> Path:
        """Folder of the classifier, loadable without labelfix."""
        return self.path / "classifier"

    @property
    def corrector(self) -> Path:
        """Folder of the label correction network."""
        return self.path / "corrector"

    @property
    def judges(self) -> Path:
        """Folder of the models that judge rows which come later; missing where no trusted row could judge."""
        return self.path / "judges"

    @property
    def settings(self) -> Path:
        """The settings the run was made with; can be given back to `--config`."""
        return self.path / "settings.toml"

    @property
    def metrics(self) -> Path:
        """Counts, held-out accuracy, seconds per stage."""
        return self.path / "metrics.json"

    @property
    def history(self) -> Path:
        """One row per epoch."""
        return self.path / "history.parquet"

    @property
    def manifest(self) -> Path:
        """`run.json`, written last: the mark of a finished run."""
        return self.path / "run.json"

    @property
    def finished(self) -> bool:
        """Whether the run was written to its end; see `settle` for what may be left to do."""
        return self.manifest.is_file() or self.settling

    @property
    def foreign(self) -> bool:
        """Whether the `run.json` here is no run's: some other program's, with nothing of a run beside it."""
        beside = any((self.path / name).exists() for name in (*REQUIRED, UNFINISHED, WRITTEN))
        return self.manifest.is_file() and not beside

    @property
    def checkpoints(self) -> Path:
        """Folder of how far an unfinished run has come."""
        return self.path / CHECKPOINTS

    @property
    def under_way(self) -> bool:
        """Whether a run was begun here and not finished; an older, finished one may still stand beside it."""
        begun = (self.path / UNFINISHED).is_file() and not self.settling
        return begun and (not self.finished or bool(self.begun().get(REPLACES)))

    @property
    def stands(self) -> bool:
        """Whether the finished run here is the one under way, which goes on from it."""
        return self.under_way and self.finished and bool(self.begun().get(STANDS))

    @property
    def unfinished(self) -> bool:
        """Whether there is nothing here but a run that was begun and not finished."""
        return not self.finished and (self.path / UNFINISHED).is_file()

    @property
    def own_files(self) -> tuple[Path, ...]:
        """Every file and folder that a run writes or that keeps people's work on it, whether it is there or not."""
        return tuple(self.path / name for name in (*ENTRIES, *OF_PEOPLE, UNFINISHED, CHECKPOINTS, WRITTEN))

    @property
    def settling(self) -> bool:
        """Whether a run lies here that is wholly written and not yet where it belongs."""
        return (self.path / WRITTEN / PLAN).is_file()

    def bases(self, manifest: Mapping[str, Any]) -> tuple[Path, ...]:
        """Folders from which relative names in `run.json` may count: where the run was begun, and where it lies."""
        begun = manifest.get("directory")
        # By its letters, as it was recorded: the run may lie behind a link. And behind it, as the link may be new.
        here = dict.fromkeys((self.path.absolute(), self.path.resolve()))
        recorded = [Path(os.path.normpath(path / begun)) for path in here if isinstance(begun, str)]
        return (*recorded, *(path.parent for path in here))

    def files_beside(self) -> list[str]:
        """Its class map and class descriptions, as they were named; empty where there were none or nothing tells."""
        try:
            data = tomllib.loads(self.settings.read_text(encoding="utf-8")).get("data")
        except (OSError, ValueError):
            return []
        found = [data.get(name) for name in ("class_map", "class_descriptions")] if isinstance(data, dict) else []
        return [path for path in found if isinstance(path, str)]

    def begun(self) -> dict[str, Any]:
        """What an unfinished run was begun with; empty where that was not kept."""
        check_files(self.path / UNFINISHED)
        try:
            found = read_json(self.path / UNFINISHED)
        except (OSError, ValueError):
            return {}
        return dict(found) if isinstance(found, dict) else {}

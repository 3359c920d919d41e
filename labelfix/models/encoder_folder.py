"""Where a pretrained encoder lies: a local folder, or one that the hub keeps in its own cache.

A local folder never touches the network. Weights are read from safetensors only, and code that a model's
folder brings along is never run.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from labelfix.data.tables import InputKind
from labelfix.errors import RunError, SettingsError, first_line
from labelfix.progress import Progress
from labelfix.runs.json_text import decode_json
from labelfix.settings import hub_access
from labelfix.settings.model import WORDS

PATTERNS = (
    "*.json",
    "*.safetensors",
    "*.txt",
    "*.model",
    "*.spm",
    "*.tiktoken",
    "*_Pooling/config.json",
    "README.md",
    "LICENSE*",
)
"""Files of an encoder that are fetched, and copied into a run; patterns of its folder."""

COPY_LIMIT = 1 << 30
"""Bytes up to which an encoder is copied into the run, so that the classifier stands on its own."""


PICKLES = (".bin", ".pt", ".pth", ".pth.tar", ".ckpt", ".pkl", ".pickle")
"""How the names of files end that pickled weights are kept in."""

HOW_TO_CONVERT = (
    "load the model with its own library where you trust the file, and write it as safetensors: "
    "save_pretrained(FOLDER, safe_serialization=True), timm.models.save_for_hf, or safetensors.torch.save_file"
)
"""Ends a sentence about pickled weights."""

BUNDLE = "encoder"
"""Folder within `classifier/` that an encoder is copied to."""


@dataclass(frozen=True)
class EncoderFolder:
    """A folder with `config.json` and weights."""

    path: Path
    name: str
    learnt: bool = False

    @cached_property
    def config(self) -> dict[str, Any]:
        """The contents of `config.json`."""
        config: dict[str, Any] = _json(self.path / "config.json", self.name)
        return config

    def optional_json(self, name: str) -> Any:  # noqa: ANN401 - whatever the file holds
        """The contents of another JSON file of the folder; None where there is none."""
        return _json(self.path / name, self.name) if (self.path / name).is_file() else None

    @property
    def files(self) -> list[Path]:
        """The encoder's files, sorted."""
        return sorted({file for pattern in PATTERNS for file in self.path.glob(pattern) if file.is_file()})

    @property
    def bundled(self) -> bool:
        """Whether the encoder is copied into a run: it is small enough, or comes from one."""
        return self.learnt or sum(file.stat().st_size for file in self.files) <= COPY_LIMIT

    @cached_property
    def source(self) -> str:
        """SHA-256 (hex) over names and contents of the files that determine what the encoder computes."""
        total = hashlib.sha256()
        for file in self.files:
            if file.suffix == ".md" or file.name.startswith("LICENSE"):
                continue
            total.update(file.relative_to(self.path).as_posix().encode() + b"\0")
            with file.open("rb") as opened:
                total.update(hashlib.file_digest(opened, "sha256").digest())
        return total.hexdigest()

    def copy_to(self, folder: Path) -> None:
        """Copy the encoder's files."""
        for file in self.files:
            self.copy_file(file, folder)

    def copy_file(self, file: Path, folder: Path) -> None:
        """Copy one of the encoder's files to its place in another folder."""
        target = folder / file.relative_to(self.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def find_encoder(
    backbone: str, prefix: str, repository: str | None, offline: bool, progress: Progress
) -> EncoderFolder:
    """The folder of an encoder, fetched from the hub where it is named there.

    Args:
        backbone: A local folder, or a name with its prefix.
        prefix: `hf:` or `timm:`.
        repository: The hub's repository of a name; None takes the name itself.
        offline: Only look at what the hub's cache on this disk holds.

    Raises:
        SettingsError: No such folder or name, a folder without configuration or safetensors, no network.
    """
    if backbone.startswith(prefix):
        repository = repository or backbone.removeprefix(prefix)
        offline = offline or hub_access.forbidden()
        if not offline:
            progress.say(f"{backbone}: asking the hub for {repository} (kept on this disk once fetched)")
        path = _fetch(backbone, repository, offline)
    else:
        path = Path(backbone).expanduser().resolve()
        if not path.is_dir():
            raise SettingsError(f"backbone = {backbone!r}: there is no such folder; give a model's folder")
    return check_folder(path, backbone)


def kind_read_by(name: str) -> InputKind:
    """The kind of inputs that a named backbone reads.

    Raises:
        SettingsError: It is neither a builtin name nor a model's folder, or it has a hidden layer of its own.
    """
    if name in WORDS or name.startswith("hf:"):
        return "text"
    if name == "patches" or name.startswith("timm:"):
        return "image"
    config = Path(name).expanduser() / "config.json"
    if not config.is_file():
        raise SettingsError(
            f"backbone = {name!r} reads none of several kinds of inputs side by side; give lexical, hashed-text, "
            "patches, hf:NAME, timm:NAME or the folder of a model"
        )
    return "image" if "architecture" in check_folder(config.parent, name).config else "text"


def check_folder(path: Path, name: str) -> EncoderFolder:
    """The folder as an encoder.

    Raises:
        SettingsError: It lacks `config.json` or weights in safetensors.
    """
    if not (path / "config.json").is_file():
        raise SettingsError(
            f"backbone = {name!r}: the folder has no config.json; give a folder that save_pretrained wrote"
        )
    if not any(path.glob("*.safetensors")):
        found = pickles(path)
        if found:
            raise SettingsError(
                f"backbone = {name!r}: the weights are a pickle ({found[0]}), which can run any code and which "
                f"labelfix does not open; {HOW_TO_CONVERT}"
            )
        if name.startswith(("hf:", "timm:")):
            raise SettingsError(
                f"backbone = {name!r}: the hub has no weights of it in safetensors, and pickles are not fetched; "
                "give another model, or a local folder with converted weights"
            )
        raise SettingsError(
            f"backbone = {name!r}: the folder has no weights (*.safetensors); copy the whole model there"
        )
    return EncoderFolder(path.resolve(), name)


def pickles(path: Path) -> list[str]:
    """Names of the folder's files that reading would unpickle, sorted."""
    return sorted(file.name for file in path.iterdir() if file.name.endswith(PICKLES))


def read_config(folder: EncoderFolder, **options: Any) -> Any:  # noqa: ANN401 - transformers is untyped here
    """The transformers library's view of `config.json`, its defaults filled in; raises almost anything."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder.path, local_files_only=True, trust_remote_code=False, **options)


def bundled_encoder(values: dict[str, Any], folder: Path) -> EncoderFolder:
    """The encoder of a saved classifier.

    Raises:
        RunError: It is no longer there.
    """
    place = folder / BUNDLE if values["encoder"] == BUNDLE else Path(values["encoder"])
    try:
        return check_folder(place, str(values["name"]))
    except SettingsError:
        raise RunError(f"{place}: the encoder that the classifier needs is not there; put it back") from None


def encoder_note(folder: EncoderFolder) -> str:
    """What a card says of where the encoder lies."""
    if folder.bundled:
        return ""
    return f" (the encoder itself is too large to be copied here and is read from `{folder.path}`)"


def _fetch(backbone: str, repository: str, offline: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        with quiet():
            return Path(snapshot_download(repository, allow_patterns=list(PATTERNS), local_files_only=offline))
    except GatedRepoError:
        raise SettingsError(
            f"backbone = {backbone!r}: the hub asks for permission; accept the model's terms and log in there, "
            "or give a local folder"
        ) from None
    except (RepositoryNotFoundError, HFValidationError):
        raise SettingsError(
            f"backbone = {backbone!r}: the hub has no model {repository!r}; check the name, or give a local folder"
        ) from None
    except (LocalEntryNotFoundError, EntryNotFoundError):
        why = "is not on this disk and --offline is set" if offline else "is not on this disk and no hub can be reached"
        raise SettingsError(
            f"backbone = {backbone!r}: {repository!r} {why}; fetch it once with a network, or give a local folder"
        ) from None
    except Exception as error:  # noqa: BLE001 - the hub's client lets errors of several network libraries through
        why = f"{repository!r} cannot be fetched ({first_line(error)})"
        raise SettingsError(f"backbone = {backbone!r}: {why}; try again, or give a local folder") from None


def _json(path: Path, name: str) -> Any:  # noqa: ANN401
    try:
        return decode_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"backbone = {name!r}: {path.name} cannot be read ({first_line(error)}); copy it again"
        ) from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Loading reports and bars of the model libraries are held back, since labelfix has its own; errors are not."""
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
    from transformers.utils import logging

    level, bars, hub_bars = logging.get_verbosity(), logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    disable_progress_bars()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        if hub_bars:
            enable_progress_bars()

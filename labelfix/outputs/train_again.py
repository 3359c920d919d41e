"""The command that trains a run again on further trusted rows, to be pasted into a shell."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from labelfix.outputs.free_names import free
from labelfix.outputs.own_inputs import find_input
from labelfix.runs import RunFolder
from labelfix.settings.run import read_toml


def train_again(
    folder: RunFolder, noisy: str | None, answers: Path, given_to: Collection[str] = ("--clean",)
) -> tuple[str, ...]:
    """The words of the command: the run's own settings and files, and the answers beside its trusted ones.

    Args:
        noisy: Where its noisy file lies now, if it was moved.
        given_to: `--clean` for answers that are trusted, `--sources` for those of sources of labels, or both.

    Returns:
        Empty where it would not work: with tables in memory or files that are gone, where trusted rows have
        inputs of their own (images, embeddings) that a table of answers cannot stand beside, and where
        `--sources` names a file already.
    """
    ours, theirs = find_input(folder, "noisy", noisy, images_by_name=True), find_input(folder, "clean")
    if ours.defect is not None or theirs.defect is not None or _own_inputs(folder):
        return ()
    if "--sources" in given_to and "sources" in read_toml(folder.settings).get("data", {}):
        return ()
    files = ["--noisy", *ours.names]
    for name in theirs.names:
        files += ["--clean", name]
    for flag in sorted(given_to):
        files += [flag, str(answers)]
    flags = []
    for key, names in moved_settings(folder).items():
        flag = "--" + key.rpartition(".")[2].replace("_", "-")
        flags += [word for each in names for word in (flag, each)]
    words = ["labelfix", "train", "--config", str(folder.settings), *flags, *files]
    return (*words, "--out", str(free(folder.path)))


def _own_inputs(folder: RunFolder) -> bool:
    """Whether trusted rows bring inputs of their own, for which no row of the noisy file can stand.

    Images of a folder by class are known again among those of a noisy one; see `ImageFolderSource.known_by`.
    """
    manifest = folder.read_manifest()
    clean, inputs = manifest["data"]["clean"], manifest["columns"]["inputs"]
    formats = {part["format"] for part in clean.get("parts") or [clean]}
    apart = len(manifest["trusted_rows"]) < clean["rows"]
    if "image_folder" in formats:
        return bool(apart or manifest["data"]["noisy"]["format"] != "image_folder")
    return bool(inputs["kind"] == "embedding" and (apart or manifest["joined_by"] != "id"))


def moved_settings(folder: RunFolder) -> dict[str, list[str]]:
    """Settings that name files which are not where the settings point to when read from here: key → where they are."""
    settings = read_toml(folder.settings)
    found = {}
    for key in ("data.sources", "data.class_map", "data.class_descriptions", "model.backbone"):
        table, _, name = key.partition(".")
        value = settings.get(table, {}).get(name)
        named = [value] if isinstance(value, str) else value or []
        places = [_moved(folder, each) for each in named]
        if any(places):
            found[key] = [place or each for each, place in zip(named, places, strict=True)]
    return found


def _moved(folder: RunFolder, name: str) -> str | None:
    """Where the file of a setting lies, if that is not where the setting points to when read from here."""
    if os.path.exists(os.path.expanduser(name)):
        return None
    found = (base / name for base in folder.bases(folder.read_manifest()))
    return next((str(each) for each in found if os.path.exists(each)), None)

"""Hashes of everything that rows and labels are read from, so that a change is noticed."""

from __future__ import annotations

import hashlib
from typing import Any

from labelfix.data.annotations.opening import open_trusted
from labelfix.data.assemble import read_options
from labelfix.data.formats import TableSource, open_table
from labelfix.data.formats.several import hash_of_parts
from labelfix.remote import as_path
from labelfix.settings.data import DataSettings


def content_hashes(noisy: TableSource, clean: TableSource, settings: DataSettings) -> dict[str, str]:
    """SHA-256 of the noisy source, the trusted one, and the files that settings name beside them."""
    return _beside(settings, noisy.content_hash(), clean.content_hash())


def _beside(settings: DataSettings, noisy: str, clean: str) -> dict[str, str]:
    """Hashes of the sources, and those of the files that are read beside the rows."""
    found = {"noisy": noisy, "clean": clean}
    for name, path in settings.files.items():
        found[name] = hashlib.sha256(as_path(path).read_bytes()).hexdigest()
    return found


def hashes_of_named(noisy: Any, clean: Any, settings: DataSettings) -> dict[str, str]:  # noqa: ANN401 - any source
    """The same, of sources that are not open; nothing is read as a table."""
    several = clean if isinstance(clean, list | tuple) else [clean]
    options = read_options(settings)
    ours, theirs = open_table(noisy, options=options), open_trusted(several, options=options)
    return _beside(settings, ours.content_hash(), hash_of_parts(theirs))

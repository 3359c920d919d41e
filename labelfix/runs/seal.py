"""Whether a run was made here: by this user, on this machine, with the inputs that it names.

`run.json` names files, and what a stranger's names would be read and shown. So a run carries a seal of its inputs'
names, made with a key that never leaves the user's own folder. Without a key (a home that cannot be written) no run was
made here; its inputs are then found beside it, or named by flag.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from labelfix.errors import RunError
from labelfix.runs.durable import atomic_path

ORIGIN = "origin"
"""Where the seal stands in `run.json`."""

KEY_BYTES = 32


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The contents of `run.json` with their seal, where there is a key to make it with."""
    key = _key(make=True)
    return dict(manifest) if key is None else {**manifest, ORIGIN: _seal(manifest, key)}


def made_here(manifest: Mapping[str, Any]) -> bool:
    """Whether this user made the run, and its inputs are still called what they were called then."""
    seal, key = manifest.get(ORIGIN), _key(make=False)
    return (
        key is not None and isinstance(seal, str) and hmac.compare_digest(seal.encode(), _seal(manifest, key).encode())
    )


def _seal(manifest: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps([manifest.get("run_id"), manifest.get("data")], sort_keys=True, ensure_ascii=True)
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _key(make: bool) -> bytes | None:
    """The user's key; None where there is none, or none that can be kept."""
    path = user_state_path("labelfix", appauthor=False) / "origin.key"
    if make and not path.exists():
        with suppress(OSError, RunError):
            _write(path)
    try:
        found = path.read_bytes()
    except OSError:
        return None
    return found if len(found) == KEY_BYTES else None


def _write(path: Path) -> None:
    """A new key, in a folder that is the user's alone."""
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with atomic_path(path) as beside:
        beside.write_bytes(os.urandom(KEY_BYTES))

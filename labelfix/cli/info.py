"""`labelfix info`: versions, device, places, and which setting came from where."""

from __future__ import annotations

import os
import platform

import typer

from labelfix import __version__
from labelfix.cli import options
from labelfix.cli.commands import with_options
from labelfix.cli.option_groups import CACHE, DEVICE, METHOD, SEED, SETTINGS
from labelfix.errors import RunError
from labelfix.extras import is_there
from labelfix.settings.resolve import DEFAULT, Resolved, all_fields

LIBRARIES = (
    "torch",
    "torchvision",
    "transformers",
    "timm",
    "datasets",
    "pyarrow",
    "numpy",
    "scikit-learn",
    "scipy",
    "typer",
    "rich",
)


@with_options(METHOD, SETTINGS, DEVICE, CACHE, SEED)
def info(context: typer.Context) -> None:
    """Show versions, the device, the feature cache, every setting and where it came from, and the newest run."""
    voice = options.voice(context)
    resolved = options.settings_of(context)
    voice.data(f"labelfix {__version__}, Python {platform.python_version()} on {platform.platform()}")
    voice.data("  " + ", ".join(f"{name} {_version(name)}" for name in LIBRARIES))
    voice.data(f"device: {_device(resolved)}")
    voice.data(f"feature cache: {_cache(resolved)}")
    voice.data(f"newest run: {_newest_run()}")
    voice.data("files:")
    for line in _sources(resolved):
        voice.data(f"  {line}")
    voice.data("settings:")
    for line in _settings(resolved):
        voice.data(f"  {line}")


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _device(resolved: Resolved) -> str:
    if not is_there("torch"):
        return f"cpu ({os.cpu_count()} cores); this is the core: what trains comes with pip install 'labelfix[train]'"
    import torch

    from labelfix.compute.devices import pick_device

    chosen = pick_device(resolved.settings.compute.device)
    name = f" ({torch.cuda.get_device_name()})" if chosen.type == "cuda" else f" ({os.cpu_count()} cores)"
    return f"{chosen.type}{name}, from {resolved.origins['compute.device']}"


def _cache(resolved: Resolved) -> str:
    from labelfix.models.cache import cache_folder

    origin = resolved.origins["compute.cache_dir"]
    return (
        f"{cache_folder(resolved.settings.compute)}, from {'the user cache directory' if origin == DEFAULT else origin}"
    )


def _newest_run() -> str:
    from labelfix.cli.finished_run import finished_run

    try:
        folder = finished_run(None)
        manifest = folder.read_manifest()
    except RunError as error:
        return f"none ({error})"
    return f"{folder.path} ({manifest.get('method')}, finished {manifest.get('finished')})"


def _sources(resolved: Resolved) -> list[str]:
    """The files that the configuration file names, for the commands that read them."""
    named = resolved.sources
    shown = {"noisy": named.noisy, "clean": ", ".join(named.clean), "out": named.out}
    return [f"{key:<5}  {name}  ({resolved.config})" if name else f"{key:<5}  not named" for key, name in shown.items()]


def _settings(resolved: Resolved) -> list[str]:
    keys = list(all_fields(resolved.settings.method))
    width = max(map(len, keys))
    lines = []
    for key in keys:
        value = resolved.value(key)
        shown = "automatic" if value is None or value == () else str(value)
        lines.append(
            f"{key:<{width}}  {shown.lower() if isinstance(value, bool) else shown}  ({resolved.origins[key]})"
        )
    return lines

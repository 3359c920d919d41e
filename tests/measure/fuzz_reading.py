"""What `fuzz.py` does with a mutated input: reads it as `labelfix check` does, and its inputs as training would."""

import io
import sys
import tempfile
import traceback
import warnings
from functools import cache
from pathlib import Path, PurePosixPath
from random import Random

from fuzz_answers import ANSWERS, beside_seeds, use_beside
from fuzz_bytes import BYTES, LARGEST, TEXT, splice
from fuzz_runs import check_by_config, config_seeds, run_seeds, use_run
from fuzz_seeds import SEEDS, Seed
from fuzz_structure import mutate_structure

from labelfix.data.picture import to_rgb
from labelfix.data.read import read_training
from labelfix.data.summary import summarise
from labelfix.errors import LabelfixError
from labelfix.outputs.plain_text import visible
from labelfix.settings.data import DataSettings

READ = {**SEEDS, **ANSWERS}
KINDS = {**READ, "config": config_seeds, "run": run_seeds, "beside": beside_seeds}
"""Kind → what makes its seeds."""

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".toml")
ENDINGS = (".csv", ".tsv", ".jsonl", ".json", ".parquet", ".arrow", ".xlsx", ".csv.gz", ".png", ".txt", "", ".feather")

LARGEST_IMAGE = 1 << 25
"""Pixels: of more, sound as they may be, a few copies take more memory than a mutation may."""

seeds_of = cache(lambda kind: KINDS[kind]())


def mutated(kind, number, seed):
    """A mutation: the same for the same three."""
    random = Random(f"{seed}:{kind}:{number}")
    sound = random.choice(seeds_of(kind))
    files = dict(sound.files)
    settings = dict(sound.settings)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _mutate_one(files, sound, kind, random)
    if random.random() < 0.05 and kind in READ:
        settings["encoding"] = random.choice(("cp1252", "utf-16", "utf-8", "shift_jis", "utf-7", "utf-32"))
    noisy = sound.noisy
    if noisy in files and kind in READ and random.random() < 0.04:
        ending = random.choice(ENDINGS)
        files[f"odd{ending}"] = files.pop(noisy)
        noisy = f"odd{ending}"
    return Seed(files, noisy, sound.clean, settings, sound.changed)


def _mutate_one(files, sound, kind, random):
    name = _pick(files, sound, random)
    data = files[name]
    how = random.random()
    if how < 0.03 and len(files) > 2:
        del files[name]
    elif how < 0.06:
        files[name] = random.choice([*files.values()])
    elif how < 0.10:
        other = random.choice(seeds_of(random.choice([kind, kind, *SEEDS])))
        files[name] = splice(data, random.choice([*other.files.values()]), random)
    elif how < 0.45 and (changed := mutate_structure(name, data, random)) is not None:
        files[name] = changed[:LARGEST]
    elif data:
        text = name.endswith(TEXT_ENDINGS) and random.random() < 0.6
        files[name] = random.choice(TEXT if text else BYTES)(data, random)[:LARGEST]


def _pick(files, sound, random):
    """A file: the trusted ones and the few small ones as often as the many large ones."""
    if sound.changed:
        return random.choice([name for name in sound.changed if name in files] or [*files])
    others = [name for name in files if not name.startswith(sound.noisy)]
    tables = [name for name in files if PurePosixPath(name).suffix in TEXT_ENDINGS and name.startswith(sound.noisy)]
    choices = [*files] if random.random() < 0.7 else [*(others or files), *(tables * 2)]
    return random.choice(choices)


def read(task):
    """Read one mutation.

    Args:
        task: Its kind, number and seed.

    Returns:
        `read`, `refused` with the message, or `wrong` with what happened.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        try:
            seed = mutated(*task)
            write(seed, Path(folder))
        except Exception:
            return "wrong", f"the mutation itself failed\n{traceback.format_exc()}"
        outcome = judged(lambda: _use(seed, Path(folder), task))
        for name, data in seed.files.items():
            # Certificates and answers are what commands write.
            if name not in seed.changed and (Path(folder) / name).read_bytes() != data:
                return "wrong", f"{name} was changed by reading it"
        return outcome[0], outcome[1].replace(folder, "…")


def judged(step):
    """Run a step: it may succeed, or raise a `LabelfixError` that says something; nothing may be left unraised."""
    ignored: list[str] = []
    before, sys.unraisablehook = (
        sys.unraisablehook,
        lambda what: ignored.append(f"{what.exc_value!r} in {what.object!r}"),
    )
    try:
        with warnings.catch_warnings():
            # As in a terminal: warnings of labelfix's own lines would be seen by its users.
            warnings.filterwarnings("error", module=r"labelfix\.")
            step()
        outcome = ("read", "")
    except LabelfixError as error:
        said = visible(str(error))
        said.encode()
        outcome = ("refused", said) if said.strip() else ("wrong", f"an error that says nothing: {error!r}")
    except BaseException as error:
        outcome = ("wrong", where(error))
    finally:
        sys.unraisablehook = before
    return ("wrong", f"exceptions ignored: {ignored}") if ignored else outcome


def where(error):
    """The way through labelfix to an error, a line each, and the error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"  {PurePosixPath(f.filename).name}:{f.lineno} {f.name}: {f.line}" for f in frames if "fuzz" not in f.name
    ]
    return "\n".join([*lines[-9:], *traceback.format_exception_only(error)])


def write(seed, folder):
    for name, data in seed.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _use(seed, folder, task):
    if task[0] == "config":
        check_by_config(folder)
    elif task[0] == "run":
        use_run(folder, Random(f"{task}"))
    elif task[0] == "beside":
        use_beside(folder, Random(f"{task}"))
    else:
        read_all(seed, folder)


def read_all(seed, folder):
    given = {
        key: str(folder / value) if isinstance(value, str) and value.startswith("./") else value
        for key, value in seed.settings.items()
    }
    reading = read_training(str(folder / seed.noisy), str(folder / seed.clean), DataSettings(**given))
    for line in [*summarise(reading).lines(), *reading.notes, *map(str, reading.warnings)]:
        visible(line).encode()
    reading.noisy_source.content_hash()
    reading.clean_source.content_hash()
    for inputs in (reading.data.noisy.inputs, reading.data.clean.inputs):
        if inputs is not None:
            _go_through(inputs)


def _go_through(inputs):
    from PIL import Image

    for batch in inputs.batches(7):
        batch.validate(full=True)
        if inputs.spec.kind == "image":
            for cell in batch.column(0).to_pylist():
                data = cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
                image = Image.open(io.BytesIO(data))
                if image.width * image.height < LARGEST_IMAGE:
                    to_rgb(image)

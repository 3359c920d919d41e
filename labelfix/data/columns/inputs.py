"""Which columns a classifier reads: what a flag names, else the only text, image or embedding column, else features."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

import pyarrow as pa

from labelfix.data.columns.features import choose_features, looks_like_id, no_feature
from labelfix.data.columns.named_inputs import FLAGS, asked_inputs, fits, is_image, named_inputs, spec_of
from labelfix.data.columns.profile import Profile, profile_columns
from labelfix.data.columns.roles import listed
from labelfix.data.findings import Findings
from labelfix.data.formats import TableSource
from labelfix.data.image_place import image_place
from labelfix.data.scan import is_list, is_number
from labelfix.data.tables import InputKind, InputSpec
from labelfix.errors import listing
from labelfix.settings.data import DataSettings

TEXT_NAMES = frozenset(
    ("text", "sentence", "content", "body", "document", "review", "comment", "utterance", "tweet")
    + ("message", "description", "question", "query", "title", "headline", "abstract", "prompt")
)
WHO_AND_WHERE = frozenset(
    ("name", "full_name", "fullname", "full name", "customer", "customer_name", "client", "passenger", "player")
    + ("employee", "owner", "author", "contact", "company", "company_name", "address", "street", "street_address")
)
"""Beside the features of a table such words say whom a row is about, and are no text to classify from."""
WHO_LABELLED = frozenset(("annotator", "annotator_id", "worker", "worker_id", "rater", "labeler"))
"""Columns that say who gave each label, whom `--sources` tells apart."""
TOKENS = frozenset(("input_ids", "attention_mask", "token_type_ids"))
"""Columns that tokenisers write."""
SHORT_LIST = 8
"""A list of fewer numbers beside other features is a pair or a box rather than an embedding."""

NO_INPUTS = {
    "addresses": (
        "addresses, which are not fetched",
        "download what they name, and give the paths of the files; to classify what they say, pass --text-column",
    ),
    "encoded_text": (
        "files or numbers written out as text (base64)",
        "write each image into a file of its own, and give the paths; numbers as lists, such as [0.1, 0.2]",
    ),
    "bytes": ("bytes that are no images", "write embeddings as lists of numbers, and images as their files are"),
    "other_files": (
        "sounds, films or documents, which labelfix does not read",
        "compute an embedding of each, and give these in a column of lists of numbers",
    ),
}
"""What a classifier cannot read, and what to do."""

FIRST_NAMES = 5
"""So many ids are looked for as names of images."""


def input_columns(
    source: TableSource, taken: Collection[str], settings: DataSettings, findings: Findings, label: str | None = None
) -> InputSpec | None:
    """The input columns of the noisy file.

    Args:
        taken: Columns that are ids or labels in either file, never inputs.
        settings: May name the columns.
        label: The column of the given labels, where it is known: a column that agrees with it may be a label itself.

    Returns:
        The columns; None where an error stands in the way.

    Raises:
        InputError: The file is damaged or not UTF-8.
    """
    asked = asked_inputs(settings, source.schema.names)
    if asked:
        return named_inputs(source, asked, label, findings)
    free = [c for c in source.schema.names if c and c not in taken]
    profiles = profile_columns(source, free)
    before = findings.error_count
    found = _infer(source, profiles, label, findings)
    if found is None and findings.error_count == before:
        _no_inputs(source, free, [c for c in taken if c in source.schema.names and c != label], findings)
    return found


def inputs_fit(source: TableSource, spec: InputSpec, findings: Findings) -> bool:
    """Whether another file's columns can be the inputs that the noisy file has; errors where they cannot.

    Args:
        source: The trusted file or new rows; it has all of `spec.every_column`.
        spec: The input columns of the noisy file.

    Raises:
        InputError: The file is damaged or not UTF-8.
    """
    profiles = profile_columns(source, spec.every_column)
    kinds = [(part.kind, column) for part in spec.parts for column in part.columns]
    return all([fits(source, kind, profiles[column], findings) for kind, column in kinds])


def is_only_image(source: TableSource, column: str, taken: Collection[str]) -> bool:
    """Whether a column holds paths of images and no other column holds images, as far as the first rows show.

    Where there is nothing beside ids and labels, ids may be the names of images without folder and ending.

    Args:
        taken: Columns that are ids or labels.
    """
    others = [name for name in source.schema.names if name != column]
    if profile_columns(source, [column])[column].holds == "image_paths":
        return not any(map(is_image, profile_columns(source, others).values()))
    if not set(others) <= set(taken):
        return False
    first = next(iter(source.verbatim([column], FIRST_NAMES)), None) if source.untyped else None
    names = [] if first is None else [str(name) for name in first.batch.column(0).slice(0, FIRST_NAMES).to_pylist()]
    folder = os.path.abspath(source.folder)
    return bool(names) and all(name and os.path.isfile(image_place(name, folder)) for name in names)


def all_empty(source: TableSource, columns: Sequence[str]) -> bool:
    """Whether all of some columns hold nothing, as far as the first rows show."""
    return not any(p.given for p in profile_columns(source, columns).values())


def _infer(
    source: TableSource, profiles: dict[str, Profile], label: str | None, findings: Findings
) -> InputSpec | None:
    for p in profiles.values() if label is not None else ():
        if p.name.lower() in WHO_LABELLED and 1 < p.distinct <= p.given / 5:
            what = f"column {p.name!r} may say who gave each label"
            findings.note(f"{what}: --sources {source.name} learns how each of them errs")
    images = [p for p in profiles.values() if is_image(p)]
    images = images or [p for p in profiles.values() if p.holds == "image_addresses"]
    texts = [p for p in profiles.values() if _is_prose(p)]
    # A column called "text" is text even where it holds single words.
    texts = texts or [p for p in profiles.values() if p.text and p.name.lower() in TEXT_NAMES and not p.holds]
    others = [p for p in profiles.values() if is_number(p.type) and not looks_like_id(p)]
    if len(others) > 1:
        texts = [p for p in texts if p.name.lower() not in WHO_AND_WHERE]
    embeddings = [p for p in profiles.values() if _is_embedding(p) and not (p.length < SHORT_LIST and others)]
    single: list[tuple[InputKind, Profile]] = [
        *(("image", p) for p in images),
        *(("embedding", p) for p in embeddings),
        *(("text", p) for p in texts),
    ]
    if len(single) > 1:
        shown = " and ".join(f"{p.name!r} ({kind})" for kind, p in single)
        flags = " or ".join(dict.fromkeys(FLAGS[kind] for kind, _ in single))
        findings.error(
            source.name,
            f"columns {shown} could {'both' if len(single) == 2 else 'all'} be the input",
            f"name one, or several to use them together, with {flags}",
        )
        return None
    if single:
        kind, profile = single[0]
        _note_unused(source, kind, profile, [p for p in others if p is not profile], findings)
        return spec_of(kind, [profile], findings)
    used = choose_features(source, profiles, label, findings)
    if used:
        return spec_of("table", used, findings)
    return None


def _no_inputs(source: TableSource, free: Sequence[str], taken: Sequence[str], findings: Findings) -> None:
    """The error where nothing is an input: what stands there instead, and what to do."""
    flags = ", ".join(FLAGS.values())
    what, remedy = f"has no column to classify from; its columns are {listed(source)}", f"name one with {flags}"
    if not free and len(source.schema.names) > 1:
        remedy = f"join the rows' texts or features to it (labelfix finds them, or {remedy})"
    for profile in profile_columns(source, free or taken).values():
        if profile.holds in NO_INPUTS:
            holds, remedy = NO_INPUTS[profile.holds]
            what += f"; {profile.name!r} holds {holds}"
        elif profile.name in TOKENS:
            what += f"; {profile.name!r} holds tokens of a text"
            remedy = "give the table as it was before it was tokenised, with its texts"
        elif profile.holds == "numbers":
            what += f"; {profile.name!r} holds lists of {int(profile.length)} numbers"
            remedy = f"if they are an embedding, pass --embedding-column {profile.name}"
        elif pa.types.is_struct(profile.type):
            parts = [f"{profile.name}.{field.name}" for field in profile.type]
            what += f"; {profile.name!r} holds objects"
            remedy = (
                f"write what they hold as columns of their own ({listing(parts)}), as pyarrow's table.flatten() does"
            )
        elif profile.holds == "json" or pa.types.is_nested(profile.type):
            what += f"; {profile.name!r} holds lists or objects"
            remedy = "write what is to be read of them into a column of text"
            if profile.holds == "json":
                remedy += f", or pass --text-column {profile.name} to read them as they stand"
        elif profile.name in free and (why := no_feature(profile)) is not None:
            what += f"; {profile.name!r}: {why}"
    findings.error(source.name, what, remedy)


def _note_unused(
    source: TableSource, kind: InputKind, chosen: Profile, others: list[Profile], findings: Findings
) -> None:
    """Numbers beside a text, an image or an embedding: often votes and scores that rest on the label."""
    if others:
        names = listing([p.name for p in others])
        use = f"{FLAGS[kind]} {chosen.name} with --feature-columns NAMES uses them"
        findings.note(f"{source.name}: beside the {kind}, these columns of numbers are not used: {names} ({use})")


def _is_embedding(p: Profile) -> bool:
    if p.holds != "numbers":
        return False
    whole = is_list(p.type) and pa.types.is_integer(p.type.value_type)
    return not whole or "embedding" in p.name.lower()


def _is_prose(p: Profile) -> bool:
    """Sentences: several words (or letters of a script without spaces), mostly letters, hardly repeated."""
    if not p.text or p.holds or not p.varied or p.letters < 0.5:
        return False
    return (p.spaced > 0.5 and p.words >= 2.5) or (p.foreign > 0.5 and p.length >= 6)

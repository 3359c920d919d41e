"""What the answers prove, as it is kept in `certificate.json` and told to people."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import scipy

from labelfix.certificates.answers import Answered
from labelfix.certificates.exported import file_hash
from labelfix.certificates.plan import Campaign
from labelfix.certificates.verdict import Verdict
from labelfix.runs import RunFolder, atomic_path, write_json
from labelfix.runs.certificate import FORMAT_VERSION, Certificate
from labelfix.runs.checked import read_checked
from labelfix.runs.reading_plan import AGAIN, FOLDER, plan_path
from labelfix.version import __version__

ALIKE = 1e-9
"""Shares closer than this are equal, since processors differ in rounding."""


def certificate_path(folder: RunFolder) -> Path:
    """Where a run's certificate lies."""
    return folder.path / FOLDER / "certificate.json"


def card_path(folder: RunFolder) -> Path:
    """Where the paragraph for a data card lies."""
    return folder.path / FOLDER / "data-card.md"


def certificate_of(folder: RunFolder, campaign: Campaign, said: Answered, verdict: Verdict) -> Certificate:
    """The certificate."""
    plan, exported = campaign.plan, campaign.exported
    versions = {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__}
    found = Certificate(
        format_version=FORMAT_VERSION,
        labelfix=__version__,
        run_id=plan.run_id,
        status=verdict.status,
        max_noise_rate=verdict.bound,
        confidence=plan.confidence,
        proven_at_most=verdict.upper,
        proven_at_least=verdict.lower,
        with_answers=verdict.with_answers,
        left_at_most=verdict.upper_left,
        left_at_least=verdict.lower_left,
        rows=len(exported) + exported.unread,
        trusted=exported.trusted,
        dropped=exported.dropped,
        read=said.read,
        wrong=said.found,
        not_told=said.not_told,
        blank=said.blank,
        min_confidence=plan.min_confidence,
        drop_issues=plan.drop_issues,
        seed=plan.seed,
        earlier_plans=plan.begun,
        hashes={**plan.hashes, "plan.json": file_hash(plan_path(folder.path)), "answers": said.hash},
        versions=versions,
        statement="",
    )
    return msgspec.structs.replace(found, statement=statement(found))


def statement(found: Certificate) -> str:
    """What is proven, in one sentence for people."""
    were = "was" if found.wrong == 1 else "were"
    read = f"{found.read:,} of them were read by a person, {found.wrong:,} of these {were} wrong"
    how = "with the reader's corrections written in" if found.with_answers else "as exported"
    flags = [] if found.min_confidence is None else [f"--min-confidence {found.min_confidence:g}"]
    flags += ["--drop-issues"] if found.drop_issues else []
    if flags:
        how += f"{', exported' if found.with_answers else ''} with {' '.join(flags)}"
    most, least = (
        (found.left_at_most, found.left_at_least)
        if found.with_answers
        else (found.proven_at_most, found.proven_at_least)
    )
    if found.status == "cannot be reached":
        share = f"At least {down(least)}"
    else:
        share = f"At most {up(found.max_noise_rate if found.status == 'certified' else most)}"
    about = f"the {found.rows:,} labels that nobody had checked before"
    return f"{share} of {about} are wrong {how} ({100 * found.confidence:g} % sure; {read})."


def card(found: Certificate) -> str:
    """A paragraph for a data card, in Markdown."""
    kept = [f"{found.trusted:,} rows whose labels people had given before training are not among them"]
    kept += [f"{found.dropped:,} rows that looked wrong were left out of the export"] if found.dropped else []
    unsure = ((found.not_told, "that the reader could not tell"), (found.blank, "that nobody has read yet"))
    unsure_words = [
        f"{rows:,} {'row' if rows == 1 else 'rows'} {which} {'counts' if rows == 1 else 'count'} as wrong"
        for rows, which in unsure
        if rows
    ]
    again = [f"{found.earlier_plans:,} earlier plans of this run were given up"] if found.earlier_plans else []
    mended = (
        ""
        if found.with_answers
        else f"With the reader's corrections written in, at most {up(found.left_at_most)} are. "
    )
    notes = "; ".join([*kept, *unsure_words, *again])
    return (
        f"**Label quality.** {found.statement} "
        f"{mended}"
        f"{notes[:1].upper()}{notes[1:]}. "
        "The rows were drawn at random with known chances, more often where the model was unsure, and the bound holds "
        "however long was read (a betting confidence sequence; Waudby-Smith and Ramdas, 2023). A label counts as "
        f"wrong where it is not what the reader said. labelfix {found.labelfix}, run `{found.run_id}`, seed "
        f"{found.seed}, data SHA-256 `{found.hashes['noisy'][:16]}…`.\n"
    )


def write_certificate(folder: RunFolder, found: Certificate) -> None:
    """Write the certificate, and the paragraph beside it."""
    write_json(certificate_path(folder), msgspec.to_builtins(found))
    with atomic_path(card_path(folder)) as beside:
        beside.write_text(card(found), encoding="utf-8")


def read_certificate(folder: RunFolder) -> Certificate:
    """The certificate of a run."""
    remedy = f"make it with `labelfix certify --run {folder.path} --max-noise-rate SHARE`, or {AGAIN}"
    return msgspec.convert(read_checked(certificate_path(folder), Certificate, remedy), Certificate)


def differences(old: Certificate, new: Certificate) -> list[str]:
    """Where a certificate contradicts the files, one line each; versions may differ."""
    # What was changed comes first, then what follows from it.
    found = [f"{name} has changed since" for name, now in new.hashes.items() if old.hashes.get(name) != now]
    for name in Certificate.__struct_fields__:
        was, now = getattr(old, name), getattr(new, name)
        if name in ("labelfix", "versions", "format_version", "statement", "hashes"):
            continue
        if isinstance(was, float) and isinstance(now, float):
            if not math.isclose(was, now, abs_tol=ALIKE):
                found.append(f"{name}: says {was:g}, the files say {now:g}")
        elif was != now:
            found.append(f"{name}: says {was}, the files say {now}")
    return found


def misquoted(folder: RunFolder, found: Certificate) -> list[str]:
    """Where the sentences that people read say something else than the certificate's own figures, one line each.

    Of another version the words may differ; of a paragraph that was taken away nothing is said.
    """
    if found.labelfix != __version__:
        return []
    wrong = [] if found.statement == statement(found) else ["statement: is not what its figures say"]
    path = card_path(folder)
    if path.exists() and path.read_text("utf-8", "replace") != card(found):
        wrong.append(f"{path.name}: is not the paragraph of this certificate")
    return wrong


def up(share: float) -> str:
    """A bound from above in percent, rounded up to two digits that count."""
    return _percent(share, math.ceil)


def down(share: float) -> str:
    """A bound from below in percent, rounded down."""
    return _percent(share, math.floor)


def _percent(share: float, towards: Callable[[float], int]) -> str:
    if share <= 0:
        return "0 %"
    digits = max(1 - math.floor(math.log10(100 * share)), 0)
    # A number that is round but for its last bit stays as it is.
    return f"{towards(round(100 * share * 10**digits, 6)) / 10**digits:g} %"

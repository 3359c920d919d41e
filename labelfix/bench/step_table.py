"""The costs of a step as text."""

from __future__ import annotations

from labelfix.bench.step import StepCost, StepReport

HEADINGS = ("way", "ms a step", "fastest", "slowest", "× plain", "peak MB", "× plain")


def as_text(report: StepReport) -> str:
    """Aligned columns, with what was measured above and what to make of it below."""
    plan = report.plan
    rows = [HEADINGS, *(_cells(cost) for cost in report.costs)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    lines = [
        f"{plan.backbone}, {report.parameters:,} parameters; {plan.batch} noisy + {plan.clean} clean rows, "
        f"{plan.meta} meta rows; {plan.precision} on {report.device}"
        + (f", {report.threads} threads" if report.device == "cpu" else "")
        + f"; torch {report.torch}",
        f"{report.rounds} rounds of {report.repeats} steps each, interleaved and shuffled; medians",
        "",
    ]
    lines += ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in rows]
    if report.captured:
        lines += ["", f"as CUDA graphs: {', '.join(report.captured)}"]
    if report.gain is not None:
        lines += ["", f"double backward takes {report.gain:.2f} times as long as fd1"]
    return "\n".join(lines)


def _cells(cost: StepCost) -> tuple[str, ...]:
    return (
        cost.way,
        *(f"{seconds * 1e3:,.1f}" for seconds in (cost.seconds, cost.low, cost.high)),
        f"{cost.ratio:.2f}",
        "–" if cost.megabytes is None else f"{cost.megabytes:,.0f}",
        "–" if cost.memory_ratio is None else f"{cost.memory_ratio:.2f}",
    )

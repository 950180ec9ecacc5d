"""Turns the warehouse's figures into a section of results.md."""

from __future__ import annotations

from collections.abc import Sequence

from tests.bench.job import Figures
from tests.bench.report import table
from tests.bench.warehouse import WarehouseFigures

SLOWEST = 12
AIM_RESPONSE_MESSAGES, AIM_RESPONSE_SECONDS, AIM_RESPONSE_MIB = 50_000_000, 20, 1_024
AIM_SHARE = 0.05

CONTENDERS = (
    ("response", "sunlake: marts.fct_turns with all it reads, stored and written as Parquet"),
    ("polars", "polars: one sort, figures only"),
    ("windows", "textbook SQL: windows by conversation, figures only"),
)


def warehouse(found: WarehouseFigures) -> str:
    """Builds, the response model beside its rivals, and the slowest models, of one lake."""
    talks = found.done["full"]["conversations"]
    title = f"### {found.messages:,} messages in {talks:,} conversations"
    size = f"{found.bytes / 1e6:,.0f} MB of Parquet; the warehouse has {found.done['full']['bytes'] / 1e6:,.0f} MB."
    return (
        "\n\n".join([title, size, _builds(found), _checks(found), _response(found), _models(found.done["full"])]) + "\n"
    )


def _builds(found: WarehouseFigures) -> str:
    talks = found.done["full"]["conversations"]
    runs = (
        ("full", "full build", "none"),
        (
            "changed",
            f"after {found.changed:,} conversations ({found.changed / talks:.1%}) got messages",
            f"{AIM_SHARE:.0%}",
        ),
        ("unchanged", "after nothing changed", f"{AIM_SHARE:.0%}"),
        ("check", "sunlake check", "none"),
        ("report", "sunlake report", "none"),
    )
    whole = found.done["full"]["cpu"]
    rows = []
    for key, name, aim in runs:
        one = found.done[key]
        share = one["cpu"] / whole
        met = "no aim" if aim == "none" else "yes" if share <= AIM_SHARE else "no"
        computed = f"{one['conversations']:,}" if "conversations" in one else "none"
        rows.append((name, computed, *_spent(one), f"{share:.1%}", aim, met))
    heading = (
        "run",
        "conversations computed",
        "seconds",
        "CPU-s",
        "peak RSS MiB",
        "of the full build's CPU",
        "aim",
        "met",
    )
    return table(heading, rows)


def _checks(found: WarehouseFigures) -> str:
    checks = found.done["check"]
    failed = ", ".join(checks["failed"]) or "none"
    return f"Of {checks['checks']} checks failed: {failed}."


def _response(found: WarehouseFigures) -> str:
    ours = found.done["response"]
    rows = [
        (name, *_spent(one), f"{one['cpu'] / found.messages * 1e6:.2f}", f"{one['cpu'] / ours['cpu']:.2f}x")
        for key, name in CONTENDERS
        if (one := found.done.get(key))
    ]
    heading = ("turns", "seconds", "CPU-s", "peak RSS MiB", "CPU-s per million messages", "CPU against sunlake's")
    totals = list(ours["totals"].values())
    turns, answered, _ = (sum(column) for column in zip(*totals, strict=True))
    same = (
        f"All found the same {turns:,} turns, {answered:,} of them answered, with the same sum of reply times by app."
    )
    return f"{table(heading, rows)}\n\n{same} {_aim(found.messages, ours)}"


def _aim(messages: int, ours: Figures) -> str:
    seconds = AIM_RESPONSE_SECONDS * messages / AIM_RESPONSE_MESSAGES
    met = ours["seconds"] <= seconds and ours["rss"] <= AIM_RESPONSE_MIB
    return (
        f"Aim for sunlake: {AIM_RESPONSE_SECONDS} s for {AIM_RESPONSE_MESSAGES:,} messages, so {seconds:.1f} s "
        f"for these, and {AIM_RESPONSE_MIB:,} MiB: {'met' if met else 'not met'}."
    )


def _models(full: Figures) -> str:
    models: Sequence[tuple[str, float, int]] = sorted(full["models"], key=lambda model: -model[1])
    whole = sum(seconds for _, seconds, _ in models)
    rows = [
        (name, f"{seconds:.1f}", f"{seconds / whole:.0%}", f"{count:,}") for name, seconds, count in models[:SLOWEST]
    ]
    rows.append(("all models", f"{whole:.1f}", "100%", f"{sum(count for _, _, count in models):,}"))
    rows.append(("the rest of the build", f"{full['seconds'] - whole:.1f}", "", ""))
    return table(("full build, slowest models", "seconds", "of the models'", "rows"), rows)


def _spent(one: Figures) -> tuple[str, str, str]:
    return f"{one['seconds']:.1f}", f"{one['cpu']:.1f}", f"{one['rss']:,.0f}"

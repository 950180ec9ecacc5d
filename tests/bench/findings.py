"""Turns figures into the sections of results.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.bench.calls import Calls
from tests.bench.job import Figures
from tests.bench.report import table
from tests.bench.throughput import Contender, Series

FLAT_WITHIN = 1.25
AIM_RATE = 80_000
REFERENCE_RATE = 82_000
"""What the reference reached on the machine for which the rate was aimed at."""
AIM_OF_FLOOR = 0.40


@dataclass(frozen=True)
class Rival:
    """Whom the export is compared with: what times its rate is aimed at."""

    key: str
    name: str
    aim: float | None
    aim_text: str

    @property
    def is_mark(self) -> bool:
        """Whether a share of its rate is looked for, and not a multiple."""
        return self.aim is not None and self.aim < 1


RIVALS = (
    Rival("dlt", "dlt, default", 9, "9x"),
    Rival("tuned", "dlt, tuned", 6, "6x"),
    Rival("naive", "naive script", None, "none"),
    Rival("reference", "reference: the fastest design over httpx", AIM_RATE / REFERENCE_RATE, "97.6 %"),
    Rival("httpx", "floor: bare httpx over aiohttp", AIM_OF_FLOOR, "40 %"),
    Rival("client", "floor: sunlake's API client", AIM_OF_FLOOR, "40 %"),
)
OURS = (("seeds", "conversation seeds"), ("walk", "full walk"))


def throughput(series: Series) -> str:
    """Figures of all contenders, then how many times faster the export is."""
    return f"### {series.title}\n\n{_figures(series)}\n\n{_ratios(series)}\n"


def _figures(series: Series) -> str:
    heading = (
        *("contender", "rounds", "conversations", "messages", "calls"),
        *("messages/s", "CPU-s per 100k messages", "peak RSS MiB", "Parquet bytes per message"),
    )
    rows = [
        (
            *(one.name, str(len(one.rounds)), f"{one.conversations:,}", f"{one.messages:,}", _calls(one)),
            *(f"{one.rate:,.0f}", f"{one.cpu:.2f}", f"{one.rss:,.0f}", _bytes(one)),
        )
        for one in series.contenders.values()
    ]
    return table(heading, rows)


def _calls(one: Contender) -> str:
    figures = one.rounds[0]
    return f"{figures.get('calls', figures.get('pages', 0)):,}" if {"calls", "pages"} & set(figures) else "not counted"


def _bytes(one: Contender) -> str:
    return f"{one.rounds[0]['bytes'] / one.messages:.0f}" if "bytes" in one.rounds[0] else "none"


def _ratios(series: Series) -> str:
    found = series.contenders
    heading = ("sunlake's messages/s against (CPU per message in brackets)", *(name for _, name in OURS), "aim", "met")
    rows = [_ratio_row(rival, found) for rival in RIVALS if rival.key in found]
    rates = [found[key].rate for key, _ in OURS]
    rows.append(("messages/s", *(f"{rate:,.0f}" for rate in rates), f"{AIM_RATE:,}", _met(rates, AIM_RATE)))
    return table(heading, rows)


def _ratio_row(rival: Rival, found: Mapping[str, Contender]) -> tuple[str, ...]:
    other = found[rival.key]
    ratios = [found[key].rate / other.rate for key, _ in OURS]
    cpus = [other.cpu / found[key].cpu for key, _ in OURS]
    texts = [
        f"{ratio:.0%} ({cpu:.0%})" if rival.is_mark else f"{ratio:.1f}x ({cpu:.1f}x)"
        for ratio, cpu in zip(ratios, cpus, strict=True)
    ]
    return (rival.name, *texts, rival.aim_text, _met(ratios, rival.aim))


def _met(values: Sequence[float], aim: float | None) -> str:
    if aim is None:
        return "no aim"
    met = [name for (_, name), value in zip(OURS, values, strict=True) if value >= aim]
    return "yes" if len(met) == len(OURS) else f"{met[0]} only" if met else "no"


def commits(all_series: Sequence[Series]) -> str:
    """How much of an export its commits take."""
    heading = ("run", *(name for _, name in OURS))
    rows = [
        (one.title, *(f"{one.contenders[key].commit_share:.1%}" for key, _ in OURS if key in one.contenders))
        for one in all_series
    ]
    return table(heading, rows)


def server(all_series: Sequence[Series]) -> str:
    """Pages per second that the sandbox hands out to bare sockets."""
    rows = [(one.title, f"{one.contenders['sockets'].rate / 100:,.0f}") for one in all_series]
    return table(("sandbox, warm", "pages/s"), rows)


def memory(found: Mapping[int, Figures]) -> str:
    """Peak memory by size, and whether it is flat."""
    heading = ("conversations", "messages", "calls", "seconds", "peak RSS MiB")
    rows = [
        (f"{size:,}", f"{one['messages']:,}", f"{one['calls']:,}", f"{one['seconds']:.0f}", f"{one['rss']:,.0f}")
        for size, one in found.items()
    ]
    peaks = [one["rss"] for one in found.values()]
    growth = peaks[-1] / peaks[0]
    verdict = "flat" if growth <= FLAT_WITHIN else "not flat"
    times = max(found) / min(found)
    return (
        f"{table(heading, rows)}\n\n{times:,.0f} times the conversations take {growth:.2f} times the memory: {verdict}."
    )


def calls(found: Sequence[Calls]) -> str:
    """Calls made beside the fewest possible."""
    rows = [(one.run, f"{one.made:,}", f"{one.least:,}", f"{one.made - one.least:+,}") for one in found]
    return table(("run", "calls", "least", "difference"), rows)

"""Messages per second, CPU and memory of this program, of its floors and of its rivals, over the same server."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median

from pipeline.sandbox.process import Sandbox
from tests.bench.job import Figures
from tests.bench.progress import say
from tests.bench.run_job import run_job, write_seeds
from tests.bench.scale import Scale

SHORT_PAGES, LONG_PAGES = 3, 30
CACHE_MIB = 6_000
LATENCY_MS = 20


@dataclass
class Contender:
    """One row of a table, with the figures of each round.

    Args:
        name: what the reader sees.
        runs: as in contender.py, or dlt.
        seeds: what it begins with.
        app_id: the app.
        conversations: how many it reads.
        tuned: dlt tuned.
    """

    name: str
    runs: str
    seeds: Path
    app_id: str
    conversations: int
    tuned: bool = False
    rounds: list[Figures] = field(default_factory=list)

    @property
    def messages(self) -> int:
        """In each round."""
        return int(self.rounds[0]["messages"])

    @property
    def rate(self) -> float:
        """Messages per second, the median of the rounds."""
        return median(figures["messages"] / figures["seconds"] for figures in self.rounds)

    @property
    def cpu(self) -> float:
        """CPU seconds per 100,000 messages, the median of the rounds."""
        return median(figures["cpu"] / figures["messages"] * 1e5 for figures in self.rounds)

    @property
    def rss(self) -> float:
        """Peak memory in MiB, the most of the rounds."""
        return max(float(figures["rss"]) for figures in self.rounds)

    @property
    def commit_share(self) -> float:
        """Seconds within commits, of all seconds."""
        return median(figures["commit_seconds"] / figures["seconds"] for figures in self.rounds)


@dataclass(frozen=True)
class Series:
    """Contenders that ran one after the other, over and over, against one world.

    Args:
        title: for the reader.
        contenders: by a short key: seeds, walk, reference, client, httpx, sockets, naive, dlt, tuned.
    """

    title: str
    contenders: dict[str, Contender]


def measure(scale: Scale, *, dlt: bool) -> list[Series]:
    """Run all contenders; takes most of the benchmark's time."""
    worlds = (
        f"synthetic:seed=1,size={scale.conversations},uniform_pages={SHORT_PAGES}",
        f"synthetic:seed=2,size={scale.long_conversations},uniform_pages={LONG_PAGES}",
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Sandbox(*worlds, cache_mib=CACHE_MIB) as sandbox:
        say(f"rendering {scale.conversations + scale.long_conversations:,} conversations")
        sandbox.warm()
        folder = Path(name)
        first, second = sandbox.app_ids
        short = _contenders(sandbox, folder, first, most=scale.conversations, few=scale.few, dlt=dlt)
        long = _contenders(sandbox, folder, second, most=scale.long_conversations, few=scale.few_long, dlt=dlt)
        slow = _contenders(sandbox, folder, first, most=scale.conversations // 2, few=min(scale.few, 200), dlt=dlt)
        series = [
            Series(f"Short histories ({SHORT_PAGES} pages), no latency", short),
            Series(f"Long histories ({LONG_PAGES} pages), no latency", long),
            Series(f"Short histories ({SHORT_PAGES} pages), {LATENCY_MS} ms latency for every call", slow),
        ]
        for turn in range(scale.rounds):
            _run(sandbox, series[0], turn)
        _run(sandbox, series[1], 0)
        sandbox.set_faults({"kind": "slow", "latency_ms": LATENCY_MS})
        _run(sandbox, series[2], 0)
    return series


def _contenders(sandbox: Sandbox, folder: Path, app_id: str, *, most: int, few: int, dlt: bool) -> dict[str, Contender]:
    """The contenders, in the order in which they run: those that are compared run close to each other."""
    lines = islice(sandbox.world("conversations", app_id=app_id), most)
    named = [{"conversation_id": line["object"]["id"]} for line in lines]
    prefix = f"{app_id}-{most}"
    all_of = write_seeds(folder / f"{prefix}-conversations.jsonl", named)
    few_of = write_seeds(folder / f"{prefix}-few.jsonl", named[:few])
    # In these worlds, user number n has one conversation, number n.
    users = write_seeds(folder / f"{prefix}-users.jsonl", islice(sandbox.seeds(app_id=app_id), most))
    contenders = {
        "seeds": Contender("sunlake, conversation seeds", "ours", all_of, app_id, most),
        "naive": Contender("naive script", "naive", few_of, app_id, few),
        "reference": Contender("reference: the fastest design over httpx", "reference", all_of, app_id, most),
        "httpx": Contender("floor: bare httpx over aiohttp", "floor-httpx", all_of, app_id, most),
        "tuned": Contender("dlt, tuned", "dlt", few_of, app_id, few, tuned=True),
        "walk": Contender("sunlake, full walk from users", "ours", users, app_id, most),
        "client": Contender("floor: sunlake's API client", "floor-client", all_of, app_id, most),
        "dlt": Contender("dlt, default", "dlt", few_of, app_id, few),
        "sockets": Contender("sandbox alone: bare sockets", "sockets", all_of, app_id, most),
    }
    return contenders if dlt else {key: one for key, one in contenders.items() if one.runs != "dlt"}


def _run(sandbox: Sandbox, series: Series, turn: int) -> None:
    for contender in series.contenders.values():
        figures = run_job(
            sandbox, contender.runs, seeds=contender.seeds, app_id=contender.app_id, tuned=contender.tuned
        )
        contender.rounds.append(figures)
        rate = figures["messages"] / figures["seconds"]
        say(f"{series.title}, round {turn + 1}: {contender.name}: {rate:,.0f} messages/s")

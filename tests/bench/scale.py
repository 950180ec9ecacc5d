"""How big the worlds are: quick, usual or full."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of one run of the benchmark.

    Args:
        name: as on the command line.
        conversations: in the world of short histories (3 pages each).
        long_conversations: in the world of long histories (30 pages each).
        few: conversations of short histories for contenders that would take too long over all.
        rounds: how often each contender reads short histories without latency; the other series take one round.
        memory: conversations in each world that memory is measured with.
        warehouse: messages in each lake that a warehouse is built of.
        changed_world: the world that calls are counted in.
    """

    name: str
    conversations: int
    long_conversations: int
    few: int
    rounds: int
    memory: tuple[int, ...]
    warehouse: tuple[int, ...]
    changed_world: str = "chitchat:500"

    @property
    def few_long(self) -> int:
        """As `few`, of long histories; about as many messages."""
        return max(self.few // 10, 1)


QUICK = Scale(
    "quick",
    conversations=200,
    long_conversations=20,
    few=40,
    rounds=1,
    memory=(1_000, 3_000),
    warehouse=(200_000,),
)
USUAL = Scale(
    "usual",
    conversations=2_000,
    long_conversations=100,
    few=200,
    rounds=2,
    memory=(2_000, 20_000),
    warehouse=(10_000_000,),
)
FULL = Scale(
    "full",
    conversations=2_000,
    long_conversations=200,
    few=600,
    rounds=3,
    memory=(2_000, 20_000, 100_000, 1_000_000),
    warehouse=(10_000_000, 50_000_000),
)

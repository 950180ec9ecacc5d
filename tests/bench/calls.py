"""Calls that the server counted for a first run, one over unchanged data and one after changes, beside the least."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pipeline.sandbox.process import Sandbox
from tests.bench.progress import say
from tests.bench.run_job import run_job, write_seeds

CHANGED = 10
PAGE_SIZE = 100


@dataclass(frozen=True)
class Calls:
    """Calls of one run, and the fewest that could have told the same."""

    run: str
    made: int
    least: int


def measure(world: str) -> list[Calls]:
    """Export a world three times into one lake."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name, Sandbox(world) as sandbox:
        folder = Path(name)
        seeds = write_seeds(folder / "seeds.jsonl", sandbox.seeds())
        first, unchanged = _least(sandbox)
        talks = sorted({line["conversation_id"] for line in sandbox.world("participants")})[:CHANGED]
        found = [
            Calls("first", _made(sandbox, folder, seeds), first),
            Calls("unchanged", _made(sandbox, folder, seeds), unchanged),
        ]
        sandbox.change(*({"op": "add_messages", "conversation_id": talk, "count": 3} for talk in talks))
        made = _made(sandbox, folder, seeds)
    say(f"calls: {found[0].made} first, {found[1].made} unchanged, {made} after {CHANGED} changes")
    return [*found, Calls(f"{CHANGED} conversations with new messages", made, unchanged + CHANGED)]


def _made(sandbox: Sandbox, folder: Path, seeds: Path) -> int:
    sandbox.reset_stats()
    run_job(sandbox, "ours", seeds=seeds, folder=folder / "lake")
    return int(sandbox.stats()["calls"])


def _least(sandbox: Sandbox) -> tuple[int, int]:
    """One call for each page of each list that must be read: all of them at first, later only what tells changes."""
    count: Counter[str] = Counter()
    messages: Counter[str] = Counter()
    members: Counter[str] = Counter()
    listed: Counter[str] = Counter()
    for line in sandbox.world():
        count[line["table"]] += 1
        if line["table"] == "messages":
            messages[line["conversation_id"]] += 1
        elif line["table"] == "participants":
            members[line["conversation_id"]] += 1
            listed[line["object"]["userId"]] += 1
        elif line["table"] == "integrations" and line["object"]["type"] == "custom":
            count["webhook lists"] += 1
    of_app = 3 + count["webhook lists"] + count["switchboards"]
    lists = _pages(listed, count["users"])
    of_users = 3 * count["users"]  # the profile, clients and devices
    of_conversations = _pages(messages, count["conversations"]) + _pages(members, count["conversations"])
    return of_app + lists + of_users + of_conversations, of_app + lists


def _pages(sizes: Counter[str], parents: int) -> int:
    """Pages of a list that each parent has; an empty one is a page too."""
    return sum(-(-size // PAGE_SIZE) for size in sizes.values()) + parents - len(sizes)

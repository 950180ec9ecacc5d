"""`python -m tests.bench`: measures speed, memory, start and calls, and writes tests/bench/results.md."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.bench import calls, erasure, findings, memory, startup, throughput, warehouse, warehouse_findings
from tests.bench.progress import elapsed, loads, note_load, say
from tests.bench.report import machine
from tests.bench.run_job import install_dlt
from tests.bench.scale import FULL, QUICK, USUAL, Scale

RESULTS = Path(__file__).with_name("results.md")
PARTS = ("throughput", "memory", "startup", "calls", "warehouse", "erasure")

_INTRODUCTION = """\
Written by the command above; every figure is of that one run. Each contender has a process of its own, and so has the
sandbox that answers them on the same machine; contenders take turns. Seconds and CPU are those of the work, without the
interpreter's start and imports; CPU is the contender's own with its child processes, and memory its own with the
largest of them, both without the sandbox's. Several rounds give medians, and the highest peak. On a
machine that others use too, CPU and ratios say more than messages/s.
"""

_THROUGHPUT = """\
"Conversation seeds" names the conversations, and "full walk" only the users; both export everything, so that for each
conversation of these worlds they also ask for its participants and the user's profile, clients, devices and list of
conversations (from conversation seeds, for the conversation itself too), and keep every field as it came beside the
typed columns. The rivals read nothing but messages, of fewer conversations to keep the time short, which is why figures
are per message; the naive script holds all it reads in memory. With long histories the pages of messages dominate. The
floors fetch the same pages and throw them away.

The reference is the fastest design over httpx that was measured before this program was written: httpx over aiohttp, 16
calls in flight, pyarrow.json with an explicit schema and each message's text beside it, one thread that decodes and
writes. It reads messages only, into typed columns that lose something and a `raw` one that doesn't, without ledger,
commits or comparison. It ran at 82,000 messages/s on the machine for which 80,000 were aimed at, so on any other the
aim is 97.6 % of what it reaches there.
"""

_CALLS = """\
Counted by the server, over the world {world}. "Least" is computed from the world: at first one call for each page of
each list; later one for each page of each user's list of conversations, which alone tells what changed, and one for
each changed conversation's new messages.
"""
_COMMITS = "The share of an export's seconds that its commits took, in a thread beside the walk."
_SANDBOX = "What the server hands out to a client that does nothing but read."
_WAREHOUSE = """\
Lakes of a synthetic world multiplied by DuckDB: two apps, 13 months, conversations of about 47 messages in parts that
lie weeks apart, as exported and compacted, all columns kept. Every model is built with DuckDB held to 2 GB, in a
process of its own. Rivals of the response model compute nothing but the figures that are compared, and are spared the
search for superseded and erased rows; textbook SQL has 4 GB, polars all memory there is. A model's seconds are those of
the wall clock.
"""
_ERASURE = """\
Erasing people of one of the two apps from the same lakes: `find` reads the key columns of all of its files, `rewrite`
finds, writes the files that hold something anew, proves them by a second reading, renames and records them. `copy` is
what anybody would do instead: DuckDB copies every file of the app without those rows, and proves nothing. `scan` then
looks through all files of the lake, both apps', for every id, address, number and name.
"""
_MEMORY = "Full walks over worlds with about nine messages in a conversation."


def main() -> None:
    """Measure what was asked for, and write it down."""
    options = _parser().parse_args()
    scale = QUICK if options.quick else FULL if options.full else USUAL
    parts: Sequence[str] = options.only or PARTS
    flag = "" if scale is USUAL else f" --{scale.name}"
    command = f"python -m tests.bench{flag}{''.join(f' --only {part}' for part in options.only)}"
    note_load()
    dlt = None
    if "throughput" in parts:
        say("looking for dlt, which has an environment of its own")
        dlt = install_dlt()
    sections = _sections(scale, parts, has_dlt=dlt is not None, lakes=options.lakes)
    heading = f"# Results\n\n    {command}\n\n{machine(dlt=dlt, load=loads)}\n\n{_INTRODUCTION}"
    text = "\n".join([heading, *sections])
    options.output.write_text(text, "utf-8")
    print(f"\n{text}")
    say(f"wrote {options.output.name} after {elapsed() / 60:.1f} minutes")


def _sections(scale: Scale, parts: Sequence[str], *, has_dlt: bool, lakes: Path | None) -> list[str]:
    sections = []
    if "startup" in parts:
        wall, cpu = startup.measure()
        text = f"`sunlake --help`: {wall:.2f} s, {cpu:.2f} CPU-s (medians of {startup.TIMES} runs)."
        sections.append(_section("Start", text))
    if "calls" in parts:
        made = calls.measure(scale.changed_world)
        sections.append(_section("Calls", _CALLS.format(world=scale.changed_world), findings.calls(made)))
    if "throughput" in parts:
        series = throughput.measure(scale, dlt=has_dlt)
        sections[:0] = [_section("Throughput", _THROUGHPUT), *map(findings.throughput, series)]
        sections.append(_section("Commits", _COMMITS, findings.commits(series)))
        sections.append(_section("The sandbox", _SANDBOX, findings.server(series)))
    if "memory" in parts:
        peaks = memory.measure(scale.memory)
        sections.append(_section("Memory", _MEMORY, findings.memory(peaks)))
    if "warehouse" in parts:
        built = warehouse.measure(scale.warehouse, lakes=lakes)
        sections += [_section("Warehouse", _WAREHOUSE), *map(warehouse_findings.warehouse, built)]
    if "erasure" in parts:
        erased = erasure.measure(scale.warehouse, lakes=lakes)
        sections.append(_section("Erasure", _ERASURE, erasure.findings(erased)))
    return sections


def _section(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"## {title}", *(text.strip() for text in paragraphs)]) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small worlds: within two minutes")
    size.add_argument(
        "--full", action="store_true", help="up to a million conversations and 50 million messages: takes hours"
    )
    parser.add_argument("--only", action="append", choices=PARTS, default=[], help="measure this part; may be repeated")
    parser.add_argument("--lakes", type=Path, help="keep the warehouse's lakes in this folder for the next time")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the file to write")
    return parser


if __name__ == "__main__":
    main()

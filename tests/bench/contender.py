"""One contender in a process of its own: `python -m tests.bench.contender '<JSON>'` prints one JSON line of figures.

Time and CPU are those of the work alone, without the interpreter's start and imports; memory is the process's peak.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from tests.bench import floors, naive, ours, reference
from tests.bench.job import Figures, Job, Meter

CONTENDERS: dict[str, Callable[[Job], Figures]] = {
    "ours": ours.run,
    "floor-client": lambda job: asyncio.run(floors.through_client(job)),
    "floor-httpx": lambda job: asyncio.run(floors.through_httpx(job)),
    "sockets": lambda job: asyncio.run(floors.through_sockets(job)),
    "naive": naive.run,
    "reference": reference.run,
}


def main() -> None:
    """Do the job of the first argument."""
    job = Job(**json.loads(sys.argv[1]))
    os.environ["BENCH_KEY_ID"], os.environ["BENCH_SECRET"] = job.key_id, job.secret
    meter = Meter()
    figures = CONTENDERS[job.contender](job)
    measured: dict[str, Any] = {**meter.read(), **figures}
    print(json.dumps(measured))


if __name__ == "__main__":
    main()

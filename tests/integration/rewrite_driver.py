"""Rewrites a lake and purges its ledger in processes that die at a chosen point (see `export_driver`).

    python -m tests.integration.rewrite_driver SUBJECTS APP

Each line on standard input, `POINT ROOT TRACE` with tabs between, is a process of its own that erases the subjects of
the file from the lake at ROOT and ends by SIGKILL at the point; 0 lets it go on to its end, and TRACE, unless it is
empty, is a file for the points it passed. It is answered by the exit code.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipeline.lake.layout import open_lake
from pipeline.privacy.rewrite.rewrite import rewrite_lake
from pipeline.privacy.rewrite.state import purge_state
from pipeline.suppression.subjects import decode_subjects
from pipeline.walk.ledger import open_ledger
from tests.integration.export_driver import watch_everything


def main() -> None:
    """Fork a process for each line."""
    subjects, app_id = Path(sys.argv[1]), sys.argv[2]
    while line := sys.stdin.readline():
        point, root, trace = line.rstrip("\n").split("\t")
        process = os.fork()
        if not process:
            os.environ |= {"DRIVER_KILL_AT": point, "DRIVER_TRACE": trace}
            _erase(subjects, app_id, Path(root))
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _erase(subjects: Path, app_id: str, root: Path) -> None:
    watch_everything()
    people = decode_subjects(subjects.read_bytes())
    lake = open_lake(root, create=False)
    ledger = open_ledger(lake.default_ledger_url)
    rewrite_lake(lake, ledger, app_id, people)
    purge_state(lake, ledger, app_id, people)
    ledger.close()


if __name__ == "__main__":
    main()

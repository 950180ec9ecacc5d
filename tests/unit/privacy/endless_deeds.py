"""A process that records deeds until it is killed, and tells each on stdout once it is recorded."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.lake.layout import Lake
from pipeline.privacy.deeds.deeds import Deeds


def run(root: str) -> None:
    """Append for ever."""
    ledger = Deeds.open(Lake(Path(root)), key=b"k" * 32)
    while True:
        sys.stdout.write(f"{ledger.append(None, 'end').seq}\n")
        sys.stdout.flush()

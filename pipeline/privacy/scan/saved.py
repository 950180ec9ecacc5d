"""The last scan of a batch, kept beside its plan: a report that is written after a kill shows it, too.

It names nobody, and once the work file is destroyed nobody could scan again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from pipeline.lake import storage
from pipeline.privacy.desk import Desk
from pipeline.privacy.requests.store import load_batch
from pipeline.privacy.scan.report import ScanReport


def save_scan(desk: Desk, batch_id: str, report: ScanReport) -> None:
    """Keep a scan durably, in place of an older one.

    Raises:
        StorageError: it can't be written.
    """
    file = _file(desk, batch_id)
    storage.write_atomic(file, msgspec.json.encode(report))
    with storage.storage_errors():
        file.chmod(0o600)


def saved_scan(desk: Desk, batch_id: str) -> ScanReport | None:
    """The last scan of a batch; None if there was none, or if it can't be read."""
    try:
        return msgspec.json.decode(_file(desk, batch_id).read_bytes(), type=ScanReport)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _file(desk: Desk, batch_id: str) -> Path:
    return load_batch(desk.lake, batch_id).folder / "scan.json"

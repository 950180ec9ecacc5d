"""Whether a ledger and its lake speak of the same files.

A ledger that was lost, or restored from an older backup, would export all that it does not know of a second time; one
that knows files which are gone would never read them again.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from pipeline.errors import LedgerError
from pipeline.lake.layout import Lake
from pipeline.lake.lock import files_lock
from pipeline.lake.tables import TABLES
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many files of an app the lake has and the ledger does not know, and the other way round."""

    unknown: int
    missing: int

    @property
    def difference(self) -> str | None:
        """What is wrong and what to do, None where nothing is."""
        found = [
            f"the lake holds {self.unknown:,} files that the ledger does not know" if self.unknown else "",
            f"{self.missing:,} files that the ledger knows are not in the lake" if self.missing else "",
        ]
        if not any(found):
            return None
        return f"{' and '.join(filter(None, found))}; one of them was lost or restored: run `sunlake repair`"


def take_inventory(lake: Lake, ledger: Ledger, app_id: str) -> Inventory:
    """Compare what lies in the lake with what the ledger knows; commits that are under way count as differences."""
    columns = tables.files.c
    with ledger.read() as connection:
        known = set(connection.scalars(sa.select(columns.path).where(columns.app_id == app_id)))
    found = {file.path for file in lake.store.files(*(f"{name}/app_id={app_id}" for name in TABLES))}
    return Inventory(unknown=len(found - known), missing=len(known - found))


def require_inventory(lake: Lake, ledger: Ledger, app_id: str) -> None:
    """Refuse to go on with a ledger and a lake that do not belong together. The caller holds the app's lock.

    Raises:
        LedgerError: they differ.
        LockedError: files of the app are being replaced by another process.
    """
    if take_inventory(lake, ledger, app_id).difference is None:
        return
    with files_lock(lake, app_id):  # an erasure may just have been between the two
        difference = take_inventory(lake, ledger, app_id).difference
    if difference is not None:
        raise LedgerError(f"app {app_id}: {difference}")

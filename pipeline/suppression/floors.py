"""The retention floor of each app: nothing older is admitted again, or the next sweep would bring back what expired.

It lies in the lake and not in the ledger, since a ledger that is rebuilt from the lake knows nothing of what is gone.
Conversations can't be listed by name instead: one that expired comes back to life with the next message in it. Each
machine that writes a lake in a bucket has floors of its own, and the highest of all holds.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import CorruptLakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake
from pipeline.lake.tables import Table
from pipeline.lake.values import format_moment, parse_moment
from pipeline.suppression.expiry import Expiry, Selection

FILE: Final = "floors.json"


def read_floor(lake: Lake, app_id: str) -> datetime | None:
    """The moment before which nothing of the app is admitted; None if there is none.

    Raises:
        CorruptLakeError: the file of floors is damaged; an export must not run without knowing them.
    """
    floors = (found.get(app_id) for found in (_read(lake), *map(_floors, lake.store.shared(FILE))))
    return max((moment for text in floors if text is not None and (moment := parse_moment(text))), default=None)


def raise_floor(lake: Lake, app_id: str, before: datetime) -> datetime:
    """Make sure that the floor is at least here, durably; it never sinks. Returns where it is now.

    To be called before anything is removed, by the holder of the app's lock.
    """
    known = read_floor(lake, app_id)
    path = _path(lake)
    if known is not None and known >= before:
        _share(lake)  # whoever raised it may have been killed before it told the other machines
        return known
    storage.make_folder(path.parent)
    with storage.storage_errors():
        path.parent.chmod(0o700)
    floors = _read(lake) | {app_id: format_moment(before)}
    storage.write_atomic(path, msgspec.json.encode(floors, order="sorted"))
    with storage.storage_errors():
        path.chmod(0o600)
    _share(lake)
    return before


def admits_conversation(floor: datetime | None, *, last_updated_at: str | None, created_at: str | None = None) -> bool:
    """Whether a listed conversation is to be walked: not if its last activity is below the floor.

    One that tells no moment is walked. To be asked where a list is read, before a visit or a sweep is marked as due:
    participants carry no moment by which they could be refused later.
    """
    moments = [parse_moment(text) for text in (last_updated_at, created_at) if text is not None]
    known = [moment for moment in moments if moment is not None]
    return floor is None or not known or max(known) >= floor


def admit_rows(table: Table, rows: pa.Table, floor: datetime | None) -> pa.Table:
    """The rows that may be written: no message, event or conversation from below the floor, nor a quote of one."""
    if floor is None:
        return rows
    if table.name == "conversations":
        last = pc.coalesce(rows["last_updated_at"], rows["created_at"])
        limit = pa.scalar(floor, pa.timestamp("ms", tz="UTC"))
        is_old = pc.and_kleene(pc.less(last, limit), pc.fill_null(pc.less(rows["created_at"], limit), fill_value=True))
        return rows.filter(pc.invert(pc.fill_null(is_old, fill_value=False)))
    return readmit_rows(table, rows, floor)


def readmit_rows(table: Table, rows: pa.Table, floor: datetime | None) -> pa.Table:
    """The rows that may stay when files are merged: no message or event from below the floor, nor a quote of one.

    Conversations stay. A row of one tells when something last happened in it as far as its last list knew, and a
    younger message may have come since; whether all of it has expired is for `sunlake erase expire` to find out.
    """
    if floor is None or table.name == "conversations":
        return rows
    return Expiry(Selection(messages_before=floor)).apply(table, rows).rows


def _share(lake: Lake) -> None:
    path = _path(lake)
    if path.exists():
        lake.store.share(FILE, path.read_bytes())


def _path(lake: Lake) -> Path:
    return lake.private / "privacy" / FILE


def _read(lake: Lake) -> dict[str, str]:
    path = _path(lake)
    if not path.exists():
        return {}
    return _floors(path.read_bytes())


def _floors(data: bytes) -> dict[str, str]:
    try:
        found = msgspec.json.decode(data, type=dict[str, str])
    except msgspec.DecodeError:
        found = None
    if found is None or any(parse_moment(text) is None for text in found.values()):
        raise CorruptLakeError(f"{FILE} is damaged; run `sunlake erase expire` with the age in use to write it anew")
    return found

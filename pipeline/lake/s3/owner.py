"""Which ledger a lake in a bucket belongs to: two ledgers that know nothing of each other would write all twice."""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa

from pipeline.errors import CorruptLakeError, LockedError
from pipeline.lake import storage
from pipeline.lake.s3.bucket import Bucket
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger


class Owner(msgspec.Struct, frozen=True):
    """Whose the lake is: the ledger's id, and for people where that is and since when."""

    ledger: str
    where: str
    since: str


def claim(bucket: Bucket, key: str, ledger_id: str, *, on_server: bool) -> None:
    """Make the lake belong to a ledger if it belongs to none.

    Raises:
        LockedError: it belongs to another.
        CorruptLakeError: the object that says so is damaged.
    """
    if _read(bucket, key) is None:
        bucket.put(key, _text(ledger_id, on_server=on_server), only_new=True)
    found = _read(bucket, key)
    if found is not None and found.ledger != ledger_id:
        raise LockedError(
            f"the lake belongs to the ledger {found.where} since {found.since}; run the command with that one. "
            "If it is gone: make sure that no sunlake writes this lake, then run `sunlake repair --take-over`"
        )


def take_over(bucket: Bucket, key: str, ledger_id: str, *, on_server: bool) -> None:
    """Make the lake belong to a ledger, whichever it belonged to."""
    bucket.put(key, _text(ledger_id, on_server=on_server))


def machine_id(folder: Path) -> str:
    """The id of this machine's private folder, made on first use."""
    file = folder / "machine"
    if not file.exists():
        storage.make_folder(folder)
        folder.chmod(0o700)  # conversations lie in it for a while, and in the warehouse for good
        temporary = file.with_name(f"machine.{secrets.token_hex(4)}.tmp")
        with storage.storage_errors():
            temporary.write_text(secrets.token_hex(16))
            storage.sync_file(temporary)
            with suppress(FileExistsError):  # another process was quicker
                os.link(temporary, file)
            temporary.unlink()
    with storage.storage_errors():
        return file.read_text().strip()


def known_machine_id(folder: Path) -> str | None:
    """The id of this machine's private folder, if it has one."""
    file = folder / "machine"
    with storage.storage_errors():
        return file.read_text().strip() if file.exists() else None


def server_id(ledger: Ledger) -> str:
    """The id of a ledger on a server, made on first use."""
    with ledger.write() as connection:
        ledger.insert_new(connection, tables.meta, [{"key": "ledger_id", "value": secrets.token_hex(16)}])
        found: str = connection.scalars(sa.select(tables.meta.c.value).where(tables.meta.c.key == "ledger_id")).one()
    return found


def _read(bucket: Bucket, key: str) -> Owner | None:
    text = bucket.get(key)
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=Owner)
    except msgspec.DecodeError:
        raise CorruptLakeError(f"{key} is damaged; write it anew with `sunlake repair --take-over`") from None


def _text(ledger_id: str, *, on_server: bool) -> bytes:
    where = "on a PostgreSQL server" if on_server else f"of {socket.gethostname()}"
    return msgspec.json.encode(Owner(ledger_id, where, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")))

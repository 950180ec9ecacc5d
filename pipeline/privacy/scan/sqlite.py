"""SQLite, read as tables: a value that lies over two pages of the file is in one piece only here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from pipeline.privacy.scan.findings import FileFindings, Place
from pipeline.privacy.scan.search import Search
from pipeline.privacy.scan.unreadable import Reason, UnreadableError

_ROWS: Final = 500
_WAIT_SECONDS: Final = 30
_TABLES: Final = "select name, sql from sqlite_master where type = 'table' order by name"


def scan_sqlite(path: Path, search: Search, found: FileFindings) -> int:
    """Search all tables of an SQLite file with what its log holds; returns the bytes of their values.

    Raises:
        UnreadableError: it is damaged or locked.
    """
    try:
        return _scan(path, search, found, "mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise UnreadableError(Reason.LOCKED) from None
    except sqlite3.DatabaseError:
        raise UnreadableError(Reason.DAMAGED) from None
    try:
        return _scan(path, search, found, "immutable=1")  # a folder that can't be written: no log can be opened there
    except sqlite3.DatabaseError:
        raise UnreadableError(Reason.DAMAGED) from None


def _scan(path: Path, search: Search, found: FileFindings, mode: str) -> int:
    address = f"file:{quote(str(path.absolute()))}?{mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)) as connection:
        connection.text_factory = bytes
        _search_values(
            connection.execute("select name, tbl_name, sql from sqlite_master"), search, found, Place.CATALOG
        )
        read = 0
        for name, sql in connection.execute(_TABLES).fetchall():
            if bytes(sql or b"").lower().startswith(b"create virtual table"):
                continue  # its rows lie in tables of its own, which are read like all others
            quoted = bytes(name).replace(b'"', b'""').decode()
            read += _search_values(connection.execute(f'select * from "{quoted}"'), search, found, Place.SQLITE_VALUES)
        return read


def _search_values(rows: sqlite3.Cursor, search: Search, found: FileFindings, place: Place) -> int:
    read = 0
    while some := rows.fetchmany(_ROWS):
        # A NUL is an edge, so that a match within one value is judged as such; one across two can't hold a NUL.
        text = b"\0".join(_bytes_of(some))
        read += len(text)
        for match in search.find(text):
            found.value(place, match, lambda: False)
    return read


def _bytes_of(rows: Iterable[tuple[Any, ...]]) -> Iterable[bytes]:
    for row in rows:
        for value in row:
            if type(value) is bytes:
                yield value
            elif type(value) is int:
                yield str(value).encode()

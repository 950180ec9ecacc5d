"""The positive control: a value planted in every format and encoding, which the scan must find or is void.

A scan that finds nothing may have looked at nothing. The planted files take the very way that all others take.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import secrets
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.privacy.scan.encodings import Encoding
from pipeline.privacy.scan.files import FileScanner
from pipeline.privacy.scan.findings import Place
from pipeline.privacy.scan.needles import Needle, NeedleKind

Control = tuple[str, Place, Encoding]
"""The name of a planted file, and where and how the canary must be found in it."""


def new_canary() -> Needle:
    """A value that nobody has, with a letter beyond ASCII and characters that need escapes."""
    return Needle(NeedleKind.CANARY, f"Kanári/{secrets.token_hex(8)}+probe@sunlake")


def run_control(scanner: FileScanner, canary: Needle, folder: Path) -> dict[str, bool]:
    """Plant the canary in every format and say of each way to find it whether it was found.

    Args:
        scanner: a scanner of its own for the control, with the canary among its needles.
        canary: the needle.
        folder: an empty folder for the planted files.
    """
    expected: list[Control] = []
    for name, (plant, controls) in _PLANTS.items():
        plant(folder / name, canary.value)
        expected += [(f"{name}{member}", place, encoding) for member, place, encoding in controls]
    named = quote(canary.value, safe="")
    (folder / named).write_bytes(b"")
    for name in [*_PLANTS, named]:
        scanner.read(folder / name, f"control/{name}")
    hits = scanner.findings.hits()
    found = {(hit.path.removeprefix("control/"), hit.place, hit.encoding) for hit in hits}
    outcome = {f"{name}: {place}, {encoding}": (name, place, encoding) in found for name, place, encoding in expected}
    withheld = any(place is Place.NAME and "withheld" in path for path, place, _ in found)
    return {**outcome, "name of a file": withheld}


def _text(encode: Callable[[str], bytes]) -> Callable[[Path, str], None]:
    return lambda path, canary: _write(path, encode(canary))


def _write(path: Path, value: bytes) -> None:
    path.write_bytes(b"a text before " * 300 + value + b" and one behind\n" * 300)


def _plain(canary: str) -> bytes:
    return b"a text before " * 300 + canary.encode() + b" and one behind\n" * 300


def _parquet(path: Path, canary: str) -> None:
    """The canary as a value and in the metadata; being the least value, it is in the statistics too."""
    table = pa.table({"value": [canary, "zzz", None]}).replace_schema_metadata({"note": canary})
    pq.write_table(table, path, compression="zstd")


def _nested_parquet(path: Path, canary: str) -> None:
    nested = [[{"text": "x"}, {"text": canary}], [], None, [{"text": "y"}]]
    pq.write_table(pa.table({"nested": nested}), path, compression="gzip", write_statistics=False)


def _sqlite(path: Path, canary: str) -> None:
    """The canary in a row, over several pages, and in the bytes of a row that was deleted."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma secure_delete = off")
        connection.execute("create table kept (number integer, value text)")
        connection.execute("create table deleted (value text)")
        connection.execute("insert into kept values (1, ?)", ["x" * 9000 + " " + canary])
        connection.execute("insert into deleted values (?)", [canary])
        connection.commit()
        connection.execute("delete from deleted")
        connection.commit()


def _duckdb(path: Path, canary: str) -> None:
    """The canary in a row, in a nested value, and in a comment of the catalog."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table kept as select ? as value, [{'text': ?}] as nested", [canary, canary])
        connection.execute(f"comment on table kept is '{canary}'")


def _zip(path: Path, canary: str) -> None:
    """The canary in a member, in a compressed member of a member, and in Parquet."""
    inner = path.with_suffix(".parquet")
    _parquet(inner, canary)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("text", _plain(canary))
        archive.writestr("text.gz", gzip.compress(_plain(canary)))
        archive.write(inner, "rows.parquet")
    inner.unlink()


def _compressed(compress: Callable[[bytes], bytes]) -> Callable[[Path, str], None]:
    def plant(path: Path, canary: str) -> None:
        path.write_bytes(compress(_plain(canary)))

    return plant


def _zstd(path: Path, canary: str) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.CompressedOutputStream(file, "zstd") as stream:
        stream.write(_plain(canary))


def _base64(before: int) -> Callable[[str], bytes]:
    return lambda canary: base64.b64encode(b"." * before + canary.encode())


_BYTES: Final = Place.BYTES
_PLAIN: Final = ("", _BYTES, Encoding.UTF8)
_IN_MEMBER: Final = ("!1", _BYTES, Encoding.UTF8)

_PLANTS: Final[Mapping[str, tuple[Callable[[Path, str], None], list[Control]]]] = {
    "utf8.txt": (_text(str.encode), [_PLAIN]),
    "upper.txt": (_text(lambda canary: canary.upper().encode()), [_PLAIN]),
    "utf16.txt": (_text(lambda canary: canary.encode("utf-16-le")), [("", _BYTES, Encoding.UTF16)]),
    "percent.txt": (_text(lambda canary: quote(canary, safe="").encode()), [("", _BYTES, Encoding.PERCENT)]),
    "json.txt": (_text(lambda canary: json.dumps(canary).encode()), [("", _BYTES, Encoding.JSON)]),
    "base64-0.txt": (_text(_base64(0)), [("", _BYTES, Encoding.BASE64)]),
    "base64-1.txt": (_text(_base64(1)), [("", _BYTES, Encoding.BASE64)]),
    "base64-2.txt": (_text(_base64(2)), [("", _BYTES, Encoding.BASE64)]),
    "parquet": (
        _parquet,
        [
            ("", Place.PARQUET_VALUES, Encoding.UTF8),
            ("", Place.PARQUET_STATISTICS, Encoding.UTF8),
            ("", Place.PARQUET_METADATA, Encoding.UTF8),
        ],
    ),
    "nested parquet": (_nested_parquet, [("", Place.PARQUET_VALUES, Encoding.UTF8)]),
    "sqlite": (_sqlite, [("", Place.SQLITE_VALUES, Encoding.UTF8), _PLAIN]),
    "duckdb": (_duckdb, [("", Place.DUCKDB_VALUES, Encoding.UTF8), ("", Place.CATALOG, Encoding.UTF8)]),
    "gzip": (_compressed(gzip.compress), [_IN_MEMBER]),
    "bzip2": (_compressed(bz2.compress), [_IN_MEMBER]),
    "xz": (_compressed(lzma.compress), [_IN_MEMBER]),
    "zstd": (_zstd, [_IN_MEMBER]),
    "zip": (
        _zip,
        [
            ("!2", _BYTES, Encoding.UTF8),
            ("!3!1", _BYTES, Encoding.UTF8),
            ("!4", Place.PARQUET_VALUES, Encoding.UTF8),
        ],
    ),
}

"""DuckDB, read as tables: its blocks are compressed, so that its bytes tell next to nothing of its values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import duckdb

from pipeline.privacy.scan.allowed import Allowed, Origin
from pipeline.privacy.scan.findings import FileFindings, Place
from pipeline.privacy.scan.parquet import scan_batch
from pipeline.privacy.scan.search import Search
from pipeline.privacy.scan.unreadable import Reason, UnreadableError

_BATCH_ROWS: Final = 8_192
_SETTINGS: Final = {"memory_limit": "1GB", "temp_directory": "", "autoinstall_known_extensions": "false"}
_NO_TEXT: Final = re.compile(r"BOOLEAN|DATE|TIME.*|DOUBLE|FLOAT|INTERVAL")
_AS_IT_IS: Final = re.compile(r"VARCHAR|BLOB|JSON|[U]?(TINY|SMALL|BIG)?INT|[U]?INTEGER|ENUM\(.*\)")
_CATALOG: Final = """
    select concat_ws(' ', database_name, schema_name, table_name, sql, comment, tags::varchar) from duckdb_tables()
    union all
    select concat_ws(' ', view_name, sql, comment) from duckdb_views() where not internal
    union all
    select concat_ws(' ', column_name, column_default, comment) from duckdb_columns() where not internal
    union all
    select concat_ws(' ', function_name, macro_definition, comment) from duckdb_functions() where not internal
    union all
    select concat_ws(' ', type_name, labels::varchar, comment) from duckdb_types() where not internal
"""


def scan_duckdb(path: Path, search: Search, found: FileFindings, *, allowed: Allowed) -> int:
    """Search all tables and the catalog of a DuckDB file; returns the bytes of their values.

    Raises:
        UnreadableError: it is damaged, of another version, encrypted, or open for writing elsewhere.
    """
    try:
        with duckdb.connect(":memory:", config=dict(_SETTINGS)) as connection:
            quoted = str(path.absolute()).replace("'", "''")
            connection.execute(f"attach '{quoted}' as scanned (read_only)")
            connection.execute("use scanned")
            for (text,) in connection.execute(_CATALOG).fetchall():
                for match in search.find(text.encode()):
                    found.text(Place.CATALOG, match)
            return sum(_scan_table(connection, table, search, found, allowed) for table in _tables(connection))
    except (duckdb.IOException, duckdb.ConnectionException, duckdb.BinderException) as error:
        locked = "lock" in str(error) or "already attached" in str(error) or "conflict" in str(error)
        raise UnreadableError(Reason.LOCKED if locked else Reason.DAMAGED) from None
    except duckdb.Error:
        raise UnreadableError(Reason.DAMAGED) from None


def _tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'scanned' order by all"
    ).fetchall()


def _scan_table(
    connection: duckdb.DuckDBPyConnection,
    table: tuple[str, str],
    search: Search,
    found: FileFindings,
    allowed: Allowed,
) -> int:
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() where database_name = 'scanned' and schema_name = ? "
        "and table_name = ? order by column_index",
        list(table),
    ).fetchall()
    wanted = [_selected(name, kind) for name, kind in columns if not _NO_TEXT.fullmatch(kind)]
    if not wanted:
        return 0
    relation: Any = connection.sql(f"select {', '.join(wanted)} from scanned.{_quoted(table[0])}.{_quoted(table[1])}")
    reader = relation.to_arrow_reader(_BATCH_ROWS)
    read, origin = 0, Origin(table=None, app_id=None)
    for batch in reader:
        scan_batch(
            batch,
            search,
            found,
            Place.DUCKDB_VALUES,
            may_stay=lambda row, batch=batch: allowed.has(batch, row, origin),  # type: ignore[misc]
        )
        read += batch.nbytes
    return read


def _selected(name: str, kind: str) -> str:
    """The column as it is where Arrow holds texts of it, else as its text."""
    nested = kind.endswith(("]", ")")) and "UUID" not in kind and not kind.startswith("DECIMAL")
    quoted = _quoted(name)
    return quoted if nested or _AS_IT_IS.fullmatch(kind) else f"cast({quoted} as varchar) as {quoted}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

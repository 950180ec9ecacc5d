"""The ledger: what is known, how far each walk came, which files are committed. SQLite by default, PostgreSQL by URL.

One transaction records files and the checkpoints they cover (design.md, section 5), so that the ledger and the lake can
never disagree for longer than one recovery.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from pipeline.errors import LakeVersionError, LedgerError
from pipeline.walk.database import create, ledger_error, open_engine, translated, truncate_log

LEDGER_VERSION = 1

metadata = sa.MetaData()

meta = sa.Table(
    "meta", metadata, sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("app_id", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
    sa.Column("holder", sa.Text),
    sa.Column("counters", sa.Text, nullable=False, server_default="{}"),
    sa.Column("message", sa.Text),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("app_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("found_by", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("pending", sa.Integer, nullable=False),
    sa.Column("merged_into", sa.Text),
    sa.Column("row_hash", sa.BigInteger),
    sa.Column("clients_hash", sa.BigInteger),
    sa.Column("devices_hash", sa.BigInteger),
    sa.Column("error", sa.Text),
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("app_id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, primary_key=True),
    sa.Column("found_by", sa.Text, nullable=False),
    sa.Column("via_user_id", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("pending", sa.Integer, nullable=False),
    sa.Column("head_id", sa.Text),
    sa.Column("head_at", sa.Text),
    sa.Column("tail_id", sa.Text),
    sa.Column("tail_at", sa.Text),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("listed_at", sa.Text),
    sa.Column("walked_at", sa.Text),
    sa.Column("messages", sa.Integer, nullable=False),
    sa.Column("row_hash", sa.BigInteger),
    sa.Column("participants_hash", sa.BigInteger),
    sa.Column("error", sa.Text),
)
sa.Index("conversations_via_user", conversations.c.app_id, conversations.c.via_user_id)
for _table, _key in ((users, users.c.user_id), (conversations, conversations.c.conversation_id)):
    # Partial: after a run hardly a row is pending, and the index costs next to nothing.
    sa.Index(
        f"{_table.name}_pending",
        _table.c.app_id,
        _key,
        sqlite_where=_table.c.pending > 0,
        postgresql_where=_table.c.pending > 0,
    )

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("app_id", sa.Text, primary_key=True),
    sa.Column("tag", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text),
    sa.Column("asked_by", sa.Text),
)

sets = sa.Table(
    "sets",
    metadata,
    sa.Column("app_id", sa.Text, primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("parent_id", sa.Text, primary_key=True),
    sa.Column("set_hash", sa.BigInteger),
)

commits = sa.Table(
    "commits",
    metadata,
    sa.Column("commit_id", sa.Text, primary_key=True),
    sa.Column("app_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("decided_at", sa.Float, nullable=False),
    sa.Column("removals", sa.Text, nullable=False, server_default="[]"),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("app_id", sa.Text, nullable=False, index=True),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("commit_id", sa.Text, nullable=False, index=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

# Who writes which app of a lake in a bucket, where the ledger is on a server (`lake/lease.py`).
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
)


class Ledger:
    """A ledger that is open. Connections are pooled, so that the sink's thread writes while the walk reads."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection that sees one committed state."""
        with translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def read_once(self) -> Iterator[sa.Connection]:
        """A connection for one query, which sees one committed state even if nothing is begun."""
        with translated(), self.engine.connect().execution_options(sunlake_once=True) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction: all of it is recorded durably, or nothing."""
        with (
            translated(),
            self.engine.connect().execution_options(sunlake_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, or overwrite those with the same primary key. All rows name the same columns."""
        if not rows:
            return
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, and leave those alone whose primary key is there already."""
        if rows:
            dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
            connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)

    def scrub(self) -> None:
        """Leave nothing of deleted rows in the files of the database: neither in free pages nor in the log.

        Raises:
            LedgerError: another process was busy with the ledger for too long; it can be repeated.
        """
        with translated():
            connection = self.engine.raw_connection()
            try:
                driver: Any = connection.driver_connection
                if self.engine.dialect.name == "sqlite":
                    driver.execute("vacuum")
                    truncate_log(driver)
                else:
                    driver.rollback()
                    driver.autocommit = True
                    driver.execute("vacuum full users, conversations, aliases, sets")
                    driver.autocommit = False
            except Exception as error:
                # The driver's own errors, which SQLAlchemy has not seen.
                if isinstance(error, LedgerError):
                    raise
                raise ledger_error(str(error)) from None
            finally:
                connection.close()

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def open_ledger(url: str) -> Ledger:
    """Open a ledger, creating its tables where there are none.

    Args:
        url: an SQLAlchemy URL, `sqlite:////path/ledger.db` or `postgresql+psycopg://...`.

    Raises:
        LedgerError: damaged, unreachable, or a driver is missing.
        LakeVersionError: written by a newer sunlake.
    """
    with translated():
        engine = open_engine(url)
        try:
            create(engine, metadata, then=_check_version)
        except BaseException:
            engine.dispose()
            raise
    return Ledger(engine)


def ledger_file(url: str) -> Path | None:
    """The file of an SQLite ledger, or None for a server."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def _check_version(connection: sa.Connection) -> None:
    found = connection.scalar(sa.select(meta.c.value).where(meta.c.key == "version"))
    if found is None:
        connection.execute(meta.insert().values(key="version", value=str(LEDGER_VERSION)))
    elif int(found) > LEDGER_VERSION:
        raise LakeVersionError(
            f"the ledger has version {found}, this sunlake knows up to {LEDGER_VERSION}; "
            "upgrade with: pip install -U sunlake"
        )

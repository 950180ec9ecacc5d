"""One writer among many machines: a lease in the ledger's server, renewed while its holder lives.

A holder that dies stops renewing, and after `seconds` another may take the lease. A holder that only slept finds, in
the transaction that would decide a commit, that the lease bears another token: nothing of it is committed. Time is the
server's throughout; a holder trusts its own clock only for how long ago it began to ask.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec
import sqlalchemy as sa

from pipeline.errors import LedgerError, LockedError, StorageError
from pipeline.lake.holder import Holder, refusal, this_process
from pipeline.walk import ledger as tables
from pipeline.walk.ledger import Ledger

# Renewed so often in the time that it lasts.
RENEWALS = 5
# The share of its time that must be left before something is begun that can't be taken back.
MARGIN = 0.4

_NOW = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Float)


class Lease:
    """A lease that is held; `renew_within` fences transactions, `check` anything else."""

    def __init__(self, ledger: Ledger, name: str, *, seconds: float) -> None:
        self._ledger = ledger
        self._name = name
        self._seconds = seconds
        self._token = secrets.token_hex(16)
        self._valid_until = 0.0
        self._is_lost = False

    def take(self, app_id: str, *, what: str, machine: str) -> None:
        """Take the lease if nobody has it, if it ran out, or if it was this machine's.

        Whoever had it on this machine held the lock that the caller holds now, so it is dead.

        Raises:
            LockedError: it is held elsewhere.
        """
        begun, columns = time.monotonic(), tables.leases.c
        holder = msgspec.json.encode(this_process(what)).decode()
        values = {"token": self._token, "machine": machine, "holder": holder, "expires_at": _NOW + self._seconds}
        empty = {"name": self._name, "token": "", "machine": "", "holder": "", "expires_at": 0.0}
        free = sa.or_(columns.expires_at < _NOW, columns.machine == machine)
        with self._ledger.write() as connection:
            self._ledger.insert_new(connection, tables.leases, [empty])
            taken = connection.execute(
                tables.leases.update().where(columns.name == self._name, free).values(**values)
            ).rowcount
        if not taken:
            found = read_holder(self._ledger, self._name)
            raise LockedError(f"{refusal(found, app_id)}, or {self._seconds:.0f} s after it died")
        self._valid_until = begun + self._seconds

    def renew_within(self, connection: sa.Connection) -> None:
        """Renew the lease at the end of a transaction; until that is over, nobody else can take it.

        Raises:
            LockedError: it was taken by another.
        """
        columns = tables.leases.c
        # Whoever falls silent before the commit must not hold the row, and with it everybody, for longer than that.
        patience = max(1, int(self._seconds * 1000))
        connection.execute(sa.text(f"set local idle_in_transaction_session_timeout = {patience}"))
        mine = sa.and_(columns.name == self._name, columns.token == self._token)
        renewed = connection.execute(
            tables.leases.update().where(mine).values(expires_at=_NOW + self._seconds)
        ).rowcount
        if not renewed:
            self._is_lost = True
            raise self._lost()

    def renew(self) -> None:
        """Renew the lease.

        Raises:
            LockedError: it was taken by another.
            LedgerError, StorageError: the server does not answer.
        """
        begun = time.monotonic()
        with self._ledger.write() as connection:
            self.renew_within(connection)
        self._valid_until = begun + self._seconds

    def check(self) -> None:
        """Return if the lease is surely held for a while yet.

        Raises:
            LockedError: it was taken by another.
            LedgerError, StorageError: it ran out, and the server does not answer.
        """
        if self._is_lost:
            raise self._lost()
        if time.monotonic() > self._valid_until - MARGIN * self._seconds:
            self.renew()

    def give_back(self) -> None:
        """Let others have it at once."""
        columns = tables.leases.c
        mine = sa.and_(columns.name == self._name, columns.token == self._token)
        with self._ledger.write() as connection:
            connection.execute(tables.leases.update().where(mine).values(expires_at=0.0))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease from a thread until the context ends; then give it back."""
        over = threading.Event()
        thread = threading.Thread(target=self._keep, args=(over,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            with suppress(LedgerError, StorageError):  # it runs out by itself
                self.give_back()

    def _keep(self, over: threading.Event) -> None:
        while not over.wait(self._seconds / RENEWALS):
            try:
                self.renew()
            except LockedError:
                return
            except (LedgerError, StorageError):
                continue  # the server may come back in time; if not, `check` says so to whoever wants to write

    def _lost(self) -> LockedError:
        return LockedError(
            "another machine took this one's place as writer, since it was not heard of for "
            f"{self._seconds:.0f} s; what it had committed stays, run the command again when the other is done"
        )


def read_holder(ledger: Ledger, name: str) -> Holder | None:
    """Who holds a lease now, or None."""
    columns = tables.leases.c
    query = sa.select(columns.holder).where(columns.name == name, columns.expires_at > _NOW)
    with ledger.read() as connection:
        found = connection.scalar(query)
    return msgspec.json.decode(found, type=Holder) if found else None

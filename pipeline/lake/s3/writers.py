"""Who may write a lake in a bucket: the ledger that owns it, and the holders of leases where that is on a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import sqlalchemy as sa

from pipeline.errors import LockedError
from pipeline.lake.holder import Holder
from pipeline.lake.lease import Lease, read_holder
from pipeline.lake.s3 import owner
from pipeline.lake.s3.bucket import Bucket
from pipeline.places import S3Place
from pipeline.walk.ledger import Ledger, ledger_file, open_ledger

# The lease that must be held when a request of this context writes.
_guarding: ContextVar[Lease | None] = ContextVar("guarding", default=None)


class Writers:
    """The writers of a lake; `owner_key` is that of the object that says whose it is."""

    def __init__(self, bucket: Bucket, place: S3Place, *, owner_key: str) -> None:
        self._bucket = bucket
        self._place = place
        self._owner_key = owner_key
        self._leases: dict[str, Lease] = {}
        self._id: str | None = None
        bucket.client.meta.events.register("before-send.s3", _check_lease)

    @property
    def are_many(self) -> bool:
        """Whether the ledger is on a server, where it serves several machines."""
        url = self._place.ledger_url
        return url is not None and ledger_file(url) is None

    @contextmanager
    def writing(self, name: str, *, what: str) -> Iterator[None]:
        """As `Store.writing`."""
        with self._server() as ledger:
            self._id = self._ledger_id(ledger)
            self._claim(self._id)
            if ledger is None:
                yield
                return
            lease = Lease(ledger, self._lease_name(name), seconds=self._place.storage.lease_seconds)
            lease.take(name, what=what, machine=owner.machine_id(self._place.private))
            self._leases[name] = lease
            try:
                with lease.kept():
                    yield
            finally:
                del self._leases[name]

    def holder(self, name: str) -> Holder | None:
        """The writer of this name on any machine."""
        with self._server() as ledger:
            return None if ledger is None else read_holder(ledger, self._lease_name(name))

    def take_over(self) -> None:
        """As `Store.take_over`."""
        owner.take_over(self._bucket, self._owner_key, self._id_now(), on_server=self.are_many)

    def claim(self) -> None:
        """Make the lake belong to this ledger if it belongs to none.

        Raises:
            LockedError: it belongs to another.
        """
        self._id = self._id or self._id_now()
        self._claim(self._id)

    def claim_again(self) -> None:
        """As `claim`, for a writer: someone may have taken the lake over since it began."""
        if self._id is not None:
            self._claim(self._id)

    def fence(self, connection: sa.Connection, name: str) -> None:
        """As `Store.fence`."""
        if self.are_many:
            self._lease(name).renew_within(connection)

    def require(self, name: str) -> None:
        """Fail if another machine has taken this one's place as the writer of this name."""
        if self.are_many:
            self._lease(name).renew()

    @contextmanager
    def guarded(self, name: str) -> Iterator[None]:
        """Within it, every request that writes is sent only while this process surely is the writer."""
        token = _guarding.set(self._lease(name) if self.are_many else None)
        try:
            yield
        finally:
            _guarding.reset(token)

    def _lease(self, name: str) -> Lease:
        try:
            return self._leases[name]
        except KeyError:
            raise LockedError(f"{name} can be written only by whoever holds its lock") from None

    def _lease_name(self, name: str) -> str:
        return f"{self._place} {name}"

    @contextmanager
    def _server(self) -> Iterator[Ledger | None]:
        """The ledger if it is on a server."""
        if not self.are_many:
            yield None
            return
        ledger = open_ledger(self._place.ledger_url or "")
        try:
            yield ledger
        finally:
            ledger.close()

    def _ledger_id(self, ledger: Ledger | None) -> str:
        return owner.machine_id(self._place.private) if ledger is None else owner.server_id(ledger)

    def _id_now(self) -> str:
        with self._server() as ledger:
            return self._ledger_id(ledger)

    def _claim(self, ledger_id: str) -> None:
        owner.claim(self._bucket, self._owner_key, ledger_id, on_server=self.are_many)


def _check_lease(request: Any, **_: Any) -> None:
    """Let a request that writes go out only if the lease is held; called before each attempt of it."""
    lease = _guarding.get()
    if lease is not None and request.method not in {"GET", "HEAD"}:
        lease.check()

"""Who holds the lock of an app, for whoever is refused."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime

import msgspec


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock. `since` is an ISO time in UTC."""

    pid: int
    host: str
    what: str
    since: str


def this_process(what: str) -> Holder:
    """This process as a holder from now on."""
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Holder(os.getpid(), socket.gethostname(), what, since)


def refusal(holder: Holder | None, app_id: str) -> str:
    """What to tell whoever wants the lock, too."""
    if holder is None:
        return f"another process is writing app {app_id}; try again when it is done"
    return (
        f"`sunlake {holder.what}` is writing app {app_id} since {holder.since} "
        f"(process {holder.pid} on {holder.host}); try again when it is done"
    )

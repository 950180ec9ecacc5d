"""A real PostgreSQL server for tests."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

START_SECONDS = 60


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server of its own on a free port; gives the URL of its database. Skips where there is none."""
    initdb = _initdb()
    if initdb is None:
        assert not os.environ.get("CI"), "PostgreSQL must be there in CI: tests/system-packages.sh installs it"
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    data = folder / "data"
    # PostgreSQL refuses to run as root.
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        for path in (folder, *folder.parents):
            if path == Path(path.anchor) or path.owner() != "root":
                break
            path.chmod(path.stat().st_mode | 0o711)
        shutil.chown(folder, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run([*user, initdb, "-D", data, "-A", "trust", "-U", "sunlake"], check=True, capture_output=True)
    options = ["-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
    server = subprocess.Popen(
        [*user, Path(initdb).parent / "postgres", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        ready = [Path(initdb).parent / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
        while subprocess.run(ready, check=False).returncode != 0:
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.1)
        yield f"postgresql+psycopg://sunlake@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait()


def new_database(url: str) -> str:
    """Make an empty database on the server; gives its URL."""
    name = f"ledger_{secrets.token_hex(4)}"
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    engine.dispose()
    return f"{url.rpartition('/')[0]}/{name}"


def _initdb() -> str | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(found[-1]) if found else shutil.which("initdb")

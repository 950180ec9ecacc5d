"""What the integration tests share: small worlds behind a server of their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.forked import Sandbox
from tests.integration.export_bench import Bench
from tests.integration.launcher import Launcher
from tests.integration.postgres import postgres_server
from tests.integration.small_worlds import SmallWorld

if TYPE_CHECKING:
    from tests.integration.s3_bench import S3Bench
    from tests.integration.s3_erase_bench import S3EraseBench
    from tests.integration.s3_server import S3Server

Serve = Callable[..., Bench]
ServeS3 = Callable[..., "S3Bench"]


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """What starts processes quickly."""
    with Launcher() as launcher:
        yield launcher


@pytest.fixture
def serve(tmp_path: Path, launcher: Launcher) -> Iterator[Serve]:
    """A function that serves a world, small or named by a spec, and gives the bench to export it with."""
    with ExitStack() as stack:

        def start(
            world: SmallWorld | str, *, behaviour: dict[str, Any] | None = None, latency_ms: float = 0, **options: Any
        ) -> Bench:
            spec = world if isinstance(world, str) else world.write(tmp_path)
            sandbox = stack.enter_context(Sandbox(spec, behaviour=behaviour, latency_ms=latency_ms))
            bench = Bench(sandbox, tmp_path, launcher=launcher, **options)
            bench.seed()
            return bench

        yield start


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A store that speaks S3."""
    # What it imports takes longer than many a test without it.
    from tests.integration.s3_server import S3Server

    with S3Server() as server:
        yield server


@pytest.fixture
def serve_s3(tmp_path: Path, launcher: Launcher, s3_server: S3Server) -> Iterator[ServeS3]:
    """A function that serves a world and gives the bench to export it into a bucket with."""
    from pipeline.lake.s3.store import s3_store
    from tests.integration.s3_bench import S3Bench

    with ExitStack() as stack:
        stack.callback(s3_store.cache_clear)

        def start(world: SmallWorld | str, **options: Any) -> S3Bench:
            spec = world if isinstance(world, str) else world.write(tmp_path)
            sandbox = stack.enter_context(Sandbox(spec))
            bucket = f"lakes-{secrets.token_hex(4)}"
            bench = S3Bench(sandbox, tmp_path, launcher=launcher, store=s3_server, bucket=bucket, **options)
            bench.seed()
            return bench

        yield start


@pytest.fixture(scope="session")
def hamlet_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The hamlet of `s3_erase_bench`."""
    from tests.integration.s3_erase_bench import hamlet

    with Sandbox(hamlet().write(tmp_path_factory.mktemp("hamlet"))) as running:
        yield running


@pytest.fixture
def erasing(
    tmp_path: Path, launcher: Launcher, s3_server: S3Server, hamlet_server: Sandbox
) -> Iterator[Callable[..., S3EraseBench]]:
    """A function that gives a bench with an empty lake in a new bucket, to be filled from the hamlet as it was."""
    from pipeline.lake.s3.store import s3_store
    from tests.integration.s3_erase_bench import S3EraseBench

    def begin(**options: Any) -> S3EraseBench:
        hamlet_server.reset()
        name = f"lakes-{secrets.token_hex(4)}"
        bench = S3EraseBench(hamlet_server, tmp_path / name, launcher=launcher, store=s3_server, bucket=name, **options)
        bench.seed()
        return bench

    yield begin
    s3_store.cache_clear()

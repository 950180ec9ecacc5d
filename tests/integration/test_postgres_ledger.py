"""The ledger on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pipeline.config import AppSettings, Settings
from pipeline.errors import LedgerError
from pipeline.export import export_app
from pipeline.lake.layout import open_lake
from pipeline.lake.repair import rebuild_app
from pipeline.walk.coverage import app_coverage
from pipeline.walk.ledger import open_ledger
from tests.forked import Sandbox


def test_an_export_with_a_ledger_on_postgresql_resumes_and_repairs(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limited export is continued by the next one, and repair rebuilds the same coverage from the lake."""
    with Sandbox("chitchat:60") as sandbox:
        seeds = tmp_path / "seeds.csv"
        rows = [row["user_id"] for row in sandbox.seeds()]
        seeds.write_text("\n".join(["user_id", *rows]) + "\n")
        monkeypatch.setenv("SUNLAKE_KEY_ID", sandbox.key().id)
        monkeypatch.setenv("SUNLAKE_SECRET", sandbox.key().secret)
        app = AppSettings(app_id=sandbox.app_id, base_url=sandbox.base_url, seeds=(str(seeds),), start_rate=500)
        settings = Settings(lake=str(tmp_path / "lake"), ledger_url=postgres_url, apps=(app,))
        first = asyncio.run(export_app(settings, app, limit=20))
        second = asyncio.run(export_app(settings, app))
        assert (first.state, second.state) == ("partial", "done"), (first.message, second.message)
        assert sandbox.stats()["repeated_calls"] <= 10, "only the lists of the app itself are read again"
        assert second.coverage is not None
        expected = len(list(sandbox.world("messages")))
    assert second.coverage.messages == expected
    lake, ledger = open_lake(Path(settings.lake), create=False), open_ledger(postgres_url)
    repaired = rebuild_app(lake, ledger, app.app_id)
    assert (repaired.conversations, repaired.messages) == (60, expected)
    assert app_coverage(ledger, app.app_id).messages == expected
    ledger.close()


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    """The message of an unreachable ledger holds no secret of its URL."""
    with pytest.raises(LedgerError) as caught:
        open_ledger("postgresql+psycopg://sunlake:geheim-7@127.0.0.1:9/none")
    assert "geheim-7" not in str(caught.value)

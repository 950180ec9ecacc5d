"""The desk of whoever erases: settings, lake, ledger, keys and the ledger of deeds, opened together or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.config import Settings, key_pair
from pipeline.lake.layout import Lake, open_lake
from pipeline.privacy.deeds.deeds import Deeds
from pipeline.suppression.keys import Keyring, load_deeds_keyring, load_keyring
from pipeline.walk.ledger import Ledger, open_ledger


@dataclass(frozen=True, slots=True)
class Desk:
    """What every command of erasure works with."""

    settings: Settings
    lake: Lake
    ledger: Ledger
    keyring: Keyring
    deeds: Deeds


@contextmanager
def open_desk(settings: Settings) -> Iterator[Desk]:
    """Open everything that an erasure needs.

    Raises:
        PrivacyKeyError: a key is missing.
        LakeError, LedgerError: the lake or its ledger can't be opened.
        CorruptLakeError: the ledger of deeds was tampered with; nothing may be done before that is cleared up.
    """
    keyring = load_keyring(settings)
    deeds_key = load_deeds_keyring(settings).subkey("deeds")
    lake = open_lake(settings.place, create=False)
    deeds = Deeds.open(lake, key=deeds_key)
    ledger = open_ledger(settings.ledger_url or lake.default_ledger_url)
    try:
        yield Desk(settings, lake, ledger, keyring, deeds)
    finally:
        ledger.close()


@asynccontextmanager
async def open_client(settings: Settings, app_id: str) -> AsyncIterator[ApiClient]:
    """A client for one app, with the limiter and the retries of an export.

    Raises:
        ConfigError: the app is not configured, or its key is not given.
    """
    app = settings.app(app_id)
    keys = key_pair(app)
    client = ApiClient(
        app.base_url,
        Credential(keys.key_id, keys.secret, method=app.auth, scope=app.scope),
        limiter=Limiter(start_rate=app.start_rate, max_rate=app.max_rate, max_concurrency=app.max_concurrency),
        max_call_seconds=settings.calls.total_seconds,
        read_timeout=settings.calls.read_seconds,
    )
    async with client:
        yield client

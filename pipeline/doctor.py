"""The checks of `sunlake doctor`: each thing that an export needs, tried for real."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.api import resources
from pipeline.api.auth import Credential
from pipeline.api.client import ApiClient
from pipeline.api.limiter import Limiter
from pipeline.api.routes import Route
from pipeline.config import AppSettings, Settings, key_pair
from pipeline.errors import ForbiddenError, NotFoundError, SunlakeError
from pipeline.lake import storage
from pipeline.lake.layout import Lake, open_lake
from pipeline.lake.lock import lock_holder
from pipeline.walk.ledger import open_ledger
from pipeline.walk.seeds import validate_seeds

CALL_SECONDS = 20.0
LOW_DISK_BYTES = 1 << 30
# No such user exists; a key that may read users is told so by 404, another by 401 or 403.
NOBODY = "0" * 24


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was tried, whether it is good, and what was seen or is to be done."""

    what: str
    is_good: bool
    text: str


def check_storage(settings: Settings) -> list[Finding]:
    """Write into the lake, open the ledger, look at the free space."""
    findings = []
    try:
        lake = open_lake(settings.place, create=True)
        probed = lake.store.probe()
        storage.make_folder(lake.private)
        free = shutil.disk_usage(lake.private).free
        enough = free > LOW_DISK_BYTES
        findings.append(Finding("lake", enough, f"{probed}, {free / 1e9:,.1f} GB are free{_on(lake)}"))
        open_ledger(settings.ledger_url or lake.default_ledger_url).close()
        findings.append(Finding("ledger", is_good=True, text="can be opened"))
        for app in settings.apps:
            holder = lock_holder(lake, app.app_id)
            if holder is not None:
                text = f"`sunlake {holder.what}` runs since {holder.since} (process {holder.pid} on {holder.host})"
                findings.append(Finding(f"app {app.app_id}", is_good=True, text=text))
    except SunlakeError as error:
        findings.append(Finding("storage", is_good=False, text=str(error)))
    return findings


def _on(lake: Lake) -> str:
    return "" if isinstance(lake.place, Path) else f" in {lake.private}"


async def check_app(settings: Settings, app: AppSettings) -> list[Finding]:
    """Try the app's key on what an export reads, and its seeds."""
    name = f"app {app.app_id}"
    findings = _check_seeds(settings, app)
    try:
        keys = key_pair(app)
        credential = Credential(keys.key_id, keys.secret, method=app.auth, scope=app.scope)
        limiter = Limiter(start_rate=app.start_rate, max_rate=app.max_rate)
        async with ApiClient(app.base_url, credential, limiter=limiter, max_call_seconds=CALL_SECONDS) as client:
            findings.append(await _try(client, app, resources.GET_USER, {"userIdOrExternalId": NOBODY}, needed=True))
            for route in (resources.GET_APP, resources.LIST_INTEGRATIONS, resources.LIST_SWITCHBOARDS):
                findings.append(await _try(client, app, route, {}, needed=False))
    except SunlakeError as error:
        findings.append(Finding(name, is_good=False, text=str(error)))
    return findings


def _check_seeds(settings: Settings, app: AppSettings) -> list[Finding]:
    findings = []
    for number, source in enumerate(app.seeds, 1):
        what = f"app {app.app_id}, seeds {number}"
        try:
            count = validate_seeds(source, app_ids=[each.app_id for each in settings.apps])
            findings.append(Finding(what, is_good=True, text=f"{count:,} rows"))
        except SunlakeError as error:
            findings.append(Finding(what, is_good=False, text=str(error)))
    return findings


async def _try(client: ApiClient, app: AppSettings, route: Route, path: dict[str, str], *, needed: bool) -> Finding:
    what = f"app {app.app_id}, {route.table}"
    try:
        await client.get(route, path={"appId": app.app_id, **path}, query={})
    except NotFoundError as error:
        if error.code == "app_not_found":
            text = "the key works, but knows no such app; compare app_id with Admin Center > Conversations API"
            return Finding(what, is_good=False, text=text)
    except ForbiddenError:
        if needed:
            return Finding(what, is_good=False, text="the key may not read users and conversations; create another key")
        text = "the key may not read them; the export goes on without (an app-scoped key may)"
        return Finding(what, is_good=True, text=text)
    return Finding(what, is_good=True, text="can be read")

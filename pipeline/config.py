"""Settings from `sunlake.toml` and the environment, which wins. The only reader of os.environ.

The file names the environment variables that hold secrets and never the secrets themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import ConfigError
from pipeline.metrics_settings import WarehouseSettings, check_warehouse
from pipeline.metrics_settings.local_time import known_zone
from pipeline.places import (
    DEFAULT_STATE,
    LOOPBACK_HOSTS,
    SCHEME,
    Place,
    S3Place,
    StorageSettings,
    check_storage,
    s3_place,
)
from pipeline.privacy_settings import PrivacySettings, check_privacy
from pipeline.settings_sources import overlay_environment, read_toml

CONFIG_NAME = "sunlake.toml"

AuthMethod = Literal["basic", "jwt"]
Scope = Literal["app", "account", "integration"]


class AppSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach and walk one app.

    `key_id_env` and `secret_env` name environment variables; `seeds` are files or `duckdb:` queries. `max_rate` is
    calls per second; None leaves the rate to what the server allows.
    """

    app_id: str
    base_url: str
    key_id_env: str = "SUNLAKE_KEY_ID"
    secret_env: str = "SUNLAKE_SECRET"  # noqa: S105 - the name of a variable, not a secret
    auth: AuthMethod = "basic"
    scope: Scope = "app"
    seeds: tuple[str, ...] = ()
    start_rate: float = 10.0
    max_rate: float | None = None
    max_concurrency: int = 64


class CommitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When buffered rows are committed: whichever of the bounds is reached first. They bound what a kill costs.

    The first commits of a run come sooner than `seconds`.
    """

    seconds: float = 10.0
    rows: int = 500_000
    pages: int = 10_000


class CallSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bounds of one call in seconds: the wait for bytes, and the whole call with its retries."""

    read_seconds: float = 60.0
    total_seconds: float = 900.0


class ScheduleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When `sunlake serve` starts a flow: five cron fields in an IANA time zone."""

    flow: Literal["export", "sweep", "nightly", "compact", "build", "erase"]
    cron: str
    timezone: str = "UTC"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All settings. `lake` is a folder or `s3://bucket/prefix`; `state` is where an S3 lake's local files lie.

    `ledger_url` is an SQLAlchemy URL, by default SQLite inside the lake, or in `state` for an S3 lake.
    """

    lake: str = "lake"
    state: str = DEFAULT_STATE
    storage: StorageSettings = StorageSettings()
    ledger_url: str | None = None
    apps: tuple[AppSettings, ...] = ()
    commit: CommitSettings = CommitSettings()
    calls: CallSettings = CallSettings()
    schedules: tuple[ScheduleSettings, ...] = ()
    warehouse: WarehouseSettings = WarehouseSettings()
    privacy: PrivacySettings = PrivacySettings()

    @property
    def place(self) -> Place:
        """Where the lake lies.

        Raises:
            ConfigError: it is no folder and no `s3://bucket/prefix`.
        """
        if not self.lake.startswith(SCHEME):
            return Path(self.lake)
        return s3_place(self.lake, self.storage, state=self.state, ledger_url=self.ledger_url)

    @property
    def lake_path(self) -> Path:
        """The lake's folder.

        Raises:
            ConfigError: the lake lies in a bucket.
        """
        if self.lake.startswith(SCHEME):
            raise ConfigError(f"this works on a lake in a folder only, not on {self.lake}")
        return Path(self.lake)

    def app(self, app_id: str) -> AppSettings:
        """The settings of one app.

        Raises:
            ConfigError: no such app is configured.
        """
        for app in self.apps:
            if app.app_id == app_id:
                return app
        known = ", ".join(app.app_id for app in self.apps) or "none"
        raise ConfigError(f"app {app_id!r} is not configured (configured: {known}); add it to {CONFIG_NAME}")


class KeyPair(msgspec.Struct, frozen=True):
    """A key id and its secret. Neither shows in a repr."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return "KeyPair(***)"


def load_settings(path: Path | None = None, *, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        path: the file; by default `SUNLAKE_CONFIG`, else `sunlake.toml` in the working folder, which may be absent.
        environ: the environment, for tests.

    Raises:
        ConfigError: a file that is named but missing, or a wrong value; the message names the key.
    """
    env = os.environ if environ is None else environ
    named = path or (Path(env["SUNLAKE_CONFIG"]) if env.get("SUNLAKE_CONFIG") else None)
    file = named or Path(CONFIG_NAME)
    if file.exists():
        raw = read_toml(file)
    elif named is not None:
        raise ConfigError(f"settings file {file} does not exist; write one with `sunlake init`")
    else:
        raw = {}
    overlay_environment(raw, env)
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{file}: {error}") from None
    _check(settings, file, is_url_given=bool(env.get("SUNLAKE_APP_ID") and env.get("SUNLAKE_BASE_URL")))
    return settings


def key_pair(app: AppSettings, *, environ: Mapping[str, str] | None = None) -> KeyPair:
    """The key of an app, from the environment variables that its settings name.

    Raises:
        ConfigError: a variable is unset or empty.
    """
    env = os.environ if environ is None else environ
    missing = [name for name in (app.key_id_env, app.secret_env) if not env.get(name)]
    if missing:
        raise ConfigError(
            f"app {app.app_id}: environment variable {' and '.join(missing)} is not set; "
            "create a key in Admin Center > Apps and integrations > Conversations API and export it"
        )
    return KeyPair(env[app.key_id_env], env[app.secret_env])


class StorageKeys(KeyPair, frozen=True):
    """The keys of an S3-compatible store, with a session's token if there is one."""

    token: str | None = None

    def __repr__(self) -> str:
        return "StorageKeys(***)"


def storage_keys(place: S3Place, *, environ: Mapping[str, str] | None = None) -> StorageKeys | None:
    """The keys that the settings name, or None where AWS's own chain is to be asked.

    Raises:
        ConfigError: a variable is unset or empty.
    """
    env, named = os.environ if environ is None else environ, place.storage
    if named.access_key_id_env is None or named.secret_access_key_env is None:
        return None
    names = [name for name in (named.access_key_id_env, named.secret_access_key_env, named.session_token_env) if name]
    missing = [name for name in names if not env.get(name)]
    if missing:
        raise ConfigError(f"storage: environment variable {' and '.join(missing)} is not set; {place.url} needs it")
    token = env[named.session_token_env] if named.session_token_env else None
    return StorageKeys(env[named.access_key_id_env], env[named.secret_access_key_env], token)


def key_source(name: str, file: str | None, *, environ: Mapping[str, str] | None = None) -> tuple[str, Path | None]:
    """What holds a privacy key: the text of the variable `name`, or the file of the setting or of `<name>_FILE`.

    The file wins. An empty text and no file mean that there is none.
    """
    env = os.environ if environ is None else environ
    found = file or env.get(f"{name}_FILE")
    return (env.get(name, ""), None) if not found else ("", Path(found))


def prefect_home(environ: Mapping[str, str] | None = None) -> Path:
    """Where Prefect keeps its files: as `PREFECT_HOME` says, else in the XDG folder for what outlives a process."""
    env = os.environ if environ is None else environ
    named = env.get("XDG_STATE_HOME", "")
    state = Path(named) if Path(named).is_absolute() else Path(env.get("HOME", "~")).expanduser() / ".local" / "state"
    return Path(env["PREFECT_HOME"]).expanduser() if env.get("PREFECT_HOME") else state / "sunlake" / "prefect"


def _check(settings: Settings, file: Path, *, is_url_given: bool) -> None:
    seen: set[str] = set()
    for number, app in enumerate(settings.apps):
        at = f"{file}: apps[{number}]"
        if not _is_token(app.app_id):
            raise ConfigError(f"{at}.app_id must be letters and digits, such as 5d8cff3cd55b040010928b5b")
        if app.app_id in seen:
            raise ConfigError(f"{at}.app_id: {app.app_id} is configured twice")
        seen.add(app.app_id)
        check_base_url(app.base_url, at="SUNLAKE_BASE_URL" if is_url_given else f"{at}.base_url")
        if app.start_rate <= 0 or (app.max_rate is not None and app.max_rate <= 0) or app.max_concurrency < 1:
            raise ConfigError(f"{at}: start_rate, max_rate and max_concurrency must be above 0")
    if settings.commit.seconds <= 0 or settings.commit.rows < 1 or settings.commit.pages < 1:
        raise ConfigError(f"{file}: commit.seconds, commit.rows and commit.pages must be above 0")
    for number, schedule in enumerate(settings.schedules):
        try:
            known_zone(schedule.timezone)
        except ValueError as error:
            raise ConfigError(f"{file}: schedules[{number}].timezone: {error}") from None
    check_warehouse(settings.warehouse, at=f"{file}: warehouse")
    check_storage(settings.storage, at=f"{file}: storage")
    if settings.lake.startswith(SCHEME):
        _ = settings.place  # refuses a wrong name
    check_privacy(settings.privacy, at=f"{file}: privacy")


def check_base_url(base_url: str, *, at: str) -> None:
    """Refuse a base URL that would send the key in clear text or that carries more than scheme, host and path.

    Raises:
        ConfigError: the message names `at`, the key of the setting.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ConfigError(f"{at} must be a URL such as https://<subdomain>.zendesk.com/sc")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ConfigError(f"{at}: http would send your key in clear text; use https (http is for loopback hosts only)")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ConfigError(f"{at} must not hold a query, a fragment or a user; keys belong into environment variables")


def _is_token(value: str) -> bool:
    return value.isascii() and value.replace("_", "").isalnum()

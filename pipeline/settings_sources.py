"""Settings as they are written, before anything is known of their meaning: a TOML file, and the environment over it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from pipeline.errors import ConfigError
from pipeline.places import SCHEME

SEED_SUFFIXES: Final = (".csv", ".jsonl", ".ndjson", ".parquet")


def read_toml(file: Path) -> dict[str, object]:
    """The values of a settings file. Paths in it are relative to its folder, so that it means the same everywhere.

    Raises:
        ConfigError: it can't be read, or is no TOML.
    """
    try:
        values = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}") from None
    # Dates may be written with quotes and without.
    raw = {key: msgspec.to_builtins(value) for key, value in values.items()}
    _anchor(raw, file.parent)
    return raw


def _anchor(raw: dict[str, object], folder: Path) -> None:
    raw.setdefault("lake", "lake")
    tables: list[tuple[dict[str, object], tuple[str, ...]]] = [(raw, ("lake", "state"))]
    if isinstance(privacy := raw.get("privacy"), dict):
        tables.append((privacy, ("key_file", "deeds_key_file", "scan_roots", "prefect_home")))
    for table, keys in tables:
        for key in keys:
            table.update(_each(table.get(key), key, lambda value: _anchored(value, folder)))
    for app in _entries(raw.get("apps")):
        app.update(
            _each(app.get("seeds"), "seeds", lambda seeds: _anchored(seeds, folder) if _is_file(seeds) else seeds)
        )


def _each(value: object, key: str, change: Callable[[str], str]) -> dict[str, object]:
    """A text or the texts of a list, changed; what is neither is left for those who say what is wrong with it."""
    if isinstance(value, str):
        return {key: change(value)}
    if isinstance(value, list):
        return {key: [change(each) if isinstance(each, str) else each for each in value]}
    return {}


def _anchored(value: str, folder: Path) -> str:
    return value if not value or value.startswith((SCHEME, "~")) else str(folder / value)


def _is_file(source: str) -> bool:
    """Whether seeds are a file, and no query."""
    return Path(source).suffix.lower() in SEED_SUFFIXES


def overlay_environment(raw: dict[str, object], env: Mapping[str, str]) -> None:
    """Put what the environment says over the values of the file.

    Raises:
        ConfigError: a variable has no usable value, or lacks another one.
    """
    for name, key in (
        ("SUNLAKE_LAKE", "lake"),
        ("SUNLAKE_STATE", "state"),
        ("SUNLAKE_LEDGER_URL", "ledger_url"),
    ):
        if env.get(name):
            raw[key] = env[name]
    _overlay_commit(raw, env)
    if not env.get("SUNLAKE_APP_ID"):
        return
    app: dict[str, object] = {"app_id": env["SUNLAKE_APP_ID"]}
    same = [entry for entry in _entries(raw.get("apps")) if entry.get("app_id") == app["app_id"]]
    if same:
        app = dict(same[0])
    app |= {"key_id_env": "SUNLAKE_KEY_ID", "secret_env": "SUNLAKE_SECRET"} if env.get("SUNLAKE_KEY_ID") else {}
    if env.get("SUNLAKE_BASE_URL"):
        app["base_url"] = env["SUNLAKE_BASE_URL"]
    if env.get("SUNLAKE_AUTH"):
        app["auth"] = env["SUNLAKE_AUTH"]
    if "base_url" not in app:
        raise ConfigError(
            "SUNLAKE_APP_ID is set, but SUNLAKE_BASE_URL is not; set it to https://<subdomain>.zendesk.com/sc"
        )
    raw["apps"] = [app]


def _overlay_commit(raw: dict[str, object], env: Mapping[str, str]) -> None:
    for name, key in (
        ("SUNLAKE_COMMIT_SECONDS", "seconds"),
        ("SUNLAKE_COMMIT_PAGES", "pages"),
        ("SUNLAKE_COMMIT_ROWS", "rows"),
    ):
        if not env.get(name):
            continue
        commit = raw.setdefault("commit", {})
        if not isinstance(commit, dict):
            raise ConfigError("commit: expected a table")
        try:
            commit[key] = float(env[name]) if key == "seconds" else int(env[name])
        except ValueError:
            raise ConfigError(f"{name} must be a number") from None


def _entries(value: object) -> list[dict[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []

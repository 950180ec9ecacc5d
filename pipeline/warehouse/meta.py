"""What the warehouse says of itself: when it was built, by what, of what; and what its tables and columns mean."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import duckdb
import msgspec

from pipeline.metrics_settings import WarehouseSettings
from pipeline.warehouse.model import Model
from pipeline.warehouse.models import Models
from pipeline.warehouse.tally import Tally
from pipeline.warehouse.views import text

# Raised when the tables of `meta` change: an older warehouse is then computed anew.
META_FORMAT: Final = 4
KEPT_SETTINGS: Final = (
    "general",
    "session_gaps",
    "source_classes",
    "channel_families",
    "agent_integration_types",
    "sla_targets",
    "schedules",
    "schedule_channels",
)


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One row of `meta.build`. All from `made_of` on say whether the next build may go on from this one."""

    rebuilt_at: datetime
    version: str
    made_of: str
    settings: str
    inputs: str = ""
    is_whole: bool = True
    is_sound: bool = True

    @classmethod
    def now(cls, models: Models, settings: WarehouseSettings) -> BuildRecord:
        """The record of a build that begins now."""
        return cls(
            rebuilt_at=datetime.now(UTC).replace(tzinfo=None),
            version=version("sunlake"),
            made_of=_made_of(models),
            settings=json.dumps(msgspec.to_builtins(settings), sort_keys=True),
        )


def last_build(path: Path) -> BuildRecord | None:
    """The record of the warehouse that is there, or None where there is none that can be read."""
    if not path.exists():
        return None
    # A warehouse is disposable: one that can't be read, or that another release wrote, is as good as none.
    with suppress(duckdb.Error), duckdb.connect(str(path), read_only=True) as connection:
        row = connection.execute(
            "select rebuilt_at, version, made_of, settings, inputs, is_whole, is_sound from meta.build"
        ).fetchone()
        return BuildRecord(*row) if row else None
    return None


def write_meta(connection: duckdb.DuckDBPyConnection, tally: Tally, record: BuildRecord, *, is_full: bool) -> None:
    """Write `meta.build`, `meta.models` and the settings into the warehouse."""
    connection.execute(
        """
        create or replace table warehouse.meta.build as
        select
            $rebuilt_at::timestamp as rebuilt_at,
            $version::varchar as version,
            (select make_timestamp(max(as_of_ms) * 1000) from lake.app_as_of) as as_of,
            $is_full::boolean as is_full,
            $is_whole::boolean as is_whole,
            $is_sound::boolean as is_sound,
            $made_of::varchar as made_of,
            $settings::varchar as settings,
            $inputs::varchar as inputs,
            (
                select coalesce(sum(count_erased), 0)::bigint
                from lake.erasure_batches
                where
                    state = 'complete'
                    and confirmed_ms >= (select min(confirmed_ms) from lake.erasure_batches where had_warehouse)
            ) as n_erased_since_first_build
        """,
        {
            "rebuilt_at": record.rebuilt_at,
            "version": record.version,
            "is_full": is_full,
            "is_whole": record.is_whole,
            "is_sound": record.is_sound,
            "made_of": record.made_of,
            "settings": record.settings,
            "inputs": record.inputs,
        },
    )
    connection.execute("""
        create or replace table warehouse.meta.models (model varchar, outcome varchar, message varchar, seconds double)
    """)
    rows = [(entry.name, entry.outcome, entry.message, entry.seconds) for entry in tally.by_name.values()]
    connection.executemany("insert into warehouse.meta.models values (?, ?, ?, ?)", rows)
    connection.execute("create schema if not exists warehouse.settings")
    for name in KEPT_SETTINGS:
        connection.execute(f"create or replace table warehouse.settings.{name} as from settings.{name}")


def write_comments(connection: duckdb.DuckDBPyConnection, tally: Tally) -> None:
    """Write the descriptions of the stored models and their columns as DuckDB's comments."""
    statements = [line for model in tally.models if tally.stores(model) for line in _comments(model)]
    connection.execute("; ".join(["begin", *statements, "commit"]))


def described(model: Model) -> str:
    """A model's grain and what it answers, in sentences."""
    grain = f"{model.grain[:1].upper()}{model.grain[1:]}."
    return f"{grain} {model.description}".strip()


def _comments(model: Model) -> Iterator[str]:
    yield f"comment on table warehouse.{model.name} is {text(described(model))}"
    for name, description in model.columns.items():
        yield f"comment on column warehouse.{model.name}.{name} is {text(description)}"


def _made_of(models: Models) -> str:
    digest = hashlib.sha256(f"{META_FORMAT} {duckdb.__version__}".encode())
    for model in models:
        digest.update(f"\0{model.name}\0{model.sql}".encode())
    return digest.hexdigest()

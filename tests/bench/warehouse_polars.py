"""Turns and reply times in polars, run by the interpreter of an environment apart, as dlt is.

The best plan found: one sort of the whole lake, then each row beside the one before it; no windows by conversation.
The same rules as sunlake's models under their usual settings, spared what warehouse_window.sql is spared.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from job import Meter  # type: ignore[import-not-found] # beside this file: the project is not installed here

CLOSING = ["ticket:closed", "conversation:endedByUser", "ticket:transfer:email"]
HOUR_MS = 3_600_000


def main() -> None:
    """Read the lake of the first argument and print figures as one line of JSON."""
    import polars as pl

    meter = Meter()
    rows = _turns(Path(sys.argv[1])).collect(engine="streaming").rows()
    figures: dict[str, Any] = meter.read()
    figures["totals"] = {app: [turns, answered, reply_ms] for app, turns, answered, reply_ms in rows}
    figures["polars"] = pl.__version__
    print(json.dumps(figures))


def _turns(lake: Path) -> Any:
    import polars as pl

    personal = (
        _scan(lake, "conversations", "*/*.parquet")
        .filter(pl.col("type").ne_missing("sdkGroup"))
        .select("app_id", "conversation_id")
    )
    subtypes, activity, source = pl.col("author_subtypes").list, pl.col("activity"), pl.col("source_type")
    # 0 is eligible for nothing, 1 a user's, 2 the business's.
    side = (
        pl.when(activity.is_not_null() | subtypes.contains("activity").fill_null(False))
        .then(0)
        .when(pl.col("author_type") == "user")
        .then(1)
        .when(source == "zd:surveys")
        .then(0)
        .otherwise(2)
    )
    rows = (
        _scan(lake, "messages", "*/*/*.parquet")
        .select(
            "app_id",
            "conversation_id",
            "message_id",
            pl.col("received_at").dt.epoch("ms").alias("ms"),
            side.cast(pl.Int8).alias("side"),
            activity.str.json_path_match("$.type").is_in(CLOSING).fill_null(False).alias("is_closing"),
        )
        .filter((pl.col("side") > 0) | pl.col("is_closing"))
        .join(personal, on=["app_id", "conversation_id"], how="semi")
        .sort("app_id", "conversation_id", "ms", "message_id")
    )
    talk = pl.struct("app_id", "conversation_id")
    same = (talk == talk.shift(1)).fill_null(False)
    rows = rows.select(
        "app_id",
        "ms",
        "side",
        pl.when(same & ~pl.col("is_closing").shift(1)).then(pl.col("side").shift(1)).alias("side_before"),
        pl.when(same & ~pl.col("is_closing").shift(1)).then(pl.col("ms").shift(1)).alias("ms_before"),
    ).filter(pl.col("side") > 0)
    is_answer = (pl.col("side") == 2) & (pl.col("side_before") == 1)
    limit = pl.when(is_answer).then(7 * 24 * HOUR_MS).otherwise(24 * HOUR_MS)
    is_start = pl.col("ms_before").is_null() | (pl.col("ms") - pl.col("ms_before") > limit)
    is_turn = (pl.col("side") == 1) & (is_start | (pl.col("side_before") != 1).fill_null(True))
    # A turn's reply is the first row that answers, and nothing of another turn lies before it.
    rows = rows.select("app_id", "ms", is_turn.alias("is_turn"), (is_answer & ~is_start).alias("is_reply")).filter(
        pl.col("is_turn") | pl.col("is_reply")
    )
    return (
        rows.with_columns(
            pl.when(pl.col("is_reply")).then(pl.col("ms") - pl.col("ms").shift(1)).alias("reply_ms"),
        )
        .group_by("app_id")
        .agg(pl.col("is_turn").sum(), pl.col("is_reply").sum(), pl.col("reply_ms").sum())
    )


def _scan(lake: Path, table: str, pattern: str) -> Any:
    import polars as pl

    return pl.scan_parquet(
        lake / table / pattern,
        hive_partitioning=True,
        hive_schema={"app_id": pl.String, **({"month": pl.String} if table == "messages" else {})},
    )


if __name__ == "__main__":
    main()

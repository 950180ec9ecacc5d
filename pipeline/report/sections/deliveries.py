"""Whether messages arrived, where webhooks tell of it."""

from __future__ import annotations

from typing import Final

import duckdb

from pipeline.report.charts import Series, bars
from pipeline.report.figure import Chart, Figure, Section
from pipeline.report.scope import Scope
from pipeline.report.sections.chart_rows import bar_row
from pipeline.report.table import Column, query_table
from pipeline.report.theme import OTHER
from pipeline.report.wording import Kind, count_text, share_text

_DELIVERIES: Final = """
select
    coalesce(destination_type, 'unknown') as destination_type,
    sum(n_final)::bigint as n_final,
    sum(n_failed)::bigint as n_failed,
    sum(n_in_flight)::bigint as n_in_flight,
    sum(n_failed) / nullif(sum(n_final), 0) as failure_rate,
from marts.agg_delivery_daily
where is_current(local_date) and is_chosen_app(app_id)
group by all
order by n_final desc, destination_type
"""
_ERRORS: Final = """
select
    coalesce(destination_type, 'unknown') as destination_type,
    coalesce(error_code, 'none given') as error_code,
    count(*) as n,
from marts.fct_deliveries
where is_failed and is_current(local_date) and is_chosen_app(app_id)
group by all
order by n desc, destination_type, error_code
limit 100
"""
_EMPTY: Final = (
    "Deliveries are known from webhooks only, and none of this period are in the lake. They need a webhook with the "
    "triggers conversation:message:delivery:*."
)


def delivery_section(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Section:
    """Failure rates by destination, and why deliveries failed."""
    note = " All destinations: --channel does not narrow this section." if scope.channels is not None else ""
    return Section(
        "deliveries",
        "Deliveries",
        "The last final event of each message and destination decides; events that were received twice count once."
        + note,
        (_rates(connection), _errors(connection)),
    )


def _rates(connection: duckdb.DuckDBPyConnection) -> Figure:
    columns = (
        Column("destination_type", "Destination", Kind.TEXT),
        Column("n_final", "Final", Kind.COUNT),
        Column("n_failed", "Failed", Kind.COUNT),
        Column("n_in_flight", "In flight", Kind.COUNT),
        Column("failure_rate", "Failure rate", Kind.SHARE),
    )
    table = query_table(connection, _DELIVERIES, name="deliveries", title="Failed deliveries", columns=columns)
    definition = "Failed of all deliveries that came to an end; those in flight are counted apart."
    judged = [record for record in table.records() if record["failure_rate"] is not None]
    if not judged:
        return Figure(table, definition, empty=_EMPTY)
    rows = [
        bar_row(
            record["destination_type"],
            record["failure_rate"],
            text=f"{share_text(record['failure_rate'])} (n {count_text(record['n_final'])})",
            series="Failure rate",
        )
        for record in judged
    ]
    spec = bars(rows, series=[Series("Failure rate", OTHER)], most=max(row["value"] for row in rows) or 1)
    facts = (f"n {count_text(sum(record['n_final'] for record in judged))} deliveries",)
    return Figure(table, definition, facts, Chart(spec, "Failure rate by destination as bars."))


def _errors(connection: duckdb.DuckDBPyConnection) -> Figure:
    columns = (
        Column("destination_type", "Destination", Kind.TEXT),
        Column("error_code", "Error", Kind.TEXT),
        Column("n", "Failed", Kind.COUNT),
    )
    table = query_table(connection, _ERRORS, name="delivery_errors", title="Why deliveries failed", columns=columns)
    empty = None if table else "No failed delivery of this period is in the lake."
    return Figure(
        table, "Failed deliveries by the error that the channel gave; the hundred most frequent.", empty=empty
    )

"""The channels that get a colour of their own, the same one in every chart."""

from __future__ import annotations

from typing import Final

import duckdb

from pipeline.report.charts import Series
from pipeline.report.theme import SERIES

_BUSIEST: Final = """
select channel
from marts.agg_channel_daily
where is_current(local_date) and is_chosen(app_id, channel)
group by channel
having sum(n_in) > 0
order by sum(n_in) desc, channel
"""


def channel_series(connection: duckdb.DuckDBPyConnection) -> tuple[Series, ...]:
    """The channels on which users wrote most, as many as there are colours."""
    names = [name for (name,) in connection.execute(_BUSIEST).fetchmany(len(SERIES))]
    return tuple(Series(name, color) for name, color in zip(names, SERIES, strict=False))

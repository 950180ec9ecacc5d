"""Puts a report together from a lake's warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from pipeline.places import Place
from pipeline.report.connection import MEMORY_LIMIT, open_warehouse
from pipeline.report.coverage import coverage_sentence, coverage_table, freshness_sentence
from pipeline.report.figure import KeyFigure, Section
from pipeline.report.key_figures import key_figures
from pipeline.report.measures import read_waits
from pipeline.report.scope import Scope, Wish, choose_scope
from pipeline.report.sections.backlog import backlog_section
from pipeline.report.sections.channel_series import channel_series
from pipeline.report.sections.cohorts import cohort_section
from pipeline.report.sections.content import content_section
from pipeline.report.sections.deliveries import delivery_section
from pipeline.report.sections.responses import response_section
from pipeline.report.sections.sessions import session_section
from pipeline.report.sections.sla import sla_section
from pipeline.report.sections.volume import volume_section
from pipeline.report.table import Table


@dataclass(frozen=True, slots=True)
class Report:
    """All that a page or a folder of tables shows. It holds totals only, and no id of a person."""

    scope: Scope
    coverage: Table
    coverage_sentence: str
    freshness_sentence: str
    key_figures: tuple[KeyFigure, ...]
    key_table: Table
    sections: tuple[Section, ...]

    def tables(self) -> Iterator[Table]:
        """Every table, in the order of the page."""
        yield self.coverage
        yield self.key_table
        for section in self.sections:
            for figure in section.figures:
                yield figure.table


def make_report(root: Place, wish: Wish | None = None, *, memory_limit: str = MEMORY_LIMIT) -> Report:
    """Read a report from the warehouse of a lake.

    Args:
        root: where the lake lies.
        wish: days, apps and channels; by default the last 28 whole days of everything.
        memory_limit: as for `open_warehouse`.

    Raises:
        LakeError: there is no lake or no warehouse, or it can't be read.
        UsageError: an app or channel is unknown, or the days have no data.
        QueryError: the warehouse was built by another version.
    """
    with open_warehouse(root, memory_limit=memory_limit) as connection:
        return _read(connection, choose_scope(connection, wish or Wish()))


def _read(connection: duckdb.DuckDBPyConnection, scope: Scope) -> Report:
    coverage = coverage_table(connection)
    waits = read_waits(connection)
    channels = channel_series(connection)
    figures, table = key_figures(connection, waits, scope)
    return Report(
        scope=scope,
        coverage=coverage,
        coverage_sentence=coverage_sentence(coverage),
        freshness_sentence=freshness_sentence(scope),
        key_figures=figures,
        key_table=table,
        sections=(
            response_section(waits, scope, channels),
            backlog_section(connection, scope),
            volume_section(connection, scope, channels),
            session_section(connection, scope),
            content_section(connection, scope),
            cohort_section(connection, scope),
            sla_section(connection, scope),
            delivery_section(connection, scope),
        ),
    )

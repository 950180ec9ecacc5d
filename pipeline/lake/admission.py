"""Who may enter the lake, as the lake sees it: rows are admitted when they come, and once more when they are published.

The list of those who may not is kept by `pipeline.suppression`, of which the lake knows nothing but this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import pyarrow as pa

from pipeline.lake.decision import Decision
from pipeline.lake.schema import Table
from pipeline.walk.admission import Anybody, Guest


class Admission(Guest, Protocol):
    """Decides what enters."""

    @property
    def generation(self) -> int:
        """Of the list by which rows are admitted now; it rises when somebody is added."""

    def admit(self, table: Table, rows: pa.Table) -> pa.Table:
        """The rows that may enter, without what may not stay in them."""

    def readmit(self, table: Table, rows: pa.Table) -> pa.Table:
        """The rows of the lake that may stay in it when it is compacted.

        As `admit`, save that a conversation stays whatever its row says of its age: younger messages may be there.
        """

    def publishing(self, decision: Decision) -> AbstractContextManager[Decision]:
        """Hold off additions to the list, and give the decision back as it may be published by the list of now."""


class Everybody(Anybody):
    """Lets everybody in."""

    generation = 0

    def admit(self, table: Table, rows: pa.Table) -> pa.Table:  # noqa: ARG002
        """All of them."""
        return rows

    def readmit(self, table: Table, rows: pa.Table) -> pa.Table:  # noqa: ARG002
        """All of them."""
        return rows

    @contextmanager
    def publishing(self, decision: Decision) -> Iterator[Decision]:
        """As it is."""
        yield decision


EVERYBODY = Everybody()

"""What a batch or an expiry has removed in runs that were cut, and is to be built again."""

from __future__ import annotations

from pipeline.privacy.deeds.words import Status, Step
from pipeline.privacy.desk import Desk
from pipeline.privacy.rewrite.derived import Removed


def removed_before(desk: Desk, batch_id: str) -> Removed:
    """Whether runs of a batch removed, or began to remove, a warehouse and a report that are not there again."""
    warehouse = report = False
    for deed in desk.deeds.read(batch_id):
        if deed.step is Step.DERIVED:
            warehouse = warehouse or bool(deed.counts.get("warehouse"))
            report = report or bool(deed.counts.get("report"))
        elif deed.step is Step.REBUILD and deed.status is Status.DONE:
            warehouse = report = False
    return Removed(0, had_warehouse=warehouse, had_report=report)

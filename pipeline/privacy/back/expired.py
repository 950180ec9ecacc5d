"""Messages that retention had removed and that are there again: a backup brings them, and no gate was asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pipeline.lake.layout import Lake
from pipeline.lake.steady import read_steadily
from pipeline.lake.store import StoredFile
from pipeline.lake.values import format_moment
from pipeline.privacy.back.rows import app_files, asked
from pipeline.suppression.floors import read_floor


def expired_again(lake: Lake, app_id: str) -> int:
    """How many messages of an app lie below its retention floor.

    Raises:
        CorruptLakeError: a file can't be read.
    """
    floor = read_floor(lake, app_id)
    if floor is None:
        return 0
    query = f"select count(*) as n from rows_of_app where received_at < timestamptz '{format_moment(floor)}'"

    def counted(files: Sequence[StoredFile]) -> int:
        return sum(rows["n"][0].as_py() for _, rows in asked(lake, files, [query]))

    return read_steadily(partial(app_files, lake, app_id, "messages"), counted)

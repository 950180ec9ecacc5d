"""How often people are mentioned in rows that stay (gdpr.md, section 5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipeline.privacy.people.lake_view import LakeView
from pipeline.privacy.people.mentioning import mentioning_rows
from pipeline.suppression.subjects import Subject


def count_mentions(view: LakeView, subjects: Sequence[Subject]) -> Counter[int]:
    """By number of the subject, the surviving rows of all tables that mention it.

    Needs the table `doomed` of `hits.find_hits`.
    """
    counts: Counter[int] = Counter()
    for row in mentioning_rows(view, subjects, but_doomed=True):
        counts.update(row.subjects)
    return counts

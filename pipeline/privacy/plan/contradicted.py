"""Whether upstream contradicts a plan that was made offline: what it would add or refuse was never confirmed.

E-mail addresses and external ids are resolved by the lake and upstream both (gdpr.md, section 5). So upstream is asked
before anything is done, and nobody is erased whom the plan did not count, nor left there unsaid.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.privacy.people.resolution import DESTRUCTIVE, REFUSED, State
from pipeline.privacy.plan.plan import Made
from pipeline.suppression.subjects import Subject


def is_contradicted(subjects: Iterable[Subject], online: Made) -> bool:
    """Whether a plan made with upstream reaches users whom the one made offline did not, or would not act on them.

    Args:
        subjects: those of the plan that was made offline.
        online: the same requests, planned now.
    """
    known = frozenset[str]().union(*(subject.user_ids for subject in subjects))
    asked = {ref for subject in subjects for ref in subject.request_refs}
    for found in online.resolutions:
        if found.requests[0].action not in DESTRUCTIVE:
            continue
        refused = found.state in REFUSED - {State.HELD} and any(one.request_ref in asked for one in found.requests)
        reached = found.subject is not None and found.is_admissible and not found.subject.user_ids <= known
        if refused or reached:
            return True
    return False

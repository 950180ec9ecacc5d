"""Whom a batch leaves out for what its plan said of them: it can't be complete, and another batch has to ask again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pipeline.privacy.desk import Desk
from pipeline.privacy.people.resolution import State
from pipeline.privacy.requests.store import load_batch
from pipeline.privacy.wording import counted

_REMEDIES: Final[Mapping[State, str]] = {
    State.AMBIGUOUS: "may mean several people: plan anew with a user_id, or with --include-linked",
    State.HELD: "met a legal hold when the batch was planned: plan anew when it is released",
    State.RETAINED_FLAG: "met Zendesk's flag toBeRetained: plan anew with --override-retained",
}


def left_out(desk: Desk, batch_id: str) -> list[str]:
    """What to do for the requests that the plan of a batch refused, a sentence for each reason.

    Raises:
        PlanRefusedError: there is no such batch.
        CorruptLakeError: its plan is damaged.
    """
    requests = Counter[State]()
    for subject in load_batch(desk.lake, batch_id).plan.subjects:
        requests[subject.state] += len(subject.request_refs)
    return [f"{counted(requests[state], 'request')} {words}" for state, words in _REMEDIES.items() if requests[state]]

"""Whom a plan leaves out, and what to do for them: the batch can't be complete, and another one has to ask again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from pipeline.privacy.people.resolution import State
from pipeline.privacy.plan.form import Plan
from pipeline.privacy.wording import counted

_REMEDIES: Final[Mapping[State, str]] = {
    State.AMBIGUOUS: "may mean several people: plan anew with a user_id, or with --include-linked",
    State.HELD: "met a legal hold when the batch was planned: plan anew when it is released",
    State.RETAINED_FLAG: "met Zendesk's flag toBeRetained: plan anew with --override-retained",
}


def refused(plan: Plan) -> list[str]:
    """A sentence for each reason, with the number of requests."""
    requests = Counter[State]()
    for subject in plan.subjects:
        requests[subject.state] += len(subject.request_refs)
    return [f"{counted(requests[state], 'request')} {words}" for state, words in _REMEDIES.items() if requests[state]]

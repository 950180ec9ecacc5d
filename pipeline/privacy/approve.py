"""The second person who has to look at a plan, where the settings ask for one (gdpr.md, section 5).

Who somebody is, the system or SUNLAKE_OPERATOR says; it is no proof, and keeps nobody from erasing alone on purpose.
"""

from __future__ import annotations

import getpass
import os
from typing import Final

from pipeline.errors import PlanRefusedError, UsageError
from pipeline.privacy.deeds.words import Event
from pipeline.privacy.desk import Desk
from pipeline.privacy.requests.store import StoredBatch, find_plan

OPERATOR: Final = "SUNLAKE_OPERATOR"


def approve(desk: Desk, plan_id: str, confirmation: str) -> StoredBatch:
    """Record that whoever runs this has looked at the plan.

    Raises:
        PlanRefusedError: there is no such plan, it is closed, or the confirmation is not the plan's.
    """
    batch = find_plan(desk.lake, plan_id)
    if batch.state == "closed":
        raise PlanRefusedError("the batch is closed; see `sunlake erase status`")
    if confirmation != batch.plan.confirmation:
        raise PlanRefusedError("the confirmation is not the one that the plan says; look at the plan again")
    desk.deeds.append(batch.batch_id, Event.APPROVE, tag=_tag(desk))
    return batch


def refuse_unapproved(desk: Desk, batch: StoredBatch) -> None:
    """Refuse a batch that nobody else has approved, if the settings ask for that.

    Raises:
        PlanRefusedError: with what the other has to type.
    """
    if not desk.settings.privacy.second_approver:
        return
    own = _tag(desk)
    if not any(deed.event is Event.APPROVE and deed.tag != own for deed in desk.deeds.read(batch.batch_id)):
        raise PlanRefusedError(
            "a second person has to approve this plan first: "
            f"`sunlake erase approve --plan {batch.plan.plan_id[:12]} --confirm {batch.plan.confirmation}`"
        )


def _tag(desk: Desk) -> str:
    try:
        name = os.environ.get(OPERATOR) or getpass.getuser()
    except (KeyError, OSError):  # no such user in the system's list, as in some containers
        raise UsageError(f"the system does not say who you are; set {OPERATOR} to your name") from None
    return desk.keyring.mac("tag", "operator", name)

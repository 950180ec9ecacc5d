"""What the settings leave to choice, made ready for the people of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.privacy.desk import Desk
from pipeline.privacy.keeping_out import mentioned
from pipeline.privacy.people.lake_view import open_view
from pipeline.privacy.people.shared import shared_values
from pipeline.privacy.plan.hits import quoting_messages
from pipeline.privacy.upstream.types import UpstreamPolicy
from pipeline.suppression.mentions import Mentions
from pipeline.suppression.redact import Policy
from pipeline.suppression.subjects import Subject


def lake_policy(desk: Desk, subjects: Sequence[Subject]) -> Policy:
    """What becomes of personal conversations and of mentions in the lake."""
    privacy = desk.settings.privacy
    named = mentioned(subjects) if privacy.mentions == "redact" else []
    mentions = Mentions(named, shared=shared_values(desk, named)) if named else None
    return Policy(scope=privacy.scope, mentions=mentions)


def upstream_policy(desk: Desk, subjects: Sequence[Subject]) -> UpstreamPolicy:
    """What becomes upstream of messages of others that quote the subjects.

    Raises:
        LakeError: a file of the lake can't be read.
    """
    privacy = desk.settings.privacy
    quoting = _quoting(desk, subjects) if privacy.quotes == "delete_quoting_message" else frozenset()
    return UpstreamPolicy(quotes=privacy.quotes, quoting_message_ids=quoting)


def _quoting(desk: Desk, subjects: Sequence[Subject]) -> frozenset[str]:
    found: set[str] = set()
    for app_id in dict.fromkeys(subject.app_id for subject in subjects):
        with open_view(desk.lake, desk.ledger, app_id) as view:
            found |= quoting_messages(view, [subject for subject in subjects if subject.app_id == app_id])
    return frozenset(found)

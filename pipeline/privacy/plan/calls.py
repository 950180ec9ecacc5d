"""How many calls a subject will cost upstream, by step (gdpr.md, section 5). An estimate: repeats are not in it."""

from __future__ import annotations

from collections import Counter

from pipeline.privacy.people.resolution import Resolution
from pipeline.suppression.subjects import Action


def expected_calls(resolution: Resolution) -> Counter[str]:
    """The calls by step; none for who is not there or for what is done in the lake alone."""
    subject, living = resolution.subject, len(resolution.living_user_ids)
    if subject is None or not resolution.is_acted_on or not living:
        return Counter()
    if subject.action is Action.PII_ONLY:
        return Counter({"get_user": living, "delete_personal_information": living})
    if subject.action is Action.ACCESS:
        talks = len(subject.personal_conversation_ids | subject.group_conversation_ids)
        return Counter({"read_user": 4 * living, "read_conversations": 2 * talks})
    if subject.action is not Action.ERASE:
        return Counter()
    personal, default = len(subject.personal_conversation_ids), len(subject.default_conversation_ids)
    return Counter(
        {
            "get_user": living,
            "remove_attachments": len(subject.media_urls),
            "delete_own_messages": len(subject.message_ids),
            "leave_groups": len(subject.group_conversation_ids),
            "delete_conversations": personal,
            "delete_default_messages": default,  # a default conversation refuses first
            "delete_personal_information": living,
            "delete_user": living,
            "verify": living + personal + len(subject.media_urls),
        }
    )

"""What a subject shares with people who stay: the address of a family, the number of a switchboard, a common name.

Such a value tells of somebody else, too: it keeps nobody out of the lake, and where it stands it is no trace.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from pipeline.privacy.desk import Desk
from pipeline.privacy.people.find import find_channel_ids, find_emails
from pipeline.privacy.people.lake_view import LakeView, open_view
from pipeline.suppression.subjects import Subject, phone_forms


def shared_values(desk: Desk, subjects: Sequence[Subject]) -> frozenset[str]:
    """The addresses, numbers and full names of subjects that other users of the lake have as well.

    Raises:
        LakeError: a file of the lake can't be read.
    """
    found: set[str] = set()
    for app_id in dict.fromkeys(subject.app_id for subject in subjects):
        mine = [subject for subject in subjects if subject.app_id == app_id]
        with open_view(desk.lake, desk.ledger, app_id) as view:
            found.update(shared_in(view, mine))
    return frozenset(found)


def shared_in(view: LakeView, subjects: Sequence[Subject]) -> frozenset[str]:
    """As `shared_values`, for the subjects of one app."""
    return frozenset(_shared(view, subjects))


def _shared(view: LakeView, subjects: Sequence[Subject]) -> Iterator[str]:
    own = frozenset[str]().union(*(subject.user_ids for subject in subjects))
    emails = sorted({email for subject in subjects for email in subject.emails})
    for number, users in find_emails(view, enumerate(emails)).items():
        if users - own:
            yield emails[number]
    phones = sorted({value for subject in subjects for value in subject.phones | subject.client_external_ids})
    asked = [(number, value, None) for number, value in enumerate(phones)]
    for number, users in find_channel_ids(view, asked).items():
        if users - own:
            yield from {phones[number], *phone_forms(phones[number])}
    yield from _names(view, {name for subject in subjects for name in subject.names}, own)


def _names(view: LakeView, names: Collection[tuple[str, str]], own: Collection[str]) -> Iterator[str]:
    if not names:
        return
    view.put("own_users", {"user_id": sorted(own)})
    query = """
        select distinct given_name, surname from users
        where given_name is not null and surname is not null and user_id not in (select user_id from own_users)
    """
    for given, surname in view.rows(query):
        if (given, surname) in names:
            yield f"{given} {surname}"

"""Taking a batch back: the list of suppressions says again what it would say without it."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from pipeline.privacy.abort import taken_back
from pipeline.suppression.listing import Entry, SuppressionList
from pipeline.suppression.subjects import Action, Kind

_ENTRIES = st.lists(
    st.builds(
        Entry,
        kind=st.sampled_from([Kind.USER, Kind.EMAIL]),
        app_id=st.sampled_from(["app", "other"]),
        mac=st.sampled_from(["a", "b"]),
        key_id=st.just("p1"),
        batch=st.sampled_from(["wrong", "right", "third"]),
        action=st.sampled_from([Action.ERASE, Action.SUPPRESS, Action.RESTRICT, Action.RELEASE]),
        created=st.just("2026-01-01T00:00:00Z"),
        until=st.none(),
    ),
    max_size=12,
)


@given(entries=_ENTRIES)
def test_the_list_says_what_it_would_say_without_the_batch(entries: list[Entry]) -> None:
    """Whoever another batch keeps out or restricts stays so, in whatever order they came; once more changes nothing."""
    # A batch that ended somebody's restriction is none that can be taken back entry by entry.
    entries = [entry for entry in entries if entry.batch != "wrong" or entry.action is not Action.RELEASE]
    without = _in_force(entry for entry in entries if entry.batch != "wrong")
    after = [*entries, *taken_back(SuppressionList(entries, generation=0), "wrong")]
    assert _in_force(after) == without
    again = [*after, *taken_back(SuppressionList(after, generation=0), "wrong")]
    assert _in_force(again) == without


def _in_force(entries: Iterable[Entry]) -> set[tuple[str, Kind, str, Action, str]]:
    listing = SuppressionList(list(entries), generation=0)
    return {
        (entry.app_id, entry.kind, entry.mac, entry.action, entry.batch)
        for app_id in ("app", "other")
        for entry in listing.unreleased(app_id)
    }

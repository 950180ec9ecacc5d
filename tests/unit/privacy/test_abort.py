"""Taking a batch back: what other batches put on the list of suppressions holds, as if this one had never been."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
def test_what_others_asked_for_holds_again(entries: list[Entry]) -> None:
    """Each batch's wish stands until it is released, whoever wished for the same in between; once more changes nothing.

    A release ends the restriction of an identifier, and only where there is none, what keeps it out.
    """
    wishes: dict[tuple[str, Kind, str, bool], list[Entry]] = {}
    for entry in entries:
        name = (entry.app_id, entry.kind, entry.mac)
        if entry.action is not Action.RELEASE:
            wishes.setdefault((*name, entry.action is Action.RESTRICT), []).append(entry)
        elif wishes.pop((*name, True), None) is None:
            wishes.pop((*name, False), None)
    left = [[wish for wish in each if wish.batch != "wrong"] for each in wishes.values()]
    expected = {_facts(each[-1]) for each in left if each}
    after = [*entries, *taken_back(SuppressionList(entries, generation=0), "wrong")]
    assert _in_force(after) == expected
    again = [*after, *taken_back(SuppressionList(after, generation=0), "wrong")]
    assert _in_force(again) == expected


def test_what_a_batch_ended_stays_ended() -> None:
    """A restriction that it released is not restored."""
    restricted = Entry(
        kind=Kind.USER, app_id="app", mac="a", key_id="p1", batch="right", action=Action.RESTRICT, created="2026-01-01"
    )
    released = replace(restricted, batch="wrong", action=Action.RELEASE)
    assert list(taken_back(SuppressionList([restricted, released], generation=0), "wrong")) == []


def _facts(entry: Entry) -> tuple[str, Kind, str, Action, str]:
    return entry.app_id, entry.kind, entry.mac, entry.action, entry.batch


def _in_force(entries: Iterable[Entry]) -> set[tuple[str, Kind, str, Action, str]]:
    listing = SuppressionList(list(entries), generation=0)
    return {_facts(entry) for app_id in ("app", "other") for entry in listing.unreleased(app_id)}

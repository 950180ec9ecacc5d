from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.privacy.upstream.check import verify_upstream
from pipeline.privacy.upstream.types import UpstreamReason, UpstreamStatus
from pipeline.suppression.subjects import Action
from tests.forked import Sandbox
from tests.integration.erasure_bench import (
    PATIENT,
    Crash,
    MemoryJournal,
    ann,
    assert_only_allowed,
    destroyed,
    erase,
    erasure_world,
    ids,
    state,
    with_client,
)
from tests.integration.small_worlds import BEGINNING, Json, message, oid, participant

EVERYTHING = {
    "POST attachments/remove": 6,  # of three uploads, each asked for once more to see that it is gone
    "DELETE conversations/ID/messages/ID": 5,
    "POST conversations/ID/leave": 1,
    "DELETE conversations/ID": 1,
    "DELETE conversations/ID/messages": 1,
    "DELETE users/ID/personalinformation": 1,
    "DELETE users/ID": 1,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """The world of Ann."""
    with Sandbox(erasure_world().write(tmp_path_factory.mktemp("world"))) as running:
        yield running


@pytest.fixture
def sandbox(server: Sandbox) -> Sandbox:
    """The world of Ann as it was at the start."""
    server.reset()
    return server


def rows(sandbox: Sandbox, table: str) -> list[Json]:
    """The rows of a table, as they are now."""
    return list(sandbox.world(table))


def texts(sandbox: Sandbox, conversation: str) -> set[str]:
    """Ids of messages in a conversation that still show something."""
    found = [row for row in rows(sandbox, "messages") if row["conversation_id"] == oid(conversation)]
    return {row["object"]["id"] for row in found if not row["object"].get("deleted")}


def test_a_person_is_gone_and_nobody_else(sandbox: Sandbox) -> None:
    """User, clients, personal conversations, own messages in groups, uploads go; all that is Bob's stays as it was."""
    before = {row["object"]["id"]: row for row in rows(sandbox, "messages")}
    journal = MemoryJournal()
    result = erase(sandbox, ann(sandbox), journal=journal)
    assert (result.status, result.reason) == (UpstreamStatus.DONE, None)
    assert destroyed(sandbox) == EVERYTHING
    assert_only_allowed(sandbox.destroying())
    assert {row["object"]["id"] for row in rows(sandbox, "users")} == ids("bob", "cara")
    assert {row["object"]["id"] for row in rows(sandbox, "conversations")} == ids("bob-default", "club")
    assert {row["object"]["userId"] for row in rows(sandbox, "participants")} == ids("bob")
    assert texts(sandbox, "club") == ids("club-bob-0", "club-bob-1", "club-bob-2", "club-agent", "club-quote")
    assert all(before[row["object"]["id"]] == row for row in rows(sandbox, "messages"))


def test_the_result_counts_what_was_done(sandbox: Sandbox) -> None:
    """Calls by status, messages of others before and after, uploads removed and out of reach, and the cache's time."""
    result = erase(sandbox, ann(sandbox))
    assert result.calls == {"200": 13, "404": 3}
    assert result.reads["404"] >= 3
    (club,) = result.groups
    assert (club.before, club.after, club.lost, club.deleted) == (5, 5, 0, 5)
    expected = {"messages_deleted": 5, "groups_left": 1, "conversations_deleted": 1, "conversations_emptied": 1}
    expected |= {"users_cleared": 1, "users_deleted": 1, "media_removed": 3, "media_unreachable": 1, "repeats": 3}
    assert result.counts == expected
    assert result.discovered.counts() == {}
    assert result.cdn_until is not None


def test_the_journal_frames_every_call(sandbox: Sandbox) -> None:
    """Each destroying call lies between a begin and an end; each step ends, in the order of the specification."""
    journal = MemoryJournal()
    erase(sandbox, ann(sandbox), journal=journal)
    begun = [line for line in journal.lines if line[0] == "begin"]
    assert len(begun) == sum(EVERYTHING.values())
    assert journal.total("calls_200") + journal.total("calls_404") == len(begun)
    assert list(journal.statuses().values()) == [
        "done",
        "done",
        "already",
        "done",
        "done",
        "done",
        "done",
        "done",
        "done",
    ]
    for place, line in enumerate(journal.lines):
        if line[0] == "begin":
            assert journal.lines[place + 1][:3] == ("end", line[1], "pending")


def test_an_erased_person_is_not_erased_again(sandbox: Sandbox) -> None:
    """A second batch finds nothing to delete: no user is cleared or deleted, and only uploads are asked for."""
    erase(sandbox, ann(sandbox))
    after = state(sandbox)
    sandbox.reset_stats()
    journal = MemoryJournal()
    result = erase(sandbox, ann(sandbox), journal=journal)
    assert result.status is UpstreamStatus.DONE
    assert destroyed(sandbox) == {"POST attachments/remove": 3}
    assert set(journal.statuses().values()) == {"done", "already"}
    assert journal.total("repeats") == 3
    assert state(sandbox) == after


def test_steps_that_are_done_are_skipped(sandbox: Sandbox) -> None:
    """With the journal of a finished batch nothing is sent at all; it is only looked whether all is gone."""
    journal = MemoryJournal()
    erase(sandbox, ann(sandbox), journal=journal)
    sandbox.reset_stats()
    assert erase(sandbox, ann(sandbox), journal=journal).status is UpstreamStatus.DONE
    assert sandbox.destroying() == []


@pytest.mark.parametrize("placeholder", [True, False])
def test_placeholders_of_deleted_messages_are_left_alone(sandbox: Sandbox, placeholder: bool) -> None:
    """Whether DeleteMessage leaves a placeholder or nothing, each message is deleted once."""
    sandbox.set_behaviour(deleted_message="placeholder" if placeholder else "remove")
    result = erase(sandbox, ann(sandbox))
    assert result.status is UpstreamStatus.DONE
    assert destroyed(sandbox)["DELETE conversations/ID/messages/ID"] == 5
    assert len(texts(sandbox, "club")) == 5


@pytest.mark.parametrize("groups", ["keep", "remove", "anonymous", "close"])
def test_what_deletion_of_a_user_does_to_groups_does_not_matter(sandbox: Sandbox, groups: str) -> None:
    """The subject has left before, so even a server that closes a deleted user's groups leaves others theirs."""
    sandbox.set_behaviour(deleted_user_groups=groups)
    result = erase(sandbox, ann(sandbox))
    assert result.status is UpstreamStatus.DONE
    assert [group.lost for group in result.groups] == [0]
    assert len(texts(sandbox, "club")) == 5


def test_a_lost_message_of_others_stops_the_erasure(sandbox: Sandbox) -> None:
    """When messages of others disappear while the subject's are deleted, that is fatal, and the user is not deleted."""
    change = {"op": "delete_message", "conversation_id": oid("club"), "message_id": oid("club-bob-1")}
    route = "DELETE /v2/apps/{appId}/conversations/{conversationId}/messages/{messageId}"
    sandbox.schedule({"after_calls": 2, "route": route, "changes": [change]})
    result = erase(sandbox, ann(sandbox))
    assert (result.status, result.reason, result.stops_batch) == (
        UpstreamStatus.FATAL,
        UpstreamReason.OTHERS_LOST,
        False,
    )
    assert [(group.before, group.after, group.lost) for group in result.groups] == [(5, 4, 1)]
    assert destroyed(sandbox)["DELETE users/ID"] == 0


def test_messages_of_others_who_are_erased_too_are_not_missed(sandbox: Sandbox) -> None:
    """Another subject of the batch may lose messages meanwhile; new messages of others do no harm either."""
    gone = {"op": "delete_message", "conversation_id": oid("club"), "message_id": oid("club-bob-1")}
    new = {"op": "add_messages", "conversation_id": oid("club"), "messages": [message("new", BEGINNING, author="cara")]}
    route = "DELETE /v2/apps/{appId}/conversations/{conversationId}/messages/{messageId}"
    sandbox.schedule({"after_calls": 2, "route": route, "changes": [gone, new]})
    result = erase(sandbox, ann(sandbox), policy=replace(PATIENT, also_erased=ids("bob")))
    assert result.status is UpstreamStatus.DONE
    assert [(group.before, group.after) for group in result.groups] == [(1, 1)]


def test_quotes_are_left_unless_asked_for(sandbox: Sandbox) -> None:
    """With quotes=report others' messages that quote the subject stay, copies and all."""
    erase(sandbox, ann(sandbox), policy=replace(PATIENT, quoting_message_ids=ids("club-quote")))
    assert oid("club-quote") in texts(sandbox, "club")


def test_quoting_messages_are_deleted_if_they_do_quote(sandbox: Sandbox) -> None:
    """Of the messages that the caller names, those that upstream shows quoting the subject go, and no other."""
    policy = replace(PATIENT, quotes="delete_quoting_message", quoting_message_ids=ids("club-quote", "club-bob-0"))
    result = erase(sandbox, ann(sandbox), policy=policy)
    assert result.status is UpstreamStatus.DONE
    assert result.counts["quotes_deleted"] == 1
    assert texts(sandbox, "club") == ids("club-bob-0", "club-bob-1", "club-bob-2", "club-agent")


def test_a_default_conversation_that_nobody_called_default(sandbox: Sandbox) -> None:
    """Where `isDefault` is not told, the 400 of DeleteConversation is: then the messages are deleted instead."""
    sandbox.set_faults(
        {"kind": "status", "status": 400, "route": "DELETE /v2/apps/{appId}/conversations/{conversationId}"}
    )
    sandbox.set_behaviour(delete_user_polls=0)
    result = erase(sandbox, ann(sandbox))
    assert result.status is UpstreamStatus.DONE
    assert destroyed(sandbox)["DELETE conversations/ID/messages"] == 2
    assert result.discovered.default_conversation_ids == ids("ann-extra")
    assert result.counts["conversations_emptied"] == 2


def test_deletion_that_takes_its_time_is_polled(sandbox: Sandbox) -> None:
    """GetUser is asked until it answers 404."""
    sandbox.set_behaviour(delete_user_polls=4)
    assert erase(sandbox, ann(sandbox)).status is UpstreamStatus.DONE
    assert destroyed(sandbox)["DELETE users/ID"] == 1


def test_deletion_that_is_not_visible_is_pending_and_found_done_later(sandbox: Sandbox) -> None:
    """A user who stays past the policy's patience is `pending`; the next run finds the user gone and says `done`."""
    sandbox.set_behaviour(delete_user_polls=10_000)
    journal = MemoryJournal()
    impatient = replace(PATIENT, poll_seconds=0.01)
    result = erase(sandbox, ann(sandbox), journal=journal, policy=impatient)
    assert (result.status, result.reason) == (UpstreamStatus.PENDING, UpstreamReason.NOT_VISIBLE)
    assert journal.statuses()["user"] == "pending"
    assert with_client(sandbox, lambda client: verify_upstream(client, ann(sandbox))) == "pending"
    sandbox.change({"op": "delete_user", "user_id": oid("ann")})
    assert erase(sandbox, ann(sandbox), journal=journal, policy=impatient).status is UpstreamStatus.DONE
    assert with_client(sandbox, lambda client: verify_upstream(client, ann(sandbox))) == "gone"


def test_personal_information_only(sandbox: Sandbox) -> None:
    """pii_only makes one call; names, identities and properties are empty, and everything else is as before."""
    others = list(rows(sandbox, "messages"))
    result = erase(sandbox, ann(sandbox, action=Action.PII_ONLY))
    assert result.status is UpstreamStatus.DONE
    assert destroyed(sandbox) == {"DELETE users/ID/personalinformation": 1}
    (user,) = [row["object"] for row in rows(sandbox, "users") if row["object"]["id"] == oid("ann")]
    assert (user["profile"], user["metadata"], user["identities"]) == ({}, {}, [])
    assert list(rows(sandbox, "messages")) == others


def test_every_user_of_the_closure_is_erased(sandbox: Sandbox) -> None:
    """Two users who are one person are both deleted, each with what is theirs."""
    subject = ann(sandbox, user_ids=ids("ann", "cara"))
    assert erase(sandbox, subject).status is UpstreamStatus.DONE
    assert {row["object"]["id"] for row in rows(sandbox, "users")} == ids("bob")


@pytest.mark.parametrize("merged_user", ["gone", "survivor"])
def test_a_merged_user_of_the_closure_is_no_obstacle(sandbox: Sandbox, merged_user: str) -> None:
    """An id that was merged away may answer 404 or with the survivor; the survivor of the closure is deleted once."""
    sandbox.set_behaviour(merged_user=merged_user)
    sandbox.change({"op": "merge_users", "discarded_id": oid("cara"), "survivor_id": oid("ann")})
    result = erase(sandbox, ann(sandbox, user_ids=ids("ann", "cara")))
    assert result.status is UpstreamStatus.DONE
    assert destroyed(sandbox)["DELETE users/ID"] == 1


def test_a_survivor_outside_of_the_closure_is_reported_and_not_touched(sandbox: Sandbox) -> None:
    """A person who lives on under an unknown id is `pending` until the closure has that id; then all of it goes."""
    sandbox.set_behaviour(merged_user="survivor")
    sandbox.change({"op": "merge_users", "discarded_id": oid("ann"), "survivor_id": oid("cara")})
    result = erase(sandbox, ann(sandbox, external_ids=frozenset()))
    assert (result.status, result.reason) == (UpstreamStatus.PENDING, UpstreamReason.DISCOVERED)
    assert result.discovered.user_ids == ids("cara")
    assert oid("cara") in {row["object"]["id"] for row in rows(sandbox, "users")}
    widened = ann(sandbox, user_ids=ids("ann", "cara"))
    assert erase(sandbox, widened).status is UpstreamStatus.DONE
    assert {row["object"]["id"] for row in rows(sandbox, "users")} == ids("bob")


def test_what_the_lake_does_not_know_is_erased_and_reported(sandbox: Sandbox) -> None:
    """Conversations, messages, participants and uploads that only upstream knows go too, and the caller is told."""
    ignorant = ann(
        sandbox,
        personal_conversation_ids=frozenset(),
        default_conversation_ids=frozenset(),
        group_conversation_ids=frozenset(),
        message_ids=frozenset(),
        participant_ids=frozenset(),
        media_urls=frozenset(),
    )
    result = erase(sandbox, ignorant)
    assert result.status is UpstreamStatus.DONE
    found = result.discovered
    assert found.personal_conversation_ids == ids("ann-default", "ann-extra")
    assert (found.default_conversation_ids, found.group_conversation_ids) == (ids("ann-default"), ids("club"))
    assert found.message_ids == ids("club-ann-0", "club-ann-1", "club-ann-2", "club-foreign", "club-photo")
    assert found.participant_ids == ids("ann-default/ann", "ann-extra/ann", "club/ann")
    assert len(found.media_urls) == 4
    assert destroyed(sandbox) == EVERYTHING


def test_a_personal_conversation_that_others_joined_is_treated_as_a_group(sandbox: Sandbox) -> None:
    """Whatever the plan says, a conversation in which others take part is never deleted whole."""
    guest = {
        "op": "add_participants",
        "conversation_id": oid("ann-extra"),
        "participants": [participant("ann-extra", "bob")],
    }
    said = {
        "op": "add_messages",
        "conversation_id": oid("ann-extra"),
        "messages": [message("guest", BEGINNING, author="bob")],
    }
    sandbox.change(guest, said)
    result = erase(sandbox, ann(sandbox))
    assert result.discovered.group_conversation_ids == ids("ann-extra")
    assert destroyed(sandbox)["DELETE conversations/ID"] == 0
    assert oid("guest") in texts(sandbox, "ann-extra")


def test_an_author_who_was_merged_away_long_ago_is_found(sandbox: Sandbox) -> None:
    """A strange author in a personal conversation who is no user any more is an alias of the subject, and reported."""
    sandbox.change(
        {
            "op": "add_messages",
            "conversation_id": oid("ann-default"),
            "messages": [message("old", BEGINNING, author="old-ann")],
        }
    )
    result = erase(sandbox, ann(sandbox))
    assert result.status is UpstreamStatus.DONE
    assert result.discovered.user_ids == ids("old-ann")


def test_an_upload_that_others_show_too_is_kept(sandbox: Sandbox) -> None:
    """A media URL in the subject's message that also stands in somebody else's message is not removed."""
    url = f"https://sandbox.invalid/media/{sandbox.app_id}/club.png"
    shown = message("bob-photo", BEGINNING, author="bob") | {"content": {"type": "image", "mediaUrl": url}}
    sandbox.change({"op": "add_messages", "conversation_id": oid("club"), "messages": [shown]})
    result = erase(sandbox, ann(sandbox))
    assert result.counts["media_removed"] == 2


def test_an_upload_that_the_lake_shows_with_others_is_kept(sandbox: Sandbox) -> None:
    """What the plan found in others' conversations is not removed, though the subject's own messages show it."""
    url = f"{sandbox.base_url}/media/{sandbox.app_id}/club.png"
    mine = ann(sandbox)
    shared = replace(mine, media_urls=mine.media_urls - {url}, shared_media_urls=frozenset({url}))
    assert erase(sandbox, shared).counts["media_removed"] == 2


def test_a_contradiction_stops_before_anything_is_deleted(sandbox: Sandbox) -> None:
    """A user whose external id or brand is not the one of the plan is not touched."""
    for wrong in (("crm-somebody", None), ("crm-ann", "7")):
        result = erase(sandbox, ann(sandbox, external_ids=frozenset({wrong})))
        assert (result.status, result.reason) == (UpstreamStatus.FATAL, UpstreamReason.CONTRADICTION)
    assert sandbox.destroying() == []


def test_a_crash_at_any_line_of_the_journal_changes_nothing_in_the_end(sandbox: Sandbox) -> None:
    """Whichever line is the last one written, the next run ends with the same state; repetitions are marked."""
    whole = MemoryJournal()
    erase(sandbox, ann(sandbox), journal=whole)
    expected = state(sandbox)
    for place in range(len(whole.lines)):
        sandbox.reset()
        journal = MemoryJournal(crash_at=place)
        with pytest.raises(Crash):
            erase(sandbox, ann(sandbox), journal=journal)
        assert erase(sandbox, ann(sandbox), journal=journal).status is UpstreamStatus.DONE
        assert state(sandbox) == expected
        assert_only_allowed(sandbox.destroying())


def test_a_repeated_call_is_recorded_as_one(sandbox: Sandbox) -> None:
    """A call whose end was not recorded is begun as a repetition, and the 404 that it meets is counted as `repeats`."""
    whole = MemoryJournal()
    erase(sandbox, ann(sandbox), journal=whole)
    sandbox.reset()
    confirmed = next(place for place, line in enumerate(whole.lines) if line[3].get("repeats"))
    journal = MemoryJournal(crash_at=confirmed)
    with pytest.raises(Crash):
        erase(sandbox, ann(sandbox), journal=journal)
    erase(sandbox, ann(sandbox), journal=journal)
    event, step, _, _ = journal.lines[confirmed]
    assert (event, step) == ("repeat", "attach")
    assert journal.lines[confirmed + 1][2:] == ("pending", {"calls_404": 1, "repeats": 1})


def test_result_and_journal_show_nothing_of_a_person(sandbox: Sandbox) -> None:
    """Neither the result's representation nor any line of the journal holds an id, a URL or an external id."""
    journal = MemoryJournal()
    result = erase(sandbox, ann(sandbox, message_ids=frozenset(), media_urls=frozenset()), journal=journal)
    shown = f"{result!r} {journal.lines!r}"
    assert result.discovered.counts() == {"message_ids": 5, "media_urls": 4}
    assert not re.search("[0-9a-f]{24}|http|crm-|ann", shown)

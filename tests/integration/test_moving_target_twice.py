"""When the world changes between two looks at the same thing within one commit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.integration.conftest import Serve
from tests.integration.lake_truth import assert_no_message_twice, assert_same_as_world
from tests.integration.small_worlds import SmallWorld, oid

PARTICIPANTS = "GET /v2/apps/{appId}/conversations/{conversationId}/participants"
MESSAGES = "GET /v2/apps/{appId}/conversations/{conversationId}/messages"


@pytest.mark.parametrize("after_calls", [1, 2, 3, 4])
def test_someone_who_leaves_a_group_between_two_visits_is_not_kept(serve: Serve, after_calls: int) -> None:
    """A group that is visited twice in one run has the participants of the second visit."""
    world = SmallWorld("leaving")
    for name in ("anna", "ben", "cleo"):
        world.user(name).conversation(f"talk of {name}", [name])
    world.conversation("group", ["anna", "ben", "cleo"], messages=4)
    bench = serve(world, max_concurrency=1)
    changes = [
        {"op": "add_messages", "conversation_id": oid("group"), "count": 2},
        {"op": "remove_participant", "conversation_id": oid("group"), "user_id": oid("cleo")},
    ]
    bench.sandbox.schedule({"after_calls": after_calls, "route": PARTICIPANTS, "changes": changes})
    bench.export()
    bench.export()
    bench.sweep()
    assert_same_as_world(bench.lake, bench.sandbox)


@pytest.mark.parametrize("pages_read", [1, 2, 3])
def test_a_history_whose_cursor_is_deleted_under_the_walk_is_read_without_doubles(
    serve: Serve, pages_read: int
) -> None:
    """A server that refuses the cursor of a deleted message costs calls, but no message is written twice."""
    world = SmallWorld("cursor").user("anna")
    world.conversation("long", ["anna"], messages=450, every=timedelta(minutes=1))
    bench = serve(world, behaviour={"deleted_cursor": "refuse"})
    oldest_read = oid(f"long#{450 - 100 * pages_read}")
    deletion = {"op": "delete_message", "conversation_id": oid("long"), "message_id": oldest_read}
    bench.sandbox.schedule({"after_calls": pages_read, "route": MESSAGES, "changes": [deletion]})
    bench.export()
    assert_no_message_twice(bench.lake, app_id=bench.app_id)
    bench.sweep()
    assert_same_as_world(bench.lake, bench.sandbox)


def test_a_conversation_that_comes_back_is_shown_again(serve: Serve) -> None:
    """A conversation that was gone for one run and is listed again is whole again after the next."""
    world = SmallWorld("back").user("anna").user("ben")
    world.conversation("group", ["anna", "ben"], messages=3)
    bench = serve(world)
    bench.export()
    lines = list(bench.sandbox.world(app_id=bench.app_id))
    conversation = next(line["object"] for line in lines if line["table"] == "conversations")
    owned = {
        table: [line["object"] for line in lines if line["table"] == table] for table in ("participants", "messages")
    }
    bench.sandbox.change({"op": "delete_conversation", "conversation_id": oid("group")})
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)
    bench.sandbox.change({"op": "add_conversation", "conversation": conversation, **owned})
    bench.export()
    assert_same_as_world(bench.lake, bench.sandbox)

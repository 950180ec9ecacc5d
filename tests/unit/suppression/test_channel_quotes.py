"""Quotes that name a message by the id of its channel: they are the subject's if the message was."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.lake.batch import Batch
from pipeline.lake.secrets import Dropped
from pipeline.lake.tables import TABLES
from pipeline.privacy.plan.plan import Made
from pipeline.privacy.requests.request import Identifier
from pipeline.privacy.rewrite.rewrite import rewrite_lake
from pipeline.suppression.gate import Gate
from pipeline.suppression.keys import Keyring
from pipeline.suppression.listing import append, entries_for
from pipeline.suppression.matcher import Known, original_key
from pipeline.suppression.redact import redact
from tests.unit.privacy.erased_lakes import APP, AnnasLake
from tests.unit.privacy.plans import plan_of, request
from tests.unit.suppression.people import anna, message, oid, rows_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KEYS = Keyring({"k": b"k" * 32})
ERASED = '{"type":"erased"}'


def _quote(original_id: str) -> dict[str, Any]:
    return {"quotedMessage": {"type": "externalMessageId", "externalMessageId": original_id}}


def _from_channel(name: str, author: str, original_id: str) -> dict[str, Any]:
    return message(name, author, source={"type": "whatsapp", "originalMessageId": original_id})


@pytest.fixture
def annas(tmp_path: Path) -> AnnasLake:
    """A group in which messages of Anna and Ben are quoted by their channel ids, and a talk without her."""
    annas = AnnasLake(tmp_path / "lake")
    annas.commit(annas.people("anna", "ben"))
    said = [_from_channel("hers", "anna", "7"), _from_channel("his", "ben", "8")]
    quotes = [message("of hers", "ben", **_quote("7")), message("of his", "ben", **_quote("8"))]
    annas.commit(annas.talk("group", *said, *quotes))
    annas.commit(annas.talk("bens", message("elsewhere", "ben", **_quote("7"))))
    return annas


def test_quotes_of_hers_are_counted_and_erased_and_no_others(annas: AnnasLake) -> None:
    """The channel's id is looked up in the lake, within the conversation: another may count its messages alike."""
    made = _plan(annas)
    (shown,), (subject,) = made.plan.subjects, made.subjects
    assert shown.quotes == 1
    assert subject.original_messages == {original_key(oid("group"), "7")}
    rewrite_lake(annas.lake, annas.ledger, APP, made.subjects)
    his = '{"type":"externalMessageId","externalMessageId":"8"}'
    assert _quotes(annas) == {"of hers": ERASED, "of his": his, "elsewhere": his.replace("8", "7")}
    assert rewrite_lake(annas.lake, annas.ledger, APP, made.subjects) == []


def test_a_quote_that_comes_later_is_erased_by_the_list(annas: AnnasLake) -> None:
    """Upstream names an erased message by its channel's id from then on; the list knows that id by its MAC."""
    made = _plan(annas)
    rewrite_lake(annas.lake, annas.ledger, APP, made.subjects)
    until = NOW + timedelta(days=36_500)
    append(annas.lake, [e for each in made.subjects for e in entries_for(each, KEYS, batch="b", until=until)])
    gate = Gate(annas.lake, APP, keys=lambda: KEYS)
    batch = Batch(annas.lake, annas.ledger, app_id=APP, run_id="run", dropped=Dropped(), admission=gate)
    batch.add(annas.talk("group", message("of hers", "ben", **_quote("7")), message("of his", "ben", **_quote("8"))))
    batch.commit()
    found = annas.rows("messages").to_pylist()
    assert {row["quoted_message"] for row in found if row["message_id"] == oid("of hers")} == {ERASED}
    assert all(row["quoted_message"] != ERASED for row in found if row["message_id"] == oid("of his"))


def test_quotes_within_quotes_and_in_events_are_erased() -> None:
    """Whatever lies around them stays to the letter, and numbers or escapes in the place of an id do no harm."""
    known = Known([anna(original_messages=frozenset({original_key(oid("group"), "7")}))])
    outer = {"type": "message", "message": message("x", "ben", **_quote("7"))}
    odd = {"type": "externalMessageId", "externalMessageId": 7}
    rows = rows_of(
        "messages",
        message("1", "ben", quotedMessage=outer),
        message("2", "ben", quotedMessage=odd),
        conversation_id=oid("group"),
    )
    first, second = redact(TABLES["messages"], rows, known).rows["quoted_message"].to_pylist()
    assert json.loads(first)["message"]["quotedMessage"] == {"type": "erased"}
    assert json.loads(first)["message"]["content"] == outer["message"]["content"]
    assert json.loads(second) == odd
    payload = {"message": message("3", "ben", **_quote("\u0037"))}
    events = _event(payload)
    (told,) = redact(TABLES["events"], events, known).rows["payload"].to_pylist()
    assert json.loads(told)["message"]["quotedMessage"] == {"type": "erased"}


def _event(payload: dict[str, Any]) -> pa.Table:
    table = TABLES["events"]
    text = json.dumps(payload).replace('"7"', '"\\u0037"')
    values = {"event_id": "e", "type": "conversation:message", "conversation_id": oid("group"), "payload": text}
    row = dict.fromkeys(table.schema.names) | values
    return pa.Table.from_pylist([row], schema=table.schema)


def _quotes(annas: AnnasLake) -> dict[str, str | None]:
    names = {oid(name): name for name in ("of hers", "of his", "elsewhere")}
    rows = [row for row in annas.rows("messages").to_pylist() if row["message_id"] in names]
    return {names[row["message_id"]]: row["quoted_message"] for row in rows}


def _plan(annas: AnnasLake) -> Made:
    return plan_of(annas, [request(Identifier.USER_ID, oid("anna"))])
